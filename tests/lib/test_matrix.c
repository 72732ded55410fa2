/* Tools of matrix.h against plain loops in double: rows by number, weighted sums of rows, sampled products.
 * (The dense product and the sparse ones have tests of their own.) */
#include "tests/testing.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "matrix.h"

static void one_thread(void)
{
    tl_set_num_threads(1);
}

/* Numbers below `bound` without an order. */
static int32_t *numbers(int64_t n, int64_t bound)
{
    int32_t *v = malloc((size_t)(n + 1) * sizeof *v);
    for (int64_t k = 0; k < n; k++)
        v[k] = (int32_t)(k * k % 7919 % bound);
    return v;
}

static const int64_t widths[] = { 0, 1, 3, 16, 17, 100, 600 };
enum { WIDTHS = sizeof widths / sizeof *widths, TABLE = 50 };

/* ---- rows by number ---- */

START_TEST(gathers)
{
    const int64_t n = 3000, width = widths[_i];
    int32_t *rows = numbers(n, TABLE);
    tl_real *x = tl_test_filled(TABLE * width, 1);
    for (int threads = 1; threads <= 7; threads += 3) {
        ck_assert_ok(tl_set_num_threads(threads));
        tl_real *y = tl_test_unset(n * width);
        tl_gather_rows(n, width, rows, x, y);
        for (int64_t i = 0; i < n; i++)
            ck_assert(width == 0 ||
                      memcmp(y + i * width, x + rows[i] * width, (size_t)width * sizeof *y) == 0);
        ck_assert(isnan(y[n * width]));
        free(y);
    }
    tl_gather_rows(0, width, NULL, x, NULL);
    free(rows);
    free(x);
}
END_TEST

/* ---- weighted sums of rows ---- */

/* Sums of 0, 1, .. terms, a few of them long. */
static int64_t *pointers(int64_t n)
{
    int64_t *ptr = malloc((size_t)(n + 1) * sizeof *ptr);
    ptr[0] = 0;
    for (int64_t i = 0; i < n; i++)
        ptr[i + 1] = ptr[i] + (i % 40 == 7 ? 256 + 3 * i : i % 9);
    return ptr;
}

/* Checks y, of which an element had `before` and is now the sum, with the error that its terms may have. */
static void check_sums(const tl_row_sums *s, const tl_real *x, const tl_real *before, const tl_real *y)
{
    const double epsilon = TL_IS_DOUBLE ? DBL_EPSILON : (double)FLT_EPSILON;
    for (int64_t i = 0; i < s->n; i++)
        for (int64_t j = 0; j < s->width; j++) {
            double sum = before ? (double)before[i * s->width + j] : 0, size = fabs(sum);
            for (int64_t e = s->ptr[i]; e < s->ptr[i + 1]; e++) {
                const double term = (double)s->coef[e] * (double)x[s->row[e] * s->width + j];
                sum += term;
                size += fabs(term);
            }
            const int64_t terms = s->ptr[i + 1] - s->ptr[i];
            const double error = fabs((double)y[i * s->width + j] - sum);
            ck_assert_msg(error <= size * epsilon * (double)(terms < 256 ? terms + 1 : 257),
                          "sum %lld, column %lld of %lld: %.17g is not %.17g", (long long)i, (long long)j,
                          (long long)s->width, (double)y[i * s->width + j], sum);
        }
}

START_TEST(sums_of_rows)
{
    const int64_t n = 200;
    int64_t *ptr = pointers(n);
    int32_t *row = numbers(ptr[n], TABLE);
    tl_real *coef = tl_test_filled(ptr[n], 1), *x = tl_test_filled(TABLE * widths[_i], 2),
            *before = tl_test_filled(n * widths[_i], 3);
    const tl_row_sums s = { .n = n, .width = widths[_i], .ptr = ptr, .row = row, .coef = coef };
    for (int add = 0; add < 2; add++) {
        tl_real *first = NULL;
        for (int threads = 1; threads <= 7; threads += 3) {
            ck_assert_ok(tl_set_num_threads(threads));
            tl_real *y = add ? tl_test_filled(n * s.width, 3) : tl_test_unset(n * s.width);
            const tl_real end = y[n * s.width];
            tl_sum_rows(&s, x, y, add);
            check_sums(&s, x, add ? before : NULL, y);
            ck_assert(memcmp(&end, &y[n * s.width], sizeof end) == 0);
            ck_assert(!first || memcmp(first, y, (size_t)(n * s.width) * sizeof *y) == 0);
            if (first)
                free(y);
            else
                first = y;
        }
        free(first);
    }
    free(ptr);
    free(row);
    free(coef);
    free(x);
    free(before);
}
END_TEST

/* Beside 2^24 a float loses single ones (a double beside 2^53), but not the sum of 256 of them; no terms give
 * 0, or add nothing. */
START_TEST(long_sums_and_empty_ones)
{
    enum { TERMS = 512 };
    const double big = TL_IS_DOUBLE ? 0x1p53 : 0x1p24;
    const tl_real x[] = { 1 };
    tl_real coef[TERMS] = { (tl_real)big }, y[2] = { NAN, NAN };
    int32_t row[TERMS] = { 0 };
    for (int k = 256; k < TERMS; k++)
        coef[k] = 1;
    const tl_row_sums s = {
        .n = 2, .width = 1, .ptr = (int64_t[]){ 0, TERMS, TERMS }, .row = row, .coef = coef
    };
    tl_sum_rows(&s, x, y, false);
    ck_assert_values(y, 2, 0, big + 256, 0);
    y[1] = 3;
    tl_sum_rows(&s, x, y, true);
    ck_assert_values(y, 2, 0, 2 * big + 512, 3);
    tl_sum_rows(&(tl_row_sums){ .n = 0, .width = 1, .ptr = (int64_t[]){ 0 } }, NULL, NULL, false);
    tl_sum_rows(&(tl_row_sums){ .n = 2, .width = 1, .ptr = (int64_t[]){ 0, 0, 0 } }, NULL, y, false);
    ck_assert_values(y, 2, 0, 0, 0);
}
END_TEST

/* ---- the dense product ---- */

/* A^T B and A B^T, by views; a product over nothing. */
START_TEST(views)
{
    const tl_real a[] = { 1, 2, 3, 4, 5, 6 }, b[] = { 1, 0, 2, 0, 1, 1 }; /* 2 x 3 */
    const tl_matrix x = tl_matrix_rows(a, 3), z = tl_matrix_rows(b, 3);
    tl_real c[9] = { 0 };
    tl_gemm(3, 3, 2, tl_matrix_transposed(x), z, c, false);
    ck_assert_values(c, 9, 0, 1.0, 4.0, 6.0, 2.0, 5.0, 9.0, 3.0, 6.0, 12.0);
    tl_gemm(2, 2, 3, x, tl_matrix_transposed(z), c, true);
    ck_assert_values(c, 4, 0, 8.0, 9.0, 22.0, 13.0);
    tl_gemm(2, 2, 0, x, z, c, true);
    ck_assert_values(c, 2, 0, 8.0, 9.0);
    tl_gemm(2, 2, 0, (tl_matrix){ NULL, 0, 1 }, (tl_matrix){ NULL, 2, 1 }, c, false);
    ck_assert_values(c, 4, 0, 0, 0, 0, 0);
}
END_TEST

/* ---- sampled products ---- */

/* (A B^T) and (A B) at the entries of a pattern only, as a gradient of its values without a forward: A is
 * m x n, B is stored as cols x n or, by sample, as n x cols. */
START_TEST(sampled_products)
{
    const int64_t m = 40, cols = 30, n = _i / 2 % 2 ? 150 : 5;
    const bool by_sample = _i % 2;
    tl_pattern *p = tl_test_pattern(m, cols, 0.2, 1);
    const tl_csr s = tl_pattern_csr(p);
    tl_real *a = tl_test_filled(m * n, 1), *b = tl_test_filled(cols * n, 2), *y = tl_test_unset(s.nnz);
    tl_sparse_product product = { .pattern = p, .n = n, .x_by_sample = by_sample, .x_mutable = true };
    ck_assert_ok(tl_sparse_product_prepare(&product));
    ck_assert_int_eq(product.n_packed > 0, by_sample);
    tl_real *packed = product.packed = tl_test_unset(product.n_packed),
            *workspace = tl_test_unset(product.n_workspace);
    tl_sparse_product_backward(
        &product, &(tl_sparse_operands){ .x = b, .dy = a, .dvalues = y, .workspace = workspace });
    for (int64_t i = 0; i < s.rows; i++)
        for (int64_t e = s.row_ptr[i]; e < s.row_ptr[i + 1]; e++) {
            double sum = 0;
            for (int64_t k = 0; k < n; k++)
                sum += (double)a[i * n + k] * (double)b[by_sample ? k * cols + s.col[e] : s.col[e] * n + k];
            ck_assert_values(y + e, 1, 20 * TL_NEAR, sum);
        }
    tl_pattern_release(p);
    free(packed);
    free(workspace);
    free(a);
    free(b);
    free(y);
}
END_TEST

START_TEST(mistakes)
{
    tl_sparse_product p = { .n = 1 };
    ck_assert_status(tl_sparse_product_prepare(NULL), TL_ERR_ARGUMENT,
                     "sparse_product_prepare: the product is NULL");
    ck_assert_status(tl_sparse_product_prepare(&p), TL_ERR_ARGUMENT,
                     "sparse_product_prepare: the pattern is NULL");
    tl_pattern *one = tl_test_pattern(1, 1, 1, 1);
    p = (tl_sparse_product){ .pattern = one, .n = -1 };
    ck_assert_status(tl_sparse_product_prepare(&p), TL_ERR_ARGUMENT,
                     "sparse_product_prepare: a negative number of samples");
    tl_pattern_release(one);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("matrix");
    TCase *c = tl_test_case(s, "matrix");
    tcase_add_checked_fixture(c, NULL, one_thread);
    tcase_add_loop_test(c, gathers, 0, WIDTHS);
    tcase_add_loop_test(c, sums_of_rows, 0, WIDTHS);
    tcase_add_test(c, long_sums_and_empty_ones);
    tcase_add_test(c, views);
    tcase_add_loop_test(c, sampled_products, 0, 4);
    tcase_add_test(c, mistakes);
    return s;
}
