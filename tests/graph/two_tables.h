/* Two tables with the same start: one steps by rows, the other by the same gradients as dense arrays. */
#ifndef TL_TEST_TWO_TABLES_H
#define TL_TEST_TWO_TABLES_H

#include "tests/testing.h"
#include "tests/graph/zoo.h"

#include <string.h>

typedef struct two_tables {
    tl_variable *by_rows, *dense;
    tl_optimizer *for_rows, *for_dense;
    tl_graph *g;
    tl_random r;
} two_tables;

/* Makes tables with an optimizer of the zoo each. */
static inline two_tables make_tables(int k, int64_t rows, int64_t width)
{
    const char *name;
    two_tables t = { .by_rows = tl_test_dense("rows", TL_SHAPE(rows, width), 5),
                     .dense = tl_test_dense("dense", TL_SHAPE(rows, width), 5),
                     .for_rows = zoo(k, TL_ROWS_EXACT, TL_NON_FINITE_ERROR, &name),
                     .for_dense = zoo(k, TL_ROWS_EXACT, TL_NON_FINITE_ERROR, &name),
                     .g = tl_graph_new(),
                     .r = { .seed = 100 } };
    ck_assert_msg(t.for_rows && t.for_dense, "%s: %s", name, tl_error());
    return t;
}

static inline void drop(two_tables *t)
{
    tl_graph_free(t->g);
    tl_variable_free(t->by_rows);
    tl_optimizer_free(t->for_rows);
    tl_optimizer_free(t->for_dense);
    tl_variable_free(t->dense);
}

/* Makes a step of both, with the gradient of the one by rows. */
static inline void step_both(two_tables *t, tl_gradient *by_rows)
{
    const int64_t width = tl_variable_shape(t->dense).dim[1];
    tl_real *values = calloc((size_t)tl_variable_size(t->dense), sizeof *values);
    for (int64_t k = 0; k < by_rows->n_rows; k++)
        memcpy(values + by_rows->rows[k] * width, by_rows->values + k * width,
               (size_t)width * sizeof *values);
    tl_gradient dense = { .variable = t->dense, .values = values };
    ck_assert_ok(tl_apply_gradients(t->for_rows, &(tl_gradients){ by_rows, 1, t->g }));
    ck_assert_ok(tl_apply_gradients(t->for_dense, &(tl_gradients){ &dense, 1, t->g }));
    free(values);
}

#endif
