/* silu: Y = A S with S = 1 / (1 + e^-A); 0 for A = -inf.  dA += dY (S + Y (1 - S)). */
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"
#include "vmath.h"

static void value(const tl_strip *s, tl_real *restrict y)
{
    tl_vsilu(s->n, s->a, y);
}

static void gradient(const tl_strip *s, tl_real *restrict g)
{
    tl_vsilu_gradient(s->n, s->a, s->dy, g);
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
