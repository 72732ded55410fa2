/* gelu: Y = A P, with P = (1 + erf(A / sqrt 2)) / 2, the standard normal distribution; 0 for A = -inf.
 * dA += dY (P + A p), with p = e^(-A^2 / 2) / sqrt(2 pi), its density. */
#include "describe.h"
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"
#include "vmath.h"

static const tl_real over_root_2 = (tl_real)0.70710678118654752440,
                     over_root_2_pi = (tl_real)0.39894228040143267794;

static void value(const tl_strip *s, tl_real *restrict y)
{
    tl_vgelu(s->n, s->a, y);
}

static void gradient(const tl_strip *s, tl_real *restrict g)
{
    tl_vgelu_gradient(s->n, s->a, s->dy, g);
}

static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    tl_node *a = y->in[0];
    tl_node *p = tl_scale(tl_add_constant(tl_erf(tl_scale(a, over_root_2)), 1), (tl_real)0.5);
    tl_node *density = tl_scale(tl_exp(tl_scale(tl_square(a), (tl_real)-0.5)), over_root_2_pi);
    return tl_sum_of(2, (tl_node *[]){ tl_mul(p, dx[0]), tl_mul(tl_mul(a, density), dx[0]) });
}

static void attributes(const tl_node *y, tl_description *to)
{
    (void)y;
    tl_describe_text(to, "approximate", "none");
}

static const tl_unary op = {
    .op = TL_UNARY("gelu"),
    .op.tangent = tangent,
    .value = value,
    .gradient = gradient,
    .grain = TL_GRAIN / 2, /* an exponential costs more than a pass over memory */
    .standard = "Gelu",
    .attributes = attributes,
};

tl_node *tl_gelu(tl_node *a)
{
    return tl_apply(&op.op, (tl_node *[]){ a }, NULL, 0);
}
