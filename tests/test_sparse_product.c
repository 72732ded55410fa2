/* Products with a sparse matrix: every layout, forward and backward, against dense loops; the same bits for any number
 * of threads. */
#include "testing.h"

#include <float.h>
#include <string.h>

#include "sparse_product.h"

/* A product with operands, their gradients and memory for all of them. */
typedef struct example {
    tl_sparse_product p;
    int64_t rows, depth, n, nnz;
    tl_real *values, *x, *y, *dy, *dvalues, *dx;
} example;

static tl_real *filled(int64_t n, uint64_t seed)
{
    tl_real *v = malloc((size_t)(n + 1) * sizeof *v);
    tl_test_fill(v, n + 1, seed);
    return v;
}

/* Bits 0, 1, 2 of `layout`: transposed, X by sample, Y by sample. Scratch holds rubbish. */
static example example_new(tl_pattern *pattern, int layout, int64_t n)
{
    example e = { .p = { .pattern = pattern,
                         .transposed = layout & 1,
                         .x_by_sample = layout & 2,
                         .y_by_sample = layout & 4,
                         .n = n },
                  .n = n,
                  .nnz = tl_pattern_nnz(pattern) };
    e.rows = tl_sparse_product_rows(&e.p), e.depth = tl_sparse_product_depth(&e.p);
    ck_assert_int_eq(e.rows, layout & 1 ? tl_pattern_cols(pattern) : tl_pattern_rows(pattern));
    ck_assert_int_eq(e.depth, layout & 1 ? tl_pattern_rows(pattern) : tl_pattern_cols(pattern));
    ck_assert_ok(tl_sparse_product_prepare(&e.p));
    const int64_t x_room = tl_sparse_product_x_room(&e.p), y_room = tl_sparse_product_y_room(&e.p);
    e.p.x_packed = x_room > 0 ? filled(x_room, 10) : NULL;
    e.p.y_packed = y_room > 0 ? filled(y_room, 11) : NULL;
    e.values = filled(e.nnz, 1), e.x = filled(e.depth * n, 2), e.y = filled(e.rows * n, 3);
    e.dy = filled(e.rows * n, 4), e.dvalues = filled(e.nnz, 5), e.dx = filled(e.depth * n, 6);
    return e;
}

static void example_free(example *e)
{
    free(e->p.x_packed), free(e->p.y_packed);
    free(e->values), free(e->x), free(e->y), free(e->dy), free(e->dvalues), free(e->dx);
}

/* Where feature j of sample k lies. */
static int64_t x_at(const example *e, int64_t j, int64_t k)
{
    return e->p.x_by_sample ? k * e->depth + j : j * e->n + k;
}

static int64_t y_at(const example *e, int64_t i, int64_t k)
{
    return e->p.y_by_sample ? k * e->rows + i : i * e->n + k;
}

/* Element (i, j) of W, from S as a dense matrix. */
static double w_at(const example *e, const tl_real *s, int64_t i, int64_t j)
{
    return (double)(e->p.transposed ? s[j * e->rows + i] : s[i * e->depth + j]);
}

/* Sums of n products of values up to 1.2, and what they are added to: each of n + 1 operations rounds by half a unit
 * of at most 1.44 (n + 1). Twice that, for in the double build the plain sums have as much. */
static double tolerance(int64_t n)
{
    return (TL_IS_DOUBLE ? DBL_EPSILON : (double)FLT_EPSILON) * (double)(n + 1) * 1.44 * (double)(n + 1);
}

#define ck_assert_near(actual, n, terms, expected)                                                           \
    tl_test_values(__FILE__, __LINE__, #actual, actual, n, tolerance(terms), expected)

static void check_forward(const example *e)
{
    tl_real *s = tl_test_expand(e->p.pattern, e->values);
    double *y = calloc((size_t)(e->rows * e->n + 1), sizeof *y);
    for (int64_t i = 0; i < e->rows; i++)
        for (int64_t j = 0; j < e->depth; j++)
            for (int64_t k = 0; k < e->n; k++)
                y[y_at(e, i, k)] += w_at(e, s, i, j) * (double)e->x[x_at(e, j, k)];
    tl_sparse_product_forward(&e->p, e->values, e->x, e->y);
    ck_assert_near(e->y, e->rows * e->n, e->depth, y);
    free(s), free(y);
}

/* Each gradient is added to what is there, alone and with the other. */
static void check_backward(const example *e, bool want_values, bool want_x)
{
    tl_real *s = tl_test_expand(e->p.pattern, e->values);
    double *dx = calloc((size_t)(e->depth * e->n + 1), sizeof *dx);
    double *dvalues = calloc((size_t)(e->nnz + 1), sizeof *dvalues);
    for (int64_t k = 0; k < e->depth * e->n; k++)
        dx[k] = (double)e->dx[k];
    for (int64_t at = 0; at < e->nnz; at++)
        dvalues[at] = (double)e->dvalues[at];
    for (int64_t i = 0; want_x && i < e->rows; i++)
        for (int64_t j = 0; j < e->depth; j++)
            for (int64_t k = 0; k < e->n; k++)
                dx[x_at(e, j, k)] += w_at(e, s, i, j) * (double)e->dy[y_at(e, i, k)];
    for (int64_t r = 0; want_values && r < tl_pattern_rows(e->p.pattern); r++)
        for (int64_t at = tl_pattern_row_ptr(e->p.pattern)[r]; at < tl_pattern_row_ptr(e->p.pattern)[r + 1];
             at++) {
            int64_t c = tl_pattern_col(e->p.pattern)[at], i = e->p.transposed ? c : r,
                    j = e->p.transposed ? r : c;
            for (int64_t k = 0; k < e->n; k++)
                dvalues[at] += (double)e->dy[y_at(e, i, k)] * (double)e->x[x_at(e, j, k)];
        }
    tl_sparse_product_backward(&e->p, e->values, e->x, e->dy, want_values ? e->dvalues : NULL,
                               want_x ? e->dx : NULL);
    ck_assert_near(e->dvalues, e->nnz, e->n, dvalues);
    ck_assert_near(e->dx, e->depth * e->n, e->rows, dx);
    free(s), free(dx), free(dvalues);
}

/* Without rows, columns, entries; with empty rows and columns; full; wide and tall. */
static const struct {
    int64_t rows, cols;
    double density;
} matrix[] = { { 0, 0, 1 },   { 0, 5, 1 },     { 5, 0, 1 },    { 6, 7, 0 },    { 1, 1, 1 },
               { 9, 7, 0.4 }, { 20, 30, 0.2 }, { 3, 50, 0.5 }, { 40, 4, 0.5 }, { 2, 2, 1 } };
static const int64_t samples[] = { 0, 1, 3, 17, 65 };

START_TEST(layouts)
{
    for (size_t m = 0; m < sizeof matrix / sizeof *matrix; m++) {
        tl_pattern *p = tl_test_pattern(matrix[m].rows, matrix[m].cols, matrix[m].density, m);
        for (size_t k = 0; k < sizeof samples / sizeof *samples; k++) {
            example e = example_new(p, _i, samples[k]);
            check_forward(&e);
            check_backward(&e, true, true);
            check_backward(&e, true, false);
            check_backward(&e, false, true);
            check_backward(&e, false, false);
            check_forward(&e); /* the backward pass left nothing behind */
            example_free(&e);
        }
        tl_pattern_release(p);
    }
}
END_TEST

/* ---- threads ---- */

static void one_thread(void)
{
    tl_set_num_threads(1);
}

#define same(a, b, n) (memcmp(a, b, (size_t)(n) * sizeof *(a)) == 0)

/* Large enough that the loops are split in several pieces. */
START_TEST(same_bits_for_any_number_of_threads)
{
    tl_pattern *p = tl_test_pattern(500, 400, 0.1, 1);
    const int threads[] = { 1, 2, 7 };
    example e[3];
    for (int k = 0; k < 3; k++) {
        ck_assert_ok(tl_set_num_threads(threads[k]));
        e[k] = example_new(p, _i, 65);
        tl_sparse_product_forward(&e[k].p, e[k].values, e[k].x, e[k].y);
        tl_sparse_product_backward(&e[k].p, e[k].values, e[k].x, e[k].dy, e[k].dvalues, e[k].dx);
        ck_assert(same(e[k].y, e[0].y, e[0].rows * 65));
        ck_assert(same(e[k].dvalues, e[0].dvalues, e[0].nnz));
        ck_assert(same(e[k].dx, e[0].dx, e[0].depth * 65));
    }
    for (int k = 0; k < 3; k++)
        example_free(&e[k]);
    tl_pattern_release(p);
}
END_TEST

START_TEST(prepare_without_memory)
{
    tl_pattern *p = tl_test_pattern(9, 7, 0.4, 1);
    const tl_sparse_product product = { .pattern = p, .n = 3 };
    for (int k = 1; k <= 3; k++) {
        tl_test_fail_allocation(k);
        ck_assert_status(tl_sparse_product_prepare(&product), TL_ERR_MEMORY, "out of memory");
    }
    ck_assert_ok(tl_sparse_product_prepare(&product));
    int64_t asked = tl_test_allocations();
    ck_assert_ok(tl_sparse_product_prepare(&product)); /* it is there now */
    ck_assert_int_eq(tl_test_allocations(), asked);
    tl_pattern_release(p);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("sparse_product");
    TCase *c = tl_test_case(s, "sparse_product");
    tcase_add_checked_fixture(c, NULL, one_thread);
    tcase_add_loop_test(c, layouts, 0, 8);
    tcase_add_loop_test(c, same_bits_for_any_number_of_threads, 0, 8);
    tcase_add_test(c, prepare_without_memory);
    return s;
}
