/* reduce_sum: Y = sum of A over one axis or all.  dA += dY, repeated along the axis. */
#include "ops.h"
#include "reduce.h"
#include "tangent.h"

static tl_status shape(tl_node *y)
{
    return tl_shape_reduced(y, *(const int32_t *)y->attr);
}

static void forward(tl_node *y)
{
    tl_sum_axis(&(tl_axis_sum){ .of = *(const tl_axis *)y->scratch, .a = y->in[0]->val }, y->out, false);
}

static void backward(tl_node *y)
{
    const tl_node *a = y->in[0];
    if (a->grad)
        tl_repeat_axis(*(const tl_axis *)y->scratch, 1, y->grad, a->grad, !a->overwrite);
}

static void describe(const tl_node *y, tl_description *to)
{
    tl_describe_name(to, "ReduceSum");
    tl_describe_axis(to, *(const int32_t *)y->attr);
}

static const tl_op op = {
    .name = "reduce_sum",
    .n_in = 1,
    .shape = shape,
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
