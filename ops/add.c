/* add: Y = A + B, B broadcast.  dA += dY;  dB += dY summed over what each element met. */
#include "broadcast.h"
#include "ops.h"

static tl_status shape(tl_node *y)
{
    return tl_broadcast_shape(y, "plus");
}

static void forward(tl_node *y)
{
    const tl_real *a = y->in[0]->val, *b = y->in[1]->val;
    int64_t n = y->in[1]->size, count = tl_broadcast_count(y);
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j < n; j++)
            y->out[i * n + j] = a[i * n + j] + b[j];
}

static void backward(tl_node *y)
{
    const tl_kernels *kernel = tl_kernel_table();
    if (y->in[0]->grad)
        kernel->add(y->size, y->grad, y->in[0]->grad);
    if (y->in[1]->grad)
        kernel->sum_rows(tl_broadcast_count(y), y->in[1]->size, 1, y->grad, NULL, y->in[1]->grad);
}

static const tl_op op = {
    .name = "add", .n_in = 2, .shape = shape, .forward = forward, .backward = backward
};

tl_node *tl_add(tl_node *a, tl_node *b)
{
    return tl_apply(&op, (tl_node *[]){ a, b }, NULL, 0);
}
