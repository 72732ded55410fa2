/* softplus: Y = log(1 + e^A).  dA += dY / (1 + e^-A). */
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"
#include "vmath.h"

static void value(const tl_strip *s, tl_real *restrict y)
{
    for (int64_t k = 0; k < s->n; k++) /* max(a, 0) + log1p(e^-|a|), which does not overflow */
        y[k] = s->a[k] > 0 ? -s->a[k] : s->a[k];
    tl_vexp(s->n, y, y);
    tl_vlog1p(s->n, y, y);
    for (int64_t k = 0; k < s->n; k++)
        y[k] += s->a[k] > 0 ? s->a[k] : 0;
}

static void gradient(const tl_strip *s, tl_real *restrict g)
{
    tl_vsigmoid(s->n, s->a, g);
    for (int64_t k = 0; k < s->n; k++)
        g[k] *= s->dy[k];
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
