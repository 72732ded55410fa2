/* reduce_mean: Y = mean of A over one axis or all, 0 over nothing.  dA += dY / n, repeated along the axis. */
#include "ops/reduce.h"

/* A sum over nothing is 0, and stays so. */
static tl_real count(const tl_node *y)
{
    const tl_reduce *r = y->scratch;
    return r->n > 0 ? (tl_real)r->n : 1;
}

static void forward(tl_node *y)
{
    tl_reduce_forward(y, count(y));
}

static void backward(tl_node *y)
{
    tl_reduce_backward(y, count(y));
}

static const tl_op op = { .name = "reduce_mean",
                          .n_in = 1,
                          .shape = tl_reduce_shape,
                          .forward = forward,
                          .backward = backward,
                          .can_overwrite = 1 << 0 };

tl_node *tl_reduce_mean(tl_node *a, int32_t axis)
{
    return tl_apply(&op, (tl_node *[]){ a }, &axis, sizeof axis);
}
