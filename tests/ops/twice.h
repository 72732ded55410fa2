/* The gradient of many elements that is added to one that is there. */
#ifndef TL_TWICE_H
#define TL_TWICE_H

#include "tests/testing.h"

#include <stdlib.h>

/* Checks that the gradient of loss(x) + loss(x) is twice that of loss(x), to the last bit, on 1, 2 and 7
 * threads. */
static inline void tl_test_twice(tl_node *(*loss)(tl_node *x), tl_shape shape)
{
    static const int threads[] = { 1, 2, 7 };
    tl_variable *v = tl_test_dense("x", shape, 1);
    const int64_t n = tl_variable_size(v);
    tl_real *once = calloc((size_t)n, sizeof *once);
    for (int t = 0; t < 6; t++) {
        ck_assert_ok(tl_set_num_threads(threads[t / 2]));
        tl_graph *g = tl_graph_new();
        tl_node *x = tl_use(g, v), *y = loss(x);
        tl_gradients out;
        ck_assert_ok(tl_backward(t % 2 ? tl_add(y, loss(x)) : y, &out));
        for (int64_t k = 0; k < n; k++) {
            if (t % 2 == 0)
                once[k] = out.pair[0].values[k];
            else
                ck_assert(out.pair[0].values[k] == 2 * once[k]);
        }
        tl_graph_free(g);
    }
    free(once);
    tl_variable_free(v);
}

#endif
