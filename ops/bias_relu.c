/* bias_relu: Y(i, :) = max(A(i, :) + b, 0), NaN where the sum is NaN.  With G = dY where Y > 0, otherwise 0:
 * dA += G;  db += sum over i of G(i, :).  One pass where relu of bias takes two. */
#include "ops/bias.h"
#include "ops/grad_pass.h"
#include "tangent.h"

static tl_status shape(tl_node *y)
{
    const tl_status status = tl_bias_check(y);
    return status == TL_OK ? tl_shape_like(y, y->in[0]) : status;
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
    if (y->size > 0) /* rows of 0 values may be many */
        tl_parallel_rows(tl_shape_rows(y->shape), tl_shape_cols(y->shape), forward_rows, y);
}

static void backward_columns(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    tl_kernel_table()->bias_relu_backward(tl_shape_rows(y->shape), tl_shape_cols(y->shape), begin, end,
                                          y->val, y->grad, y->in[0]->grad, !y->in[0]->overwrite,
                                          y->in[1]->grad);
}

static void backward(tl_node *y)
{
    const int64_t cols = tl_shape_cols(y->shape);
    tl_parallel_for(cols, tl_column_grain(tl_shape_rows(y->shape), cols), backward_columns, y);
}

static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    tl_node *da = dx[0] ? dx[0] : tl_zeros_like(y->in[0]);
    return tl_gate(dx[1] ? tl_bias(da, dx[1]) : da, y);
}

static const tl_op op = {
    .name = "bias_relu",
    .n_in = 2,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0,
    .tangent = tangent,
};

tl_node *tl_bias_relu(tl_node *a, tl_node *b)
{
    return tl_apply(&op, (tl_node *[]){ a, b }, NULL, 0);
}
