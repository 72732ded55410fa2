/* gru_cell: Y = (1 - Z) N + Z H, with A = X Wx + bx and S = H Wh + bh in three parts: R, Z = sigmoid(A + S)
 * of the first two, N = tanh(A + R S) of the third.  A composition. */
#include "ops.h"

/* Refuses what is not this wide. */
static tl_node *of_width(tl_node *a, int64_t width)
{
    const tl_shape s = tl_shape_of(a);
    return tl_shape_cols(s) == width ? a : tl_reshape(a, TL_SHAPE(tl_shape_rows(s), width));
}

static tl_node *part(tl_node *a, int64_t k, int64_t width)
{
    return tl_slice(a, tl_shape_of(a).rank - 1, k * width, (k + 1) * width);
}

tl_node *tl_gru_cell(tl_node *x, tl_node *h, tl_node *w_x, tl_node *w_h, tl_node *b_x, tl_node *b_h)
{
    const int64_t width = tl_shape_cols(tl_shape_of(h));
    tl_node *a = of_width(tl_linear(x, w_x, b_x), 3 * width),
            *s = of_width(tl_linear(h, w_h, b_h), 3 * width);
    tl_node *r = tl_sigmoid(tl_add(part(a, 0, width), part(s, 0, width)));
    tl_node *z = tl_sigmoid(tl_add(part(a, 1, width), part(s, 1, width)));
    tl_node *n = tl_tanh(tl_add(part(a, 2, width), tl_mul(r, part(s, 2, width))));
    return tl_add(n, tl_mul(z, tl_sub(h, n)));
}
