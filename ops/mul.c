/* mul: Y = A B elementwise, B broadcast.  dA += dY B;  dB += dY A summed over what each element met. */
#include "broadcast.h"
#include "ops.h"

static tl_status shape(tl_node *y)
{
    return tl_broadcast_shape(y, "times");
}

static void forward(tl_node *y)
{
    const tl_real *a = y->in[0]->val, *b = y->in[1]->val;
    int64_t n = y->in[1]->size, count = tl_broadcast_count(y);
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j < n; j++)
            y->out[i * n + j] = a[i * n + j] * b[j];
}

static void backward(tl_node *y)
{
    const tl_real *a = y->in[0]->val, *b = y->in[1]->val;
    tl_real *da = y->in[0]->grad, *db = y->in[1]->grad;
    int64_t n = y->in[1]->size, count = tl_broadcast_count(y);
    for (int64_t i = 0; da && i < count; i++)
        for (int64_t j = 0; j < n; j++)
            da[i * n + j] += y->grad[i * n + j] * b[j];
    if (db)
        tl_kernel_table()->sum_rows(count, n, 1, y->grad, a, db);
}

static const tl_op op = {
    .name = "mul", .n_in = 2, .shape = shape, .forward = forward, .backward = backward
};

tl_node *tl_mul(tl_node *a, tl_node *b)
{
    return tl_apply(&op, (tl_node *[]){ a, b }, NULL, 0);
}
