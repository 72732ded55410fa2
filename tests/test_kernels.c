/* The kernels of every table that this chip can run, each against the order of operations that kernels.h states, to
 * the bit, and that order against a plain sum in double. */
#include "testing.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels.h"

/* Half a unit in the last place of 1: the relative error of one operation. */
#define ROUNDING ((TL_IS_DOUBLE ? DBL_EPSILON : (double)FLT_EPSILON) / 2)

/* The tables, the best first. */
extern const tl_kernels tl_kernels_avx512, tl_kernels_avx2, tl_kernels_baseline;
static const tl_kernels *const table[] = {
#ifdef TL_X86_KERNELS
    &tl_kernels_avx512,
    &tl_kernels_avx2,
#endif
    &tl_kernels_baseline,
};
enum { LEVELS = sizeof table / sizeof *table };

static const tl_kernels *t; /* the one under test */

/* Whether this chip runs the table of a loop test's number. Without TULLE_KERNELS, the chosen one is the best that
 * it can. */
static bool runs(int level)
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

static operand random_values(int64_t n, int64_t shift, uint64_t seed)
{
    operand o = { .block = malloc((size_t)(n + shift + (n + shift == 0)) * sizeof(tl_real)) };
    o.at = o.block + shift;
    tl_test_fill(o.block, n + shift, seed);
    return o;
}

static const int64_t sizes[] = { 0, 1, 2, 3, 15, 16, 17, 31, 63, 64, 65, 130 };
enum { SIZES = sizeof sizes / sizeof *sizes };

/* ---- the stated order ---- */

static tl_real fma_or_two(tl_real a, tl_real b, tl_real c)
{
    if (strcmp(t->name, "baseline") == 0)
        return a * b + c;
#ifdef TULLE_DOUBLE
    return fma(a, b, c);
#else
    return fmaf(a, b, c);
#endif
}

static tl_real stated_dot(int64_t n, const tl_real *x, const tl_real *y)
{
    tl_real sum[16] = { 0 };
    for (int64_t k = 0; k < n; k++)
        sum[k % 16] = fma_or_two(x[k], y[k], sum[k % 16]);
    for (int half = 8; half >= 1; half /= 2)
        for (int l = 0; l < half; l++)
            sum[l] += sum[l + half];
    return sum[0];
}

/* A sum of n products in any order is within n roundings of each from the exact one (Higham 2002, section 3.1); twice
 * that, for in the double build the plain sum has as much. */
static void check_sum(double got, double plain, double magnitude, int64_t n)
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

/* ---- one vector ---- */

START_TEST(add_and_axpy)
{
    if (!runs(_i))
        return;
    for (int s = 0; s < 4 * SIZES; s++) {
        int64_t n = sizes[s / 4], shift = s / 2 % 2;
        operand x = random_values(n, s % 2, 1), y = random_values(n, shift, 2),
                expected = random_values(n, shift, 2);
        t->add(n, x.at, y.at);
        for (int64_t k = 0; k < n; k++)
            expected.at[k] += x.at[k];
        ck_assert_all_same(y.block, expected.block, n + shift);
        t->axpy(n, (tl_real)0.7, x.at, y.at);
        for (int64_t k = 0; k < n; k++)
            expected.at[k] = fma_or_two((tl_real)0.7, x.at[k], expected.at[k]);
        ck_assert_all_same(y.block, expected.block, n + shift);
        free(x.block), free(y.block), free(expected.block);
    }
}
END_TEST

START_TEST(dot)
{
    if (!runs(_i))
        return;
    for (int s = 0; s < 4 * SIZES; s++) {
        int64_t n = sizes[s / 4];
        operand x = random_values(n, s % 2, 3), y = random_values(n, s / 2 % 2, 4);
        double plain = 0, magnitude = 0;
        for (int64_t k = 0; k < n; k++) {
            plain += (double)x.at[k] * (double)y.at[k];
            magnitude += fabs((double)x.at[k] * (double)y.at[k]);
        }
        tl_real got = t->dot(n, x.at, y.at), stated = stated_dot(n, x.at, y.at);
        ck_assert_same(&got, &stated, 1);
        check_sum((double)got, plain, magnitude, n);
        free(x.block), free(y.block);
    }
}
END_TEST

/* ---- matrices ---- */

static const int64_t matrix_sizes[][2] = { { 0, 0 },   { 0, 3 },   { 3, 0 },  { 1, 1 },   { 1, 17 },
                                           { 17, 1 },  { 3, 63 },  { 63, 3 }, { 16, 16 }, { 15, 17 },
                                           { 33, 65 }, { 65, 64 }, { 2, 130 } };
enum { MATRIX_SIZES = sizeof matrix_sizes / sizeof *matrix_sizes };

START_TEST(sum_rows)
{
    if (!runs(_i))
        return;
    for (int s = 0; s < 2 * MATRIX_SIZES; s++) {
        int64_t rows = matrix_sizes[s / 2][0], cols = matrix_sizes[s / 2][1];
        operand x = random_values(rows * cols, s % 2, 5), y = random_values(cols, s % 2, 6),
                expected = random_values(cols, s % 2, 6);
        for (int64_t j = 0; j < cols; j++) {
            double sum = 0;
            for (int64_t i = 0; i < rows; i++)
                sum += (double)x.at[i * cols + j];
            expected.at[j] += (tl_real)sum;
        }
        t->sum_rows(rows, cols, x.at, y.at);
        ck_assert_all_same(y.block, expected.block, cols + s % 2);
        free(x.block), free(y.block), free(expected.block);
    }
}
END_TEST

/* 1e8 + 1000 times 1: a sum in float stays at 1e8, whose neighbours are 8 away. */
START_TEST(sum_rows_in_double)
{
    if (!runs(_i))
        return;
    tl_real *x = malloc(1001 * sizeof *x), y = 0;
    for (int k = 0; k <= 1000; k++)
        x[k] = k == 0 ? (tl_real)1e8 : 1;
    t->sum_rows(1001, 1, x, &y);
    ck_assert_double_eq((double)y, 100001000);
    free(x);
}
END_TEST

START_TEST(transpose)
{
    if (!runs(_i))
        return;
    for (int s = 0; s < 4 * MATRIX_SIZES; s++) {
        int64_t rows = matrix_sizes[s / 4][0], cols = matrix_sizes[s / 4][1], n = rows * cols;
        bool sum = s / 2 % 2;
        operand x = random_values(n, s % 2, 7), y = random_values(n, s % 2, 8),
                expected = random_values(n, s % 2, 8);
        for (int64_t k = 0; k < n; k++) {
            tl_real *turned = &expected.at[k % cols * rows + k / cols];
            *turned = sum ? *turned + x.at[k] : x.at[k];
        }
        for (int64_t k = 0; k < n && !sum; k++)
            y.at[k] = (tl_real)NAN; /* must be overwritten */
        t->transpose(rows, cols, x.at, y.at, sum);
        ck_assert_all_same(y.block, expected.block, n + s % 2);
        free(x.block), free(y.block), free(expected.block);
    }
}
END_TEST

/* Strides as a row-major, a transposed and a padded matrix have them. */
START_TEST(gemm_small)
{
    if (!runs(_i))
        return;
    const int64_t size[][3] = { { 0, 3, 4 },  { 3, 0, 4 }, { 3, 4, 0 },    { 1, 1, 1 },   { 1, 17, 5 },
                                { 17, 1, 5 }, { 7, 9, 1 }, { 16, 16, 16 }, { 5, 33, 18 }, { 19, 8, 31 } };
    for (int s = 0; s < 8 * 10; s++) {
        int64_t m = size[s / 8][0], n = size[s / 8][1], k = size[s / 8][2];
        bool sum = s / 4 % 2;
        int64_t ars = s % 2 ? 1 : k + 2, acs = s % 2 ? m + 1 : 1, brs = s / 2 % 2 ? 2 : n,
                bcs = s / 2 % 2 ? 2 * k + 1 : 1;
        operand a = random_values((m + 2) * (k + 2), 1, 9),
                b = random_values(2 * (n + 1) * (k + 1) + n, 0, 10);
        operand c = random_values(m * n, 1, 11), expected = random_values(m * n, 1, 11);
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++) {
                tl_real cij = 0, *e = &expected.at[i * n + j];
                double plain = 0, magnitude = 0;
                for (int64_t l = 0; l < k; l++) {
                    tl_real x = a.at[i * ars + l * acs], y = b.at[l * brs + j * bcs];
                    cij = fma_or_two(x, y, cij);
                    plain += (double)x * (double)y;
                    magnitude += fabs((double)x * (double)y);
                }
                check_sum((double)cij, plain, magnitude, k);
                *e = sum ? *e + cij : cij;
            }
        t->gemm_small(m, n, k, a.at, ars, acs, b.at, brs, bcs, c.at, sum);
        ck_assert_all_same(c.block, expected.block, m * n + 1);
        free(a.block), free(b.block), free(c.block), free(expected.block);
    }
}
END_TEST

/* ---- sparse matrices ---- */

/* 9 x 40: rows of 0, 1, 2, 40 (all), 17, 16, 15, 0 and 3 entries. */
static tl_pattern *some_rows(void)
{
    const int64_t count[9] = { 0, 1, 2, 40, 17, 16, 15, 0, 3 };
    uint8_t keep[9 * 40] = { 0 };
    for (int64_t i = 0; i < 9; i++)
        for (int64_t e = 0; e < count[i]; e++)
            keep[i * 40 + (e * 11 + 7 * i) % 40] = 1; /* 11 and 40 have no common factor: all different */
    return tl_pattern_from_mask(9, 40, keep);
}

/* Y = S X as stated: each element over the row's entries, ascending. */
static void stated_spmm(const tl_pattern *p, const int32_t *order, const tl_real *values, int64_t n,
                        const tl_real *x, tl_real *y, bool sum)
{
    for (int64_t i = 0; i < tl_pattern_rows(p); i++)
        for (int64_t k = 0; k < n; k++) {
            tl_real yik = sum ? y[i * n + k] : 0;
            double plain = (double)yik, magnitude = fabs((double)yik);
            int64_t begin = tl_pattern_row_ptr(p)[i], end = tl_pattern_row_ptr(p)[i + 1];
            for (int64_t e = begin; e < end; e++) {
                tl_real v = values[order ? order[e] : e], xjk = x[tl_pattern_col(p)[e] * n + k];
                yik = fma_or_two(v, xjk, yik);
                plain += (double)v * (double)xjk;
                magnitude += fabs((double)v * (double)xjk);
            }
            check_sum((double)yik, plain, magnitude, end - begin);
            y[i * n + k] = yik;
        }
}

/* By S and by its transpose through the order; over all rows at once, row by row, and in two parts: a row has the same
 * bits alone and among others, and rows outside the range are left alone. */
START_TEST(spmm)
{
    if (!runs(_i))
        return;
    tl_pattern *s = some_rows();
    const int32_t *order = NULL;
    const tl_pattern *turned = tl_pattern_transpose(s, &order);
    const int64_t nnz = tl_pattern_nnz(s);
    for (int c = 0; c < 8 * SIZES; c++) {
        const bool sum = c % 2, transposed = c / 2 % 2;
        const int64_t n = sizes[c / 8], shift = c / 4 % 2;
        const tl_pattern *p = transposed ? turned : s;
        const int64_t rows = tl_pattern_rows(p), *row_ptr = tl_pattern_row_ptr(p);
        const int32_t *col = tl_pattern_col(p), *by = transposed ? order : NULL;
        operand v = random_values(nnz, shift, 12), x = random_values(tl_pattern_cols(p) * n, shift, 13);
        operand expected = random_values(rows * n, shift, 14);
        stated_spmm(p, by, v.at, n, x.at, expected.at, sum);
        const int64_t parts[][4] = {
            { 0, rows, rows, rows }, { 0, 3, 3, rows }, { 4, rows, 0, 4 }, { 0, 0, 0, rows }
        };
        for (int k = 0; k < 4; k++) {
            operand y = random_values(rows * n, shift, 14);
            t->spmm(parts[k][0], parts[k][1], n, row_ptr, col, by, v.at, x.at, y.at, sum);
            t->spmm(parts[k][2], parts[k][3], n, row_ptr, col, by, v.at, x.at, y.at, sum);
            ck_assert_all_same(y.block, expected.block, rows * n + shift);
            free(y.block);
        }
        operand y = random_values(rows * n, shift, 14), before = random_values(rows * n, shift, 14);
        for (int64_t i = 0; i < rows; i++) {
            t->spmm(i, i + 1, n, row_ptr, col, by, v.at, x.at, y.at, sum);
            ck_assert_all_same(y.at, expected.at, (i + 1) * n);
            ck_assert_all_same(y.at + (i + 1) * n, before.at + (i + 1) * n, (rows - i - 1) * n);
        }
        free(v.block), free(x.block), free(expected.block), free(y.block), free(before.block);
    }
    tl_pattern_release(s);
}
END_TEST

START_TEST(sddmm)
{
    if (!runs(_i))
        return;
    tl_pattern *p = some_rows();
    const int64_t nnz = tl_pattern_nnz(p), *row_ptr = tl_pattern_row_ptr(p);
    const int32_t *col = tl_pattern_col(p);
    for (int c = 0; c < 2 * SIZES; c++) {
        const int64_t n = sizes[c / 2], shift = c % 2;
        operand a = random_values(9 * n, shift, 15), b = random_values(40 * n, shift, 16);
        operand v = random_values(nnz, shift, 17), expected = random_values(nnz, shift, 17);
        t->sddmm(4, 4, n, row_ptr, col, a.at, b.at, v.at);
        t->sddmm(5, 9, n, row_ptr, col, a.at, b.at, v.at); /* the order of the rows does not matter */
        ck_assert_all_same(v.at, expected.at, row_ptr[5]);
        for (int64_t i = 0; i < 5; i++)
            t->sddmm(i, i + 1, n, row_ptr, col, a.at, b.at, v.at);
        for (int64_t i = 0; i < 9; i++)
            for (int64_t e = row_ptr[i]; e < row_ptr[i + 1]; e++)
                expected.at[e] += stated_dot(n, a.at + i * n, b.at + col[e] * n);
        ck_assert_all_same(v.block, expected.block, nnz + shift);
        free(a.block), free(b.block), free(v.block), free(expected.block);
    }
    tl_pattern_release(p);
}
END_TEST

/* nnz = 0: zeros, or what was there. */
START_TEST(no_entries)
{
    if (!runs(_i))
        return;
    const int64_t row_ptr[4] = { 0 };
    const tl_real x[2] = { 1, 2 };
    tl_real y[6] = { 1, 2, 3, 4, 5, 6 };
    t->spmm(0, 3, 2, row_ptr, NULL, NULL, NULL, x, y, true);
    ck_assert_values(y, 6, 0, 1, 2, 3, 4, 5, 6);
    t->spmm(0, 2, 2, row_ptr, NULL, NULL, NULL, x, y, false);
    ck_assert_values(y, 6, 0, 0, 0, 0, 0, 5, 6);
    t->sddmm(0, 3, 2, row_ptr, NULL, y, x, NULL);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("kernels");
    TCase *c = tl_test_case(s, "kernels");
    tcase_add_loop_test(c, add_and_axpy, 0, LEVELS);
    tcase_add_loop_test(c, dot, 0, LEVELS);
    tcase_add_loop_test(c, sum_rows, 0, LEVELS);
    tcase_add_loop_test(c, sum_rows_in_double, 0, LEVELS);
    tcase_add_loop_test(c, transpose, 0, LEVELS);
    tcase_add_loop_test(c, gemm_small, 0, LEVELS);
    tcase_add_loop_test(c, spmm, 0, LEVELS);
    tcase_add_loop_test(c, sddmm, 0, LEVELS);
    tcase_add_loop_test(c, no_entries, 0, LEVELS);
    return s;
}
