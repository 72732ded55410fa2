/* add_constant: Y = A + c.  dA += dY. */
#include "describe.h"
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"

static void value(const tl_strip *s, tl_real *restrict y)
{
    const tl_real c = *(const tl_real *)s->attr;
    for (int64_t k = 0; k < s->n; k++)
        y[k] = s->a[k] + c;
}

static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    (void)y;
    return dx[0];
}

static void attributes(const tl_node *y, tl_description *to)
{
    tl_describe_number(to, "c", (double)*(const tl_real *)y->attr);
}

static const tl_unary op = {
    .op = TL_UNARY("add_constant"),
    .op.tangent = tangent,
    .value = value,
    .gradient = tl_strip_dy,
    .attributes = attributes,
};

tl_node *tl_add_constant(tl_node *a, tl_real c)
{
    return tl_apply(&op.op, (tl_node *[]){ a }, &c, sizeof c);
}
