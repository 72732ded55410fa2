/* bias: Y(i, :) = A(i, :) + b.  dA += dY;  db += sum over i of dY(i, :). */
#include "kernels.h"
#include "op.h"
#include "ops.h"

enum { PIECE = 1 << 14 };

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
    const tl_real *a = y->in[0]->val, *b = y->in[1]->val;
    const int64_t cols = tl_shape_cols(y->shape);
    tl_real *restrict out = y->out;
    for (int64_t i = begin; i < end; i++)
        for (int64_t j = 0; j < cols; j++)
            out[i * cols + j] = a[i * cols + j] + b[j];
}

static void forward(tl_node *y)
{
    tl_parallel_for(tl_shape_rows(y->shape), 1 + PIECE / (tl_shape_cols(y->shape) + 1), forward_rows, y);
}

static void add_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    tl_kernel_table()->add(end - begin, y->grad + begin, y->in[0]->grad + begin);
}

static void backward(tl_node *y)
{
    if (y->in[0]->grad)
        tl_parallel_for(y->size, PIECE, add_range, y);
    if (y->in[1]->grad)
        tl_kernel_table()->sum_rows(tl_shape_rows(y->shape), tl_shape_cols(y->shape), 1, y->grad, NULL,
                                    y->in[1]->grad);
}

static const tl_op op = {
    .name = "bias", .n_in = 2, .shape = shape, .forward = forward, .backward = backward
};

tl_node *tl_bias(tl_node *a, tl_node *b)
{
    return tl_apply(&op, (tl_node *[]){ a, b }, NULL, 0);
}
