/* reduce_mean: Y = mean of A over one axis or all, 0 if that is empty. dA += dY / n, repeated along the
 * axis. */
#include "ops.h"
#include "reduce.h"
#include "tangent.h"

static tl_status shape(tl_node *y)
{
    if (y->in[0]->kind == TL_SPARSE)
        return tl_fail(TL_ERR_KIND,
                       "%s is sparse, and its mean could be over entries or over cells: tl_scale what "
                       "tl_reduce_sum gives by one over the number that is meant",
                       tl_node_text(y->in[0]).text);
    return tl_shape_reduced(y, *(const int32_t *)y->attr);
}

static void forward(tl_node *y)
{
    tl_mean_axis(*(const tl_axis *)y->scratch, y->in[0]->val, y->out);
}

static void backward(tl_node *y)
{
    const tl_axis of = *(const tl_axis *)y->scratch;
    const tl_node *a = y->in[0];
    tl_repeat_axis(of, 1 / (tl_real)of.n, y->grad, a->grad, !a->overwrite);
}

static void describe(const tl_node *y, tl_description *to)
{
    tl_describe_name(to, "ReduceMean");
    tl_describe_axis(to, *(const int32_t *)y->attr);
}

static const tl_op op = {
    .name = "reduce_mean",
    .n_in = 1,
    .in_kind = { TL_ANY },
    .shape = shape,
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
