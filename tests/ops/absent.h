/* The gradient at cells that a sparse operand of a product lacks, against that of a dense one. */
#ifndef TL_TEST_ABSENT_H
#define TL_TEST_ABSENT_H

#include "tests/testing.h"

/* Computes the gradient of the sparse operand in two pieces, and that of the same product by matmul, in every
 * transpose. Y is 5 x 6, and weighted at random. */
static inline void check_gradient_rows(tl_node *(*op)(tl_node *const *in, const void *attr),
                                       bool sparse_first)
{
    enum { M = 5, N = 6, K = 7, PIECE = 2 };
    const int sparse = sparse_first ? 0 : 1;
    tl_real weight[M * N];
    tl_test_fill(weight, M * N, 3);
    for (int t = TL_NO_TRANSPOSE; t <= TL_TRANSPOSE_BOTH; t++) {
        const tl_shape shape[] = { t & TL_TRANSPOSE_A ? TL_SHAPE(K, M) : TL_SHAPE(M, K),
                                   t & TL_TRANSPOSE_B ? TL_SHAPE(N, K) : TL_SHAPE(K, N) };
        const int64_t rows = shape[sparse].dim[0], cols = shape[sparse].dim[1];
        tl_variable *s = tl_test_sparse("s", tl_test_pattern(rows, cols, 0.4, 1), 2),
                    *whole = tl_test_dense("whole", shape[sparse], 1),
                    *other = tl_test_dense("other", shape[1 - sparse], 4);
        tl_graph *g = tl_graph_new();
        tl_node *in[2];
        in[sparse] = tl_use(g, s);
        in[1 - sparse] = tl_use(g, other);
        tl_node *y = op(in, &(tl_trans){ (tl_trans)t }), *w = tl_input(g, TL_SHAPE(M, N), weight);
        in[sparse] = tl_use(g, whole);
        tl_node *dense = tl_matmul_transposed(in[0], in[1], (tl_trans)t);
        tl_gradients pairs;
        ck_assert_ok(tl_backward(tl_reduce_sum(tl_mul(tl_add(y, dense), w), TL_ALL_AXES), &pairs));
        tl_real got[K * N], before[K * N];
        tl_test_fill(before, rows * cols, 5);
        tl_test_fill(got, rows * cols, 5);
        y->op->gradient_rows(y, sparse, 0, PIECE, got);
        y->op->gradient_rows(y, sparse, PIECE, rows - PIECE, got + PIECE * cols);
        for (int64_t k = 0; k < rows * cols; k++)
            got[k] -= before[k];
        ck_assert_close(got, tl_grad(tl_use(g, whole)), rows * cols, TL_NEAR);
        tl_graph_free(g);
        tl_variable_free(s);
        tl_variable_free(whole);
        tl_variable_free(other);
    }
}

#endif
