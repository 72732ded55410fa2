/* Products with a sparse matrix: every layout, forward and backward, against a plain walk over the
 * entries; the same bits for any number of threads. */
#include "tests/testing.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "lib/kernels/kernels.h"
#include "isa.h"
#include "lib/pattern/pattern_private.h"
#include "matrix.h"

/* A product with operands, their gradients and memory for all of them. */
typedef struct example {
    tl_sparse_product p;
    int64_t rows, depth, n, nnz;
    int64_t *i, *j; /* row and column in W of each entry of S */
    tl_real *values, *x, *y, *dy, *dvalues, *dx, *workspace;
} example;

/* Bits 0, 1, 2 of `layout`: transposed, X by sample, Y by sample. */
static example example_new(tl_pattern *pattern, int layout, int64_t n)
{
    example e = { .p = { .pattern = pattern,
                         .transposed = layout & 1,
                         .x_by_sample = layout & 2,
                         .y_by_sample = layout & 4,
                         .n = n },
                  .n = n,
                  .nnz = tl_pattern_nnz(pattern) };
    e.rows = layout & 1 ? tl_pattern_cols(pattern) : tl_pattern_rows(pattern);
    e.depth = layout & 1 ? tl_pattern_rows(pattern) : tl_pattern_cols(pattern);
    ck_assert_ok(tl_sparse_product_prepare(&e.p));
    e.p.packed = e.p.n_packed > 0 ? tl_test_unset(e.p.n_packed) : NULL;
    e.workspace = tl_test_unset(e.p.n_workspace);
    e.i = malloc((size_t)(e.nnz + 1) * sizeof *e.i), e.j = malloc((size_t)(e.nnz + 1) * sizeof *e.j);
    for (int64_t r = 0; r < tl_pattern_rows(pattern); r++)
        for (int64_t at = tl_pattern_row_ptr(pattern)[r]; at < tl_pattern_row_ptr(pattern)[r + 1]; at++) {
            e.i[at] = layout & 1 ? tl_pattern_col(pattern)[at] : r;
            e.j[at] = layout & 1 ? r : tl_pattern_col(pattern)[at];
        }
    e.values = tl_test_filled(e.nnz, 1);
    e.x = tl_test_filled(e.depth * n, 2);
    e.y = tl_test_filled(e.rows * n, 3);
    e.dy = tl_test_filled(e.rows * n, 4);
    e.dvalues = tl_test_filled(e.nnz, 5);
    e.dx = tl_test_filled(e.depth * n, 6);
    return e;
}

static void example_free(example *e)
{
    free(e->p.packed);
    free(e->workspace);
    free(e->i);
    free(e->j);
    free(e->values);
    free(e->x);
    free(e->y);
    free(e->dy);
    free(e->dvalues);
    free(e->dx);
}

/* Returns where feature j of sample k is stored. */
static int64_t x_at(const example *e, int64_t j, int64_t k)
{
    return e->p.x_by_sample ? k * e->depth + j : j * e->n + k;
}

static int64_t y_at(const example *e, int64_t i, int64_t k)
{
    return e->p.y_by_sample ? k * e->rows + i : i * e->n + k;
}

/* Sums of n products of values up to 1.2, and what they are added to: each of n + 1 operations rounds by half
 * a unit of at most 1.44 (n + 1). Twice that, because in the double build the plain sums err as much. */
static double tolerance(int64_t n)
{
    return (TL_IS_DOUBLE ? DBL_EPSILON : (double)FLT_EPSILON) * (double)(n + 1) * 1.44 * (double)(n + 1);
}

#define ck_assert_near(actual, n, terms, expected)                                                           \
    tl_test_values(__FILE__, __LINE__, #actual, actual, n, tolerance(terms), expected)

/* Returns the largest number of entries in a row of W, by their rows, or in a column, by their columns. */
static int64_t most_terms(const int64_t *place, int64_t nnz, int64_t places)
{
    int64_t *count = calloc((size_t)(places + 1), sizeof *count), most = 0;
    for (int64_t at = 0; at < nnz; at++)
        if (++count[place[at]] > most)
            most = count[place[at]];
    free(count);
    return most;
}

static void forward(const example *e)
{
    tl_sparse_product_forward(
        &e->p, &(tl_sparse_operands){ .values = e->values, .x = e->x, .y = e->y, .workspace = e->workspace });
}

/* Either gradient is not computed, overwrites, or is added. */
enum { NO, OVERWRITE, ADD };

static void backward(const example *e, int to_values, int to_x)
{
    tl_sparse_product_backward(&e->p, &(tl_sparse_operands){
                                          .values = e->values,
                                          .x = e->x,
                                          .dy = e->dy,
                                          .dvalues = to_values ? e->dvalues : NULL,
                                          .dx = to_x ? e->dx : NULL,
                                          .add_dvalues = to_values == ADD,
                                          .add_dx = to_x == ADD,
                                          .workspace = e->workspace,
                                      });
}

static void check_forward(const example *e)
{
    double *y = calloc((size_t)(e->rows * e->n + 1), sizeof *y);
    for (int64_t at = 0; at < e->nnz; at++)
        for (int64_t k = 0; k < e->n; k++)
            y[y_at(e, e->i[at], k)] += (double)e->values[at] * (double)e->x[x_at(e, e->j[at], k)];
    forward(e);
    ck_assert_near(e->y, e->rows * e->n, most_terms(e->i, e->nnz, e->rows), y);
    free(y);
}

static double *widened(const tl_real *v, int64_t n)
{
    double *wide = malloc((size_t)(n + 1) * sizeof *wide);
    for (int64_t k = 0; k < n; k++)
        wide[k] = (double)v[k];
    return wide;
}

static void check_backward(const example *e, int to_values, int to_x)
{
    tl_test_fill(e->dvalues, e->nnz, 5);
    double *dx = widened(e->dx, e->depth * e->n), *dvalues = widened(e->dvalues, e->nnz);
    if (to_x == OVERWRITE)
        memset(dx, 0, (size_t)(e->depth * e->n) * sizeof *dx);
    if (to_values == OVERWRITE)
        memset(dvalues, 0, (size_t)e->nnz * sizeof *dvalues);
    for (int64_t at = 0; at < e->nnz; at++)
        for (int64_t k = 0; k < e->n; k++) {
            const int64_t x = x_at(e, e->j[at], k), y = y_at(e, e->i[at], k);
            dvalues[at] += to_values ? (double)e->dy[y] * (double)e->x[x] : 0;
            dx[x] += to_x ? (double)e->values[at] * (double)e->dy[y] : 0;
        }
    backward(e, to_values, to_x);
    ck_assert_near(e->dvalues, e->nnz, e->n, dvalues);
    ck_assert_near(e->dx, e->depth * e->n, most_terms(e->j, e->nnz, e->depth), dx);
    free(dx);
    free(dvalues);
}

/* Without rows, columns, entries; with empty rows and columns; full; wide and tall. The last three are too
 * wide for one block of columns: they are walked by several narrow ones, by wide ones, and, with too few
 * entries for blocks, by rows. */
static const struct {
    int64_t rows, cols;
    double density;
} matrix[] = { { 0, 0, 1 },       { 0, 5, 1 },        { 5, 0, 1 },        { 6, 7, 0 },    { 1, 1, 1 },
               { 9, 7, 0.4 },     { 20, 30, 0.2 },    { 3, 50, 0.5 },     { 40, 4, 0.5 }, { 2, 2, 1 },
               { 10, 2000, 0.2 }, { 9, 7000, 0.008 }, { 9, 7000, 0.0005 } };
/* Less than a vector, whole vectors, more; a tile of up to 128 samples, several. */
static const int64_t samples[] = { 0, 1, 3, 16, 17, 64, 100, 128, 129, 300 };

/* Samples in a full tile. */
static int64_t tile(void)
{
    return TL_TILE_VECS * tl_kernel_table()->lanes;
}

/* The values' gradient, and dX. */
static const int ways[][2] = { { NO, OVERWRITE },  { NO, ADD }, { OVERWRITE, NO },
                               { OVERWRITE, ADD }, { ADD, NO }, { ADD, OVERWRITE } };

static void restore(void)
{
    tl_set_num_threads(1);
    unsetenv("TULLE_KERNELS");
}

/* Layouts 0 to 7, with the kernels of each instruction set: they differ in the widths of vectors and blocks.
 * (Skipped if the CPU does not support it, or if tests do not fork and another one is in use already.) */
START_TEST(layouts)
{
    const char *const isa[] = { "avx512", "avx2", "baseline" };
    setenv("TULLE_KERNELS", isa[_i / 8], 1);
    if (strcmp(tl_kernel_level(), isa[_i / 8]) != 0)
        return;
    for (size_t m = 0; m < sizeof matrix / sizeof *matrix; m++) {
        tl_pattern *p = tl_test_pattern(matrix[m].rows, matrix[m].cols, matrix[m].density, m);
        const int64_t cols = matrix[m].cols,
                      part_and_more[] = { 3 * tile() / 4 + 1, tile() + tile() / 2 + 1 }, half = tile() / 2;
        const int64_t *n = samples; /* for wide matrices, wide tiles: only these are walked by blocks */
        size_t count = sizeof samples / sizeof *samples;
        if (cols > 2000) {
            n = &half;
            count = 1;
        } else if (cols > 100) {
            n = part_and_more;
            count = 2;
        }
        for (size_t k = 0; k < count; k++) {
            example e = example_new(p, _i % 8, n[k]);
            check_forward(&e);
            for (size_t way = 0; way < sizeof ways / sizeof *ways; way++)
                check_backward(&e, ways[way][0], ways[way][1]);
            check_forward(&e); /* unaffected by the backward pass */
            example_free(&e);
        }
        tl_pattern_release(p);
    }
}
END_TEST

/* ---- threads ---- */

#define same(a, b, n) (memcmp(a, b, (size_t)(n) * sizeof *(a)) == 0)

/* Checks that there were several blocks, and more ranges than `ranges`. */
static void check_blocks(const tl_pattern *p, int64_t ranges)
{
    const tl_cached_blocks *cached = atomic_load(&p->blocks);
    ck_assert_ptr_nonnull(cached);
    ck_assert_int_gt(cached->blocks.n_blocks, 1);
    ck_assert_int_gt(cached->blocks.n_ranges, ranges);
}

/* Large enough for several tiles, ranges of rows and blocks of columns; at AVX-512 also of the transpose. */
START_TEST(same_bits_for_any_number_of_threads)
{
    const int64_t n = tile() + 5;
    tl_pattern *p = tl_test_pattern(720, 1600, 0.1, 1);
    const int threads[] = { 1, 2, 7 };
    example e[3];
    for (int k = 0; k < 3; k++) {
        ck_assert_ok(tl_set_num_threads(threads[k]));
        e[k] = example_new(p, _i, n);
        forward(&e[k]);
        backward(&e[k], OVERWRITE, ADD);
        ck_assert(same(e[k].y, e[0].y, e[0].rows * n));
        ck_assert(same(e[k].dvalues, e[0].dvalues, e[0].nnz));
        ck_assert(same(e[k].dx, e[0].dx, e[0].depth * n));
    }
    for (int k = 0; k < 3; k++)
        example_free(&e[k]);
    check_blocks(p, 1);
    tl_pattern_release(p);
}
END_TEST

/* A sample has the same bits alone and among others, wherever it is stored: in Y and in dX. */
START_TEST(same_bits_for_a_sample_anywhere)
{
    const int64_t n = tile() + 5;
    tl_pattern *p = tl_test_pattern(10, 2000, 0.2, 1);
    example all = example_new(p, _i, n), one = example_new(p, _i, 1);
    forward(&all);
    backward(&all, NO, OVERWRITE);
    for (int64_t k = 0; k < n; k++) {
        for (int64_t j = 0; j < all.depth; j++)
            one.x[j] = all.x[x_at(&all, j, k)];
        for (int64_t i = 0; i < all.rows; i++)
            one.dy[i] = all.dy[y_at(&all, i, k)];
        forward(&one);
        backward(&one, NO, OVERWRITE);
        bool sound = true;
        for (int64_t i = 0; i < all.rows; i++)
            sound = sound && same(&one.y[i], &all.y[y_at(&all, i, k)], 1);
        for (int64_t j = 0; j < all.depth; j++)
            sound = sound && same(&one.dx[j], &all.dx[x_at(&all, j, k)], 1);
        ck_assert_msg(sound, "sample %lld differs alone", (long long)k);
    }
    example_free(&all);
    example_free(&one);
    check_blocks(p, 0);
    tl_pattern_release(p);
}
END_TEST

/* The gradient of all cells, by two ranges of rows, is added to what is there. */
START_TEST(gradient_rows)
{
    enum { ROWS = 7, COLS = 9, HALF = 3 };
    tl_pattern *p = tl_test_pattern(ROWS, COLS, 0.5, 1);
    for (size_t k = 0; k < sizeof samples / sizeof *samples; k++) {
        example e = example_new(p, _i, samples[k]);
        tl_real *got = tl_test_filled(ROWS * COLS, 7);
        double *expected = widened(got, ROWS * COLS);
        for (int64_t c = 0; c < ROWS * COLS; c++) {
            const int64_t i = c / COLS, j = c % COLS;
            for (int64_t s = 0; s < e.n; s++)
                expected[c] += (double)e.dy[y_at(&e, e.p.transposed ? j : i, s)] *
                               (double)e.x[x_at(&e, e.p.transposed ? i : j, s)];
        }
        const tl_sparse_operands o = { .x = e.n > 0 ? e.x : NULL, .dy = e.n > 0 ? e.dy : NULL };
        tl_sparse_product_gradient_rows(&e.p, &o, 0, HALF, got);
        tl_sparse_product_gradient_rows(&e.p, &o, HALF, ROWS - HALF, got + HALF * COLS);
        tl_sparse_product_gradient_rows(&e.p, &o, ROWS, 0, NULL);
        ck_assert_near(got, ROWS * COLS, e.n, expected);
        free(expected);
        free(got);
        example_free(&e);
    }
    tl_pattern_release(p);
}
END_TEST

/* Widths of blocks in units of the narrowest one, for rows with so many entries per unit: three quarters, and
 * seven entries; all of X if it is small; or no blocks. */
START_TEST(widths_of_blocks)
{
    const int64_t unit = tl_kernel_table()->block;
    const double widest = TL_WIDEST_BLOCK;
    const struct {
        int64_t units;
        double entries, width;
    } some[] = { { 64, 56, 1 },      { 64, 28, 1 },       { 64, 14, 1.25 },     { 64, 7, 1.75 },
                 { 64, 1, 7.75 },    { 64, 0.5, 14.75 },  { 17, 1, 7.75 },      { 17, 0.5, 0 },
                 { 24, 0.5, 14.75 }, { 64, 0.4, widest }, { 64, 0.25, widest }, { 64, 0.234375, 0 },
                 { 4, 0, 0 },        { 16, 4, 2.5 },      { 16, 3.5, 16 },      { 16, 0.0625, 16 },
                 { 6, 28, 1 },       { 5, 28, 5 },        { 1, 12, 1 } };
    for (size_t k = 0; k < sizeof some / sizeof *some; k++) {
        const int64_t cols = some[k].units * unit, n = (int64_t)(some[k].entries * (double)some[k].units),
                      row_ptr[] = { 0, n };
        int32_t *col = malloc((size_t)n * sizeof *col);
        for (int64_t e = 0; e < n; e++)
            col[e] = (int32_t)(e * cols / n);
        tl_pattern *p = tl_pattern_from_csr(1, cols, row_ptr, col);
        ck_assert_ok(tl_sparse_product_prepare(&(tl_sparse_product){ .pattern = p, .n = 1 }));
        ck_assert_ptr_null(atomic_load(&p->blocks)); /* not for narrow tiles */
        ck_assert_ok(tl_sparse_product_prepare(&(tl_sparse_product){ .pattern = p, .n = 1000 }));
        const tl_cached_blocks *cached = atomic_load(&p->blocks);
        ck_assert_msg((cached ? cached->blocks.block : 0) == (int64_t)(some[k].width * (double)unit),
                      "%lld units, %g entries: %lld", (long long)some[k].units, some[k].entries,
                      (long long)(cached ? cached->blocks.block : 0));
        tl_pattern_release(p);
        free(col);
    }
}
END_TEST

/* The transpose and the blocks of both are built once. Whichever allocation fails, the next call succeeds. */
START_TEST(prepare_without_memory)
{
    int64_t failures = 0;
    for (tl_status status = TL_ERR_MEMORY; status != TL_OK; failures += status != TL_OK) {
        tl_pattern *p = tl_test_pattern(600, 600, 0.1, 1);
        tl_sparse_product product = { .pattern = p, .n = 300 };
        tl_test_fail_allocation(failures + 1);
        status = tl_sparse_product_prepare(&product);
        tl_test_fail_allocation(0);
        ck_assert(status == TL_OK || (status == TL_ERR_MEMORY && strcmp(tl_error(), "out of memory") == 0));
        ck_assert_ok(tl_sparse_product_prepare(&product));
        const int64_t allocations = tl_test_allocations();
        ck_assert_ok(tl_sparse_product_prepare(&product));
        ck_assert_int_eq(tl_test_allocations(), allocations);
        tl_pattern_release(p);
    }
    ck_assert_int_eq(failures, 22); /* five for the transpose, eight and nine for the blocks of each */
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("sparse_product");
    TCase *c = tl_test_case(s, "sparse_product");
    tcase_add_checked_fixture(c, NULL, restore);
    tcase_add_loop_test(c, layouts, 0, 3 * 8);
    tcase_add_loop_test(c, same_bits_for_any_number_of_threads, 0, 8);
    tcase_add_loop_test(c, same_bits_for_a_sample_anywhere, 0, 8);
    tcase_add_loop_test(c, gradient_rows, 0, 8);
    tcase_add_test(c, widths_of_blocks);
    tcase_add_test(c, prepare_without_memory);
    return s;
}
