/* gelu: Y = A P, with P = (1 + erf(A / sqrt 2)) / 2, the standard normal distribution; 0 for A = -inf.
 * dA += dY (P + A p), with p = e^(-A^2 / 2) / sqrt(2 pi), its density. */
#include "describe.h"
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"
#include "vmath.h"

static const tl_real over_root_2 = (tl_real)0.70710678118654752440,
                     over_root_2_pi = (tl_real)0.39894228040143267794;

/* P, without the loss of digits in 1 + erf for A < 0. */
static void distribution(const tl_strip *s, tl_real *restrict p)
{
    for (int64_t k = 0; k < s->n; k++)
        p[k] = s->a[k] * -over_root_2;
    tl_verfc(s->n, p, p);
    for (int64_t k = 0; k < s->n; k++)
        p[k] *= (tl_real)0.5;
}

static void value(const tl_strip *s, tl_real *restrict y)
{
    distribution(s, y);
    for (int64_t k = 0; k < s->n; k++) {
        const tl_real product = s->a[k] * y[k]; /* unconditionally, so that the loop vectorises */
        y[k] = y[k] == 0 ? 0 : product;
    }
}

static void gradient(const tl_strip *s, tl_real *restrict g)
{
    tl_real density[TL_STRIP_MAX];
    for (int64_t k = 0; k < s->n; k++)
        density[k] = s->a[k] * s->a[k] * (tl_real)-0.5;
    tl_vexp(s->n, density, density);
    distribution(s, g);
    for (int64_t k = 0; k < s->n; k++) {
        const tl_real slope = g[k] + s->a[k] * (density[k] * over_root_2_pi);
        g[k] = s->dy[k] * (density[k] == 0 ? g[k] : slope);
    }
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
