/* tanh: Y = tanh A.  dA += dY (1 - Y^2). */
#include "op.h"
#include "ops.h"

#include <tgmath.h>

static tl_status shape(tl_node *y)
{
    return tl_shape_like(y, y->in[0]);
}

static void forward(tl_node *y)
{
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] = tanh(y->in[0]->val[k]);
}

static void backward(tl_node *y)
{
    tl_real *da = y->in[0]->grad;
    for (int64_t k = 0; da && k < y->size; k++)
        da[k] += y->grad[k] * (1 - y->val[k] * y->val[k]);
}

static const tl_op op = {
    .name = "tanh", .n_in = 1, .shape = shape, .forward = forward, .backward = backward
};

tl_node *tl_tanh(tl_node *a)
{
    return tl_apply(&op, (tl_node *[]){ a }, NULL, 0);
}
