/* The reference kernels themselves: their sums against plain ones in double. (Their optimizer steps equal the
 * kernels' to the bit, and those are tested against formulas and PyTorch.) */
#include "tests/testing.h"

#include <float.h>
#include <math.h>

#include "lib/kernels/reference.h"

/* Half a unit in the last place of 1: the relative error of one operation. */
#define ROUNDING ((TL_IS_DOUBLE ? DBL_EPSILON : (double)FLT_EPSILON) / 2)

/* n products summed in double, and the sum of their magnitudes. */
typedef struct plain {
    double sum, magnitude;
    int64_t n;
} plain;

static void take(plain *p, double a, double b)
{
    p->sum += a * b;
    p->magnitude += fabs(a * b);
    p->n++;
}

/* A sum of n products in any order is within n roundings of each of them from the exact sum (Higham 2002,
 * section 3.1); twice that, because in the double build the plain sum has the same error. */
static void check_sum(tl_real got, plain p)
{
    if (!(fabs((double)got - p.sum) <= 2 * (double)(p.n + 1) * ROUNDING * p.magnitude))
        ck_abort_msg("%.17g is not near %.17g, the sum of %lld products", (double)got, p.sum, (long long)p.n);
}

START_TEST(dot)
{
    tl_real x[200], y[200];
    tl_test_fill(x, 200, 1);
    tl_test_fill(y, 200, 2);
    plain p = { 0, 0, 0 };
    for (int64_t n = 0; n < 200; n++) {
        check_sum(tl_ref_dot(_i, n, x, y), p);
        take(&p, (double)x[n], (double)y[n]);
    }
}
END_TEST

enum { M = 7, N = 5, K = 9 };

START_TEST(gemm_small)
{
    tl_real a[M * K], b[K * N], c[M * N], before[M * N];
    tl_test_fill(a, M * K, 3);
    tl_test_fill(b, K * N, 4);
    tl_test_fill(before, M * N, 5);
    for (int way = 0; way < 8; way++) {
        const bool add = way & 1;
        const int64_t ars = way & 2 ? 1 : K, acs = way & 2 ? M : 1, brs = way & 4 ? 1 : N,
                      bcs = way & 4 ? K : 1;
        for (int e = 0; e < M * N; e++)
            c[e] = before[e];
        tl_ref_gemm_small(_i, M, N, K, (tl_matrix){ a, ars, acs }, (tl_matrix){ b, brs, bcs },
                          (tl_dense_out){ c, N }, add);
        for (int i = 0; i < M; i++)
            for (int j = 0; j < N; j++) {
                plain p = { 0, 0, 0 };
                take(&p, add, (double)before[i * N + j]);
                for (int l = 0; l < K; l++)
                    take(&p, (double)a[i * ars + l * acs], (double)b[l * brs + j * bcs]);
                check_sum(c[i * N + j], p);
            }
    }
}
END_TEST

START_TEST(sum_rows)
{
    enum { ROWS = 9, COLS = 5, LD = 7 };
    tl_real x[ROWS * LD], z[ROWS * LD];
    tl_test_fill(x, ROWS * LD, 6);
    tl_test_fill(z, ROWS * LD, 7);
    for (int product = 0; product < 2; product++) {
        double sum[COLS];
        for (int j = 0; j < COLS; j++)
            sum[j] = j;
        tl_ref_sum_rows(_i, ROWS, COLS, LD, x, product ? z : NULL, sum);
        for (int j = 0; j < COLS; j++) {
            double expected = j;
            for (int i = 0; i < ROWS; i++)
                expected += (double)x[i * LD + j] * (product ? (double)z[i * LD + j] : 1);
            ck_assert_double_eq_tol(sum[j], expected, 1e-12);
        }
    }
}
END_TEST

START_TEST(col_sums)
{
    tl_real x[200], z[200], y[N], before[N];
    tl_test_fill(x, 200, 6);
    tl_test_fill(z, 200, 7);
    tl_test_fill(before, N, 8);
    for (int way = 0; way < 8; way++) {
        const int cols = way & 1 ? 1 : N, rows = way & 1 ? 200 : 40, sign = way & 2 ? 1 : -1;
        for (int j = 0; j < cols; j++)
            y[j] = before[j];
        tl_ref_col_sums(_i, rows, cols, sign, x, way & 4 ? z : NULL, y);
        for (int j = 0; j < cols; j++) {
            plain p = { 0, 0, 0 };
            take(&p, 1, (double)before[j]);
            for (int k = j; k < rows * cols; k += cols)
                take(&p, sign * (double)x[k], way & 4 ? (double)z[k] : 1);
            check_sum(y[j], p);
        }
    }
}
END_TEST

/* ---- sparse ---- */

/* Both products of a sparse matrix, permuted or not, for every number of lanes that a table has. */
static void check_sparse(bool fused, int64_t lanes, const tl_sparse *s, bool add)
{
    enum { WIDTH = 37 };
    tl_real a[M * WIDTH], b[K * WIDTH], da[M * WIDTH], dvalues[M * K], before_da[M * WIDTH], before[M * K];
    tl_test_fill(a, M * WIDTH, 9);
    tl_test_fill(b, K * WIDTH, 10);
    tl_test_fill(da, M * WIDTH, 11);
    tl_test_fill(before_da, M * WIDTH, 11);
    tl_test_fill(dvalues, M * K, 12);
    tl_test_fill(before, M * K, 12);
    tl_ref_spmm_sddmm(fused, lanes, s, 0, M, WIDTH, (tl_dense){ a, WIDTH }, (tl_dense){ b, WIDTH },
                      (tl_dense_out){ da, WIDTH }, add, dvalues, add);
    for (int i = 0; i < M; i++)
        for (int k = 0; k < WIDTH; k++) {
            plain p = { 0, 0, 0 };
            take(&p, add, (double)before_da[i * WIDTH + k]);
            for (int64_t e = s->row_ptr[i]; e < s->row_ptr[i + 1]; e++)
                take(&p, (double)s->values[s->perm ? s->perm[e] : e], (double)b[s->col[e] * WIDTH + k]);
            check_sum(da[i * WIDTH + k], p);
        }
    for (int i = 0; i < M; i++)
        for (int64_t e = s->row_ptr[i]; e < s->row_ptr[i + 1]; e++) {
            const int64_t at = s->perm ? s->perm[e] : e;
            plain p = { 0, 0, 0 };
            take(&p, add, (double)before[at]);
            for (int k = 0; k < WIDTH; k++)
                take(&p, (double)a[i * WIDTH + k], (double)b[s->col[e] * WIDTH + k]);
            check_sum(dvalues[at], p);
        }
}

START_TEST(sparse)
{
    tl_pattern *p = tl_test_pattern(M, K, 0.5, 1);
    tl_real values[M * K];
    int32_t perm[M * K];
    const int64_t nnz = tl_pattern_nnz(p);
    ck_assert_int_gt(nnz, M);
    tl_test_fill(values, M * K, 13);
    for (int64_t e = 0; e < nnz; e++)
        perm[e] = (int32_t)(nnz - 1 - e);
    for (int64_t lanes = 2; lanes <= 16; lanes *= 2)
        for (int way = 0; way < 4; way++)
            check_sparse(_i, lanes,
                         &(tl_sparse){ .rows = M,
                                       .row_ptr = tl_pattern_row_ptr(p),
                                       .col = tl_pattern_col(p),
                                       .perm = way & 1 ? perm : NULL,
                                       .values = values },
                         way & 2);
    tl_pattern_release(p);
}
END_TEST

/* Fused and not. */
Suite *tl_test_suite(void)
{
    Suite *s = suite_create("reference");
    TCase *c = tl_test_case(s, "reference");
    tcase_add_loop_test(c, dot, 0, 2);
    tcase_add_loop_test(c, gemm_small, 0, 2);
    tcase_add_loop_test(c, sum_rows, 0, 2);
    tcase_add_loop_test(c, col_sums, 0, 2);
    tcase_add_loop_test(c, sparse, 0, 2);
    return s;
}
