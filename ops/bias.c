/* bias: Y(i, :) = A(i, :) + b.  dA += dY;  db += sum over i of dY(i, :). */
#include "ops/bias.h"
#include "describe.h"
#include "tangent.h"

static void forward_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const tl_real *a = y->in[0]->val, *b = y->in[1]->val;
    const int64_t cols = tl_shape_cols(y->shape);
    tl_real *restrict out = y->out;
    for (int64_t i = begin; i < end; i++)
        for (int64_t j = 0; j < cols; j++)
            out[i * cols + j] = a[i * cols + j] + b[j];
}

static void forward(tl_node *y)
{
    if (y->size > 0) /* rows of 0 values may be many */
        tl_parallel_rows(tl_shape_rows(y->shape), tl_shape_cols(y->shape), forward_rows, y);
}

static void backward(tl_node *y)
{
    tl_grad_pass(y);
    tl_grad_sum_rows(y, 1, NULL);
}

static void describe(const tl_node *y, tl_description *to)
{
    (void)y;
    tl_describe_name(to, "Add");
}

static const tl_op op = {
    .name = "bias",
    .n_in = 2,
    .shape = tl_bias_shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0,
    .tangent = tl_sum_tangent,
    .describe = describe,
};

tl_node *tl_bias(tl_node *a, tl_node *b)
{
    return tl_apply(&op, (tl_node *[]){ a, b }, NULL, 0);
}
