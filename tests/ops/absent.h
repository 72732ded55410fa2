/* The gradient at cells that a sparse operand lacks, against that of a dense one. */
#ifndef TL_TEST_ABSENT_H
#define TL_TEST_ABSENT_H

#include "tests/testing.h"

/* Runs backward from y and from `dense`, the same op of the dense node `whole` in place of the sparse input
 * i, both weighted at random, and compares the gradients. Rows are computed in two pieces, and added to what
 * is there. */
static inline void check_gradient_rows(tl_graph *g, tl_node *y, int32_t i, tl_node *dense,
                                       const tl_node *whole, double tolerance)
{
    const int64_t rows = tl_shape_rows(y->in[i]->shape), cols = tl_shape_cols(y->in[i]->shape),
                  piece = rows / 3;
    tl_real *weight = tl_test_filled(y->size, 3), *got = tl_test_filled(rows * cols, 4),
            *before = tl_test_filled(rows * cols, 4);
    tl_node *w = tl_input(g, y->shape, weight);
    tl_gradients pairs;
    ck_assert_ok(tl_backward(tl_reduce_sum(tl_mul(tl_add(y, dense), w), TL_ALL_AXES), &pairs));
    y->op->gradient_rows(y, i, 0, piece, got);
    y->op->gradient_rows(y, i, piece, rows - piece, got + piece * cols);
    for (int64_t k = 0; k < rows * cols; k++)
        got[k] -= before[k];
    ck_assert_close(got, tl_grad(whole), rows * cols, tolerance);
    free(weight);
    free(got);
    free(before);
}

/* The same for a product, in every transpose, against matmul. Y is 5 x 6. */
static inline void check_gradient_rows_of_product(tl_node *(*op)(tl_node *const *in, const void *attr),
                                                  int32_t sparse)
{
    for (int t = TL_NO_TRANSPOSE; t <= TL_TRANSPOSE_BOTH; t++) {
        const tl_shape shape[] = { t & TL_TRANSPOSE_A ? TL_SHAPE(7, 5) : TL_SHAPE(5, 7),
                                   t & TL_TRANSPOSE_B ? TL_SHAPE(6, 7) : TL_SHAPE(7, 6) };
        const tl_shape of = shape[sparse];
        tl_variable *s = tl_test_sparse("s", tl_test_pattern(of.dim[0], of.dim[1], 0.4, 1), 2),
                    *whole = tl_test_dense("whole", of, 1),
                    *other = tl_test_dense("other", shape[1 - sparse], 4);
        tl_graph *g = tl_graph_new();
        tl_node *in[2], *dense = tl_use(g, whole);
        in[1 - sparse] = tl_use(g, other);
        in[sparse] = tl_use(g, s);
        tl_node *y = op(in, &(tl_trans){ (tl_trans)t });
        in[sparse] = dense;
        check_gradient_rows(g, y, sparse, tl_matmul_transposed(in[0], in[1], (tl_trans)t), dense, TL_NEAR);
        tl_graph_free(g);
        tl_variable_free(s);
        tl_variable_free(whole);
        tl_variable_free(other);
    }
}

#endif
