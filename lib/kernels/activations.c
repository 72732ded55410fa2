/* Activation functions of one exponential: Y = max(X, 0) + f(|X|). Their slope is s(|X|) where X < 0, and
 * 1 - s(|X|) elsewhere. So f and s, which are small where |X| is large, keep their digits, and nothing
 * overflows. Everything is computed here, in the polynomials below, which the compiler can keep in registers
 * as it cannot around calls of vector functions.
 *
 * An exponential is at first 2^SHIFT times too large, so that a subnormal result is rounded only once. */
#include "lib/kernels/isa_names.h"
#include "lib/kernels/vector.h"

/* The polynomials' errors are below a fifth of a unit in the last place.
 * exponential: (e^r - 1 - r) / r^2, for |r| <= log(2) / 2
 * logarithm:   (2 artanh(sqrt(z) / 2) / sqrt(z) - 1) / z, for 0 <= z <= 4/9
 * normal:      (u + FROM) e^(u^2 / 2) times the upper tail of the normal distribution, for
 *              v = 1 / (u + FROM) - CENTRE and 0 <= u <= MOST_NORMAL */
#ifdef TULLE_DOUBLE
enum { SHIFT = 512, BIAS = 1023, FRACTION_BITS = 52, MOST = 760, MOST_NORMAL = 39 };
static const tl_real from = 3, centre = 0.1875, log2_high = 0x1.62e42feep-1,
                     log2_low = 1.90821492927058770002e-10, integer = 0x1.8p52, unshift = 0x1p-512;
static const tl_real exponential[] = { 0.50000000000000011,    0.16666666666666669,    0.041666666666624039,
                                       0.0083333333333300546,  0.0013888888917258759,  0.00019841269863088255,
                                       2.4801521225986432e-05, 2.7557268406190795e-06, 2.7620121717381933e-07,
                                       2.51004110820149e-08 };
static const tl_real logarithm[] = { 0.083333333333333329,   0.012500000000004558,   0.0022321428568053718,
                                     0.00043402778744976297, 8.8778268731117474e-05, 1.8781213458201444e-05,
                                     4.0631543608566086e-06, 9.1560919262624456e-07, 1.6786076519288395e-07,
                                     7.707617574664846e-08 };
static const tl_real normal[] = {
    0.79643376254751164, 3.4137709715661488,  8.8786324859666461,  8.8539940208562395,  -18.809282228494688,
    -45.808065641581301, 84.413217898647787,  201.96636590177366,  -626.3497325399162,  -529.99537721350407,
    4737.1093422065633,  -4222.9791275390007, -25483.236596432769, 84461.146142623576,  360.86068982918982,
    -666493.61018821155, 1782815.2053204195,  578685.83817727806,  -18274500.220384005, 50725962.078053728,
    45301170.224416159,  -588995631.46713364, 672530164.70885026,  2564765145.3168602,  -5039567348.6867561
};
#else
enum { SHIFT = 64, BIAS = 127, FRACTION_BITS = 23, MOST = 112, MOST_NORMAL = 15 };
static const tl_real from = 2.5f, centre = 0.25f, log2_high = 0x1.63p-1f, log2_low = -2.12194440e-4f,
                     integer = 0x1.8p23f, unshift = 0x1p-64f;
static const tl_real exponential[] = { 0.499999934f, 0.166665205f, 0.0416683899f, 0.00836873563f,
                                       0.00138145591f };
static const tl_real logarithm[] = { 0.0833330164f, 0.012506781f, 0.00218743288f, 0.000547352725f };
static const tl_real normal[] = { 0.823122664f, 2.48487197f, 2.98243623f,  -2.99252416f, -7.78690861f,
                                  13.4168331f,  15.4352308f, -74.4397006f, 16.8779238f,  308.012484f };
#endif

#define POLYNOMIAL(coefficient, x)                                                                           \
    polynomial((int)(sizeof(coefficient) / sizeof *(coefficient)), coefficient, x)

INLINE vec all(tl_real x)
{
    return (vec){ 0 } + x;
}

INLINE vec polynomial(const int n, const tl_real *coefficient, vec x)
{
    vec sum = all(coefficient[n - 1]);
    for (int i = n - 2; i >= 0; i--)
        sum = sum * x + coefficient[i];
    return sum;
}

INLINE vec magnitude(vec x)
{
    return (vec)((mask)x & ~(mask)(-(vec){ 0 }));
}

INLINE vec at_most(vec x, tl_real most)
{
    return choose(x > most, all(most), x);
}

/* Returns 2^SHIFT e^-(x + rest), for 0 <= x <= MOST + 1 and a rest that is small beside x. */
INLINE vec shifted_exp(vec x, vec rest)
{
    const vec t = x * (tl_real)-1.44269504088896340736 + integer, n = t - integer;
    const vec r = -x - n * log2_high - n * log2_low - rest;
    const mask exponent = (mask)t - (mask)all(integer) + (SHIFT + BIAS);
    return (r * r * POLYNOMIAL(exponential, r) + r + 1) * (vec)(exponent << FRACTION_BITS);
}

/* ---- f and s of u = |x| ---- */

/* f = log(1 + e^-u) = 2 artanh(w / 2), with w = 2 e^-u / (2 + e^-u) */
INLINE vec softplus_part(vec u)
{
    const vec e = shifted_exp(at_most(u, MOST), all(0)), shifted = (e + e) / (e * unshift + 2);
    const vec w = shifted * unshift, z = w * w;
    return (shifted * z * POLYNOMIAL(logarithm, z) + shifted) * unshift;
}

/* s = e^-u / (1 + e^-u) */
INLINE vec softplus_slope(vec u)
{
    const vec e = shifted_exp(at_most(u, MOST), all(0));
    return e / (e * unshift + 1) * unshift;
}

/* f = -u e^-u / (1 + e^-u) */
INLINE vec silu_part(vec u)
{
    const vec v = at_most(u, MOST), e = shifted_exp(v, all(0));
    return e * -v / (e * unshift + 1) * unshift;
}

/* s = e^-u (1 - u / (1 + e^-u)) / (1 + e^-u) */
INLINE vec silu_slope(vec u)
{
    const vec v = at_most(u, MOST), e = shifted_exp(v, all(0)), q = all(1) / (e * unshift + 1);
    return (1 - v * q) * q * e * unshift;
}

/* Returns what u^2 is rounded by. */
INLINE vec rest_of_square(vec u, vec square)
{
#ifdef HAS_FMA
    tl_real lane[LANES], negative[LANES]; /* arrays, as compilers vectorise no loop over lanes of a vector */
    store(lane, u);
    store(negative, -square);
    for (int l = 0; l < LANES; l++)
        lane[l] = fused(lane[l], lane[l], negative[l]);
    return load(lane);
#else
    enum { HALF = FRACTION_BITS / 2 + 1 };
    const vec high = (vec)((mask)u >> HALF << HALF), low = u - high;
    return high * high - square + 2 * high * low + low * low;
#endif
}

/* Returns 2^SHIFT e^(-u^2 / 2). */
INLINE vec shifted_density(vec u)
{
    const vec square = u * u;
    return shifted_exp(square * (tl_real)0.5, rest_of_square(u, square) * (tl_real)0.5);
}

/* Returns e^(u^2 / 2) times the upper tail of the normal distribution. */
INLINE vec scaled_tail(vec u)
{
    const vec v = all(1) / (u + from);
    return v * POLYNOMIAL(normal, v - centre);
}

/* f = -u times the upper tail */
INLINE vec gelu_part(vec u)
{
    const vec v = at_most(u, MOST_NORMAL);
    return scaled_tail(v) * shifted_density(v) * -v * unshift;
}

/* s = the upper tail - u times the density */
INLINE vec gelu_slope(vec u)
{
    const vec v = at_most(u, MOST_NORMAL);
    return (scaled_tail(v) - v * (tl_real)0.39894228040143267794) * shifted_density(v) * unshift;
}

/* ---- Y and dX ---- */

/* X where it is not negative: -0 and NaN stay. */
INLINE vec positive_part(vec x)
{
    return choose(x < 0, all(0), x);
}

#define ACTIVATION(name)                                                                                     \
    void TL_ISA(name)(int64_t n, const tl_real *x, tl_real *y)                                               \
    {                                                                                                        \
        for (int64_t k = 0; k < n; k += LANES) {                                                             \
            const vec at = load_up_to(x + k, n - k);                                                         \
            vec part = name##_part(magnitude(at));                                                           \
            IN_REGISTER(part); /* as -0, not fused, where it underflows */                                   \
            store_up_to(y + k, positive_part(at) + part, n - k);                                             \
        }                                                                                                    \
    }                                                                                                        \
    void TL_ISA(name##_gradient)(int64_t n, const tl_real *x, const tl_real *dy, tl_real *dx)                \
    {                                                                                                        \
        for (int64_t k = 0; k < n; k += LANES) {                                                             \
            const vec at = load_up_to(x + k, n - k);                                                         \
            vec s = name##_slope(magnitude(at));                                                             \
            IN_REGISTER(s);                                                                                  \
            store_up_to(dx + k, load_up_to(dy + k, n - k) * choose(at < 0, s + all(0), 1 - s), n - k);       \
        }                                                                                                    \
    }

ACTIVATION(softplus)
ACTIVATION(silu)
ACTIVATION(gelu)
