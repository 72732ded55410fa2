/* clamp: Y = min(max(A, low), high).  dA += dY where low < A < high. */
#include "describe.h"
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"

struct attr {
    tl_real low, high;
};

static tl_status check(const tl_node *y)
{
    const struct attr *attr = y->attr;
    if (attr->low <= attr->high)
        return TL_OK;
    return tl_fail(TL_ERR_ARGUMENT, "low = %g is not at most high = %g", (double)attr->low,
                   (double)attr->high);
}

static void value(const tl_strip *s, tl_real *restrict y)
{
    const tl_real low = ((const struct attr *)s->attr)->low, high = ((const struct attr *)s->attr)->high;
    for (int64_t k = 0; k < s->n; k++)
        y[k] = s->a[k] < low ? low : s->a[k] > high ? high : s->a[k];
}

static void gradient(const tl_strip *s, tl_real *restrict g)
{
    const tl_real low = ((const struct attr *)s->attr)->low, high = ((const struct attr *)s->attr)->high;
    for (int64_t k = 0; k < s->n; k++) {
        const tl_real dy = s->dy[k]; /* loaded unconditionally, so that the loop vectorises */
        g[k] = s->a[k] > low && s->a[k] < high ? dy : 0;
    }
}

static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    const struct attr *attr = y->attr;
    tl_node *above = tl_add_constant(y->in[0], -attr->low),
            *below = tl_add_constant(tl_neg(y->in[0]), attr->high);
    return tl_gate(tl_gate(dx[0], above), below);
}

static void attributes(const tl_node *y, tl_description *to)
{
    const struct attr *attr = y->attr;
    tl_describe_number(to, "min", (double)attr->low);
    tl_describe_number(to, "max", (double)attr->high);
}

static const tl_unary op = {
    .op = TL_UNARY("clamp"),
    .op.tangent = tangent,
    .value = value,
    .gradient = gradient,
    .check = check,
    .standard = "Clip",
    .attributes = attributes,
};

tl_node *tl_clamp(tl_node *a, tl_real low, tl_real high)
{
    return tl_apply(&op.op, (tl_node *[]){ a }, &(struct attr){ low, high }, sizeof(struct attr));
}
