/* What the tests of steps share whose gradient is finite, and what they would store is not. */
#ifndef TL_TEST_FINITE_H
#define TL_TEST_FINITE_H

#include "tests/testing.h"

#include "graph/optim/slots.h"

#include <string.h>

/* A gradient whose square overflows, and one whose square does not but twice that does. */
static const tl_real huge = TL_IS_DOUBLE ? (tl_real)1e180 : (tl_real)1e21,
                     edge = TL_IS_DOUBLE ? (tl_real)1.2e154 : (tl_real)1.6e19,
                     largest = TL_IS_DOUBLE ? (tl_real)1.79e308 : (tl_real)3.4e38;

static inline tl_status feed(tl_optimizer *o, tl_variable *v, int64_t n, const tl_real *values,
                             const int32_t *rows, int64_t n_rows)
{
    tl_real copy[64];
    memcpy(copy, values, (size_t)n * sizeof *copy);
    tl_gradient pair = { .variable = v, .values = copy, .rows = rows, .n_rows = n_rows };
    tl_graph *g = tl_graph_new();
    const tl_status status = tl_apply_gradients(o, &(tl_gradients){ .pair = &pair, .n = 1, .graph = g });
    tl_graph_free(g);
    return status;
}

/* Copies of the weights and slots. */
typedef struct state {
    tl_real w[64], slot[TL_MAX_SLOTS][64];
    int64_t steps;
} state;

static inline state state_of(const tl_optimizer *o, tl_variable *v)
{
    state s = { .steps = tl_optimizer_steps(o, v) };
    const size_t bytes = (size_t)tl_variable_size(v) * sizeof(tl_real);
    memcpy(s.w, tl_variable_data(v), bytes);
    for (int k = 0; k < TL_MAX_SLOTS && tl_optimizer_slot(o, v, k); k++)
        memcpy(s.slot[k], tl_optimizer_slot(o, v, k), bytes);
    return s;
}

static inline void check_unchanged(const tl_optimizer *o, tl_variable *v, const state *before)
{
    const state now = state_of(o, v);
    ck_assert_int_eq(now.steps, before->steps);
    ck_assert_same(now.w, before->w, 64);
    for (int k = 0; k < TL_MAX_SLOTS; k++)
        ck_assert_same(now.slot[k], before->slot[k], 64);
}

#endif
