/* softplus: Y = log(1 + e^A).  dA += dY / (1 + e^-A). */
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"
#include "vmath.h"

static void value(const tl_strip *s, tl_real *restrict y)
{
    tl_vsoftplus(s->n, s->a, y);
}

static void gradient(const tl_strip *s, tl_real *restrict g)
{
    tl_vsoftplus_gradient(s->n, s->a, s->dy, g);
}

static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    return tl_mul(tl_sigmoid(y->in[0]), dx[0]);
}

static const tl_unary op = {
    .op = TL_UNARY("softplus"),
    .op.tangent = tangent,
    .value = value,
    .gradient = gradient,
    .grain = TL_GRAIN / 2, /* an exponential costs more than a pass over memory */
    .standard = "Softplus",
};

tl_node *tl_softplus(tl_node *a)
{
    return tl_apply(&op.op, (tl_node *[]){ a }, NULL, 0);
}
