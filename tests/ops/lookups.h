/* What tests of lookups share. */
#ifndef TL_LOOKUPS_H
#define TL_LOOKUPS_H

#include "check_tulle.h"
#include "tests/testing.h"

#include <string.h>

/* Returns the sum of U Y: its gradient with respect to Y is U. */
static inline tl_node *against(tl_node *y, const tl_real *u)
{
    ck_assert_msg(y != NULL, "%s", tl_error());
    return tl_reduce_sum(tl_mul(y, tl_input(y->graph, y->shape, u)), TL_ALL_AXES);
}

/* Returns a variable of these values. */
static inline tl_variable *filled(tl_shape shape, const tl_real *values)
{
    tl_variable *v = tl_variable_dense("v", shape);
    memcpy(tl_variable_data(v), values, (size_t)tl_variable_size(v) * sizeof *values);
    return v;
}

/* Returns the shape of the rows of ids of this shape: theirs, then that of a row of the first operand. */
static inline tl_shape looked_up(const tl_reference *r, tl_shape ids)
{
    for (int32_t d = 1; d < r->shape[0].rank; d++)
        ids.dim[ids.rank++] = r->shape[0].dim[d];
    return ids;
}

/* Looks n ids of one table up. */
typedef tl_node *lookup_of(tl_node *table, const int32_t *ids, int64_t n);

/* Checks that 101 ids of one row are summed in double: the gradient of the first is so large that a float
 * takes no 1 any more. */
static inline void check_repeats(lookup_of *lookup)
{
    enum { N = 101, WIDTH = 37 };
    static tl_real u[N * WIDTH];
    const int32_t ids[N] = { 0 };
    for (int64_t width = 1; width <= WIDTH; width += WIDTH - 1) {
        for (int64_t k = 0; k < N * width; k++)
            u[k] = k < width ? 16777216 : 1;
        tl_graph *g = tl_graph_new();
        tl_variable *v = tl_test_dense("t", TL_SHAPE(1, width), 1);
        tl_gradients out;
        ck_assert_ok(tl_backward(against(lookup(tl_use(g, v), ids, N), u), &out));
        ck_assert_int_eq(out.pair[0].n_rows, 1);
        for (int64_t j = 0; j < width; j++)
            ck_assert_double_eq((double)out.pair[0].values[j], 16777316);
        tl_graph_free(g);
        tl_variable_free(v);
    }
}

/* Checks that a table that is trained by the rows of its lookups has the bits of one with dense gradients. */
static inline void check_exact_rows(lookup_of *lookup)
{
    enum { ROWS = 9, WIDTH = 3, IDS = 4, STEPS = 6 };
    const int32_t ids[STEPS + IDS] = { 1, 7, 1, 4, 8, 8, 2, 7, 4, 1 };
    tl_variable *v[2];
    tl_optimizer *o[2];
    tl_graph *g = tl_graph_new();
    for (int k = 0; k < 2; k++) {
        v[k] = tl_test_dense("t", TL_SHAPE(ROWS, WIDTH), 1);
        o[k] = tl_adam((tl_adam_options){ .weight_decay = 0.1 });
    }
    for (int step = 0; step < STEPS; step++)
        for (int k = 0; k < 2; k++) {
            tl_node *table = tl_use(g, v[k]);
            tl_node *y = lookup(k == 0 ? table : tl_scale(table, 1), ids + step, IDS);
            tl_gradients out;
            ck_assert_ok(tl_backward(tl_reduce_sum(tl_tanh(y), TL_ALL_AXES), &out));
            ck_assert_int_eq(out.pair[0].rows != NULL, k == 0);
            ck_assert_ok(tl_apply_gradients(o[k], &out));
            tl_graph_reset(g);
        }
    ck_assert_same(tl_variable_values(v[0]), tl_variable_values(v[1]), ROWS * WIDTH);
    for (int k = 0; k < 2; k++) {
        tl_variable_free(v[k]);
        tl_optimizer_free(o[k]);
    }
    tl_graph_free(g);
}

/* Checks that a lookup applies the pending updates of the rows that it reads, and of no other: row 1 has a
 * momentum, and goes on to move in a step that does not name it. */
static inline void check_declared_rows(lookup_of *lookup)
{
    tl_variable *v = tl_test_dense("t", TL_SHAPE(1000, 2), 1); /* too large to sweep */
    tl_optimizer *o = tl_adam((tl_adam_options){ 0 });
    tl_graph *g = tl_graph_new();
    const tl_real *held = tl_variable_data(v);
    for (int32_t id = 1; id <= 2; id++) {
        ck_assert_ok(tl_minimize(o, tl_reduce_sum(lookup(tl_use(g, v), &id, 1), TL_ALL_AXES)));
        tl_graph_reset(g);
    }
    const tl_real before = held[2];
    ck_assert_ptr_nonnull(lookup(tl_use(g, v), (const int32_t[]){ 0, 2, 3 }, 3));
    ck_assert(held[2] == before);
    ck_assert_ptr_nonnull(lookup(tl_use(g, v), (const int32_t[]){ 1 }, 1));
    ck_assert(held[2] != before);
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
}

/* Checks the product of the Hessian of |Y|^2, of a lookup that is linear, with rows of a direction: it is the
 * gradient where the table is the direction. The ids are gone by then. */
static inline void check_hessian(lookup_of *lookup)
{
    enum { ROWS = 9, WIDTH = 2, N = 5 };
    int32_t ids[N] = { 1, 8, 1, 4, 7 };
    const int32_t rows[] = { 1, 4, 5, 8 };
    tl_real values[] = { 1, -2, 3, 4, 5, 6, 7, 8 }, dense[ROWS * WIDTH] = { 0 };
    for (int k = 0; k < 4; k++)
        memcpy(dense + rows[k] * WIDTH, values + k * WIDTH, WIDTH * sizeof *dense);
    tl_variable *at = tl_test_dense("t", TL_SHAPE(ROWS, WIDTH), 1),
                *direction = filled(TL_SHAPE(ROWS, WIDTH), dense);
    tl_graph *g = tl_graph_new(), *h = tl_graph_new();
    tl_node *loss = tl_reduce_sum(tl_square(lookup(tl_use(g, at), ids, N)), TL_ALL_AXES);
    tl_node *expected = tl_reduce_sum(tl_square(lookup(tl_use(h, direction), ids, N)), TL_ALL_AXES);
    memset(ids, 0x7f, sizeof ids);
    tl_gradient pair = { .variable = at, .values = values, .rows = rows, .n_rows = 4 };
    tl_gradients product, gradient;
    ck_assert_ok(tl_hessian_product(loss, &(tl_gradients){ .pair = &pair, .n = 1, .graph = g }, &product));
    ck_assert_ok(tl_backward(expected, &gradient));
    ck_assert_int_eq(product.pair[0].n_rows, gradient.pair[0].n_rows);
    ck_assert_same(product.pair[0].values, gradient.pair[0].values, gradient.pair[0].n_rows * WIDTH);
    tl_graph_free(g);
    tl_graph_free(h);
    tl_variable_free(at);
    tl_variable_free(direction);
}

#endif
