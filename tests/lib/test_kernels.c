/* The dense kernels of every table that this CPU supports, each against its reference, to the bit. */
#include "tests/lib/tables.h"

static const int64_t sizes[] = { 0, 1, 2, 3, 15, 16, 17, 31, 63, 64, 65, 130 };
enum { SIZES = sizeof sizes / sizeof *sizes };

/* ---- one vector ---- */

static void add_or_axpy(int64_t n, tl_real a, const tl_real *x, tl_real *y)
{
    if (a == 1)
        t->add(n, x, y);
    else
        t->axpy(n, a, x, y);
}

/* In one call (the split at 0) and in two. The second half comes first: otherwise it would hide what the
 * first one writes past its end. */
static void check_add_and_axpy(int64_t n, int64_t x_shift, int64_t y_shift, bool odd)
{
    operand (*const make)(int64_t, int64_t, uint64_t) = odd ? odd_values : random_values;
    operand x = make(n, x_shift, 1);
    for (int axpy = 0; axpy < 2; axpy++) {
        const tl_real a = axpy ? (tl_real)0.7 : 1;
        operand expected = make(n, y_shift, 2);
        if (axpy)
            tl_ref_axpy(fuses(), n, a, x.at, expected.at);
        else
            tl_ref_add(n, x.at, expected.at);
        for (int64_t split = 0; split <= n; split++) {
            operand y = make(n, y_shift, 2);
            add_or_axpy(n - split, a, x.at + split, y.at + split);
            add_or_axpy(split, a, x.at, y.at);
            check_reference(axpy ? "axpy" : "add", y.block, expected.block, n + y_shift);
            free(y.block);
        }
        free(expected.block);
    }
    free(x.block);
}

START_TEST(add_and_axpy)
{
    if (!supported(_i))
        return;
    for (int s = 0; s < 8 * SIZES; s++)
        check_add_and_axpy(sizes[s / 8], s % 2, s / 2 % 2, s / 4 % 2);
}
END_TEST

/* In one call and in two; what is after the end must stay as it is. 1/3 is no float, 3/4 is one. */
static void check_scale(int64_t n, double a, int64_t x_shift, int64_t y_shift, bool odd)
{
    operand (*const make)(int64_t, int64_t, uint64_t) = odd ? odd_values : random_values;
    operand x = make(n, x_shift, 1), expected = random_values(n, y_shift, 2);
    tl_ref_scale(n, a, x.at, expected.at);
    for (int64_t split = 0; split <= n; split++) {
        operand y = random_values(n, y_shift, 2);
        t->scale(n - split, a, x.at + split, y.at + split);
        t->scale(split, a, x.at, y.at);
        check_reference("scale", y.block, expected.block, n + y_shift);
        free(y.block);
    }
    free(expected.block);
    free(x.block);
}

START_TEST(scale)
{
    if (!supported(_i))
        return;
    for (int s = 0; s < 8 * SIZES; s++)
        for (int a = 0; a < 2; a++)
            check_scale(sizes[s / 8], a ? 0.75 : 1.0 / 3, s % 2, s / 2 % 2, s / 4 % 2);
}
END_TEST

START_TEST(dot)
{
    if (!supported(_i))
        return;
    for (int s = 0; s < 8 * SIZES; s++) {
        operand (*const make)(int64_t, int64_t, uint64_t) = s / 4 % 2 ? odd_values : random_values;
        const int64_t n = sizes[s / 8];
        operand x = make(n, s % 2, 3), y = make(n, s / 2 % 2, 4);
        const tl_real got = t->dot(n, x.at, y.at), expected = tl_ref_dot(fuses(), n, x.at, y.at);
        check_reference("dot", &got, &expected, 1);
        free(x.block);
        free(y.block);
    }
}
END_TEST

/* The largest value at every index in turn; and a NaN before the first and after the last, which must not be
 * read. */
START_TEST(max_abs)
{
    if (!supported(_i))
        return;
    const double least = TL_IS_DOUBLE ? DBL_MIN : (double)FLT_MIN,
                 most = TL_IS_DOUBLE ? DBL_MAX : (double)FLT_MAX;
    const double value[] = { NAN, -NAN, INFINITY, -INFINITY, most, -most, least / 2, -0.0 };
    for (int s = 0; s < 8 * SIZES; s++) {
        const int64_t n = sizes[s / 8];
        operand x = random_values(n + 1, 1, 5);
        x.at[-1] = x.at[n] = (tl_real)NAN;
        bool minus, expected_minus;
        ck_assert(t->max_abs(n, x.at, &minus) == tl_ref_max_abs(n, x.at, &expected_minus));
        ck_assert(!minus && !expected_minus);
        for (int64_t k = 0; k < n; k++) {
            const tl_real before = x.at[k];
            x.at[k] = (tl_real)value[s % 8];
            const tl_real found = t->max_abs(n, x.at, &minus),
                          expected = tl_ref_max_abs(n, x.at, &expected_minus);
            ck_assert(minus == (s % 8 == 7) && expected_minus == minus);
            ck_assert(!isfinite(expected) == (s % 8 < 4));
            ck_assert_msg(found == expected || (isnan(found) && isnan(expected)), "%s: %g at %lld of %lld",
                          t->name, value[s % 8], (long long)k, (long long)n);
            x.at[k] = before;
        }
        free(x.block);
    }
}
END_TEST

/* ---- matrices ---- */

static const int64_t matrix_sizes[][2] = { { 0, 0 },   { 0, 3 },   { 3, 0 },  { 1, 1 },   { 1, 17 },
                                           { 17, 1 },  { 3, 63 },  { 63, 3 }, { 16, 16 }, { 15, 17 },
                                           { 33, 65 }, { 65, 64 }, { 2, 515 } };
enum { MATRIX_SIZES = sizeof matrix_sizes / sizeof *matrix_sizes };

/* Rows with a gap between them, added to what is there. */
START_TEST(sum_rows)
{
    if (!supported(_i))
        return;
    for (int s = 0; s < 2 * MATRIX_SIZES; s++) {
        const int64_t rows = matrix_sizes[s / 2][0], cols = matrix_sizes[s / 2][1], ld = cols + 3;
        operand x = random_values(rows * ld, s % 2, 5), factors = random_values(rows * ld, s % 2, 7);
        for (int product = 0; product < 2; product++) {
            double sum[2][520];
            for (int64_t j = 0; j <= cols; j++)
                sum[0][j] = sum[1][j] = (double)j;
            t->sum_rows(rows, cols, ld, x.at, product ? factors.at : NULL, sum[0]);
            tl_ref_sum_rows(fuses(), rows, cols, ld, x.at, product ? factors.at : NULL, sum[1]);
            ck_assert_mem_eq(sum[0], sum[1], (size_t)(cols + 1) * sizeof(double));
        }
        free(x.block);
        free(factors.block);
    }
}
END_TEST

START_TEST(col_sums)
{
    if (!supported(_i))
        return;
    for (int s = 0; s < 8 * MATRIX_SIZES; s++) {
        int64_t rows = matrix_sizes[s / 8][0], cols = matrix_sizes[s / 8][1];
        const int sign = s / 2 % 2 ? 1 : -1;
        operand x = random_values(rows * cols, s % 2, 5), y = random_values(cols, s % 2, 6);
        operand factors = random_values(rows * cols, s % 2, 7), expected = random_values(cols, s % 2, 6);
        const tl_real *z = s / 4 % 2 ? factors.at : NULL;
        tl_ref_col_sums(fuses(), rows, cols, sign, x.at, z, expected.at);
        t->col_sums(rows, cols, cols / 2, cols, sign, x.at, z, y.at);
        t->col_sums(rows, cols, 0, cols / 2, sign, x.at, z, y.at);
        check_reference("col_sums", y.block, expected.block, cols + s % 2);
        free(x.block);
        free(y.block);
        free(factors.block);
        free(expected.block);
    }
}
END_TEST

/* 1e8 + 1000 times 1: a sum in float stays at 1e8, whose neighbours are 8 away. */
START_TEST(col_sums_in_double)
{
    if (!supported(_i))
        return;
    tl_real *x = malloc(1001 * sizeof *x), y = 0;
    for (int k = 0; k <= 1000; k++)
        x[k] = k == 0 ? (tl_real)1e8 : 1;
    t->col_sums(1001, 1, 0, 1, 1, x, NULL, &y);
    ck_assert_double_eq((double)y, 100001000);
    free(x);
}
END_TEST

START_TEST(transpose)
{
    if (!supported(_i))
        return;
    for (int s = 0; s < 8 * MATRIX_SIZES; s++) {
        const int64_t rows = matrix_sizes[s / 8][0], cols = matrix_sizes[s / 8][1];
        const int64_t ldx = cols + s / 4 % 2, ldy = rows + 3 * (s / 4 % 2); /* contiguous, or with gaps */
        const int64_t nx = rows > 0 ? (rows - 1) * ldx + cols : 0,
                      ny = cols > 0 ? (cols - 1) * ldy + rows : 0;
        const bool sum = s / 2 % 2;
        operand x = random_values(nx, s % 2, 7), y = random_values(ny, s % 2, 8),
                expected = random_values(ny, s % 2, 8);
        if (!sum)
            for (int64_t e = 0; e < rows * cols; e++)
                y.at[e % cols * ldy + e / cols] = (tl_real)NAN; /* must be overwritten */
        tl_ref_transpose(rows, cols, x.at, ldx, expected.at, ldy, sum);
        t->transpose(rows, cols, x.at, ldx, y.at, ldy, sum);
        check_reference("transpose", y.block, expected.block, ny + s % 2);
        free(x.block);
        free(y.block);
        free(expected.block);
    }
}
END_TEST

/* A matrix in a block that ends with its last element: row-major or, if `transposed`, column-major with a
 * stride of 2; in either case with a gap of one. */
static operand matrix(int64_t rows, int64_t cols, bool transposed, uint64_t seed, tl_matrix *view)
{
    const int64_t row = transposed ? 2 : cols + 1, col = transposed ? 2 * rows + 1 : 1;
    operand o = random_values(rows > 0 && cols > 0 ? (rows - 1) * row + (cols - 1) * col + 1 : 0, 1, seed);
    *view = (tl_matrix){ o.at, row, col };
    return o;
}

enum { GAP = 2 }; /* values between two rows of C */

START_TEST(gemm_small)
{
    if (!supported(_i))
        return;
    const int64_t size[][3] = {
        { 0, 3, 4 },  { 3, 0, 4 },    { 3, 4, 0 },    { 1, 1, 1 },   { 1, 17, 5 },
        { 17, 1, 5 }, { 7, 9, 1 },    { 16, 16, 16 }, { 5, 33, 18 }, { 19, 8, 31 },
        { 3, 63, 3 }, { 63, 3, 3 },   { 3, 65, 17 },  { 2, 130, 2 }, { 9, 3, 65 },
        { 9, 50, 3 }, { 8, 65, 300 }, { 5, 3, 300 },  { 9, 20, 300 }
    }; /* k = 300 is summed in parts */
    for (int s = 0; s < 8 * 19; s++) {
        const int64_t m = size[s / 8][0], n = size[s / 8][1], k = size[s / 8][2];
        const bool sum = s / 4 % 2;
        tl_matrix av, bv;
        operand a = matrix(m, k, s % 2, 9, &av), b = matrix(k, n, s / 2 % 2, 10, &bv),
                c = random_values(m * (n + GAP), 1, 11), expected = random_values(m * (n + GAP), 1, 11);
        if (!sum)
            for (int64_t i = 0; i < m; i++)
                for (int64_t j = 0; j < n; j++)
                    c.at[i * (n + GAP) + j] = (tl_real)NAN; /* must be overwritten, unlike the gaps */
        t->gemm_small(m, n, k, av, bv, (tl_dense_out){ c.at, n + GAP }, sum);
        tl_ref_gemm_small(fuses(), m, n, k, av, bv, (tl_dense_out){ expected.at, n + GAP }, sum);
        check_reference("gemm_small", c.block, expected.block, m * (n + GAP) + 1);
        free(a.block);
        free(b.block);
        free(c.block);
        free(expected.block);
    }
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("kernels");
    TCase *c = tl_test_case(s, "kernels");
    tcase_add_loop_test(c, add_and_axpy, 0, TABLES);
    tcase_add_loop_test(c, scale, 0, TABLES);
    tcase_add_loop_test(c, dot, 0, TABLES);
    tcase_add_loop_test(c, max_abs, 0, TABLES);
    tcase_add_loop_test(c, sum_rows, 0, TABLES);
    tcase_add_loop_test(c, col_sums, 0, TABLES);
    tcase_add_loop_test(c, col_sums_in_double, 0, TABLES);
    tcase_add_loop_test(c, transpose, 0, TABLES);
    tcase_add_loop_test(c, gemm_small, 0, TABLES);
    return s;
}
