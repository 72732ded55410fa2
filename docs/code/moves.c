/* Examples of docs/ops/moves.md. */
#include <math.h>
#include <stdio.h>
#include <tulle/tulle.h>

int main(void)
{
    tl_variable *w = tl_variable_dense("w", TL_SHAPE(2, 3));
    tl_graph *g = tl_graph_new();
    tl_node *a = tl_use(g, w);

    /* reshape */
    tl_node *flat = tl_reshape(a, TL_SHAPE(6)); /* a vector; TL_SHAPE() is a scalar's */
    tl_node *column = tl_reshape(flat, TL_SHAPE(6, 1));
    tl_node *outer = tl_mul(flat, column); /* 6x6 */

    /* transpose */
    tl_node *columns = tl_transpose(a);    /* 2x3 to 3x2 */
    tl_node *gram = tl_matmul(a, columns); /* A A^T */
    tl_node *size = tl_reduce_sum(gram, TL_ALL_AXES);

    /* permute */
    const int64_t heads = 3;
    tl_node *split = tl_reshape(a, TL_SHAPE(1, 2, heads, 1)); /* batch, time, head, width */
    tl_node *by_head = tl_permute(split, (const int32_t[]){ 0, 2, 1, 3 });

    /* concat */
    tl_node *state = tl_input(g, TL_SHAPE(2, 1), (const tl_real[]){ 5, 6 });
    tl_node *both = tl_concat((tl_node *[]){ a, state }, 2, 1); /* 2x3 and 2x1 to 2x4 */
    tl_node *next = tl_relu(both);

    /* slice */
    tl_node *gate = tl_slice(next, 1, 0, 2); /* columns 0 and 1 */
    tl_node *rest = tl_slice(next, 1, 2, 4); /* columns 2 and 3 */
    tl_node *gated = tl_mul(tl_sigmoid(gate), rest);

    /* pad */
    const int64_t before[] = { 0, 1 }, after[] = { 0, 1 };
    tl_node *framed = tl_pad(gated, before, after, 0); /* 2x2 to 2x4, a column of 0 on either side */
    tl_node *total = tl_reduce_sum(framed, TL_ALL_AXES);

    /* broadcast_to */
    tl_node *row = tl_input(g, TL_SHAPE(3), (const tl_real[]){ 1, 2, 3 });
    tl_node *rows = tl_broadcast_to(row, TL_SHAPE(2, 3));
    tl_node *stacked = tl_concat((tl_node *[]){ a, rows }, 2, 0);

    /* tril */
    tl_node *past = tl_tril(gram, 0, -INFINITY); /* each row sees what is not later */
    tl_node *strict = tl_tril(gram, -1, 0);
    tl_node *weights = tl_add(tl_softmax(past), strict);

    /* stop_gradient */
    tl_node *target = tl_stop_gradient(tl_tanh(a));
    tl_node *loss = tl_mse(a, target); /* moves a towards its tanh, not the tanh */
    tl_gradients pairs;
    const bool good = outer && size && by_head && total && stacked && weights &&
                      tl_backward(loss, &pairs) == TL_OK;

    if (!good)
        fprintf(stderr, "%s\n", tl_error());
    tl_graph_free(g);
    tl_variable_free(w);
    return !good;
}
