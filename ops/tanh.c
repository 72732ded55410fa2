/* tanh: Y = tanh A.  dA += dY (1 - Y^2). */
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"
#include "vmath.h"

static void value(const tl_strip *s, tl_real *restrict y)
{
    tl_vtanh(s->n, s->a, y);
}

static void gradient(const tl_strip *s, tl_real *restrict g)
{
    for (int64_t k = 0; k < s->n; k++)
        g[k] = s->dy[k] * (1 - s->y[k] * s->y[k]);
}

/* dA - Y^2 dA */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    tl_node *less = tl_scale(tl_mul(tl_mul(y, y), dx[0]), -1);
    return tl_sum_of(2, (tl_node *[]){ dx[0], less });
}

static const tl_unary op = {
    .op = TL_UNARY("tanh"),
    .op.tangent = tangent,
    .value = value,
    .gradient = gradient,
    .grain = TL_GRAIN / 2, /* an exponential costs more than a pass over memory */
    .standard = "Tanh",
};

tl_node *tl_tanh(tl_node *a)
{
    return tl_apply(&op.op, (tl_node *[]){ a }, NULL, 0);
}
