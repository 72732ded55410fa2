/* Dense products: every route (matrix times vector, outer product, our own kernel, BLIS) in every layout
 * against three loops. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "tests/testing.h"

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "matrix.h"
#include "isa.h"
#include "parallel.h"

/* Half a unit in the last place of 1: the relative error of one operation. */
#define ROUNDING ((TL_IS_DOUBLE ? DBL_EPSILON : (double)FLT_EPSILON) / 2)

/* ---- operands ---- */

/* Memory for n values that ends at an unmapped page: a read past the end crashes. BLIS has kernels that did.
 * Values that are not set are NaN. */
typedef struct block {
    void *map;
    size_t mapped;
    tl_real *values;
} block;

static block block_new(int64_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = (size_t)n * sizeof(tl_real);
    block b = { .mapped = (bytes + page - 1) / page * page + page };
    b.map = mmap(NULL, b.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(b.map != MAP_FAILED);
    char *end = (char *)b.map + b.mapped - page;
    ck_assert_int_eq(mprotect(end, page, PROT_NONE), 0);
    b.values = (tl_real *)(void *)(end - bytes);
    for (int64_t e = 0; e < n; e++)
        b.values[e] = (tl_real)NAN;
    return b;
}

static block block_filled(int64_t n, uint64_t seed)
{
    block b = block_new(n);
    tl_test_fill(b.values, n, seed);
    return b;
}

static void block_free(block b)
{
    munmap(b.map, b.mapped);
}

/* Memory layouts of a matrix. */
enum { ROWS, COLUMNS, PADDED, SPREAD, LAYOUTS };

/* The matrix of these values, which are row-major. */
static tl_matrix matrix_in_layout(int64_t rows, int64_t cols, int layout, const tl_real *values, block *b)
{
    const int64_t row[] = { cols, 1, cols + 3, 2 * cols + 1 }, col[] = { 1, rows, 1, 2 };
    const int64_t last = (rows - 1) * row[layout] + (cols - 1) * col[layout];
    *b = block_new(rows > 0 && cols > 0 ? last + 1 : 0);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            b->values[i * row[layout] + j * col[layout]] = values[i * cols + j];
    return (tl_matrix){ b->values, row[layout], col[layout] };
}

static double at(tl_matrix a, int64_t i, int64_t j)
{
    return (double)a.data[i * a.row + j * a.col];
}

/* C = (add: +=) A B by three loops. */
typedef struct example {
    int64_t m, n, k;
    tl_real *a, *b, *c;          /* row-major; c: before */
    double *product, *magnitude; /* of each element: A B, and the sum of the magnitudes of what it adds up */
} example;

static example example_new(int64_t m, int64_t n, int64_t k)
{
    example e = { .m = m,
                  .n = n,
                  .k = k,
                  .a = malloc((size_t)(m * k + 1) * sizeof *e.a),
                  .b = malloc((size_t)(k * n + 1) * sizeof *e.b),
                  .c = malloc((size_t)(m * n + 1) * sizeof *e.c),
                  .product = calloc((size_t)(m * n + 1), sizeof *e.product),
                  .magnitude = calloc((size_t)(m * n + 1), sizeof *e.magnitude) };
    tl_test_fill(e.a, m * k, 1);
    tl_test_fill(e.b, k * n, 2);
    tl_test_fill(e.c, m * n, 3);
    for (int64_t i = 0; i < m; i++)
        for (int64_t l = 0; l < k; l++)
            for (int64_t j = 0; j < n; j++) {
                const double term = (double)e.a[i * k + l] * (double)e.b[l * n + j];
                e.product[i * n + j] += term;
                e.magnitude[i * n + j] += fabs(term);
            }
    return e;
}

static void example_free(example *e)
{
    free(e->a);
    free(e->b);
    free(e->c);
    free(e->product);
    free(e->magnitude);
}

/* A sum of k products in any order is within k roundings of each of them from the exact sum (Higham 2002,
 * section 3.1), plus one for the addition to C; twice that, because in the double build the loops here have
 * the same error. */
static void check_product(const example *e, int a_layout, int b_layout, bool add)
{
    block in_a, in_b, in_c = block_new(e->m * e->n);
    const tl_matrix a = matrix_in_layout(e->m, e->k, a_layout, e->a, &in_a),
                    b = matrix_in_layout(e->k, e->n, b_layout, e->b, &in_b);
    tl_real *c = in_c.values;
    if (add)
        memcpy(c, e->c, (size_t)(e->m * e->n) * sizeof *c);
    tl_gemm(e->m, e->n, e->k, a, b, c, add);
    for (int64_t q = 0; q < e->m * e->n; q++) {
        const double before = add ? (double)e->c[q] : 0, plain = before + e->product[q],
                     error = fabs((double)c[q] - plain);
        if (!(error <= 2 * (double)(e->k + 1) * ROUNDING * (fabs(before) + e->magnitude[q])))
            ck_abort_msg("%lldx%lldx%lld, layouts %d and %d%s: element %lld is %.17g, not %.17g",
                         (long long)e->m, (long long)e->n, (long long)e->k, a_layout, b_layout,
                         add ? ", added" : "", (long long)q, (double)c[q], plain);
    }
    block_free(in_a);
    block_free(in_b);
    block_free(in_c);
}

/* Sizes on both sides of each switch of routes; the last three go to BLIS: m n k above 2^22, all above 32. */
static const int64_t size[][3] = {
    { 0, 3, 4 },       { 3, 0, 4 },      { 3, 4, 0 },      { 0, 0, 0 },     { 1, 1, 0 },     { 300, 200, 0 },
    { 1, 1, 1 },       { 1, 7, 3 },      { 7, 1, 3 },      { 3, 5, 1 },     { 5, 6, 7 },     { 27, 27, 27 },
    { 27, 28, 27 },    { 1, 300, 100 },  { 300, 1, 100 },  { 200, 150, 1 }, { 1, 1, 30000 }, { 1, 30000, 1 },
    { 30000, 1, 1 },   { 2, 300, 70 },   { 300, 2, 70 },   { 200, 150, 2 }, { 64, 64, 64 },  { 130, 70, 65 },
    { 33, 129, 300 },  { 3, 31, 300 },   { 7, 33, 300 },   { 64, 3, 300 },  { 16, 64, 70 },  { 32, 400, 400 },
    { 163, 161, 163 }, { 33, 370, 350 }, { 400, 33, 330 },
};

enum { SIZES = sizeof size / sizeof *size };

static bool is_large(const int64_t *mnk)
{
    return mnk[0] * mnk[1] * mnk[2] > 1 << 22;
}

/* Selects an instruction set, for BLIS, too; called before the first product of a test's process. False if
 * the CPU does not support it, or if tests do not fork and another one is in use already. */
static bool select_isa(int number)
{
    static const char *const name[] = { "avx512", "avx2", "baseline" };
    setenv("TULLE_KERNELS", name[number], 1);
    return strcmp(tl_kernel_level(), name[number]) == 0;
}
enum { ISAS = 3 };

static void restore(void)
{
    unsetenv("TULLE_KERNELS");
}

START_TEST(products)
{
    const int64_t *mnk = size[_i % SIZES];
    if (!select_isa(_i / SIZES))
        return;
    example e = example_new(mnk[0], mnk[1], mnk[2]);
    for (int layout = 0; layout < LAYOUTS * LAYOUTS; layout += is_large(mnk) ? 5 : 1)
        for (int add = 0; add < 2; add++)
            check_product(&e, layout / LAYOUTS, layout % LAYOUTS, add);
    example_free(&e);
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

/* No route skips a product because one factor is 0: 0 times NaN is NaN everywhere. */
START_TEST(not_a_number)
{
    const int64_t n[][3] = {
        { 5, 6, 7 }, { 1, 300, 100 }, { 300, 1, 100 }, { 200, 150, 1 }, { 163, 161, 163 }
    };
    if (!select_isa(_i))
        return;
    for (int way = 0; way < 5 * 8; way++) {
        const bool in_a = way & 1, a_trans = way & 2, b_trans = way & 4;
        const int64_t rows = n[way / 8][0], cols = n[way / 8][1], k = n[way / 8][2];
        tl_real *a = calloc((size_t)(rows * k), sizeof *a), *b = calloc((size_t)(k * cols), sizeof *b);
        tl_real *c = malloc((size_t)(rows * cols) * sizeof *c);
        (in_a ? a : b)[0] = (tl_real)NAN; /* for row 0 or column 0 of C */
        tl_gemm(rows, cols, k, a_trans ? (tl_matrix){ a, 1, rows } : (tl_matrix){ a, k, 1 },
                b_trans ? (tl_matrix){ b, 1, k } : (tl_matrix){ b, cols, 1 }, c, false);
        for (int64_t e = 0; e < rows * cols; e++)
            if (isnan(c[e]) != (in_a ? e < cols : e % cols == 0))
                ck_abort_msg("%lldx%lldx%lld, way %d: element %lld is %g", (long long)rows, (long long)cols,
                             (long long)k, way, (long long)e, (double)c[e]);
        free(a);
        free(b);
        free(c);
    }
}
END_TEST

/* All products of equal rows and equal columns are equal, to the bit: an element is summed in one order, at
 * an edge of a kernel's tile or not. */
START_TEST(one_order)
{
    if (!select_isa(_i))
        return;
    for (int s = 0; s < SIZES; s++)
        for (int trans = 0; trans < 4; trans++) {
            const int64_t m = size[s][0], n = size[s][1], k = size[s][2];
            block row = block_filled(k, 5), col = block_filled(k, 6), a = block_new(m * k),
                  b = block_new(k * n);
            block c = block_new(m * n);
            const tl_matrix at_a = trans & 1 ? (tl_matrix){ a.values, 1, m } : (tl_matrix){ a.values, k, 1 };
            const tl_matrix at_b = trans & 2 ? (tl_matrix){ b.values, 1, k } : (tl_matrix){ b.values, n, 1 };
            for (int64_t l = 0; l < k; l++) {
                for (int64_t i = 0; i < m; i++)
                    a.values[i * at_a.row + l * at_a.col] = row.values[l];
                for (int64_t j = 0; j < n; j++)
                    b.values[l * at_b.row + j * at_b.col] = col.values[l];
            }
            tl_gemm(m, n, k, at_a, at_b, c.values, false);
            for (int64_t e = 1; e < m * n; e++)
                if (memcmp(&c.values[e], &c.values[0], sizeof *c.values) != 0)
                    ck_abort_msg("%lldx%lldx%lld, trans %d: element %lld is %.17g, element 0 %.17g",
                                 (long long)m, (long long)n, (long long)k, trans, (long long)e,
                                 (double)c.values[e], (double)c.values[0]);
            block_free(row);
            block_free(col);
            block_free(a);
            block_free(b);
            block_free(c);
        }
}
END_TEST

/* ---- threads ---- */

enum { THREADS = 4, M = 163, N = 161, K = 163 };

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

extern char **environ;

/* The first product of the process, in several threads at once. The environment, which other threads may be
 * reading, is the very array that it was: a variable that was set and unset would have moved it. */
START_TEST(several_threads_at_once)
{
    char **const before = environ;
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
    ck_assert_ptr_eq(environ, before);
}
END_TEST

/* A product is split by rows or by columns: no element's bits depend on the number of shares. */
START_TEST(same_bits_for_any_number_of_threads)
{
    const int64_t mnk[][3] = { { 163, 161, 163 }, { 150, 31, 200 }, { 17, 389, 100 } };
    const int64_t *z = mnk[_i];
    block a = block_filled(z[0] * z[2], 1), b = block_filled(z[2] * z[1], 2), c[3];
    const int threads[] = { 1, 2, 7 };
    for (int trans = 0; trans < 4; trans++) {
        const tl_matrix in_a = trans & 1 ? (tl_matrix){ a.values, 1, z[0] } : tl_matrix_rows(a.values, z[2]);
        const tl_matrix in_b = trans & 2 ? (tl_matrix){ b.values, 1, z[2] } : tl_matrix_rows(b.values, z[1]);
        for (int k = 0; k < 3; k++) {
            c[k] = block_filled(z[0] * z[1], 3);
            ck_assert_int_eq(tl_set_num_threads(threads[k]), TL_OK);
            tl_gemm(z[0], z[1], z[2], in_a, in_b, c[k].values, true);
            ck_assert_mem_eq(c[k].values, c[0].values, (size_t)(z[0] * z[1]) * sizeof *c[k].values);
        }
        block_free(c[0]);
        block_free(c[1]);
        block_free(c[2]);
    }
    tl_set_num_threads(1);
    block_free(a);
    block_free(b);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("gemm");
    TCase *c = tl_test_case(s, "gemm");
    tcase_add_checked_fixture(c, NULL, restore);
    tcase_add_test(c, several_threads_at_once);
    tcase_add_loop_test(c, products, 0, ISAS * SIZES);
    tcase_add_loop_test(c, not_a_number, 0, ISAS);
    tcase_add_loop_test(c, one_order, 0, ISAS);
    tcase_add_loop_test(c, same_bits_for_any_number_of_threads, 0, 3);
    tcase_add_test(c, matrices);
    return s;
}
