/* relu: Y = max(A, 0), NaN where A is NaN.  dA += dY where A > 0. */
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
    const tl_real *a = y->in[0]->val;
    tl_real *restrict out = y->out;
    for (int64_t k = begin; k < end; k++)
        out[k] = a[k] <= 0 ? 0 : a[k];
}

static void forward(tl_node *y)
{
    tl_parallel_for(y->size, TL_GRAIN, forward_range, y);
}

static void backward_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const tl_real *a = y->in[0]->val, *dy = y->grad;
    tl_real *restrict da = y->in[0]->grad;
    const bool overwrite = y->in[0]->overwrite;
    for (int64_t k = begin; k < end; k++) {
        const tl_real g = dy[k]; /* loaded unconditionally, so that the loop vectorises */
        da[k] = (overwrite ? 0 : da[k]) + (a[k] > 0 ? g : 0);
    }
}

static void backward(tl_node *y)
{
    if (y->in[0]->grad)
        tl_parallel_for(y->size, TL_GRAIN, backward_range, y);
}

static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    return tl_gate(dx[0], y);
}

static void describe(const tl_node *y, tl_description *to)
{
    (void)y;
    tl_describe_name(to, "Relu");
}

static const tl_op op = {
    .name = "relu",
    .n_in = 1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0,
    .tangent = tangent,
    .describe = describe,
};

tl_node *tl_relu(tl_node *a)
{
    return tl_apply(&op, (tl_node *[]){ a }, NULL, 0);
}
