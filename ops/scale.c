/* scale: Y = c A.  dA += c dY. */
#include "describe.h"
#include "ops.h"
#include "tangent.h"

static tl_status shape(tl_node *y)
{
    return tl_shape_like(y, y->in[0]);
}

static void forward_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const tl_real c = *(const tl_real *)y->attr, *a = y->in[0]->val;
    tl_real *restrict out = y->out;
    for (int64_t k = begin; k < end; k++)
        out[k] = c * a[k];
}

static void forward(tl_node *y)
{
    tl_parallel_for(y->size, TL_GRAIN, forward_range, y);
}

static void backward_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const tl_real c = *(const tl_real *)y->attr, *dy = y->grad;
    tl_real *restrict da = y->in[0]->grad;
    const bool overwrite = y->in[0]->overwrite;
    for (int64_t k = begin; k < end; k++)
        da[k] = (overwrite ? 0 : da[k]) + c * dy[k];
}

static void backward(tl_node *y)
{
    if (y->in[0]->grad)
        tl_parallel_for(y->size, TL_GRAIN, backward_range, y);
}

static void describe(const tl_node *y, tl_description *to)
{
    tl_describe_number(to, "factor", (double)*(const tl_real *)y->attr);
}

static const tl_op op = {
    .name = "scale",
    .n_in = 1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0,
    .tangent = tl_linear_tangent,
    .describe = describe,
};

tl_node *tl_scale(tl_node *a, tl_real factor)
{
    return tl_apply(&op, (tl_node *[]){ a }, &factor, sizeof factor);
}
