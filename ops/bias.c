/* bias: Y(i, :) = A(i, :) + b.  dA += dY;  db += sum over i of dY(i, :). */
#include "bias.h"

#include <string.h>

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
    tl_bias_each_rows(y, forward_rows);
}

static void pass_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context, *a = y->in[0];
    if (a->fresh)
        memcpy(a->grad + begin, y->grad + begin, (size_t)(end - begin) * sizeof *a->grad);
    else
        tl_kernel_table()->add(end - begin, y->grad + begin, a->grad + begin);
}

static void backward(tl_node *y)
{
    if (y->in[0]->grad)
        tl_parallel_for(y->size, TL_BIAS_PIECE, pass_range, y);
    if (y->in[1]->grad)
        tl_kernel_table()->sum_rows(tl_shape_rows(y->shape), tl_shape_cols(y->shape), 1, y->grad, NULL,
                                    y->in[1]->grad);
}

static const tl_op op = { .name = "bias",
                          .n_in = 2,
                          .shape = tl_bias_shape,
                          .forward = forward,
                          .backward = backward,
                          .begins = 1 << 0 };

tl_node *tl_bias(tl_node *a, tl_node *b)
{
    return tl_apply(&op, (tl_node *[]){ a, b }, NULL, 0);
}
