/* Dense products: every route (plain loop, matrix times vector, outer product, BLIS) in every layout against three
 * loops. */
#include "testing.h"

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "gemm.h"

/* Half a unit in the last place of 1: the relative error of one operation. */
#define ROUNDING ((TL_IS_DOUBLE ? DBL_EPSILON : (double)FLT_EPSILON) / 2)

/* How a matrix lies in memory. */
enum { ROWS, COLUMNS, PADDED, SPREAD, LAYOUTS };

/* rows x cols random values, in a block of their own: `data` points into it. */
static tl_matrix random_matrix(int64_t rows, int64_t cols, int layout, uint64_t seed, tl_real **block)
{
    const int64_t row[] = { cols, 1, cols + 3, 2 * cols + 1 }, col[] = { 1, rows, 1, 2 };
    int64_t last = rows > 0 && cols > 0 ? (rows - 1) * row[layout] + (cols - 1) * col[layout] : 0;
    *block = malloc((size_t)(last + 2) * sizeof **block);
    tl_test_fill(*block, last + 2, seed);
    return (tl_matrix){ *block + 1, row[layout], col[layout] }; /* odd: not aligned */
}

static double at(tl_matrix a, int64_t i, int64_t j)
{
    return (double)a.data[i * a.row + j * a.col];
}

/* A sum of k products in any order is within k roundings of each from the exact one (Higham 2002, section 3.1), plus
 * one for the addition to C; twice that, for in the double build the loops here have as much. */
static void check_product(int64_t m, int64_t n, int64_t k, int a_layout, int b_layout, bool add)
{
    tl_real *a_block, *b_block, *before = malloc((size_t)(m * n + 1) * sizeof *before);
    tl_matrix a = random_matrix(m, k, a_layout, 1, &a_block), b = random_matrix(k, n, b_layout, 2, &b_block);
    tl_real *c = malloc((size_t)(m * n + 1) * sizeof *c);
    tl_test_fill(before, m * n + 1, 3);
    memcpy(c, before, (size_t)(m * n + 1) * sizeof *c);
    for (int64_t e = 0; e < m * n && !add; e++)
        c[e] = (tl_real)NAN; /* must be overwritten */
    tl_gemm(m, n, k, a, b, c, add);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double plain = add ? (double)before[i * n + j] : 0, magnitude = fabs(plain);
            for (int64_t l = 0; l < k; l++) {
                plain += at(a, i, l) * at(b, l, j);
                magnitude += fabs(at(a, i, l) * at(b, l, j));
            }
            double apart = fabs((double)c[i * n + j] - plain);
            if (!(apart <= 2 * (double)(k + 1) * ROUNDING * magnitude))
                ck_abort_msg("%lldx%lldx%lld, layouts %d and %d%s: (%lld, %lld) is %.17g, not %.17g",
                             (long long)m, (long long)n, (long long)k, a_layout, b_layout,
                             add ? ", added" : "", (long long)i, (long long)j, (double)c[i * n + j], plain);
        }
    ck_assert_mem_eq(&c[m * n], &before[m * n], sizeof *c);
    free(a_block), free(b_block), free(before), free(c);
}

/* Sizes around each bend of the road; m n k = 20000 parts the plain loop from BLIS. */
static const int64_t size[][3] = {
    { 0, 3, 4 },     { 3, 0, 4 },     { 3, 4, 0 },     { 0, 0, 0 },     { 1, 1, 0 },
    { 300, 200, 0 }, { 1, 1, 1 },     { 1, 7, 3 },     { 7, 1, 3 },     { 3, 5, 1 },
    { 5, 6, 7 },     { 27, 27, 27 },  { 27, 28, 27 },  { 1, 300, 100 }, { 300, 1, 100 },
    { 200, 150, 1 }, { 1, 1, 30000 }, { 1, 30000, 1 }, { 30000, 1, 1 }, { 2, 300, 70 },
    { 300, 2, 70 },  { 200, 150, 2 }, { 64, 64, 64 },  { 130, 70, 65 }, { 33, 129, 300 },
};

START_TEST(products)
{
    for (int layout = 0; layout < LAYOUTS * LAYOUTS; layout++)
        for (int add = 0; add < 2; add++)
            check_product(size[_i][0], size[_i][1], size[_i][2], layout / LAYOUTS, layout % LAYOUTS, add);
}
END_TEST

/* Swapped strides are the transpose. */
START_TEST(matrices)
{
    const tl_real x[6] = { 1, 2, 3, 4, 5, 6 };
    tl_matrix a = tl_matrix_rows(x, 3), t = tl_matrix_transposed(a);
    ck_assert_double_eq(at(a, 1, 2), 6);
    ck_assert_double_eq(at(a, 1, 0), 4);
    ck_assert_double_eq(at(t, 2, 1), 6);
    ck_assert_double_eq(at(t, 0, 1), 4);
    tl_real y[4];
    tl_gemm(2, 2, 3, a, t, y, false);
    ck_assert_values(y, 4, 0, 14, 32, 32, 77);
}
END_TEST

/* No route skips a factor because the other is 0: 0 times NaN is NaN everywhere. */
START_TEST(not_a_number)
{
    const int64_t n[][3] = { { 5, 6, 7 }, { 1, 300, 100 }, { 300, 1, 100 }, { 200, 150, 1 }, { 64, 64, 64 } };
    for (size_t s = 0; s < sizeof n / sizeof *n; s++)
        for (int in_a = 0; in_a < 2; in_a++) {
            int64_t rows = n[s][0], cols = n[s][1], k = n[s][2];
            tl_real *a = calloc((size_t)(rows * k), sizeof *a), *b = calloc((size_t)(k * cols), sizeof *b);
            tl_real *c = malloc((size_t)(rows * cols) * sizeof *c);
            (in_a ? a : b)[0] = (tl_real)NAN;
            tl_gemm(rows, cols, k, tl_matrix_rows(a, k), tl_matrix_rows(b, cols), c, false);
            for (int64_t e = 0; e < rows * cols; e++) /* row 0 of A, column 0 of B */
                if (isnan(c[e]) != (in_a ? e < cols : e % cols == 0))
                    ck_abort_msg("%lldx%lldx%lld: element %lld is %g", (long long)rows, (long long)cols,
                                 (long long)k, (long long)e, (double)c[e]);
            free(a), free(b), free(c);
        }
}
END_TEST

/* ---- threads ---- */

enum { THREADS = 4, M = 70, N = 80, K = 90 };

static struct {
    tl_real a[M * K], b[K * N], c[THREADS][M * N];
    atomic_int ready;
} shared;

static void *multiply(void *which)
{
    atomic_fetch_add(&shared.ready, 1);
    while (atomic_load(&shared.ready) < THREADS)
        sched_yield();
    for (int k = 0; k < 10; k++)
        tl_gemm(M, N, K, tl_matrix_rows(shared.a, K), tl_matrix_rows(shared.b, N), shared.c[(intptr_t)which],
                false);
    return NULL;
}

/* The first product of the process, which starts BLIS, in several threads at once; the variable that this takes is
 * gone afterwards. */
START_TEST(several_threads_at_once)
{
    const char *before = getenv("BLIS_ARCH_TYPE");
    pthread_t id[THREADS];
    tl_test_fill(shared.a, M * K, 1);
    tl_test_fill(shared.b, K * N, 2);
    for (intptr_t k = 0; k < THREADS; k++)
        ck_assert_int_eq(pthread_create(&id[k], NULL, multiply, (void *)k), 0);
    for (int k = 0; k < THREADS; k++) {
        pthread_join(id[k], NULL);
        ck_assert(memcmp(shared.c[k], shared.c[0], sizeof shared.c[0]) == 0); /* the same bits */
    }
    ck_assert_double_ne((double)shared.c[0][0], 0);
    ck_assert_pstr_eq(getenv("BLIS_ARCH_TYPE"), before);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("gemm");
    TCase *c = tl_test_case(s, "gemm");
    tcase_add_test(c, several_threads_at_once);
    tcase_add_loop_test(c, products, 0, (int)(sizeof size / sizeof *size));
    tcase_add_test(c, matrices);
    tcase_add_test(c, not_a_number);
    return s;
}
