/* The dense kernels of every table that this chip can run, each against the order of operations that
 * kernels.h states, to the bit, and that order against a plain sum in double. */
#include "tables.h"

static const int64_t sizes[] = { 0, 1, 2, 3, 15, 16, 17, 31, 63, 64, 65, 130 };
enum { SIZES = sizeof sizes / sizeof *sizes };

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
        const tl_real got = t->dot(n, x.at, y.at), stated = stated_dot(64, n, x.at, y.at);
        double plain = 0, magnitude = 0;
        for (int64_t k = 0; k < n; k++) {
            plain += (double)x.at[k] * (double)y.at[k];
            magnitude += fabs((double)x.at[k] * (double)y.at[k]);
        }
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
    for (int s = 0; s < 8 * MATRIX_SIZES; s++) {
        int64_t rows = matrix_sizes[s / 8][0], cols = matrix_sizes[s / 8][1];
        const int sign = s / 2 % 2 ? 1 : -1;
        operand x = random_values(rows * cols, s % 2, 5), y = random_values(cols, s % 2, 6);
        operand factors = random_values(rows * cols, s % 2, 7), expected = random_values(cols, s % 2, 6);
        const tl_real *z = s / 4 % 2 ? factors.at : NULL;
        for (int64_t j = 0; j < cols; j++) {
            double sum[16] = { 0 };
            for (int64_t i = 0; i < rows; i++) {
                const double xij = (double)x.at[i * cols + j], zij = z ? (double)z[i * cols + j] : 1;
                double *part = &sum[cols == 1 ? i % 16 : 0];
                *part = strcmp(t->name, "baseline") == 0 ? xij * zij + *part : fma(xij, zij, *part);
            }
            for (int half = 8; half >= 1; half /= 2)
                for (int l = 0; l < half; l++)
                    sum[l] += sum[l + half];
            expected.at[j] += (tl_real)(sign * sum[0]);
        }
        t->sum_rows(rows, cols, sign, x.at, z, y.at);
        ck_assert_all_same(y.block, expected.block, cols + s % 2);
        free(x.block), free(y.block), free(factors.block), free(expected.block);
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
    t->sum_rows(1001, 1, 1, x, NULL, &y);
    ck_assert_double_eq((double)y, 100001000);
    free(x);
}
END_TEST

START_TEST(transpose)
{
    if (!runs(_i))
        return;
    for (int s = 0; s < 8 * MATRIX_SIZES; s++) {
        const int64_t rows = matrix_sizes[s / 8][0], cols = matrix_sizes[s / 8][1];
        const int64_t ldx = cols + s / 4 % 2, ldy = rows + 3 * (s / 4 % 2); /* side by side, or with gaps */
        const int64_t nx = rows > 0 ? (rows - 1) * ldx + cols : 0,
                      ny = cols > 0 ? (cols - 1) * ldy + rows : 0;
        const bool sum = s / 2 % 2;
        operand x = random_values(nx, s % 2, 7), y = random_values(ny, s % 2, 8),
                expected = random_values(ny, s % 2, 8);
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < cols; j++) {
                const tl_real xij = x.at[i * ldx + j];
                expected.at[j * ldy + i] = sum ? expected.at[j * ldy + i] + xij : xij;
                if (!sum)
                    y.at[j * ldy + i] = (tl_real)NAN; /* must be overwritten */
            }
        t->transpose(rows, cols, x.at, ldx, y.at, ldy, sum);
        ck_assert_all_same(y.block, expected.block, ny + s % 2);
        free(x.block), free(y.block), free(expected.block);
    }
}
END_TEST

/* Strides as a row-major, a transposed and a padded matrix have them. */
START_TEST(gemm_small)
{
    if (!runs(_i))
        return;
    const int64_t size[][3] = {
        { 0, 3, 4 }, { 3, 0, 4 },    { 3, 4, 0 },   { 1, 1, 1 },   { 1, 17, 5 }, { 17, 1, 5 },
        { 7, 9, 1 }, { 16, 16, 16 }, { 5, 33, 18 }, { 19, 8, 31 }, { 9, 50, 3 }, { 8, 65, 300 }
    }; /* k in several parts */
    for (int s = 0; s < 8 * 12; s++) {
        int64_t m = size[s / 8][0], n = size[s / 8][1], k = size[s / 8][2];
        bool sum = s / 4 % 2;
        int64_t ars = s % 2 ? 1 : k + 2, acs = s % 2 ? m + 1 : 1, brs = s / 2 % 2 ? 2 : n,
                bcs = s / 2 % 2 ? 2 * k + 1 : 1;
        operand a = random_values((m + 2) * (k + 2), 1, 9),
                b = random_values(2 * (n + 1) * (k + 1) + n, 0, 10);
        operand c = random_values(m * n, 1, 11), expected = random_values(m * n, 1, 11);
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++) {
                tl_real *e = &expected.at[i * n + j], cij = sum ? *e : 0;
                double plain = (double)cij, magnitude = fabs((double)cij);
                for (int64_t l = 0; l < k; l++) {
                    tl_real x = a.at[i * ars + l * acs], y = b.at[l * brs + j * bcs];
                    cij = fma_or_two(x, y, cij);
                    plain += (double)x * (double)y;
                    magnitude += fabs((double)x * (double)y);
                }
                check_sum((double)cij, plain, magnitude, k + 1);
                *e = cij;
            }
        t->gemm_small(m, n, k, a.at, ars, acs, b.at, brs, bcs, c.at, sum);
        ck_assert_all_same(c.block, expected.block, m * n + 1);
        free(a.block), free(b.block), free(c.block), free(expected.block);
    }
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
    return s;
}
