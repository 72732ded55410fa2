/* abs: Y = |A|.  dA += dY where A > 0, -dY where A < 0, 0 where A is 0. */
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"

#include <tgmath.h>

static void value(const tl_strip *s, tl_real *restrict y)
{
    for (int64_t k = 0; k < s->n; k++)
        y[k] = fabs(s->a[k]);
}

static void gradient(const tl_strip *s, tl_real *restrict g)
{
    for (int64_t k = 0; k < s->n; k++) {
        const tl_real dy = s->dy[k]; /* loaded unconditionally, so that the loop vectorises */
        g[k] = s->a[k] > 0 ? dy : s->a[k] < 0 ? -dy : 0;
    }
}

static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    const tl_node *a = y->in[0], *minus_a = tl_neg(y->in[0]);
    return tl_sum_of(2, (tl_node *[]){ tl_gate(dx[0], a), tl_neg(tl_gate(dx[0], minus_a)) });
}

static const tl_unary op = {
    .op = TL_UNARY("abs"),
    .op.tangent = tangent,
    .value = value,
    .gradient = gradient,
    .standard = "Abs",
};

tl_node *tl_abs(tl_node *a)
{
    return tl_apply(&op.op, (tl_node *[]){ a }, NULL, 0);
}
