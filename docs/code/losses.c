/* Examples of docs/ops/losses.md. */
#include <stdio.h>
#include <tulle/tulle.h>

int main(void)
{
    tl_pattern *p = tl_pattern_banded(3, 3, 1, 0);
    tl_variable *w = tl_variable_dense("w", TL_SHAPE(4, 3)), *edges = tl_variable_sparse("edges", p);
    tl_random rng = { .seed = 1 };
    bool good = tl_init_normal(w, 0, 1, &rng) == TL_OK && tl_init_normal(edges, 0, 1, &rng) == TL_OK;
    tl_graph *g = tl_graph_new();
    tl_node *x = tl_use(g, w), *s = tl_use(g, edges);
    const tl_real numbers[12] = { 0.5, 1, 0, 0, 1, 0, 0.25, 0, 1, 1, 0, 0 };
    tl_node *z = tl_input(g, TL_SHAPE(4, 3), numbers);

    /* softmax_cross_entropy */
    const int32_t classes[] = { 2, 0, 0, 1 }; /* a label per row of x, which is 4x3 */
    tl_node *plain = tl_softmax_cross_entropy(x, classes);
    tl_node *calm = tl_add(plain, tl_scale(tl_l2_loss(x), (tl_real)0.01));

    /* softmax_cross_entropy_weighted */
    const int32_t labels[] = { 2, 0, -1, 1 };   /* the third is unknown */
    const tl_real weights[] = { 1, 0.5, 0, 1 }; /* .. and has weight 0 */
    tl_node *loss = tl_softmax_cross_entropy_weighted(x, labels, weights);

    /* softmax_cross_entropy_with */
    const tl_real rare[] = { 1, 1, 5 }; /* class 2 */
    tl_cross_entropy_options options = { .class_weights = rare, .ignore = -1, .has_ignore = true };
    tl_node *balanced = tl_softmax_cross_entropy_with(x, labels, &options);

    /* softmax_cross_entropy_dense */
    tl_node *teacher = tl_softmax(tl_scale(z, (tl_real)0.5)); /* distillation, at temperature 2 */
    tl_node *student = tl_softmax_cross_entropy_dense(tl_scale(x, (tl_real)0.5), teacher);
    tl_node *distilled = tl_add(loss, tl_scale(student, 4));

    /* nll */
    tl_node *log_p = tl_log_softmax(x);
    tl_node *same = tl_nll(log_p, classes); /* as tl_softmax_cross_entropy of x */
    tl_node *gap = tl_sub(same, plain);

    /* nll_with */
    options = (tl_cross_entropy_options){ .ignore = -1, .has_ignore = true, .per_row = true };
    tl_node *surprise = tl_nll_with(log_p, labels, &options); /* [4], of which the third is 0 */
    tl_node *worst = tl_reduce_max(surprise, 0);

    /* sigmoid_cross_entropy */
    tl_node *tags = tl_sigmoid_cross_entropy(x, z); /* three tags, yes or no, for each of four */
    tl_node *recall = tl_sigmoid_cross_entropy_weighted(x, z, 3);
    tl_node *both = tl_add(tags, recall);

    /* mse */
    tl_node *error = tl_mse(tl_tanh(x), z);
    tl_node *symmetric = tl_mse(x, tl_neg(x)); /* both sides have gradients */
    tl_node *fit = tl_add(error, symmetric);

    /* l1 */
    tl_node *absolute = tl_l1(x, z);
    tl_node *sparse_code = tl_l1(x, tl_input(g, TL_SHAPE(4, 3), (const tl_real[12]){ 0 })); /* a lasso */
    tl_node *lasso = tl_add(absolute, tl_scale(sparse_code, (tl_real)0.01));

    /* huber */
    tl_node *robust = tl_huber(x, z, 1); /* gradients of at most 1 / 12: an outlier does not dominate */
    tl_node *smooth_l1 = tl_scale(tl_huber(x, z, (tl_real)0.1), 10);
    tl_node *blend = tl_add(robust, smooth_l1);

    /* l2_loss */
    tl_node *penalty = tl_add(tl_l2_loss(x), tl_l2_loss(s)); /* dense and sparse weights */
    tl_node *total = tl_add(distilled, tl_scale(penalty, (tl_real)1e-4));
    tl_gradients pairs;
    good = good && tl_backward(total, &pairs) == TL_OK;

    good = good && calm && gap && balanced && worst && both && fit && lasso && blend;
    if (!good)
        fprintf(stderr, "%s\n", tl_error());
    tl_graph_free(g);
    tl_variable_free(w);
    tl_variable_free(edges);
    tl_pattern_release(p);
    return !good;
}
