/* permute: Y = A with its dimensions in another order.  dA += dY, in A's order. */
#include "describe.h"
#include "ops.h"
#include "strided.h"
#include "tangent.h"

struct attr {
    const int32_t *axes; /* one per dimension */
};

static tl_status check_axes(const tl_node *a, const int32_t *axes)
{
    uint32_t seen = 0;
    if (!axes && a->shape.rank > 0)
        return tl_fail(TL_ERR_ARGUMENT, "the axes are NULL");
    for (int32_t k = 0; k < a->shape.rank; k++) {
        if (axes[k] < 0 || axes[k] >= a->shape.rank)
            return tl_fail(TL_ERR_ARGUMENT, "axes[%d] = %d is not an axis of %s", (int)k, (int)axes[k],
                           tl_node_text(a).text);
        if (seen >> axes[k] & 1)
            return tl_fail(TL_ERR_ARGUMENT, "axes[%d] = %d is there twice", (int)k, (int)axes[k]);
        seen |= (uint32_t)1 << axes[k];
    }
    return TL_OK;
}

static tl_status shape(tl_node *y)
{
    struct attr *attr = y->attr;
    const tl_node *a = y->in[0];
    if (check_axes(a, attr->axes) != TL_OK)
        return TL_ERR_ARGUMENT;
    tl_strided *s = y->scratch = tl_scratch(y, 1, sizeof *s);
    attr->axes = tl_scratch_copy(y, a->shape.rank, sizeof *attr->axes, attr->axes);
    if (!s || !attr->axes)
        return TL_ERR_MEMORY;
    int64_t stride[TL_MAX_RANK];
    tl_strides(a->shape, stride);
    s->shape = a->shape;
    for (int32_t k = 0; k < a->shape.rank; k++) {
        s->shape.dim[k] = a->shape.dim[attr->axes[k]];
        s->from[k] = stride[attr->axes[k]];
    }
    tl_strides(s->shape, s->to);
    return tl_shape_dense(y, s->shape);
}

static void forward(tl_node *y)
{
    tl_copy_strided(y->scratch, y->in[0]->val, y->out, false);
}

static void backward(tl_node *y)
{
    const tl_node *a = y->in[0];
    tl_strided back = *(const tl_strided *)y->scratch;
    for (int32_t k = 0; k < back.shape.rank; k++) {
        const int64_t from = back.from[k];
        back.from[k] = back.to[k];
        back.to[k] = from;
    }
    tl_copy_strided(&back, y->grad, a->grad, !a->overwrite);
}

static void describe(const tl_node *y, tl_description *to)
{
    const struct attr *attr = y->attr;
    tl_describe_name(to, "Transpose");
    if (!y->out) /* the axes may be gone */
        return;
    tl_shape perm = y->shape;
    for (int32_t k = 0; k < perm.rank; k++)
        perm.dim[k] = attr->axes[k];
    tl_describe_shape(to, "perm", perm);
}

static const tl_op op = {
    .name = "permute",
    .n_in = 1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0,
    .tangent = tl_linear_tangent,
    .describe = describe,
};

tl_node *tl_permute(tl_node *a, const int32_t *axes)
{
    return tl_apply(&op, (tl_node *[]){ a }, &(struct attr){ axes }, sizeof(struct attr));
}
