/* Tests of activations, with enough values for several threads. */
#ifndef TL_TEST_ELEMENTWISE_H
#define TL_TEST_ELEMENTWISE_H

#include "tests/testing.h"

#include <string.h>

/* Computes <op(W), U>, plus the sum of W if uses is 2, and its gradient on this many threads. Stores op(W) in
 * y and the gradient of W in dw. */
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

/* Checks op against its value and its slope, a function of the value, in double: to `tolerance`, and with the
 * same bits on four threads. */
static inline void tl_test_activation(tl_node *(*op)(tl_node *), double (*value)(double),
                                      double (*slope)(double), double tolerance)
{
    enum { MAX_SIZE = 3 * 8192 + 5 };
    const int64_t sizes[] = { 8191, 8193, MAX_SIZE };
    static tl_real u[MAX_SIZE], y[2][MAX_SIZE], dw[2][MAX_SIZE];
    tl_test_fill(u, MAX_SIZE, 2);
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

typedef struct tl_test_on_values {
    tl_node *(*op)(tl_node *);
    tl_variable *s;
} tl_test_on_values;

static inline tl_node *tl_test_build_on_values(tl_graph *g, void *context)
{
    const tl_test_on_values *c = context;
    return c->op(tl_use(g, c->s));
}

/* Checks op of a sparse matrix: what it is of the values alone, on the same pattern; and its gradient. */
static inline void tl_test_sparse_activation(tl_node *(*op)(tl_node *))
{
    tl_pattern *p = tl_test_pattern(9, 7, 0.4, 1);
    tl_test_on_values c = { op, tl_test_sparse("s", tl_pattern_retain(p), 1) };
    const int64_t nnz = tl_pattern_nnz(p);
    tl_graph *g = tl_graph_new();
    tl_node *y = tl_test_build_on_values(g, &c);
    tl_node *values = op(tl_input(g, TL_SHAPE(nnz), tl_variable_data(c.s)));
    ck_assert_ptr_eq(tl_pattern_of(y), p);
    ck_assert_same(tl_value(y), tl_value(values), nnz);
    tl_graph_free(g);
    ck_assert_gradient(tl_test_build_on_values, &c, c.s);
    tl_variable_free(c.s);
    tl_pattern_release(p);
}

#endif
