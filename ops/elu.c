/* elu: Y = A where A > 0, otherwise c (e^A - 1).
 * dA += dY where A > 0, c e^A dY where A < 0, 0 where A is 0 (unless c is 1). */
#include "describe.h"
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"
#include "vmath.h"

static void value(const tl_strip *s, tl_real *restrict y)
{
    const tl_real c = *(const tl_real *)s->attr;
    tl_vexpm1(s->n, s->a, y); /* infinite at most where it is not taken */
    for (int64_t k = 0; k < s->n; k++)
        y[k] = s->a[k] > 0 ? s->a[k] : c * y[k];
}

static void gradient(const tl_strip *s, tl_real *restrict g)
{
    const tl_real c = *(const tl_real *)s->attr, at_0 = c == 1 ? 1 : 0;
    tl_vexp(s->n, s->a, g);
    for (int64_t k = 0; k < s->n; k++)
        g[k] = s->dy[k] * (s->a[k] > 0 ? 1 : s->a[k] == 0 ? at_0 : c * g[k]);
}

static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    const tl_real c = *(const tl_real *)y->attr;
    tl_node *minus_a = tl_neg(y->in[0]);
    tl_node *power = tl_exp(tl_neg(tl_relu(minus_a))); /* of min(A, 0): finite */
    tl_node *below = tl_scale(tl_mul(tl_gate(dx[0], minus_a), power), c);
    return tl_sum_of(2, (tl_node *[]){ tl_gate(dx[0], y->in[0]), below });
}

static void attributes(const tl_node *y, tl_description *to)
{
    tl_describe_number(to, "alpha", (double)*(const tl_real *)y->attr);
}

static const tl_unary op = {
    .op = TL_UNARY("elu"),
    .op.tangent = tangent,
    .value = value,
    .gradient = gradient,
    .grain = TL_GRAIN / 2, /* an exponential costs more than a pass over memory */
    .standard = "Elu",
    .attributes = attributes,
};

tl_node *tl_elu(tl_node *a, tl_real alpha)
{
    return tl_apply(&op.op, (tl_node *[]){ a }, &alpha, sizeof alpha);
}
