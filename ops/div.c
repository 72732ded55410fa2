/* div: Y = A / B elementwise, broadcast; of a sparse A at its entries.
 * dA += dY / B;  dB -= dY Y / B, summed over what each element met. */
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"

static void value(const tl_strip *s, tl_real *restrict y)
{
    for (int64_t k = 0; k < s->n; k++)
        y[k] = s->a[k] / s->b[k];
}

static void gradient_a(const tl_strip *s, tl_real *restrict g)
{
    for (int64_t k = 0; k < s->n; k++)
        g[k] = s->dy[k] / s->b[k];
}

static void gradient_b(const tl_strip *s, tl_real *restrict g)
{
    for (int64_t k = 0; k < s->n; k++)
        g[k] = -s->dy[k] * s->y[k] / s->b[k];
}

/* dA / B - Y dB / B */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    tl_node *b = y->in[1];
    return tl_sum_of(2, (tl_node *[]){ dx[0] ? tl_div(dx[0], b) : NULL,
                                       dx[1] ? tl_neg(tl_div(tl_mul(y, dx[1]), b)) : NULL });
}

static const tl_binary op = {
    .op = TL_BINARY("div"),
    .op.tangent = tangent,
    .value = value,
    .gradient = { gradient_a, gradient_b },
    .standard = "Div",
    .sparse = true,
};

tl_node *tl_div(tl_node *a, tl_node *b)
{
    return tl_apply(&op.op, (tl_node *[]){ a, b }, NULL, 0);
}
