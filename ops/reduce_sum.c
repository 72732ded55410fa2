/* reduce_sum: Y = sum of A over one axis or all.  dA += dY, repeated along the axis. */
#include "ops/reduce.h"
#include "tangent.h"

static void forward(tl_node *y)
{
    tl_reduce_forward(y, 1);
}

static void backward(tl_node *y)
{
    tl_reduce_backward(y, 1);
}

static void describe(const tl_node *y, tl_description *to)
{
    tl_describe_name(to, "ReduceSum");
    tl_reduce_describe(y, to);
}

static const tl_op op = {
    .name = "reduce_sum",
    .n_in = 1,
    .shape = tl_reduce_shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0,
    .tangent = tl_linear_tangent,
    .describe = describe,
};

tl_node *tl_reduce_sum(tl_node *a, int32_t axis)
{
    return tl_apply(&op, (tl_node *[]){ a }, &axis, sizeof axis);
}
