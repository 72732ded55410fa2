/* sigmoid: Y = 1 / (1 + exp(-A)).  dA += dY Y (1 - Y). */
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"
#include "vmath.h"

static void value(const tl_strip *s, tl_real *restrict y)
{
    tl_vsigmoid(s->n, s->a, y);
}

static void gradient(const tl_strip *s, tl_real *restrict g)
{
    for (int64_t k = 0; k < s->n; k++)
        g[k] = s->dy[k] * s->y[k] * (1 - s->y[k]);
}

/* Y dA - Y^2 dA */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    tl_node *more = tl_mul(y, dx[0]), *less = tl_scale(tl_mul(y, more), -1);
    return tl_sum_of(2, (tl_node *[]){ more, less });
}

static const tl_unary op = {
    .op = TL_UNARY("sigmoid"),
    .op.tangent = tangent,
    .value = value,
    .gradient = gradient,
    .grain = TL_GRAIN / 2, /* an exponential costs more than a pass over memory */
    .standard = "Sigmoid",
};

tl_node *tl_sigmoid(tl_node *a)
{
    return tl_apply(&op.op, (tl_node *[]){ a }, NULL, 0);
}
