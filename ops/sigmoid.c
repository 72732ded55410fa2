/* sigmoid: Y = 1 / (1 + exp(-A)).  dA += dY Y (1 - Y). */
#include "logistic.h"
#include "op.h"
#include "ops.h"

static tl_status shape(tl_node *y)
{
    return tl_shape_like(y, y->in[0]);
}

static void forward(tl_node *y)
{
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] = tl_logistic(y->in[0]->val[k]);
}

static void backward(tl_node *y)
{
    tl_real *da = y->in[0]->grad;
    for (int64_t k = 0; da && k < y->size; k++)
        da[k] += y->grad[k] * y->val[k] * (1 - y->val[k]);
}

static const tl_op op = {
    .name = "sigmoid", .n_in = 1, .shape = shape, .forward = forward, .backward = backward
};

tl_node *tl_sigmoid(tl_node *a)
{
    return tl_apply(&op, (tl_node *[]){ a }, NULL, 0);
}
