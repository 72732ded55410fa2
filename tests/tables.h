/* What the tests of the kernels share: the tables, operands, and the order of a sum. */
#ifndef TL_TABLES_H
#define TL_TABLES_H

#include "testing.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels.h"

/* Half a unit in the last place of 1: the relative error of one operation. */
#define ROUNDING ((TL_IS_DOUBLE ? DBL_EPSILON : (double)FLT_EPSILON) / 2)

/* The tables, the best first. */
extern const tl_kernels tl_avx512_kernels, tl_avx2_kernels, tl_baseline_kernels;
static const tl_kernels *const table[] = {
#ifdef TL_X86_KERNELS
    &tl_avx512_kernels,
    &tl_avx2_kernels,
#endif
    &tl_baseline_kernels,
};
enum { LEVELS = sizeof table / sizeof *table };

static const tl_kernels *t; /* the one under test */

/* Whether this chip runs the table of a loop test's number. Without TULLE_KERNELS, the chosen one is the
 * best that it can. */
static inline bool runs(int level)
{
    int best = 0;
    while (table[best] != tl_kernel_table())
        best++;
    t = table[level];
    if (level < best)
        printf("kernels: %s is not tested: this chip cannot run it, or TULLE_KERNELS forbids it\n", t->name);
    return level >= best;
}

/* ---- operands ---- */

/* n random values behind `shift` others, in a block that ends with them. */
typedef struct operand {
    tl_real *block, *at;
} operand;

static inline operand random_values(int64_t n, int64_t shift, uint64_t seed)
{
    operand o = { .block = malloc((size_t)(n + shift + (n + shift == 0)) * sizeof(tl_real)) };
    o.at = o.block + shift;
    tl_test_fill(o.block, n + shift, seed);
    return o;
}

/* ---- sums ---- */

/* One step of a sum as the table under test makes it. */
static inline tl_real fma_or_two(tl_real a, tl_real b, tl_real c)
{
    if (strcmp(t->name, "baseline") == 0)
        return a * b + c;
#ifdef TULLE_DOUBLE
    return fma(a, b, c);
#else
    return fmaf(a, b, c);
#endif
}

/* The sum of x[k] y[k]: `parts` sums over k mod parts, each ascending, then added by halves. */
static inline tl_real stated_dot(int64_t parts, int64_t n, const tl_real *x, const tl_real *y)
{
    tl_real sum[64] = { 0 };
    for (int64_t k = 0; k < n; k++)
        sum[k % parts] = fma_or_two(x[k], y[k], sum[k % parts]);
    for (int64_t half = parts / 2; half >= 1; half /= 2)
        for (int64_t l = 0; l < half; l++)
            sum[l] += sum[l + half];
    return sum[0];
}

/* A sum of n products in any order is within n roundings of each from the exact one (Higham 2002, section
 * 3.1); twice that, for in the double build the plain sum has as much. */
static inline void check_sum(double got, double plain, double magnitude, int64_t n)
{
    if (!(fabs(got - plain) <= 2 * (double)(n + 1) * ROUNDING * magnitude))
        ck_abort_msg("%.17g is not near %.17g", got, plain);
}

/* ck_assert_same, but one assertion for all: each costs a system call. */
#define ck_assert_all_same(actual, expected, n)                                                              \
    do {                                                                                                     \
        if ((n) > 0 && memcmp(actual, expected, (size_t)(n) * sizeof(tl_real)) != 0)                         \
            ck_assert_same(actual, expected, n);                                                             \
    } while (0)

#endif
