/* expm1: Y = e^A - 1.  dA += dY e^A. */
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"
#include "vmath.h"

static void value(const tl_strip *s, tl_real *restrict y)
{
    tl_vexpm1(s->n, s->a, y);
}

static void gradient(const tl_strip *s, tl_real *restrict g)
{
    tl_vexp(s->n, s->a, g); /* Y + 1 loses digits where Y is close to -1 */
    for (int64_t k = 0; k < s->n; k++)
        g[k] *= s->dy[k];
}

static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    return tl_mul(tl_exp(y->in[0]), dx[0]);
}

static const tl_unary op = {
    .op = TL_UNARY("expm1"),
    .op.tangent = tangent,
    .value = value,
    .gradient = gradient,
    .grain = TL_GRAIN / 2, /* an exponential costs more than a pass over memory */
};

tl_node *tl_expm1(tl_node *a)
{
    return tl_apply(&op.op, (tl_node *[]){ a }, NULL, 0);
}
