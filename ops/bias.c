/* bias: Y(i, :) = A(i, :) + b.  dA += dY;  db += sum over i of dY(i, :). */
#include "kernels.h"
#include "op.h"
#include "ops.h"

static tl_status shape(tl_node *y)
{
    tl_shape a = y->in[0]->shape, b = y->in[1]->shape;
    if (a.rank == 0 || b.rank != 1 || b.dim[0] != tl_shape_cols(a))
        return tl_fail(TL_ERR_SHAPE, "%s plus %s", tl_shape_text(a).text, tl_shape_text(b).text);
    return tl_shape_dense(y, a);
}

static void forward(tl_node *y)
{
    const tl_real *a = y->in[0]->val, *b = y->in[1]->val;
    int64_t rows = tl_shape_rows(y->shape), cols = tl_shape_cols(y->shape);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            y->out[i * cols + j] = a[i * cols + j] + b[j];
}

static void backward(tl_node *y)
{
    const tl_kernels *kernel = tl_kernel_table();
    if (y->in[0]->grad)
        kernel->add(y->size, y->grad, y->in[0]->grad);
    if (y->in[1]->grad)
        kernel->sum_rows(tl_shape_rows(y->shape), tl_shape_cols(y->shape), 1, y->grad, NULL, y->in[1]->grad);
}

static const tl_op op = {
    .name = "bias", .n_in = 2, .shape = shape, .forward = forward, .backward = backward
};

tl_node *tl_bias(tl_node *a, tl_node *b)
{
    return tl_apply(&op, (tl_node *[]){ a, b }, NULL, 0);
}
