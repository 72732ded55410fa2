/* What the tests of the kernels share: the tables, operands, and how a result is held against stated.h. */
#ifndef TL_TABLES_H
#define TL_TABLES_H

#include "tests/testing.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/kernels/reference.h"

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

/* Whether the table under test fuses a product with the sum it goes into. */
static inline bool fuses(void)
{
    return strcmp(t->name, "baseline") != 0;
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

/* The same, but every other one, by chance, is one that rounding or comparing treats in its own way. */
static inline operand odd_values(int64_t n, int64_t shift, uint64_t seed)
{
    const double least = TL_IS_DOUBLE ? DBL_MIN : (double)FLT_MIN,
                 most = TL_IS_DOUBLE ? DBL_MAX : (double)FLT_MAX,
                 odd[] = { NAN,    INFINITY,  -INFINITY,  0,    -0.0, least,
                           -least, least / 2, -least / 8, most, -most };
    enum { ODD = sizeof odd / sizeof *odd };
    operand o = random_values(n, shift, seed);
    tl_random r = { .seed = seed + 1 };
    for (int64_t k = 0; k < n; k++) {
        const int which = (int)(2 * ODD * tl_random_uniform(&r));
        if (which < ODD)
            o.at[k] = (tl_real)odd[which];
    }
    return o;
}

/* ---- comparing ---- */

/* ck_assert_same, but one assertion for all: each costs a system call. */
#define ck_assert_all_same(actual, expected, n)                                                              \
    do {                                                                                                     \
        if ((n) > 0 && memcmp(actual, expected, (size_t)(n) * sizeof(tl_real)) != 0)                         \
            ck_assert_same(actual, expected, n);                                                             \
    } while (0)

/* The same bits, or both NaN: whose sign and payload a NaN has is not stated. */
static inline void check_stated(const char *what, const tl_real *actual, const tl_real *stated, int64_t n)
{
    for (int64_t k = 0; k < n; k++)
        if (memcmp(&actual[k], &stated[k], sizeof *actual) != 0 && !(isnan(actual[k]) && isnan(stated[k])))
            ck_abort_msg("%s, %s: value %lld of %lld is %.17g, not %.17g", t->name, what, (long long)k,
                         (long long)n, (double)actual[k], (double)stated[k]);
}

#endif
