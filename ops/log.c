/* log: Y = log(A), to base e.  dA += dY / A. */
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"
#include "vmath.h"

static void value(const tl_strip *s, tl_real *restrict y)
{
    tl_vlog(s->n, s->a, y);
}

static void gradient(const tl_strip *s, tl_real *restrict g)
{
    for (int64_t k = 0; k < s->n; k++)
        g[k] = s->dy[k] / s->a[k];
}

static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    return tl_div(dx[0], y->in[0]);
}

static const tl_unary op = {
    .op = TL_UNARY("log"),
    .op.tangent = tangent,
    .value = value,
    .gradient = gradient,
    .grain = TL_GRAIN / 2, /* a logarithm costs more than a pass over memory */
    .standard = "Log",
};

tl_node *tl_log(tl_node *a)
{
    return tl_apply(&op.op, (tl_node *[]){ a }, NULL, 0);
}
