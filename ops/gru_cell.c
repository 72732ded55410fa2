/* gru_cell: Y = (1 - Z) N + Z H, with A = X Wx + bx and S = H Wh + bh in three parts: R, Z = sigmoid(A + S)
 * of the first two, N = tanh(A + R S) of the third.  A composition. */
#include "op.h"
#include "ops.h"

/* Fails the graph unless an operand has `width` columns. NULL is left to the ops. */
static void check_width(const char *name, const tl_node *a, int64_t width, const tl_node *h)
{
    if (a && tl_shape_cols(tl_shape_of(a)) != width)
        tl_refuse(h, "gru_cell", TL_ERR_SHAPE, "%s is %s, and must have %lld columns: H is %s", name,
                  tl_node_text(a).text, (long long)width, tl_node_text(h).text);
}

static tl_node *part(tl_node *a, int64_t k, int64_t width)
{
    return tl_slice(a, tl_shape_of(a).rank - 1, k * width, (k + 1) * width);
}

tl_node *tl_gru_cell(tl_node *x, tl_node *h, tl_node *w_x, tl_node *w_h, tl_node *b_x, tl_node *b_h)
{
    const int64_t width = tl_shape_cols(tl_shape_of(h));
    check_width("Wx", w_x, 3 * width, h); /* after a failure, the ops return NULL */
    check_width("Wh", w_h, 3 * width, h);
    tl_node *a = tl_linear(x, w_x, b_x), *s = tl_linear(h, w_h, b_h);
    tl_node *r = tl_sigmoid(tl_add(part(a, 0, width), part(s, 0, width)));
    tl_node *z = tl_sigmoid(tl_add(part(a, 1, width), part(s, 1, width)));
    tl_node *n = tl_tanh(tl_add(part(a, 2, width), tl_mul(r, part(s, 2, width))));
    return tl_add(n, tl_mul(z, tl_sub(h, n)));
}
