/* Examples of docs/ops/products.md, and the attention of docs/ops/compositions.md. */
#include <stdio.h>
#include <tulle/tulle.h>

int main(void)
{
    static const tl_real numbers[2 * 3 * 4] = { 1, 2, 3 }, one[3] = { 1, 1, 1 };
    tl_variable *w = tl_variable_dense("w", TL_SHAPE(4, 4));
    tl_variable *b = tl_variable_dense("b", TL_SHAPE(4));
    tl_pattern *near = tl_pattern_banded(4, 4, 1, 1);
    tl_variable *links = tl_variable_sparse("links", near);
    tl_graph *g = tl_graph_new();
    tl_node *x = tl_input(g, TL_SHAPE(2, 3, 4), numbers), *ones = tl_input(g, TL_SHAPE(3), one);
    tl_node *q = tl_use(g, w);

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

    /* sampled_matmul */
    tl_node *edges = tl_sampled_matmul(q, q, near, TL_TRANSPOSE_B); /* Q Q^T at the pattern `near` */
    tl_node *weights = tl_softmax(edges);                           /* per row, over its entries */
    tl_node *gathered = tl_sparse_dense_matmul(weights, q, TL_NO_TRANSPOSE);

    /* sparse_sparse_matmul */
    tl_node *hop = tl_use(g, links);                       /* the edges of a graph */
    tl_node *two_hops = tl_sparse_sparse_matmul(hop, hop); /* its paths of two edges */
    tl_node *reached = tl_sparse_add_thresholded(hop, two_hops, (tl_real)1e-3);

    /* sparse_add_thresholded */
    tl_node *decayed = tl_scale(reached, (tl_real)0.5);
    tl_node *sparser = tl_sparse_add_thresholded(decayed, hop, (tl_real)0.1);
    tl_node *degree = tl_reduce_sum(sparser, 1);

    tl_gradients pairs;
    tl_node *sums[] = { means, active, block, gathered, degree }, *loss = NULL;
    for (int k = 0; k < 5; k++) {
        tl_node *sum = tl_reduce_sum(sums[k], TL_ALL_AXES);
        loss = k == 0 ? sum : tl_add(loss, sum);
    }
    const bool good = tl_backward(loss, &pairs) == TL_OK;
    if (!good)
        fprintf(stderr, "%s\n", tl_error());
    tl_graph_free(g);
    tl_variable_free(w);
    tl_variable_free(b);
    tl_variable_free(links);
    tl_pattern_release(near);
    return !good;
}
