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
        sum[k % t->lanes] = fma_or_two(x[k], y[k], sum[k % t->lanes]);
    for (int64_t half = t->lanes / 2; half >= 1; half /= 2)
        for (int64_t l = 0; l < half; l++)
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
        tl_real sum[64] = { 0 }, got = t->dot(n, x.at, y.at);
        double plain = 0, magnitude = 0;
        for (int64_t k = 0; k < n; k++) {
            sum[k % 64] = fma_or_two(x.at[k], y.at[k], sum[k % 64]);
            plain += (double)x.at[k] * (double)y.at[k];
            magnitude += fabs((double)x.at[k] * (double)y.at[k]);
        }
        for (int half = 32; half >= 1; half /= 2)
            for (int l = 0; l < half; l++)
                sum[l] += sum[l + half];
        ck_assert_same(&got, sum, 1);
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
            double sum[16] = { 0 };
            for (int64_t i = 0; i < rows; i++)
                sum[cols == 1 ? i % 16 : 0] += (double)x.at[i * cols + j];
            for (int half = 8; half >= 1; half /= 2)
                for (int l = 0; l < half; l++)
                    sum[l] += sum[l + half];
            expected.at[j] += (tl_real)sum[0];
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
        t->transpose(rows, cols, x.at, cols, y.at, rows, sum);
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

/* Widths of a tile, in samples: one vector and less, several, and the most that there can be. */
static int64_t width_of(int number)
{
    const int64_t lanes = t->lanes, width[] = { 1,         lanes - 1,     lanes,         lanes + 1,
                                                3 * lanes, 5 * lanes + 1, 8 * lanes - 1, 8 * lanes };
    return width[number];
}
enum { WIDTHS = 8 };

/* n rows of `width` values, each followed by zeros to a whole vector; *ld is how far they are apart. */
static operand random_rows(int64_t n, int64_t width, int64_t shift, uint64_t seed, int64_t *ld)
{
    *ld = (width + t->lanes - 1) / t->lanes * t->lanes;
    operand o = random_values(n * *ld, shift, seed);
    for (int64_t k = 0; k < n * *ld; k++)
        if (k % *ld >= width)
            o.at[k] = 0;
    return o;
}

/* The matrix for a kernel, row by row or by blocks of 7 columns. */
static tl_sparse sparse_of(const tl_pattern *p, const int32_t *order, const tl_real *values, int32_t *start)
{
    const int64_t rows = tl_pattern_rows(p), blocks = (tl_pattern_cols(p) + 6) / 7;
    tl_sparse s = { .rows = rows,
                    .row_ptr = tl_pattern_row_ptr(p),
                    .col = tl_pattern_col(p),
                    .order = order,
                    .values = values,
                    .start = start,
                    .n_blocks = start ? blocks : 1 };
    for (int64_t i = 0; start && i < rows; i++) {
        int64_t e = s.row_ptr[i];
        for (int64_t b = 0; b <= blocks; b++) {
            while (e < s.row_ptr[i + 1] && s.col[e] < 7 * b)
                e++;
            start[b * rows + i] = (int32_t)e;
        }
    }
    return s;
}

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
static void stated_spmm(const tl_sparse *s, int64_t n, const tl_real *x, int64_t ldx, tl_real *y, bool sum)
{
    for (int64_t i = 0; i < s->rows; i++)
        for (int64_t k = 0; k < n; k++) {
            tl_real yik = sum ? y[i * n + k] : 0;
            double plain = (double)yik, magnitude = fabs((double)yik);
            for (int64_t e = s->row_ptr[i]; e < s->row_ptr[i + 1]; e++) {
                tl_real v = s->values[s->order ? s->order[e] : e], xjk = x[s->col[e] * ldx + k];
                yik = fma_or_two(xjk, v, yik);
                plain += (double)v * (double)xjk;
                magnitude += fabs((double)v * (double)xjk);
            }
            check_sum((double)yik, plain, magnitude, s->row_ptr[i + 1] - s->row_ptr[i]);
            y[i * n + k] = yik;
        }
}

/* One way to walk S: over all rows at once and in two parts, then row by row. A row has the same bits alone and among
 * others, and rows outside the range are left alone. */
static void check_spmm(const tl_sparse *s, int64_t cols, int64_t n, int64_t shift, bool sum)
{
    int64_t ldx, rows = s->rows;
    operand x = random_rows(cols, n, shift, 13, &ldx), expected = random_values(rows * n, shift, 14);
    stated_spmm(s, n, x.at, ldx, expected.at, sum);
    const int64_t parts[][4] = {
        { 0, rows, rows, rows }, { 0, 3, 3, rows }, { 4, rows, 0, 4 }, { 0, 0, 0, rows }
    };
    for (int k = 0; k < 4; k++) {
        operand y = random_values(rows * n, shift, 14);
        t->spmm(s, parts[k][0], parts[k][1], n, x.at, ldx, y.at, n, sum);
        t->spmm(s, parts[k][2], parts[k][3], n, x.at, ldx, y.at, n, sum);
        ck_assert_all_same(y.block, expected.block, rows * n + shift);
        free(y.block);
    }
    operand y = random_values(rows * n, shift, 14), before = random_values(rows * n, shift, 14);
    for (int64_t i = 0; i < rows; i++) {
        t->spmm(s, i, i + 1, n, x.at, ldx, y.at, n, sum);
        ck_assert_all_same(y.at, expected.at, (i + 1) * n);
        ck_assert_all_same(y.at + (i + 1) * n, before.at + (i + 1) * n, (rows - i - 1) * n);
    }
    free(x.block), free(expected.block), free(y.block), free(before.block);
}

/* By S and by its transpose through the order, row by row and by blocks. */
START_TEST(spmm)
{
    if (!runs(_i))
        return;
    tl_pattern *p = some_rows();
    const int32_t *order = NULL;
    const tl_pattern *turned = tl_pattern_transpose(p, &order);
    for (int c = 0; c < 16 * WIDTHS; c++) {
        const bool sum = c % 2, transposed = c / 2 % 2, blocks = c / 8 % 2;
        const int64_t shift = c / 4 % 2;
        int32_t start[40 * 8];
        operand v = random_values(tl_pattern_nnz(p), shift, 12);
        tl_sparse s = sparse_of(transposed ? turned : p, transposed ? order : NULL, v.at,
                                blocks ? start : NULL);
        check_spmm(&s, transposed ? 9 : 40, width_of(c / 16), shift, sum);
        free(v.block);
    }
    tl_pattern_release(p);
}
END_TEST

START_TEST(sddmm)
{
    if (!runs(_i))
        return;
    tl_pattern *p = some_rows();
    const int64_t nnz = tl_pattern_nnz(p), *row_ptr = tl_pattern_row_ptr(p);
    for (int c = 0; c < 4 * WIDTHS; c++) {
        const int64_t n = width_of(c / 4), shift = c % 2;
        int64_t lda, ldb;
        int32_t start[9 * 8];
        const tl_sparse s = sparse_of(p, NULL, NULL, c / 2 % 2 ? start : NULL);
        operand a = random_rows(9, n, shift, 15, &lda), b = random_rows(40, n, shift, 16, &ldb);
        operand v = random_values(nnz, shift, 17), expected = random_values(nnz, shift, 17);
        t->sddmm(&s, 4, 4, n, a.at, lda, b.at, ldb, v.at);
        t->sddmm(&s, 5, 9, n, a.at, lda, b.at, ldb, v.at); /* the order of the rows does not matter */
        ck_assert_all_same(v.at, expected.at, row_ptr[5]);
        for (int64_t i = 0; i < 5; i++)
            t->sddmm(&s, i, i + 1, n, a.at, lda, b.at, ldb, v.at);
        for (int64_t i = 0; i < 9; i++)
            for (int64_t e = row_ptr[i]; e < row_ptr[i + 1]; e++) {
                const tl_real *ai = a.at + i * lda, *bj = b.at + s.col[e] * ldb, got = stated_dot(n, ai, bj);
                double plain = 0, magnitude = 0;
                for (int64_t k = 0; k < n; k++) {
                    plain += (double)ai[k] * (double)bj[k];
                    magnitude += fabs((double)ai[k] * (double)bj[k]);
                }
                check_sum((double)got, plain, magnitude, n);
                expected.at[e] += got;
            }
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
    const tl_sparse s = { .rows = 3, .row_ptr = row_ptr, .n_blocks = 1 };
    const tl_real x[64] = { 1, 2 };
    tl_real y[6 + 64] = { 1, 2, 3, 4, 5, 6 };
    t->spmm(&s, 0, 3, 2, x, 2, y, 2, true);
    ck_assert_values(y, 6, 0, 1, 2, 3, 4, 5, 6);
    t->spmm(&s, 0, 2, 2, x, 2, y, 2, false);
    ck_assert_values(y, 6, 0, 0, 0, 0, 0, 5, 6);
    t->sddmm(&s, 0, 3, 2, y, 2, x, 2, NULL);
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
