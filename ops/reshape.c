/* reshape: Y = A in another shape with the same number of elements.  dA += dY, in A's shape. */
#include "describe.h"
#include "ops.h"
#include "tangent.h"
#include "vmath.h"

#include <string.h>

static tl_status shape(tl_node *y)
{
    const tl_shape *to = y->attr;
    const tl_node *a = y->in[0];
    tl_status status = tl_shape_dense(y, *to);
    if (status == TL_OK && y->size != a->size)
        status = tl_fail(TL_ERR_SHAPE, "%s to %s changes the number of elements from %lld to %lld",
                         tl_node_text(a).text, tl_shape_text(*to).text, (long long)a->size,
                         (long long)y->size);
    return status;
}

static void forward(tl_node *y)
{
    if (y->size > 0)
        memcpy(y->out, y->in[0]->val, (size_t)y->size * sizeof *y->out);
}

static void backward_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context, *a = y->in[0];
    if (a->overwrite)
        memcpy(a->grad + begin, y->grad + begin, (size_t)(end - begin) * sizeof *a->grad);
    else
        tl_vadd(end - begin, y->grad + begin, a->grad + begin);
}

static void backward(tl_node *y)
{
    tl_parallel_for(y->size, TL_GRAIN, backward_range, y);
}

static void describe(const tl_node *y, tl_description *to)
{
    tl_describe_name(to, "Reshape");
    tl_describe_shape(to, "shape", *(const tl_shape *)y->attr);
}

static const tl_op op = {
    .name = "reshape",
    .n_in = 1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0,
    .tangent = tl_linear_tangent,
    .describe = describe,
};

tl_node *tl_reshape(tl_node *a, tl_shape shape)
{
    return tl_apply(&op, (tl_node *[]){ a }, &shape, sizeof shape);
}
