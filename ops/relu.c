/* relu: Y = max(A, 0), NaN where A is NaN.  dA += dY where A > 0. */
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"

static void value(const tl_strip *s, tl_real *restrict y)
{
    for (int64_t k = 0; k < s->n; k++)
        y[k] = s->a[k] <= 0 ? 0 : s->a[k];
}

static void gradient(const tl_strip *s, tl_real *restrict g)
{
    for (int64_t k = 0; k < s->n; k++) {
        const tl_real dy = s->dy[k]; /* loaded unconditionally, so that the loop vectorises */
        g[k] = s->a[k] > 0 ? dy : 0;
    }
}

static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    return tl_gate(dx[0], y);
}

static const tl_unary op = {
    .op = TL_UNARY("relu"),
    .op.tangent = tangent,
    .value = value,
    .gradient = gradient,
    .standard = "Relu",
};

tl_node *tl_relu(tl_node *a)
{
    return tl_apply(&op.op, (tl_node *[]){ a }, NULL, 0);
}
