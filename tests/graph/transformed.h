/* Gradients of each kind, for transforms. */
#ifndef TL_TEST_TRANSFORMED_H
#define TL_TEST_TRANSFORMED_H

#include "tests/testing.h"

#include <string.h>

enum { PAIRS = 3, SIZE = 6 }; /* a dense 2x3, a sparse one on all of 2x3, a table of 3x2 with all its rows */

typedef struct world {
    tl_variable *v[PAIRS];
    tl_optimizer *o;
    tl_graph *g;
    tl_real values[PAIRS][SIZE];
    tl_gradient pair[PAIRS];
    tl_gradients list;
} world;

static const int32_t all_rows[] = { 0, 1, 2 };

static inline world *begin(void)
{
    static world w;
    tl_pattern *p = tl_pattern_random(2, 3, 1, 1);
    w = (world){ .g = tl_graph_new(), .o = tl_sgd((tl_sgd_options){ .learning_rate = 1, .momentum = 0.5 }) };
    w.v[0] = tl_variable_dense("d", TL_SHAPE(2, 3));
    w.v[1] = tl_variable_sparse("s", p);
    w.v[2] = tl_variable_dense("t", TL_SHAPE(3, 2));
    tl_pattern_release(p);
    for (int i = 0; i < PAIRS; i++) {
        w.pair[i] = (tl_gradient){ .variable = w.v[i], .values = w.values[i] };
        for (int k = 0; k < SIZE; k++)
            w.values[i][k] = (tl_real)(k + 1);
    }
    w.pair[2].rows = all_rows, w.pair[2].n_rows = 3;
    w.list = (tl_gradients){ .pair = w.pair, .n = PAIRS, .graph = w.g };
    return &w;
}

static inline void end(world *w)
{
    tl_graph_free(w->g);
    tl_optimizer_free(w->o);
    for (int i = 0; i < PAIRS; i++)
        tl_variable_free(w->v[i]);
}

/* Checks that no variable has changed and no step was counted. */
static inline void check_unmoved(world *w)
{
    const tl_real zeros[SIZE] = { 0 };
    for (int i = 0; i < PAIRS; i++) {
        ck_assert_same(tl_variable_data(w->v[i]), zeros, SIZE);
        ck_assert_int_eq(tl_optimizer_steps(w->o, w->v[i]), 0);
    }
}

#endif
