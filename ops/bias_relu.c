/* bias_relu: Y(i, :) = max(A(i, :) + b, 0), NaN where the sum is NaN.  With G = dY where Y > 0, otherwise 0:
 * dA += G;  db += sum over i of G(i, :).  One pass where relu of bias takes two. */
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"

static void value(const tl_strip *s, tl_real *restrict y)
{
    for (int64_t k = 0; k < s->n; k++) {
        const tl_real sum = s->a[k] + s->b[k];
        y[k] = sum <= 0 ? 0 : sum;
    }
}

static void gradient(const tl_strip *s, tl_real *restrict g)
{
    for (int64_t k = 0; k < s->n; k++) {
        const tl_real dy = s->dy[k]; /* loaded unconditionally, so that the loop vectorises */
        g[k] = s->y[k] > 0 ? dy : 0;
    }
}

static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    tl_node *da = dx[0] ? dx[0] : tl_zeros_like(y->in[0]);
    return tl_gate(dx[1] ? tl_bias(da, dx[1]) : da, y);
}

static const tl_binary op = {
    .op = TL_BINARY("bias_relu"),
    .op.tangent = tangent,
    .value = value,
    .gradient = { gradient, gradient },
    .check = tl_check_row,
};

tl_node *tl_bias_relu(tl_node *a, tl_node *b)
{
    return tl_apply(&op.op, (tl_node *[]){ a, b }, NULL, 0);
}
