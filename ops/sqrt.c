/* sqrt: Y = sqrt(A).  dA += dY / (2 Y). */
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"
#include "vmath.h"

static void value(const tl_strip *s, tl_real *restrict y)
{
    tl_vsqrt(s->n, s->a, y);
}

static void gradient(const tl_strip *s, tl_real *restrict g)
{
    for (int64_t k = 0; k < s->n; k++)
        g[k] = s->dy[k] / (2 * s->y[k]);
}

static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    return tl_scale(tl_div(dx[0], y), (tl_real)0.5);
}

static const tl_unary op = {
    .op = TL_UNARY("sqrt"),
    .op.tangent = tangent,
    .value = value,
    .gradient = gradient,
    .standard = "Sqrt",
};

tl_node *tl_sqrt(tl_node *a)
{
    return tl_apply(&op.op, (tl_node *[]){ a }, NULL, 0);
}
