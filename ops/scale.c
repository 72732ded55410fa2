/* scale: Y = c A.  dA += c dY. */
#include "describe.h"
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"

static void value(const tl_strip *s, tl_real *restrict y)
{
    const tl_real c = *(const tl_real *)s->attr;
    for (int64_t k = 0; k < s->n; k++)
        y[k] = c * s->a[k];
}

static void gradient(const tl_strip *s, tl_real *restrict g)
{
    const tl_real c = *(const tl_real *)s->attr;
    for (int64_t k = 0; k < s->n; k++)
        g[k] = c * s->dy[k];
}

static void attributes(const tl_node *y, tl_description *to)
{
    tl_describe_number(to, "factor", (double)*(const tl_real *)y->attr);
}

static const tl_unary op = {
    .op = TL_UNARY("scale"),
    .op.tangent = tl_linear_tangent,
    .value = value,
    .gradient = gradient,
    .attributes = attributes,
};

tl_node *tl_scale(tl_node *a, tl_real factor)
{
    return tl_apply(&op.op, (tl_node *[]){ a }, &factor, sizeof factor);
}
