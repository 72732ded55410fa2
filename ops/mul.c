/* mul: Y = A B elementwise, broadcast; of a sparse A at its entries.
 * dA += dY B;  dB += dY A, summed over what each element met. */
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"

static void value(const tl_strip *s, tl_real *restrict y)
{
    for (int64_t k = 0; k < s->n; k++)
        y[k] = s->a[k] * s->b[k];
}

static const tl_binary op = {
    .op = TL_BINARY("mul"),
    .op.tangent = tl_multilinear_tangent,
    .value = value,
    .gradient = { tl_strip_dy_b, tl_strip_dy_a },
    .sparse = true,
    .standard = "Mul",
};

tl_node *tl_mul(tl_node *a, tl_node *b)
{
    return tl_apply(&op.op, (tl_node *[]){ a, b }, NULL, 0);
}
