/* Examples of docs/ops/rows.md and docs/ops/segments.md. */
#include <stdio.h>
#include <tulle/tulle.h>

int main(void)
{
    tl_pattern *p = tl_pattern_banded(4, 4, 1, 0);
    tl_variable *w = tl_variable_dense("w", TL_SHAPE(4, 4)), *edges = tl_variable_sparse("edges", p);
    tl_variable *gain = tl_variable_dense("gain", TL_SHAPE(4)),
                *bias = tl_variable_dense("bias", TL_SHAPE(4));
    tl_variable *mean = tl_variable_dense("mean", TL_SHAPE(4)),
                *variance = tl_variable_dense("variance", TL_SHAPE(4));
    bool good = tl_init_constant(gain, 1) == TL_OK && tl_init_constant(variance, 1) == TL_OK;
    tl_graph *g = tl_graph_new();
    tl_node *a = tl_use(g, w), *s = tl_use(g, edges);

    /* softmax */
    tl_node *weights = tl_softmax(s); /* sparse: over the edges of each row */
    tl_node *gathered = tl_sparse_dense_matmul(weights, a, TL_NO_TRANSPOSE);
    tl_node *attended = tl_relu(gathered);

    /* log_softmax */
    const tl_real chosen[] = { 0, 1, 0, 0 };
    tl_node *log_p = tl_log_softmax(a);
    tl_node *likelihood = tl_reduce_sum(tl_mul(log_p, tl_constant(g, TL_SHAPE(4), chosen)), TL_ALL_AXES);

    /* layer_norm */
    tl_node *normal = tl_layer_norm(a, tl_use(g, gain), tl_use(g, bias), 1e-5);
    tl_node *plain = tl_layer_norm(a, NULL, NULL, 1e-5); /* mean 0, variance 1 */
    tl_node *block = tl_add(a, tl_matmul(normal, plain));

    /* rms_norm */
    tl_node *scaled = tl_rms_norm(a, tl_use(g, gain), 1e-6);
    tl_node *branch = tl_matmul(scaled, a);
    tl_node *residual = tl_add(a, branch);

    /* batch_norm */
    tl_batch_norm_options options = { .mean = mean, .variance = variance, .training = true };
    tl_node *learned = tl_batch_norm(a, tl_use(g, gain), tl_use(g, bias), &options);
    options.training = false; /* for evaluation: the running moments */

    /* segment_sum */
    const int64_t nodes_of[] = { 0, 1, 4 }; /* two graphs, of one node and of three */
    tl_node *readout = tl_segment_sum(a, nodes_of, 2);
    tl_node *energies = tl_reduce_sum(readout, 1); /* one per graph */

    /* segment_mean */
    const int64_t words_of[] = { 0, 2, 2, 4 }; /* three texts, of which the second is empty */
    tl_node *texts = tl_segment_mean(a, words_of, 3);
    tl_node *summary = tl_tanh(texts);

    /* segment_max */
    const int64_t frames_of[] = { 0, 3, 4 };
    tl_node *loudest = tl_segment_max(a, frames_of, 2);
    tl_node *level = tl_reduce_mean(loudest, 1);

    good = good && attended && likelihood && block && residual && learned && energies && summary && level;
    if (!good)
        fprintf(stderr, "%s\n", tl_error());
    tl_graph_free(g);
    tl_variable_free(w);
    tl_variable_free(edges);
    tl_variable_free(gain);
    tl_variable_free(bias);
    tl_variable_free(mean);
    tl_variable_free(variance);
    tl_pattern_release(p);
    return !good;
}
