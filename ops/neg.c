/* neg: Y = -A.  dA -= dY. */
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"

static void value(const tl_strip *s, tl_real *restrict y)
{
    for (int64_t k = 0; k < s->n; k++)
        y[k] = -s->a[k];
}

static const tl_unary op = {
    .op = TL_UNARY("neg"),
    .op.tangent = tl_linear_tangent,
    .value = value,
    .gradient = tl_strip_minus_dy,
    .standard = "Neg",
};

tl_node *tl_neg(tl_node *a)
{
    return tl_apply(&op.op, (tl_node *[]){ a }, NULL, 0);
}
