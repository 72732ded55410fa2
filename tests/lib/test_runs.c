/* Products with overlapping rows: forward and each gradient against a plain walk over the entries, with runs
 * of less than a vector, of whole ones and of several tiles. */
#include "tests/testing.h"

#include <float.h>
#include <string.h>

#include "isa.h"
#include "runs.h"

enum { ROWS = 7, COLS = 9, STEP = 5 };
static const int64_t lengths[] = { 0, 1, 3, 16, 17, 64, 127, 128, 129, 300 };

/* Operands for runs of n values, each of which begins STEP values after, or before, another. */
typedef struct example {
    tl_pattern *p;
    int64_t n, size, ld; /* size: of x */
    int32_t *run;
    tl_runs runs;
    tl_real *values, *x, *y, *dy, *dvalues, *dx;
} example;

static example example_new(int64_t n)
{
    example e = { .p = tl_test_pattern(ROWS, COLS, 0.4, 1), .n = n };
    const int64_t nnz = tl_pattern_nnz(e.p);
    e.size = STEP * COLS + n + TL_RUN_PADDING;
    e.ld = (n + TL_RUN_PADDING - 1) / TL_RUN_PADDING * TL_RUN_PADDING;
    e.run = malloc(COLS * sizeof *e.run);
    for (int32_t k = 0; k < COLS; k++)
        e.run[k] = STEP * (k * 4 % COLS);
    e.runs = (tl_runs){ e.p, e.run, malloc((size_t)(nnz + 1) * sizeof *e.runs.entry_run) };
    e.values = tl_test_filled(nnz, 1);
    e.x = tl_test_filled(e.size, 2);
    e.y = tl_test_unset(ROWS * (n + 1));
    e.dy = calloc((size_t)(ROWS * e.ld + 1), sizeof *e.dy);
    for (int64_t i = 0; i < ROWS; i++)
        tl_test_fill(e.dy + i * e.ld, n, (uint64_t)i + 3);
    e.dvalues = tl_test_filled(nnz, 4);
    e.dx = tl_test_filled(e.size, 5);
    ck_assert_ok(tl_runs_prepare(&e.runs, true));
    return e;
}

static void example_free(example *e)
{
    tl_pattern_release(e->p);
    free(e->run);
    free(e->runs.entry_run);
    free(e->values);
    free(e->x);
    free(e->y);
    free(e->dy);
    free(e->dvalues);
    free(e->dx);
}

/* Sums of n products of values up to 1.2, and what they are added to. */
static double tolerance(int64_t n)
{
    return (TL_IS_DOUBLE ? DBL_EPSILON : (double)FLT_EPSILON) * 2 * (double)(n + 2) * 1.44 * (double)(n + 2);
}

/* Rows 1 .. ROWS-1, one value apart; row 0 is not written. */
static void check_forward(const example *e)
{
    const int64_t ldy = e->n + 1;
    const tl_csr s = tl_pattern_csr(e->p);
    tl_runs_forward(&e->runs, 1, ROWS, e->n, e->values, e->x, e->y, ldy);
    for (int64_t i = 0; i < ROWS; i++)
        for (int64_t j = 0; j < ldy; j++) {
            double sum = 0;
            for (int64_t k = s.row_ptr[i]; k < s.row_ptr[i + 1]; k++)
                sum += (double)e->values[k] * (double)e->x[e->run[s.col[k]] + j];
            const tl_real y = e->y[i * ldy + j];
            if (i == 0 || j == e->n)
                ck_assert_msg(y != y, "row %d is written at %d of %d", (int)i, (int)j, (int)e->n);
            else
                ck_assert_double_eq_tol((double)y, sum, tolerance(COLS));
        }
}

/* Columns 2 .. COLS-1. */
static void check_backward(const example *e, bool to_values, bool to_x)
{
    const tl_csr s = tl_pattern_csr(e->p);
    double *dvalues = calloc((size_t)s.nnz + 1, sizeof *dvalues), *dx = calloc((size_t)e->size, sizeof *dx);
    for (int64_t k = 0; k < s.nnz; k++)
        dvalues[k] = (double)e->dvalues[k];
    for (int64_t k = 0; k < e->size; k++)
        dx[k] = (double)e->dx[k];
    for (int64_t i = 0; i < ROWS; i++)
        for (int64_t k = s.row_ptr[i]; k < s.row_ptr[i + 1]; k++)
            for (int64_t j = 0; j < e->n && s.col[k] >= 2; j++) {
                const int64_t at = e->run[s.col[k]] + j;
                const double dy = (double)e->dy[i * e->ld + j];
                dvalues[k] += to_values ? dy * (double)e->x[at] : 0;
                dx[at] += to_x ? dy * (double)e->values[k] : 0;
            }
    tl_runs_backward(&e->runs, 2, COLS, e->n,
                     &(tl_runs_gradients){ .values = to_x ? e->values : NULL,
                                           .x = to_values ? e->x : NULL,
                                           .dy = e->dy,
                                           .lddy = e->ld,
                                           .dvalues = to_values ? e->dvalues : NULL,
                                           .dx = to_x ? e->dx : NULL });
    tl_test_values(__FILE__, __LINE__, "dvalues", e->dvalues, s.nnz, tolerance(e->n), dvalues);
    tl_test_values(__FILE__, __LINE__, "dx", e->dx, e->size, tolerance(ROWS * COLS), dx);
    free(dvalues);
    free(dx);
}

/* With the kernels of each instruction set, unless the CPU does not support it or, as tests do not fork,
 * another one is in use already. */
START_TEST(against_a_plain_walk)
{
    const char *const isa[] = { "avx512", "avx2", "baseline" };
    setenv("TULLE_KERNELS", isa[_i], 1);
    if (strcmp(tl_kernel_level(), isa[_i]) != 0)
        return;
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        example e = example_new(lengths[k]);
        check_forward(&e);
        for (int way = 0; way < 4; way++)
            check_backward(&e, way & 1, way & 2);
        example_free(&e);
    }
}
END_TEST

START_TEST(prepare)
{
    example e = example_new(1);
    ck_assert_status(tl_runs_prepare(NULL, true), TL_ERR_ARGUMENT, "runs_prepare: the runs are NULL");
    const tl_runs incomplete[] = { { NULL, e.run, e.runs.entry_run },
                                   { e.p, NULL, e.runs.entry_run },
                                   { e.p, e.run, NULL } };
    for (int k = 0; k < 3; k++)
        ck_assert_status(tl_runs_prepare(&incomplete[k], true), TL_ERR_ARGUMENT,
                         "runs_prepare: an array is NULL");
    example_free(&e);
}
END_TEST

/* A forward alone needs no transpose, and no memory. */
START_TEST(prepare_without_memory)
{
    tl_pattern *p = tl_test_pattern(ROWS, COLS, 0.4, 1);
    const int32_t run[COLS] = { 0 };
    int32_t entry_run[ROWS * COLS];
    const tl_runs r = { p, run, entry_run };
    tl_test_fail_allocation(1);
    ck_assert_ok(tl_runs_prepare(&r, false));
    ck_assert_int_eq(tl_runs_prepare(&r, true), TL_ERR_MEMORY);
    tl_test_fail_allocation(0);
    ck_assert_ok(tl_runs_prepare(&r, true));
    tl_pattern_release(p);
}
END_TEST

static void restore(void)
{
    unsetenv("TULLE_KERNELS");
}

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("runs");
    TCase *c = tl_test_case(s, "runs");
    tcase_add_checked_fixture(c, NULL, restore);
    tcase_add_loop_test(c, against_a_plain_walk, 0, 3);
    tcase_add_test(c, prepare);
    tcase_add_test(c, prepare_without_memory);
    return s;
}
