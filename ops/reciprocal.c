/* reciprocal: Y = 1 / A.  dA -= dY Y^2. */
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"

static void value(const tl_strip *s, tl_real *restrict y)
{
    for (int64_t k = 0; k < s->n; k++)
        y[k] = 1 / s->a[k];
}

static void gradient(const tl_strip *s, tl_real *restrict g)
{
    for (int64_t k = 0; k < s->n; k++)
        g[k] = -s->dy[k] * s->y[k] * s->y[k];
}

static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    return tl_scale(tl_mul(tl_mul(y, y), dx[0]), -1);
}

static const tl_unary op = {
    .op = TL_UNARY("reciprocal"),
    .op.tangent = tangent,
    .value = value,
    .gradient = gradient,
    .standard = "Reciprocal",
};

tl_node *tl_reciprocal(tl_node *a)
{
    return tl_apply(&op.op, (tl_node *[]){ a }, NULL, 0);
}
