/* erf: Y = erf A, the error function.  dA += dY 2 / sqrt(pi) e^(-A^2). */
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"
#include "vmath.h"

static const tl_real two_over_root_pi = (tl_real)1.12837916709551257390;

static void value(const tl_strip *s, tl_real *restrict y)
{
    tl_verf(s->n, s->a, y);
}

static void gradient(const tl_strip *s, tl_real *restrict g)
{
    for (int64_t k = 0; k < s->n; k++)
        g[k] = -s->a[k] * s->a[k];
    tl_vexp(s->n, g, g);
    for (int64_t k = 0; k < s->n; k++)
        g[k] *= two_over_root_pi * s->dy[k];
}

static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    tl_node *bell = tl_exp(tl_neg(tl_square(y->in[0])));
    return tl_scale(tl_mul(bell, dx[0]), two_over_root_pi);
}

static const tl_unary op = {
    .op = TL_UNARY("erf"),
    .op.tangent = tangent,
    .value = value,
    .gradient = gradient,
    .grain = TL_GRAIN / 2, /* an exponential costs more than a pass over memory */
    .standard = "Erf",
};

tl_node *tl_erf(tl_node *a)
{
    return tl_apply(&op.op, (tl_node *[]){ a }, NULL, 0);
}
