/* The scores, each as in its paper, and the ranking. */
#include "scores.h"
#include "demo.h"

#include <math.h>
#include <stdlib.h>

/* ---- Scores ---- */

static bool by_chance(scoring *s, tl_real *score)
{
    int64_t size = count_connections(s->net);
    for (int64_t k = 0; k < size; k++)
        score[k] = (tl_real)tl_random_uniform(s->rng);
    return true;
}

/* By chance, with odds of 1/inputs + 1/outputs per layer, which leave small layers their share: minus the
 * time of the first event of a Poisson process with this rate. (Mocanu et al. 2018, "Scalable training of
 * artificial neural networks with adaptive sparse connectivity".) */
static bool by_erdos_renyi(scoring *s, tl_real *score)
{
    for (int l = 0; l <= s->net->n_hidden; l++) {
        const tl_shape shape = tl_variable_shape(s->net->weight[l]);
        const double rate = 1 / (double)shape.dim[0] + 1 / (double)shape.dim[1];
        for (int64_t k = 0; k < tl_variable_size(s->net->weight[l]); k++)
            *score++ = (tl_real)(log1p(-tl_random_uniform(s->rng)) / rate);
    }
    return true;
}

static bool by_magnitude(scoring *s, tl_real *score)
{
    for (int l = 0; l <= s->net->n_hidden; l++) {
        const tl_real *w = tl_variable_values(s->net->weight[l]);
        for (int64_t k = 0; k < tl_variable_size(s->net->weight[l]); k++)
            *score++ = (tl_real)fabs(w[k]);
    }
    return true;
}

/* Sets each score to the weight times its value in the pair of the layer, and resets the graph. */
static bool weight_times(scoring *s, const tl_gradients *pairs, tl_real *score)
{
    for (int l = 0; l <= s->net->n_hidden; l++) {
        const tl_real *w = tl_variable_values(s->net->weight[l]), *v = pairs->pair[l].values;
        for (int64_t k = 0; k < tl_variable_size(s->net->weight[l]); k++)
            *score++ = v ? w[k] * v[k] : 0;
    }
    tl_graph_reset(s->graph);
    return true;
}

/* Computes the gradient by the weights: biases are neither scored nor removed. */
static bool gradient(scoring *s, tl_node *loss, tl_gradients *out)
{
    return tl_backward_for(loss, s->net->weight, s->net->n_hidden + 1, out) == TL_OK ||
           graph_failed(s->graph);
}

/* |w g|, with the gradient g of a batch: to first order, how much the removal changes the loss. (Lee et al.
 * 2019, "SNIP: Single-shot network pruning based on connection sensitivity".) */
static bool by_snip(scoring *s, tl_real *score)
{
    tl_node *logits = network_scores(s->graph, s->net, s->image, s->n);
    tl_gradients g;
    if (!gradient(s, tl_softmax_cross_entropy(logits, s->label), &g))
        return false;
    int64_t size = count_connections(s->net);
    weight_times(s, &g, score);
    for (int64_t k = 0; k < size; k++)
        score[k] = (tl_real)fabs(score[k]);
    return true;
}

/* w dR/dw, where R is the sum of the outputs for an input of ones with |w| in place of w: the flow from the
 * inputs to the outputs through the connection. Needs no data. relu does nothing here, as nothing is
 * negative, and the biases are still 0. (Tanaka et al. 2020, "Pruning neural networks without any data by
 * iteratively conserving synaptic flow".) */
static bool by_synflow(scoring *s, tl_real *score)
{
    const int64_t pixels = tl_variable_shape(s->net->weight[0]).dim[0];
    tl_real *ones = s->work, *sign = ones + pixels;
    for (int64_t i = 0; i < pixels; i++)
        ones[i] = 1;
    tl_node *x = tl_input(s->graph, TL_SHAPE(1, pixels), ones);
    for (int l = 0; l <= s->net->n_hidden; l++) {
        tl_variable *w = s->net->weight[l];
        for (int64_t k = 0; k < tl_variable_size(w); k++)
            sign[k] = tl_variable_values(w)[k] < 0 ? -1 : 1;
        tl_node *signs = tl_input_sparse(s->graph, tl_variable_pattern(w), sign);
        x = tl_dense_sparse_matmul(x, tl_mul(tl_use(s->graph, w), signs), TL_NO_TRANSPOSE);
        sign += tl_variable_size(w);
    }
    tl_gradients g;
    return gradient(s, tl_reduce_sum(x, TL_ALL_AXES), &g) && weight_times(s, &g, score);
}

/* w (H g), with the gradient g and the Hessian H of a batch, the logits divided by 200: to first order, how
 * much the removal takes from half the squared norm of the gradient. The paper ranks by -w (H g) and removes
 * the largest. (Wang et al. 2020, "Picking winning tickets before training by preserving gradient flow".) */
static bool by_grasp(scoring *s, tl_real *score)
{
    const tl_real temperature = 200;
    tl_node *logits = tl_scale(network_scores(s->graph, s->net, s->image, s->n), 1 / temperature);
    tl_node *loss = tl_softmax_cross_entropy(logits, s->label);
    tl_gradients g, hg;
    if (!gradient(s, loss, &g))
        return false;
    if (tl_hessian_product(loss, &g, &hg) != TL_OK)
        return graph_failed(s->graph);
    return weight_times(s, &hg, score);
}

const pruner pruners[N_PRUNERS] = {
    { "random", "by chance", by_chance, 1, false },
    { "Erdos-Renyi", "by chance, with odds of 1/inputs + 1/outputs per layer", by_erdos_renyi, 1, false },
    { "magnitude", "the largest |w|", by_magnitude, 1, false },
    { "SNIP", "the largest |w g|, g the gradient of a batch", by_snip, 1, true },
    { "SynFlow", "the largest |w| dR/d|w|, R the flow through the net; 100 rounds", by_synflow, 100, true },
    { "GraSP", "the smallest -w (H g), H the Hessian of the batch", by_grasp, 1, true },
};

/* ---- Removal ---- */

/* Keeps those of the layer's connections that are listed: they ascend, and are numbered from `first`. */
static bool keep_listed(tl_variable *w, int64_t first, const int32_t *listed, int64_t n)
{
    const tl_csr old = tl_pattern_csr(tl_variable_pattern(w));
    int64_t *row_ptr = malloc((size_t)(old.rows + 1) * sizeof *row_ptr), k = 0;
    int32_t *col = malloc((size_t)(n + 1) * sizeof *col);
    bool ok = row_ptr && col;
    if (!ok)
        tl_fail(TL_ERR_MEMORY, "out of memory");
    for (int64_t i = 0; ok && i <= old.rows; i++) {
        for (; k < n && listed[k] - first < old.row_ptr[i]; k++)
            col[k] = old.col[listed[k] - first];
        row_ptr[i] = k;
    }
    tl_pattern *kept = ok ? tl_pattern_from_csr(old.rows, old.cols, row_ptr, col) : NULL;
    ok = kept && tl_variable_set_pattern(w, kept) == TL_OK;
    tl_pattern_release(kept);
    free(row_ptr);
    free(col);
    return ok;
}

static tl_real score_at(void *score, int64_t row, int64_t col)
{
    (void)row;
    return ((const tl_real *)score)[col];
}

/* Keeps the n connections of largest score: a pattern of one row, a column per connection, ranks them. */
static bool keep_largest(network *net, int64_t n, tl_real *score)
{
    tl_pattern *none = tl_pattern_random(1, count_connections(net), 0, 0);
    tl_pattern *best = none ? tl_pattern_add(none, n, score_at, score) : NULL;
    const int32_t *listed = tl_pattern_col(best);
    int64_t first = 0, from = 0;
    bool ok = best != NULL;
    for (int l = 0; ok && l <= net->n_hidden; l++) {
        int64_t next = first + tl_variable_size(net->weight[l]), to = from;
        while (to < n && listed[to] < next)
            to++;
        ok = keep_listed(net->weight[l], first, listed + from, to - from);
        first = next;
        from = to;
    }
    tl_pattern_release(none);
    tl_pattern_release(best);
    return ok;
}

/* The number of connections falls exponentially, as in SynFlow's paper. */
bool prune(const pruner *p, double density, scoring *s)
{
    int64_t all = count_connections(s->net), pixels = tl_variable_shape(s->net->weight[0]).dim[0];
    tl_real *score = malloc((size_t)all * sizeof *score);
    s->work = malloc((size_t)(all + pixels) * sizeof *s->work);
    bool ok = score && s->work;
    if (!ok)
        tl_fail(TL_ERR_MEMORY, "out of memory");
    for (int round = 1; ok && round <= p->rounds; round++) {
        int64_t n = llround(pow(density, (double)round / p->rounds) * (double)all);
        ok = p->score(s, score) && keep_largest(s->net, n, score);
    }
    free(score);
    free(s->work);
    return ok;
}
