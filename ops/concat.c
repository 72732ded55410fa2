/* concat: Y = the inputs one after the other along an axis.  dA_i += the part of dY that is A_i's. */
#include "describe.h"
#include "ops.h"
#include "strided.h"
#include "tangent.h"

static int32_t axis_of(const tl_node *y)
{
    return *(const int32_t *)y->attr;
}

static tl_status shape(tl_node *y)
{
    const tl_node *first = y->in[0];
    const int32_t axis = axis_of(y);
    tl_shape s = first->shape;
    if (axis < 0 || axis >= s.rank)
        return tl_fail(TL_ERR_ARGUMENT, "%d is not an axis of %s", (int)axis, tl_node_text(first).text);
    s.dim[axis] = 0;
    for (int32_t i = 0; i < y->n_in; i++) {
        tl_shape other = y->in[i]->shape;
        const int64_t size = other.dim[axis];
        other.dim[axis] = s.dim[axis];
        if (!tl_shape_equal(other, s))
            return tl_fail(TL_ERR_SHAPE, "input %d, %s, does not fit input 0, %s, along axis %d", (int)i,
                           tl_node_text(y->in[i]).text, tl_node_text(first).text, (int)axis);
        s.dim[axis] += size;
        const tl_status status = tl_shape_check(s); /* of each sum, lest the next overflow */
        if (status != TL_OK)
            return status;
    }
    return tl_shape_dense(y, s);
}

static void forward(tl_node *y)
{
    const int32_t axis = axis_of(y);
    tl_strided s;
    tl_strides(y->shape, s.to);
    tl_real *out = y->out;
    for (int32_t i = 0; i < y->n_in; i++) {
        s.shape = y->in[i]->shape;
        tl_strides(s.shape, s.from);
        tl_copy_strided(&s, y->in[i]->val, out, false);
        out += s.shape.dim[axis] * s.to[axis];
    }
}

static void backward(tl_node *y)
{
    const int32_t axis = axis_of(y);
    tl_strided s;
    tl_strides(y->shape, s.from);
    const tl_real *dy = y->grad;
    for (int32_t i = 0; i < y->n_in; i++) {
        const tl_node *a = y->in[i];
        s.shape = a->shape;
        tl_strides(s.shape, s.to);
        if (a->grad)
            tl_copy_strided(&s, dy, a->grad, !a->overwrite);
        dy += s.shape.dim[axis] * s.from[axis];
    }
}

static void describe(const tl_node *y, tl_description *to)
{
    tl_describe_name(to, "Concat");
    tl_describe_integer(to, "axis", axis_of(y));
}

static const tl_op op = {
    .name = "concat",
    .min_in = 1,
    .max_in = INT32_MAX,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0,
    .tangent = tl_linear_tangent,
    .describe = describe,
};

tl_node *tl_concat(tl_node *const *list, int32_t n, int32_t axis)
{
    return tl_apply_list(&op, n, list, &axis, sizeof axis);
}
