/* Activation functions and their derivatives for test_vmath.c, which defines `wide` and exact_sigmoid. */
#ifndef TL_ACTIVATIONS_H
#define TL_ACTIVATIONS_H

static wide exact_softplus(wide x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static wide exact_silu(wide x)
{
    return x == -INFINITY ? 0 : x / (1 + exp(-x));
}

static wide exact_gelu(wide x)
{
    return x == -INFINITY ? 0 : x * erfc(-x / sqrt((wide)2)) / 2;
}

/* Derivatives have two terms, which cancel somewhere: these are their sum, and that of their magnitudes. */
static wide first_term_of_silu(wide x)
{
    return exact_sigmoid(x);
}

static wide second_term_of_silu(wide x)
{
    return isinf(x) ? 0 : x * exact_sigmoid(x) * exact_sigmoid(-x);
}

static wide first_term_of_gelu(wide x)
{
    return erfc(-x / sqrt((wide)2)) / 2;
}

static wide second_term_of_gelu(wide x)
{
    return isinf(x) ? 0 : x * exp(-x * x / 2) / sqrt(2 * acos((wide)-1));
}

#define TERMS(name)                                                                                          \
    static wide exact_##name##_slope(wide x)                                                                 \
    {                                                                                                        \
        return first_term_of_##name(x) + second_term_of_##name(x);                                           \
    }                                                                                                        \
    static wide size_of_##name##_slope(wide x)                                                               \
    {                                                                                                        \
        return first_term_of_##name(x) + fabs(second_term_of_##name(x));                                     \
    }
TERMS(silu)
TERMS(gelu)

enum { ARGUMENTS = 120000 };

static const tl_real *ones(void)
{
    static tl_real one[ARGUMENTS];
    for (int k = 0; k < ARGUMENTS && one[k] == 0; k++)
        one[k] = 1;
    return one;
}

#define SLOPE(name)                                                                                          \
    static void tl_v##name##_slope(int64_t n, const tl_real *x, tl_real *y)                                  \
    {                                                                                                        \
        tl_v##name##_gradient(n, x, ones(), y);                                                              \
    }                                                                                                        \
    static void tl_ref_##name##_slope(int64_t n, const tl_real *x, tl_real *y)                               \
    {                                                                                                        \
        tl_ref_##name##_gradient(n, x, ones(), y);                                                           \
    }
SLOPE(softplus)
SLOPE(silu)
SLOPE(gelu)
#define exact_softplus_slope exact_sigmoid

#endif
