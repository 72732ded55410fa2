/* square: Y = A^2.  dA += 2 A dY. */
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"

static void value(const tl_strip *s, tl_real *restrict y)
{
    for (int64_t k = 0; k < s->n; k++)
        y[k] = s->a[k] * s->a[k];
}

static void gradient(const tl_strip *s, tl_real *restrict g)
{
    for (int64_t k = 0; k < s->n; k++)
        g[k] = 2 * s->a[k] * s->dy[k];
}

static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    return tl_scale(tl_mul(y->in[0], dx[0]), 2);
}

static const tl_unary op = {
    .op = TL_UNARY("square"),
    .op.tangent = tangent,
    .value = value,
    .gradient = gradient,
};

tl_node *tl_square(tl_node *a)
{
    return tl_apply(&op.op, (tl_node *[]){ a }, NULL, 0);
}
