/* sin: Y = sin A.  dA += dY cos A. */
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"
#include "vmath.h"

static void value(const tl_strip *s, tl_real *restrict y)
{
    tl_vsin(s->n, s->a, y);
}

static void gradient(const tl_strip *s, tl_real *restrict g)
{
    tl_vcos(s->n, s->a, g);
    for (int64_t k = 0; k < s->n; k++)
        g[k] *= s->dy[k];
}

static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    return tl_mul(tl_cos(y->in[0]), dx[0]);
}

static const tl_unary op = {
    .op = TL_UNARY("sin"),
    .op.tangent = tangent,
    .value = value,
    .gradient = gradient,
    .grain = TL_GRAIN / 2, /* a sine costs more than a pass over memory */
    .standard = "Sin",
};

tl_node *tl_sin(tl_node *a)
{
    return tl_apply(&op.op, (tl_node *[]){ a }, NULL, 0);
}
