/* relu: Y = max(A, 0), and NaN where A is.  dA += dY where A > 0. */
#include "op.h"
#include "ops.h"

static tl_status shape(tl_node *y)
{
    return tl_shape_like(y, y->in[0]);
}

static void forward(tl_node *y)
{
    const tl_real *a = y->in[0]->val;
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] = a[k] <= 0 ? 0 : a[k];
}

static void backward(tl_node *y)
{
    const tl_real *a = y->in[0]->val;
    tl_real *da = y->in[0]->grad;
    for (int64_t k = 0; da && k < y->size; k++)
        da[k] += a[k] > 0 ? y->grad[k] : 0;
}

static const tl_op op = {
    .name = "relu", .n_in = 1, .shape = shape, .forward = forward, .backward = backward
};

tl_node *tl_relu(tl_node *a)
{
    return tl_apply(&op, (tl_node *[]){ a }, NULL, 0);
}
