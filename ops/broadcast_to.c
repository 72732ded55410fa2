/* broadcast_to: Y = A, repeated to a shape by NumPy's rule.  dA += dY, summed over what was repeated. */
#include "describe.h"
#include "ops.h"
#include "strided.h"
#include "tangent.h"

static tl_status shape(tl_node *y)
{
    const tl_shape to = *(const tl_shape *)y->attr, a = y->in[0]->shape;
    const tl_status status = tl_shape_check(to);
    if (status != TL_OK)
        return status;
    bool fits = a.rank <= to.rank;
    for (int32_t k = 1; k <= a.rank && fits; k++)
        fits = a.dim[a.rank - k] == to.dim[to.rank - k] || a.dim[a.rank - k] == 1;
    if (!fits)
        return tl_fail(TL_ERR_SHAPE, "%s cannot be repeated to %s", tl_node_text(y->in[0]).text,
                       tl_shape_text(to).text);
    return tl_shape_dense(y, to);
}

static void forward(tl_node *y)
{
    const tl_shape a = y->in[0]->shape;
    const int32_t more = y->shape.rank - a.rank;
    int64_t stride[TL_MAX_RANK];
    tl_strided s = { .shape = y->shape };
    tl_strides(y->shape, s.to);
    tl_strides(a, stride);
    for (int32_t k = 0; k < a.rank; k++)
        s.from[more + k] = a.dim[k] == 1 ? 0 : stride[k];
    tl_copy_strided(&s, y->in[0]->val, y->out, false);
}

static void backward(tl_node *y)
{
    tl_sum_repeated(y);
}

static void describe(const tl_node *y, tl_description *to)
{
    tl_describe_name(to, "Expand");
    tl_describe_shape(to, "shape", *(const tl_shape *)y->attr);
}

static const tl_op op = {
    .name = "broadcast_to",
    .n_in = 1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0,
    .tangent = tl_linear_tangent,
    .describe = describe,
};

tl_node *tl_broadcast_to(tl_node *a, tl_shape shape)
{
    return tl_apply(&op, (tl_node *[]){ a }, &shape, sizeof shape);
}
