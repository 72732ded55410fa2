/* maximum: Y = max(A, B) elementwise, broadcast; NaN where one of them is.
 * That of the larger side += dY, summed over what each element met; at a tie, half of it for each. */
#include "elementwise.h"
#include "ops.h"
#include "tangent.h"

static void value(const tl_strip *s, tl_real *restrict y)
{
    for (int64_t k = 0; k < s->n; k++)
        y[k] = s->a[k] > s->b[k] || s->a[k] != s->a[k] ? s->a[k] : s->b[k];
}

/* Assigns dY where a > b, half of it at ties. */
static void share(int64_t n, const tl_real *a, const tl_real *b, const tl_real *dy, tl_real *restrict g)
{
    for (int64_t k = 0; k < n; k++) {
        const tl_real whole = dy[k], half = whole / 2; /* unconditionally, so that the loop vectorises */
        g[k] = a[k] > b[k] ? whole : a[k] == b[k] ? half : 0;
    }
}

static void gradient_a(const tl_strip *s, tl_real *restrict g)
{
    share(s->n, s->a, s->b, s->dy, g);
}

static void gradient_b(const tl_strip *s, tl_real *restrict g)
{
    share(s->n, s->b, s->a, s->dy, g);
}

/* The mean of dA and dB, and half of their difference to one side or the other. */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    tl_node *zeros = tl_zeros_like(y), *lead = tl_sub(y->in[0], y->in[1]), *lag = tl_neg(lead);
    tl_node *da = tl_add(dx[0] ? dx[0] : zeros, zeros), *db = tl_add(dx[1] ? dx[1] : zeros, zeros);
    tl_node *difference = tl_sub(da, db);
    tl_node *aside = tl_sub(tl_gate(difference, lead), tl_gate(difference, lag));
    return tl_scale(tl_add(tl_add(da, db), aside), (tl_real)0.5);
}

static const tl_binary op = {
    .op = TL_BINARY("maximum"),
    .op.tangent = tangent,
    .value = value,
    .gradient = { gradient_a, gradient_b },
    .standard = "Max",
    .instead = "tl_sparse_to_dense",
};

tl_node *tl_maximum(tl_node *a, tl_node *b)
{
    return tl_apply(&op.op, (tl_node *[]){ a, b }, NULL, 0);
}
