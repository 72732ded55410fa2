/* pow: Y = A^c.  dA += dY c A^(c - 1), 0 if c is 0. */
#include "describe.h"
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"
#include "vmath.h"

static void value(const tl_strip *s, tl_real *restrict y)
{
    tl_vpow_scalar(s->n, s->a, *(const tl_real *)s->attr, y);
}

static void gradient(const tl_strip *s, tl_real *restrict g)
{
    const tl_real c = *(const tl_real *)s->attr;
    tl_vpow_scalar(s->n, s->a, c - 1, g);
    for (int64_t k = 0; k < s->n; k++)
        g[k] = c == 0 ? 0 : s->dy[k] * (c * g[k]);
}

static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    const tl_real c = *(const tl_real *)y->attr;
    return c == 0 ? tl_zeros_like(y) : tl_mul(tl_scale(tl_pow(y->in[0], c - 1), c), dx[0]);
}

static void attributes(const tl_node *y, tl_description *to)
{
    tl_describe_number(to, "exponent", (double)*(const tl_real *)y->attr);
}

static const tl_unary op = {
    .op = TL_UNARY("pow"),
    .op.tangent = tangent,
    .value = value,
    .gradient = gradient,
    .grain = TL_GRAIN / 2, /* a power costs more than a pass over memory */
    .standard = "Pow",
    .attributes = attributes,
};

tl_node *tl_pow(tl_node *a, tl_real exponent)
{
    return tl_apply(&op.op, (tl_node *[]){ a }, &exponent, sizeof exponent);
}
