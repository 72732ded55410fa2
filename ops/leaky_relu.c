/* leaky_relu: Y = A where A > 0, otherwise c A.
 * dA += dY where A > 0, c dY where A < 0, 0 where A is 0 (unless c is 1). */
#include "describe.h"
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"

static void value(const tl_strip *s, tl_real *restrict y)
{
    const tl_real c = *(const tl_real *)s->attr;
    for (int64_t k = 0; k < s->n; k++)
        y[k] = s->a[k] > 0 ? s->a[k] : c * s->a[k];
}

static void gradient(const tl_strip *s, tl_real *restrict g)
{
    const tl_real c = *(const tl_real *)s->attr, at_0 = c == 1 ? 1 : 0;
    for (int64_t k = 0; k < s->n; k++) {
        const tl_real slope = s->a[k] > 0 ? 1 : s->a[k] == 0 ? at_0 : c;
        const tl_real product = slope * s->dy[k];
        g[k] = slope == 0 ? 0 : product;
    }
}

static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    const tl_real c = *(const tl_real *)y->attr;
    tl_node *minus_a = tl_neg(y->in[0]);
    return tl_sum_of(2, (tl_node *[]){ tl_gate(dx[0], y->in[0]), tl_scale(tl_gate(dx[0], minus_a), c) });
}

static void attributes(const tl_node *y, tl_description *to)
{
    tl_describe_number(to, "alpha", (double)*(const tl_real *)y->attr);
}

static const tl_unary op = {
    .op = TL_UNARY("leaky_relu"),
    .op.tangent = tangent,
    .value = value,
    .gradient = gradient,
    .standard = "LeakyRelu",
    .attributes = attributes,
};

tl_node *tl_leaky_relu(tl_node *a, tl_real slope)
{
    return tl_apply(&op.op, (tl_node *[]){ a }, &slope, sizeof slope);
}
