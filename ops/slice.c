/* slice: Y = the elements begin .. end-1 of A along an axis.  dA += dY there. */
#include "describe.h"
#include "ops.h"
#include "strided.h"
#include "tangent.h"

#include <string.h>

struct attr {
    int32_t axis;
    int64_t begin, end;
};

static tl_status shape(tl_node *y)
{
    const struct attr *attr = y->attr;
    const tl_node *a = y->in[0];
    tl_shape s = a->shape;
    if (attr->axis < 0 || attr->axis >= s.rank)
        return tl_fail(TL_ERR_ARGUMENT, "%d is not an axis of %s", (int)attr->axis, tl_node_text(a).text);
    if (attr->begin < 0 || attr->begin > attr->end || attr->end > s.dim[attr->axis])
        return tl_fail(TL_ERR_ARGUMENT, "%lld to %lld of axis %d of %s, which has 0 to %lld",
                       (long long)attr->begin, (long long)attr->end, (int)attr->axis, tl_node_text(a).text,
                       (long long)s.dim[attr->axis]);
    s.dim[attr->axis] = attr->end - attr->begin;
    return tl_shape_dense(y, s);
}

static void forward(tl_node *y)
{
    tl_strided s = { .shape = y->shape };
    const struct attr *attr = y->attr;
    tl_strides(y->in[0]->shape, s.from);
    tl_strides(y->shape, s.to);
    if (y->size > 0)
        tl_copy_strided(&s, y->in[0]->val + attr->begin * s.from[attr->axis], y->out, false);
}

static void backward(tl_node *y)
{
    tl_strided s = { .shape = y->shape };
    const struct attr *attr = y->attr;
    const tl_node *a = y->in[0];
    if (a->overwrite)
        memset(a->grad, 0, (size_t)a->size * sizeof *a->grad);
    tl_strides(y->shape, s.from);
    tl_strides(a->shape, s.to);
    if (y->size > 0)
        tl_copy_strided(&s, y->grad, a->grad + attr->begin * s.to[attr->axis], !a->overwrite);
}

static void describe(const tl_node *y, tl_description *to)
{
    const struct attr *attr = y->attr;
    tl_describe_name(to, "Slice");
    tl_describe_integer(to, "axis", attr->axis);
    tl_describe_integer(to, "begin", attr->begin);
    tl_describe_integer(to, "end", attr->end);
}

static const tl_op op = {
    .name = "slice",
    .n_in = 1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0,
    .tangent = tl_linear_tangent,
    .describe = describe,
};

tl_node *tl_slice(tl_node *a, int32_t axis, int64_t begin, int64_t end)
{
    return tl_apply(&op, (tl_node *[]){ a }, &(struct attr){ axis, begin, end }, sizeof(struct attr));
}
