/* reduce_mean: Y = mean of A over one axis or all, 0 if that is empty. dA += dY / n, repeated along the
 * axis. */
#include "ops/reduce.h"
#include "tangent.h"

/* The divisor; 1 for a mean over nothing, whose sum is 0. */
static tl_real divisor(const tl_node *y)
{
    const tl_reduce *r = y->scratch;
    return r->n > 0 ? (tl_real)r->n : 1;
}

static void forward(tl_node *y)
{
    tl_reduce_forward(y, divisor(y));
}

static void backward(tl_node *y)
{
    tl_reduce_backward(y, divisor(y));
}

static void describe(const tl_node *y, tl_description *to)
{
    tl_describe_name(to, "ReduceMean");
    tl_reduce_describe(y, to);
}

static const tl_op op = {
    .name = "reduce_mean",
    .n_in = 1,
    .shape = tl_reduce_shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0,
    .tangent = tl_linear_tangent,
    .describe = describe,
};

tl_node *tl_reduce_mean(tl_node *a, int32_t axis)
{
    return tl_apply(&op, (tl_node *[]){ a }, &axis, sizeof axis);
}
