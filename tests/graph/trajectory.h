/* The gradients that optimizers are compared by: a few steps of three weights. */
#ifndef TL_TEST_TRAJECTORY_H
#define TL_TEST_TRAJECTORY_H

#include "tests/testing.h"

enum { N = 3, STEPS = 5 };

static const double start[N] = { 1, -2, 0.5 };
static const double gradient[STEPS][N] = {
    { 0.5, -1, 2 }, { -0.25, 0.75, 1 }, { 1, 0, -3 }, { 0.125, -0.5, 0.25 }, { 0, 2, -1 }
};

/* Makes a step with this gradient. */
static inline void feed(tl_optimizer *o, tl_variable *v, const double *g)
{
    tl_graph *graph = tl_graph_new();
    tl_real values[N];
    for (int k = 0; k < N; k++)
        values[k] = (tl_real)g[k];
    tl_gradient pair = { .variable = v, .values = values };
    ck_assert_ok(tl_apply_gradients(o, &(tl_gradients){ .pair = &pair, .n = 1, .graph = graph }));
    tl_graph_free(graph);
}

#endif
