/* silu: Y = A S with S = 1 / (1 + e^-A); 0 for A = -inf.  dA += dY (S + Y (1 - S)). */
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"
#include "vmath.h"

static void value(const tl_strip *s, tl_real *restrict y)
{
    tl_vsigmoid(s->n, s->a, y);
    for (int64_t k = 0; k < s->n; k++) {
        const tl_real product = s->a[k] * y[k]; /* unconditionally, so that the loop vectorises */
        y[k] = y[k] == 0 ? 0 : product;
    }
}

static void gradient(const tl_strip *s, tl_real *restrict g)
{
    tl_vsigmoid(s->n, s->a, g);
    for (int64_t k = 0; k < s->n; k++) {
        const tl_real slope = g[k] + s->y[k] * (1 - g[k]);
        g[k] = s->dy[k] * (g[k] == 1 ? 1 : slope);
    }
}

static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    tl_node *s = tl_sigmoid(y->in[0]), *more = tl_mul(y, dx[0]);
    return tl_sum_of(3, (tl_node *[]){ tl_mul(s, dx[0]), more, tl_neg(tl_mul(s, more)) });
}

static const tl_unary op = {
    .op = TL_UNARY("silu"),
    .op.tangent = tangent,
    .value = value,
    .gradient = gradient,
    .grain = TL_GRAIN / 2, /* an exponential costs more than a pass over memory */
};

tl_node *tl_silu(tl_node *a)
{
    return tl_apply(&op.op, (tl_node *[]){ a }, NULL, 0);
}
