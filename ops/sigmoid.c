/* sigmoid: Y = 1 / (1 + exp(-A)).  dA += dY Y (1 - Y). */
#include "lib/kernels/kernels.h"
#include "describe.h"
#include "ops.h"
#include "tangent.h"

enum { GRAIN = TL_GRAIN / 2 }; /* an exponential costs more than a pass over memory */

static tl_status shape(tl_node *y)
{
    return tl_shape_like(y, y->in[0]);
}

static void forward_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    tl_kernel_table()->sigmoid(end - begin, y->in[0]->val + begin, y->out + begin);
}

static void forward(tl_node *y)
{
    tl_parallel_for(y->size, GRAIN, forward_range, y);
}

static void backward_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const tl_real *val = y->val, *dy = y->grad;
    tl_real *restrict da = y->in[0]->grad;
    const bool overwrite = y->in[0]->overwrite;
    for (int64_t k = begin; k < end; k++)
        da[k] = (overwrite ? 0 : da[k]) + dy[k] * val[k] * (1 - val[k]);
}

static void backward(tl_node *y)
{
    if (y->in[0]->grad)
        tl_parallel_for(y->size, GRAIN, backward_range, y);
}

/* dA Y (1 - Y) */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    return tl_mul(dx[0], tl_sub(y, tl_mul(y, y)));
}

static void describe(const tl_node *y, tl_description *to)
{
    (void)y;
    tl_describe_name(to, "Sigmoid");
}

static const tl_op op = {
    .name = "sigmoid",
    .n_in = 1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0,
    .tangent = tangent,
    .describe = describe,
};

tl_node *tl_sigmoid(tl_node *a)
{
    return tl_apply(&op, (tl_node *[]){ a }, NULL, 0);
}
