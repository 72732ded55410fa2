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
    tl_real *restrict out = y->out;
    for (int64_t k = 0; k < y->size; k++)
        out[k] = a[k] <= 0 ? 0 : a[k];
}

static void backward(tl_node *y)
{
    const tl_real *a = y->in[0]->val, *dy = y->grad;
    tl_real *restrict da = y->in[0]->grad;
    for (int64_t k = 0; da && k < y->size; k++) {
        const tl_real g = dy[k]; /* read in any case, so that no branch is needed */
        da[k] += a[k] > 0 ? g : 0;
    }
}

static const tl_op op = {
    .name = "relu", .n_in = 1, .shape = shape, .forward = forward, .backward = backward
};

tl_node *tl_relu(tl_node *a)
{
    return tl_apply(&op, (tl_node *[]){ a }, NULL, 0);
}
