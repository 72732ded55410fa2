/* lstm_cell: Y = O tanh(C'), C' = F C + I G, with I, F, O = sigmoid and G = tanh of their parts of
 * X Wx + bx + H Wh + bh.  A composition. */
#include "op.h"
#include "ops.h"

/* Fails the graph unless an operand has `width` columns. NULL is left to the ops. */
static void check_width(const char *name, const tl_node *a, int64_t width, const tl_node *h)
{
    if (a && tl_shape_cols(tl_shape_of(a)) != width)
        tl_refuse(h, "lstm_cell", TL_ERR_SHAPE, "%s is %s, and must have %lld columns: H is %s", name,
                  tl_node_text(a).text, (long long)width, tl_node_text(h).text);
}

static tl_node *part(tl_node *a, int64_t k, int64_t width)
{
    return tl_slice(a, tl_shape_of(a).rank - 1, k * width, (k + 1) * width);
}

tl_node *tl_lstm_cell(tl_node *x, tl_node *h, tl_node **c, tl_node *w_x, tl_node *w_h, tl_node *b_x,
                      tl_node *b_h)
{
    const int64_t width = tl_shape_cols(tl_shape_of(h));
    tl_node *before = c ? *c : NULL;
    check_width("Wx", w_x, 4 * width, h); /* after a failure, the ops return NULL */
    check_width("Wh", w_h, 4 * width, h);
    check_width("C", before, width, h);
    tl_node *gates = tl_add(tl_linear(x, w_x, b_x), tl_linear(h, w_h, b_h));
    tl_node *i = tl_sigmoid(part(gates, 0, width)), *f = tl_sigmoid(part(gates, 1, width));
    tl_node *g = tl_tanh(part(gates, 2, width)), *o = tl_sigmoid(part(gates, 3, width));
    tl_node *next = tl_add(tl_mul(f, before), tl_mul(i, g));
    if (c)
        *c = next;
    return tl_mul(o, tl_tanh(next));
}
