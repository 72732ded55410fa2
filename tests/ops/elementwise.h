/* What the tests of activations share: so many values that a thread takes a part of them. */
#ifndef TL_ELEMENTWISE_H
#define TL_ELEMENTWISE_H

#include "tests/testing.h"

#include <string.h>

/* The sum of <op(W), U>, and with 2 uses that of W besides, on so many threads. The values of op go to y, the
 * gradient of W to dw. */
static inline void tl_test_run_activation(tl_node *(*op)(tl_node *), int threads, int uses, tl_variable *v,
                                          const tl_real *u, tl_real *y, tl_real *dw)
{
    const size_t bytes = (size_t)tl_variable_size(v) * sizeof(tl_real);
    ck_assert_ok(tl_set_num_threads(threads));
    tl_graph *g = tl_graph_new();
    tl_node *w = tl_use(g, v), *value = op(w);
    tl_node *loss = tl_reduce_sum(tl_mul(value, tl_input(g, tl_shape_of(value), u)), TL_ALL_AXES);
    if (uses == 2) /* runs backward first, so that the activation adds to a gradient */
        loss = tl_add(loss, tl_reduce_sum(w, TL_ALL_AXES));
    tl_gradients out;
    ck_assert_ok(tl_backward(loss, &out));
    memcpy(y, tl_value(value), bytes);
    memcpy(dw, out.pair[0].values, bytes);
    tl_graph_free(g);
    ck_assert_ok(tl_set_num_threads(1));
}

/* Value and slope in double, the slope from the value: to `tolerance`, and the same bits on four threads. */
static inline void tl_test_activation(tl_node *(*op)(tl_node *), double (*value)(double),
                                      double (*slope)(double), double tolerance)
{
    enum { MOST = 3 * 8192 + 5 };
    const int64_t sizes[] = { 8191, 8193, MOST };
    static tl_real u[MOST], y[2][MOST], dw[2][MOST];
    tl_test_fill(u, MOST, 2);
    for (int c = 0; c < 6; c++) {
        const int64_t n = sizes[c / 2];
        const int uses = 1 + c % 2;
        tl_variable *w = tl_test_dense("w", TL_SHAPE(n), (uint64_t)c);
        for (int k = 0; k < 2; k++)
            tl_test_run_activation(op, k ? 4 : 1, uses, w, u, y[k], dw[k]);
        ck_assert_same(y[1], y[0], n);
        ck_assert_same(dw[1], dw[0], n);
        for (int64_t k = 0; k < n; k++) {
            const double at = value((double)tl_variable_data(w)[k]);
            const double expected = (double)u[k] * slope(at) + (uses == 2);
            if (fabs((double)y[0][k] - at) > tolerance || fabs((double)dw[0][k] - expected) > tolerance)
                ck_abort_msg("value %lld of %lld is %g with gradient %g, not %g with %g", (long long)k,
                             (long long)n, (double)y[0][k], (double)dw[0][k], at, expected);
        }
        tl_variable_free(w);
    }
}

#endif
