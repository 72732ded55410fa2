/* gelu_tanh: Y = A S, with S = (1 + tanh U) / 2 = 1 / (1 + e^(-2 U)) and U = sqrt(2 / pi) (A + 0.044715 A^3);
 * 0 for A = -inf.  dA += dY (S + Y (1 - S) 2 dU/dA). */
#include "describe.h"
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"
#include "vmath.h"

/* 2 U = linear A + cubic A^3 */
static const tl_real linear = (tl_real)1.59576912160573071176, cubic = (tl_real)0.07135481627260024878;

static void sigmoid(const tl_strip *s, tl_real *restrict y)
{
    for (int64_t k = 0; k < s->n; k++)
        y[k] = s->a[k] * (linear + cubic * s->a[k] * s->a[k]);
    tl_vsigmoid(s->n, y, y);
}

static void value(const tl_strip *s, tl_real *restrict y)
{
    sigmoid(s, y);
    for (int64_t k = 0; k < s->n; k++) {
        const tl_real product = s->a[k] * y[k]; /* unconditionally, so that the loop vectorises */
        y[k] = y[k] == 0 ? 0 : product;
    }
}

static void gradient(const tl_strip *s, tl_real *restrict g)
{
    sigmoid(s, g);
    for (int64_t k = 0; k < s->n; k++) {
        const tl_real slope = g[k] + s->y[k] * (1 - g[k]) * (linear + 3 * cubic * s->a[k] * s->a[k]);
        g[k] = s->dy[k] * (g[k] == 0 || g[k] == 1 ? g[k] : slope);
    }
}

static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    tl_node *a = y->in[0], *square = tl_square(a);
    tl_node *s = tl_sigmoid(
        tl_sum_of(2, (tl_node *[]){ tl_scale(a, linear), tl_scale(tl_mul(square, a), cubic) }));
    tl_node *slope = tl_add_constant(tl_scale(square, 3 * cubic), linear);
    tl_node *more = tl_mul(tl_mul(y, slope), dx[0]);
    return tl_sum_of(3, (tl_node *[]){ tl_mul(s, dx[0]), more, tl_neg(tl_mul(s, more)) });
}

static void attributes(const tl_node *y, tl_description *to)
{
    (void)y;
    tl_describe_text(to, "approximate", "tanh");
}

static const tl_unary op = {
    .op = TL_UNARY("gelu_tanh"),
    .op.tangent = tangent,
    .value = value,
    .gradient = gradient,
    .grain = TL_GRAIN / 2, /* an exponential costs more than a pass over memory */
    .standard = "Gelu",
    .attributes = attributes,
};

tl_node *tl_gelu_tanh(tl_node *a)
{
    return tl_apply(&op.op, (tl_node *[]){ a }, NULL, 0);
}
