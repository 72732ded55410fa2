/* Shared by the tests of the kernels: tables, operands, and the comparison with a reference. */
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
enum { TABLES = sizeof table / sizeof *table };

static const tl_kernels *t; /* the table under test */

/* Sets t to a loop test's table, and checks that this CPU supports it. Without TULLE_KERNELS, the chosen
 * table is the best that is supported. */
static inline bool supported(int number)
{
    int best = 0;
    while (table[best] != tl_kernel_table())
        best++;
    t = table[number];
    if (number < best)
        printf("kernels: %s is not tested: this CPU does not support it, or TULLE_KERNELS forbids it\n",
               t->name);
    return number >= best;
}

/* True if the table under test fuses a product with the sum it goes into. */
static inline bool fuses(void)
{
    return strcmp(t->name, "baseline") != 0;
}

/* ---- operands ---- */

/* Values at `at`, which end where their heap block ends: the address sanitizer sees an overrun. */
typedef struct operand {
    tl_real *block, *at;
} operand;

/* Returns n random values, after `shift` others. */
static inline operand random_values(int64_t n, int64_t shift, uint64_t seed)
{
    operand o = { .block = malloc((size_t)(n + shift + (n + shift == 0)) * sizeof(tl_real)) };
    o.at = o.block + shift;
    tl_test_fill(o.block, n + shift, seed);
    return o;
}

/* As random_values, but about every other value is special: huge, tiny, infinite, NaN or a zero. */
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

/* Checks for the same bits, or NaN in both: sign and payload of a NaN are not specified. */
static inline void check_reference(const char *what, const tl_real *actual, const tl_real *expected,
                                   int64_t n)
{
    for (int64_t k = 0; k < n; k++)
        if (memcmp(&actual[k], &expected[k], sizeof *actual) != 0 &&
            !(isnan(actual[k]) && isnan(expected[k])))
            ck_abort_msg("%s, %s: value %lld of %lld is %.17g, not %.17g", t->name, what, (long long)k,
                         (long long)n, (double)actual[k], (double)expected[k]);
}

#endif
