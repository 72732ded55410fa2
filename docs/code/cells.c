/* Examples of docs/ops/compositions.md: a layer and recurrent cells. */
#include <stdio.h>
#include <tulle/tulle.h>

enum { STEPS = 3, BATCH = 2, IN = 4, WIDTH = 5 };

int main(void)
{
    static const tl_real numbers[STEPS * BATCH * IN] = { 1, 2, 3 }, zero[BATCH * WIDTH];
    tl_pattern *keep = tl_pattern_random(IN, 4 * WIDTH, 0.5, 1);
    tl_variable *wx = tl_variable_sparse("wx", keep),
                *wh = tl_variable_dense("wh", TL_SHAPE(WIDTH, 4 * WIDTH)),
                *bias = tl_variable_dense("b", TL_SHAPE(4 * WIDTH)),
                *first = tl_variable_dense("first", TL_SHAPE(1, WIDTH));
    tl_random rng = { .seed = 1 };
    bool good = tl_init_glorot(wx, &rng) == TL_OK && tl_init_glorot(wh, &rng) == TL_OK;
    tl_graph *g = tl_graph_new();
    tl_node *w_x = tl_use(g, wx), *w_h = tl_use(g, wh), *b = tl_use(g, bias), *x[STEPS];
    for (int t = 0; t < STEPS; t++)
        x[t] = tl_input(g, TL_SHAPE(BATCH, IN), numbers + t * BATCH * IN);

    /* linear */
    tl_node *hidden = tl_relu(tl_linear(x[0], w_x, b)); /* sparse weights: 2x4 times 4x20 */
    tl_node *scores = tl_linear(hidden, tl_transpose(w_x), NULL);
    tl_node *error = tl_l1(scores, x[0]); /* of an autoencoder with tied weights */

    /* lstm_cell */
    tl_node *h = tl_input(g, TL_SHAPE(BATCH, WIDTH), zero), *c = tl_use(g, first); /* which is learned */
    for (int t = 0; t < STEPS; t++)
        h = tl_lstm_cell(x[t], h, &c, w_x, w_h, b, NULL); /* w_x is sparse */

    /* gru_cell */
    tl_node *w_3 = tl_slice(w_h, 1, 0, 3 * WIDTH);
    for (int t = 0; t < STEPS; t++)
        h = tl_gru_cell(h, h, w_3, w_3, NULL, NULL); /* 2x5, driven by its own state */

    tl_gradients pairs;
    good = good && tl_backward(tl_add(error, tl_l2_loss(h)), &pairs) == TL_OK;
    if (!good)
        fprintf(stderr, "%s\n", tl_error());
    tl_graph_free(g);
    tl_variable_free(wx);
    tl_variable_free(wh);
    tl_variable_free(bias);
    tl_variable_free(first);
    tl_pattern_release(keep);
    return !good;
}
