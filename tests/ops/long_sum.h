/* The gradient of a broadcast operand, a sum of which float cannot hold the parts. */
#ifndef TL_LONG_SUM_H
#define TL_LONG_SUM_H

#include "tests/testing.h"

/* Returns the gradient of b, of one element and this shape, in op(A, b) for a column A of 257 ones, where
 * that of the result is 2^24 and 256 ones. */
static inline double tl_test_long_sum(tl_node *(*op)(tl_node *, tl_node *), tl_shape b_shape)
{
    enum { N = 257 };
    tl_real u[N], ones[N];
    for (int k = 0; k < N; k++)
        u[k] = ones[k] = 1;
    u[0] = 0x1p24f;
    tl_variable *b = tl_test_dense("b", b_shape, 1);
    tl_variable_data(b)[0] = 1;
    tl_graph *g = tl_graph_new();
    tl_node *y = op(tl_input(g, TL_SHAPE(N, 1), ones), tl_use(g, b));
    tl_gradients out;
    ck_assert_ok(tl_backward(tl_reduce_sum(tl_mul(y, tl_input(g, TL_SHAPE(N, 1), u)), TL_ALL_AXES), &out));
    const double sum = (double)out.pair[0].values[0];
    tl_graph_free(g);
    tl_variable_free(b);
    return sum;
}

#endif
