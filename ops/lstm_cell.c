/* lstm_cell: Y = O tanh(C'), C' = F C + I G, with I, F, O = sigmoid and G = tanh of their parts of
 * X Wx + bx + H Wh + bh.  A composition. */
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

tl_node *tl_lstm_cell(tl_node *x, tl_node *h, tl_node **c, tl_node *w_x, tl_node *w_h, tl_node *b_x,
                      tl_node *b_h)
{
    const int64_t width = tl_shape_cols(tl_shape_of(h));
    tl_node *gates = of_width(tl_add(tl_linear(x, w_x, b_x), tl_linear(h, w_h, b_h)), 4 * width);
    tl_node *i = tl_sigmoid(part(gates, 0, width)), *f = tl_sigmoid(part(gates, 1, width));
    tl_node *g = tl_tanh(part(gates, 2, width)), *o = tl_sigmoid(part(gates, 3, width));
    tl_node *next = tl_add(tl_mul(f, of_width(c ? *c : NULL, width)), tl_mul(i, g));
    if (c)
        *c = next;
    return tl_mul(o, tl_tanh(next));
}
