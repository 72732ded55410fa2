/* sub: Y = A - B, B broadcast.  dA += dY;  dB -= dY summed over the broadcast. */
#include "ops/broadcast.h"
#include "describe.h"
#include "ops.h"
#include "tangent.h"

static void difference(tl_node *y, int64_t at, int64_t n, const tl_real *b)
{
    const tl_real *a = y->in[0]->val + at;
    tl_real *restrict out = y->out + at;
    for (int64_t k = 0; k < n; k++)
        out[k] = a[k] - b[k];
}

static void forward(tl_node *y)
{
    tl_broadcast_each(y, difference);
}

static void backward(tl_node *y)
{
    tl_grad_pass(y);
    tl_grad_sum_rows(y, -1, NULL);
}

static void describe(const tl_node *y, tl_description *to)
{
    (void)y;
    tl_describe_name(to, "Sub");
}

static const tl_op op = {
    .name = "sub",
    .n_in = 2,
    .shape = tl_broadcast_shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0,
    .tangent = tl_linear_tangent,
    .describe = describe,
};

tl_node *tl_sub(tl_node *a, tl_node *b)
{
    return tl_apply(&op, (tl_node *[]){ a, b }, NULL, 0);
}
