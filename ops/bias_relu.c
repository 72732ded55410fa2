/* bias_relu: Y(i, :) = max(A(i, :) + b, 0), and NaN where the sum is.  With G = dY where Y > 0, else 0:
 * dA += G;  db += sum over i of G(i, :).  One pass where relu of bias takes two. */
#include "kernels.h"
#include "op.h"
#include "ops.h"

enum { STRIP = 64, PIECE = 1 << 14 }; /* columns, and values, in a piece of work */

static tl_status shape(tl_node *y)
{
    tl_shape a = y->in[0]->shape, b = y->in[1]->shape;
    if (a.rank == 0 || b.rank != 1 || b.dim[0] != tl_shape_cols(a))
        return tl_fail(TL_ERR_SHAPE, "%s plus %s", tl_shape_text(a).text, tl_shape_text(b).text);
    return tl_shape_dense(y, a);
}

static void forward_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const int64_t cols = tl_shape_cols(y->shape);
    tl_kernel_table()->bias_relu(end - begin, cols, y->in[0]->val + begin * cols, y->in[1]->val,
                                 y->out + begin * cols);
}

static void forward(tl_node *y)
{
    tl_parallel_for(tl_shape_rows(y->shape), 1 + PIECE / (tl_shape_cols(y->shape) + 1), forward_rows, y);
}

static void backward_columns(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    tl_kernel_table()->bias_relu_backward(tl_shape_rows(y->shape), tl_shape_cols(y->shape), begin, end,
                                          y->val, y->grad, y->in[0]->grad, y->in[1]->grad);
}

static void backward(tl_node *y)
{
    const int64_t cols = tl_shape_cols(y->shape);
    tl_parallel_for(cols, y->size < PIECE ? cols : STRIP, backward_columns, y);
}

static const tl_op op = {
    .name = "bias_relu", .n_in = 2, .shape = shape, .forward = forward, .backward = backward
};

tl_node *tl_bias_relu(tl_node *a, tl_node *b)
{
    return tl_apply(&op, (tl_node *[]){ a, b }, NULL, 0);
}
