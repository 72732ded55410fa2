/* pad: Y = A with constants before and after, along each dimension.  dA += dY where A is. */
#include "describe.h"
#include "ops.h"
#include "strided.h"
#include "tangent.h"

struct attr {
    const int64_t *before, *after; /* one per dimension */
    tl_real value;
};

static tl_status shape(tl_node *y)
{
    struct attr *attr = y->attr;
    const tl_node *a = y->in[0];
    tl_shape s = a->shape;
    if (s.rank > 0 && (!attr->before || !attr->after))
        return tl_fail(TL_ERR_ARGUMENT, "`%s` is NULL", attr->before ? "after" : "before");
    for (int32_t k = 0; k < s.rank; k++) {
        const int64_t before = attr->before[k], after = attr->after[k];
        if (before < 0 || after < 0)
            return tl_fail(TL_ERR_ARGUMENT, "%s[%d] = %lld is negative", before < 0 ? "before" : "after",
                           (int)k, (long long)(before < 0 ? before : after));
        if (after > INT64_MAX - s.dim[k] - before)
            return tl_fail(TL_ERR_SHAPE, "%lld and %lld around %s have more elements than memory can hold",
                           (long long)before, (long long)after, tl_node_text(a).text);
        s.dim[k] += before + after;
    }
    attr->before = tl_scratch_copy(y, s.rank, sizeof *attr->before, attr->before);
    attr->after = tl_scratch_copy(y, s.rank, sizeof *attr->after, attr->after);
    return attr->before && attr->after ? tl_shape_dense(y, s) : TL_ERR_MEMORY;
}

/* Returns where A begins in Y. */
static int64_t first_of(const tl_node *y)
{
    const struct attr *attr = y->attr;
    int64_t stride[TL_MAX_RANK], first = 0;
    tl_strides(y->shape, stride);
    for (int32_t k = 0; k < y->shape.rank; k++)
        first += attr->before[k] * stride[k];
    return first;
}

static void forward(tl_node *y)
{
    const struct attr *attr = y->attr;
    const tl_node *a = y->in[0];
    tl_strided fill = { .shape = y->shape }, copy = { .shape = a->shape };
    tl_strides(y->shape, fill.to);
    tl_strides(y->shape, copy.to);
    tl_strides(a->shape, copy.from);
    tl_copy_strided(&fill, &attr->value, y->out, false);
    if (a->size > 0)
        tl_copy_strided(&copy, a->val, y->out + first_of(y), false);
}

static void backward(tl_node *y)
{
    const tl_node *a = y->in[0];
    tl_strided s = { .shape = a->shape };
    tl_strides(y->shape, s.from);
    tl_strides(a->shape, s.to);
    if (a->size > 0)
        tl_copy_strided(&s, y->grad + first_of(y), a->grad, !a->overwrite);
}

/* The constants do not move. */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    struct attr attr = *(const struct attr *)y->attr;
    attr.value = 0;
    return tl_apply(y->op, dx, &attr, sizeof attr);
}

static void describe(const tl_node *y, tl_description *to)
{
    const struct attr *attr = y->attr;
    tl_describe_name(to, "Pad");
    if (y->out) { /* otherwise the arrays may be gone */
        tl_shape before = y->shape, after = y->shape;
        for (int32_t k = 0; k < y->shape.rank; k++) {
            before.dim[k] = attr->before[k];
            after.dim[k] = attr->after[k];
        }
        tl_describe_shape(to, "before", before);
        tl_describe_shape(to, "after", after);
    }
    tl_describe_number(to, "value", (double)attr->value);
}

static const tl_op op = {
    .name = "pad",
    .n_in = 1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0,
    .excludes = true,
    .tangent = tangent,
    .describe = describe,
};

tl_node *tl_pad(tl_node *a, const int64_t *before, const int64_t *after, tl_real value)
{
    return tl_apply(&op, (tl_node *[]){ a }, &(struct attr){ before, after, value }, sizeof(struct attr));
}
