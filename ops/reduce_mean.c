/* reduce_mean: Y = mean of A over one axis or all, 0 over nothing.  dA += dY / n, repeated along the axis. */
#include "reduce.h"

static tl_real share(const tl_node *y)
{
    const tl_reduce *r = y->scratch;
    return r->n > 0 ? 1 / (tl_real)r->n : 0;
}

static void forward(tl_node *y)
{
    tl_reduce_forward(y, share(y));
}

static void backward(tl_node *y)
{
    tl_reduce_backward(y, share(y));
}

static const tl_op op = {
    .name = "reduce_mean", .n_in = 1, .shape = tl_reduce_shape, .forward = forward, .backward = backward
};

tl_node *tl_reduce_mean(tl_node *a, int32_t axis)
{
    return tl_apply(&op, (tl_node *[]){ a }, &axis, sizeof axis);
}
