/* bias: Y(i, :) = A(i, :) + b.  dA += dY;  db += sum over i of dY(i, :). */
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"

static void value(const tl_strip *s, tl_real *restrict y)
{
    for (int64_t k = 0; k < s->n; k++)
        y[k] = s->a[k] + s->b[k];
}

static const tl_binary op = {
    .op = TL_BINARY("bias"),
    .op.tangent = tl_sum_tangent,
    .value = value,
    .gradient = { tl_strip_dy, tl_strip_dy },
    .check = tl_check_row,
    .standard = "Add",
};

tl_node *tl_bias(tl_node *a, tl_node *b)
{
    return tl_apply(&op.op, (tl_node *[]){ a, b }, NULL, 0);
}
