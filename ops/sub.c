/* sub: Y = A - B, broadcast.  dA += dY;  dB -= dY, summed over what each element met. */
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"

static void value(const tl_strip *s, tl_real *restrict y)
{
    for (int64_t k = 0; k < s->n; k++)
        y[k] = s->a[k] - s->b[k];
}

static const tl_binary op = {
    .op = TL_BINARY("sub"),
    .op.tangent = tl_linear_tangent,
    .value = value,
    .gradient = { tl_strip_dy, tl_strip_minus_dy },
    .instead = "tl_sparse_add, and tl_scale by -1",
    .standard = "Sub",
};

tl_node *tl_sub(tl_node *a, tl_node *b)
{
    return tl_apply(&op.op, (tl_node *[]){ a, b }, NULL, 0);
}
