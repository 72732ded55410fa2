/* mul: Y = A B elementwise, B broadcast.  dA += dY B;  dB += dY A summed over the broadcast. */
#include "ops/broadcast.h"
#include "describe.h"
#include "ops.h"
#include "tangent.h"

static void product(tl_node *y, int64_t at, int64_t n, const tl_real *b)
{
    const tl_real *a = y->in[0]->val + at;
    tl_real *restrict out = y->out + at;
    for (int64_t k = 0; k < n; k++)
        out[k] = a[k] * b[k];
}

static void forward(tl_node *y)
{
    tl_broadcast_each(y, product);
}

static void add_to_a(tl_node *y, int64_t at, int64_t n, const tl_real *b)
{
    const tl_real *dy = y->grad + at;
    tl_real *restrict da = y->in[0]->grad + at;
    const bool overwrite = y->in[0]->overwrite;
    for (int64_t k = 0; k < n; k++)
        da[k] = (overwrite ? 0 : da[k]) + dy[k] * b[k];
}

static void backward(tl_node *y)
{
    if (y->in[0]->grad)
        tl_broadcast_each(y, add_to_a);
    tl_grad_sum_rows(y, 1, y->in[0]->val);
}

static void describe(const tl_node *y, tl_description *to)
{
    (void)y;
    tl_describe_name(to, "Mul");
}

static const tl_op op = {
    .name = "mul",
    .n_in = 2,
    .shape = tl_broadcast_shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0,
    .tangent = tl_multilinear_tangent,
    .describe = describe,
};

tl_node *tl_mul(tl_node *a, tl_node *b)
{
    return tl_apply(&op, (tl_node *[]){ a, b }, NULL, 0);
}
