/* Elementwise functions: the C library's vector functions if it has them, otherwise lane by lane. The tail
 * goes through a whole vector, too, so that a result does not depend on where the number is stored.
 *
 * libmvec passes lanes that need special treatment to the scalar functions, one by one: the results are those
 * of C's Annex F and do not depend on the other lanes. */
#include "lib/kernels/isa_names.h"
#include "lib/kernels/vector.h"

#include <tgmath.h>

#ifdef TL_HAVE_MVEC
/* Their names (x86 vector function ABI): instruction set, lanes, a v per argument, the scalar function. */
#ifdef TULLE_DOUBLE
#define NAMED(set, in_float, in_double, name) "_ZGV" set "N" in_double name
#else
#define NAMED(set, in_float, in_double, name) "_ZGV" set "N" in_float name "f"
#endif
#if VEC_BYTES == 64
#define VECTOR(name) NAMED("e", "16", "8", name)
#elif VEC_BYTES == 32
#define VECTOR(name) NAMED("d", "8", "4", name)
#else
#define VECTOR(name) NAMED("b", "4", "2", name)
#endif
#define LANES_OF(name)     vec name##_of(vec x) __asm__(VECTOR("v_" #name));
#define LANES_OF_TWO(name) vec name##_of(vec x, vec y) __asm__(VECTOR("vv_" #name));
#else
#define LANES_OF(name)                                                                                       \
    INLINE vec name##_of(vec x)                                                                              \
    {                                                                                                        \
        for (int l = 0; l < LANES; l++)                                                                      \
            x[l] = name(x[l]);                                                                               \
        return x;                                                                                            \
    }
#define LANES_OF_TWO(name)                                                                                   \
    INLINE vec name##_of(vec x, vec y)                                                                       \
    {                                                                                                        \
        for (int l = 0; l < LANES; l++)                                                                      \
            x[l] = name(x[l], y[l]);                                                                         \
        return x;                                                                                            \
    }
#endif

LANES_OF(exp)
LANES_OF(expm1)
LANES_OF(log)
LANES_OF(log1p)
LANES_OF(tanh)
LANES_OF(erf)
LANES_OF(erfc)
LANES_OF(sin)
LANES_OF(cos)
LANES_OF_TWO(pow)

/* In the form that does not overflow. */
INLINE vec sigmoid_of(vec x)
{
    const vec one = (vec){ 0 } + 1, e = exp_of(choose(x < 0, x, -x));
    return choose(x < 0, e, one) / (one + e);
}

INLINE vec sqrt_of(vec x)
{
    tl_real lane[LANES]; /* an array, as compilers vectorise no loop over the lanes of a vector */
    store(lane, x);
    for (int l = 0; l < LANES; l++)
        lane[l] = sqrt(lane[l]);
    return load(lane);
}

/* Loads the first n lanes. The others are 1: log and pow of 0 are slow and raise floating-point flags. */
INLINE vec load_first_and_ones(const tl_real *p, int64_t n)
{
    vec v = (vec){ 0 } + 1;
    store_first((tl_real *)&v, load_first(p, n), n);
    return v;
}

#define ELEMENTWISE(name, load_tail)                                                                         \
    void TL_ISA(name)(int64_t n, const tl_real *x, tl_real *y)                                               \
    {                                                                                                        \
        int64_t k = 0;                                                                                       \
        for (; k + LANES <= n; k += LANES)                                                                   \
            store(y + k, name##_of(load(x + k)));                                                            \
        if (k < n)                                                                                           \
            store_first(y + k, name##_of(load_tail(x + k, n - k)), n - k);                                   \
    }

ELEMENTWISE(exp, load_first)
ELEMENTWISE(expm1, load_first)
ELEMENTWISE(log, load_first_and_ones)
ELEMENTWISE(log1p, load_first)
ELEMENTWISE(tanh, load_first)
ELEMENTWISE(sigmoid, load_first)
ELEMENTWISE(erf, load_first)
ELEMENTWISE(erfc, load_first)
ELEMENTWISE(sin, load_first)
ELEMENTWISE(cos, load_first)
ELEMENTWISE(sqrt, load_first)

/* ---- Powers ---- */

void TL_ISA(pow)(int64_t n, const tl_real *x, const tl_real *y, tl_real *z)
{
    int64_t k = 0;
    for (; k + LANES <= n; k += LANES)
        store(z + k, pow_of(load(x + k), load(y + k)));
    if (k < n)
        store_first(z + k, pow_of(load_first_and_ones(x + k, n - k), load_first(y + k, n - k)), n - k);
}

typedef enum power { RECIPROCAL, FIRST, SQUARE, CUBE, ROOT, RECIPROCAL_ROOT, EVEN, ODD, OTHER } power;

/* Infinite exponents are even: the sign of x does not count. */
static power find_power(tl_real exponent)
{
    const struct {
        double exponent;
        power power;
    } simple[] = { { -1, RECIPROCAL }, { 1, FIRST },  { 2, SQUARE },
                   { 3, CUBE },        { 0.5, ROOT }, { -0.5, RECIPROCAL_ROOT } };
    for (size_t i = 0; i < sizeof simple / sizeof *simple; i++)
        if ((double)exponent == simple[i].exponent)
            return simple[i].power;
    if (exponent != trunc(exponent))
        return OTHER;
    return fmod(fabs(exponent), 2) == 1 ? ODD : EVEN;
}

/* Returns the square root, with the special values of pow(x, 0.5): 0 for -0, and infinity for -infinity. */
INLINE vec root_of(vec x)
{
    const vec infinity = (vec){ 0 } + (tl_real)INFINITY;
    return choose(x == -infinity, infinity, sqrt_of(x + (vec){ 0 }));
}

/* Returns x to a power of this kind, a compile-time constant. An integer power is that of the magnitude, as
 * pow_of is slow for negative numbers. */
INLINE vec power_of(vec x, vec exponent, const power p)
{
    const vec one = (vec){ 0 } + 1;
    const mask sign = (mask)(-(vec){ 0 });
    switch (p) {
    case RECIPROCAL: return one / x;
    case FIRST: return x;
    case SQUARE: return x * x;
    case CUBE: return x * x * x;
    case ROOT: return root_of(x);
    case RECIPROCAL_ROOT: return one / root_of(x);
    case EVEN: return pow_of((vec)((mask)x & ~sign), exponent);
    case ODD: return (vec)((mask)pow_of((vec)((mask)x & ~sign), exponent) | ((mask)x & sign));
    default: return pow_of(x, exponent);
    }
}

INLINE void powers(int64_t n, const tl_real *x, tl_real exponent, tl_real *y, const power p)
{
    const vec exponents = (vec){ 0 } + exponent;
    int64_t k = 0;
    for (; k + LANES <= n; k += LANES)
        store(y + k, power_of(load(x + k), exponents, p));
    if (k < n)
        store_first(y + k, power_of(load_first_and_ones(x + k, n - k), exponents, p), n - k);
}

void TL_ISA(pow_scalar)(int64_t n, const tl_real *x, tl_real exponent, tl_real *y)
{
    switch (find_power(exponent)) { /* a loop for each, without a branch in it */
#define LOOP_FOR(power)                                                                                      \
    case power: powers(n, x, exponent, y, power); break;
        LOOP_FOR(RECIPROCAL)
        LOOP_FOR(FIRST)
        LOOP_FOR(SQUARE)
        LOOP_FOR(CUBE)
        LOOP_FOR(ROOT)
        LOOP_FOR(RECIPROCAL_ROOT)
        LOOP_FOR(EVEN)
        LOOP_FOR(ODD)
        LOOP_FOR(OTHER)
    }
}
