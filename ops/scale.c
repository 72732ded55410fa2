/* scale: Y = c A.  dA += c dY. */
#include "op.h"
#include "ops.h"

static tl_status shape(tl_node *y)
{
    return tl_shape_like(y, y->in[0]);
}

static void forward(tl_node *y)
{
    tl_real c = *(const tl_real *)y->attr;
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] = c * y->in[0]->val[k];
}

static void backward(tl_node *y)
{
    tl_real c = *(const tl_real *)y->attr, *da = y->in[0]->grad;
    for (int64_t k = 0; da && k < y->size; k++)
        da[k] += c * y->grad[k];
}

static const tl_op op = {
    .name = "scale", .n_in = 1, .shape = shape, .forward = forward, .backward = backward
};

tl_node *tl_scale(tl_node *a, tl_real factor)
{
    return tl_apply(&op, (tl_node *[]){ a }, &factor, sizeof factor);
}
