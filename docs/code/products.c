/* Examples of docs/ops/products.md and docs/ops/compositions.md. */
#include <stdio.h>
#include <tulle/tulle.h>

int main(void)
{
    static const tl_real numbers[2 * 3 * 4] = { 1, 2, 3 }, one[3] = { 1, 1, 1 };
    tl_variable *w = tl_variable_dense("w", TL_SHAPE(4, 4));
    tl_variable *b = tl_variable_dense("b", TL_SHAPE(4));
    tl_graph *g = tl_graph_new();
    tl_node *x = tl_input(g, TL_SHAPE(2, 3, 4), numbers), *ones = tl_input(g, TL_SHAPE(3), one);

    /* matmul */
    tl_node *y = tl_matmul(x, tl_use(g, w));                            /* 2x3x4 times 4x4: 2x3x4 */
    tl_node *scores = tl_matmul_transposed(x, y, TL_TRANSPOSE_B);       /* 2x3x4 times 2x4x3: 2x3x3 */
    tl_node *means = tl_scale(tl_matmul(scores, ones), (tl_real)1 / 3); /* times [3]: 2x3 */

    /* bias, bias_relu */
    tl_node *shift = tl_use(g, b);
    tl_node *z = tl_bias(y, shift); /* 2x3x4 and [4] */
    tl_node *active = tl_bias_relu(tl_matmul(z, tl_use(g, w)), shift);

    /* attention */
    const tl_attention_options options = { .heads = 2, .causal = true };
    tl_node *attended = tl_attention(y, y, x, &options); /* 2x3x4: over the time of 3, with heads of 2 */
    tl_node *block = tl_layer_norm(tl_add(x, attended), NULL, NULL, 1e-5);

    tl_gradients pairs;
    tl_node *loss = tl_add(tl_add(tl_reduce_sum(means, TL_ALL_AXES), tl_reduce_sum(active, TL_ALL_AXES)),
                           tl_reduce_sum(block, TL_ALL_AXES));
    const bool good = tl_backward(loss, &pairs) == TL_OK;
    if (!good)
        fprintf(stderr, "%s\n", tl_error());
    tl_graph_free(g);
    tl_variable_free(w);
    tl_variable_free(b);
    return !good;
}
