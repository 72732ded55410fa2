/* Classifies the nodes of a graph of which few are known.
 *
 * Two layers of graph convolution (Kipf and Welling 2017): features are mixed by a dense matrix, and each
 * node takes the mean of its neighbours by a sparse one. --learn-edges adds a weight to each edge, which is
 * trained; with --attention the weights are computed from the features at both ends (Velickovic et al. 2018).
 * In either case only the edges that exist have a weight and a gradient. */
#include "demo.h"
#include "layout.h"
#include "papers.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_SEEDS = 100, MAX_HEADS = 16, MOST_VARIABLES = 4 * MAX_HEADS + 8 };

typedef struct options {
    demo_options common;
    int64_t hidden, heads, epochs, seeds, learn_edges, attention;
    double learning_rate, decay, dropout, edge_rate, edge_decay;
    const char *graph;
} options;

#define AT(field) offsetof(options, field)

static const flag flags[] = {
    { "--hidden", "N", "units of the hidden layer; with attention, of each head", FLAG_INTEGER,
      .at = AT(hidden), 1, 1024, .fixed = true },
    { "--learn-edges", "", "train a weight per edge", FLAG_SWITCH, .at = AT(learn_edges), .fixed = true },
    { "--attention", "", "compute the weights of edges from the features", FLAG_SWITCH, .at = AT(attention),
      .fixed = true },
    { "--heads", "N", "of attention", FLAG_INTEGER, .at = AT(heads), 1, MAX_HEADS, .fixed = true },
    { "--epochs", "N", "steps, each on the whole graph", FLAG_INTEGER, .at = AT(epochs), 1, MOST_POINTS,
      .fixed = true },
    { "--learning-rate", "X", "of Adam", FLAG_NUMBER, .at = AT(learning_rate), .above = true, .open = true,
      .fixed = true },
    { "--decay", "X", "weight decay", FLAG_NUMBER, .at = AT(decay), .open = true, .fixed = true },
    { "--dropout", "X", "probability, of features and hidden units", FLAG_NUMBER, .at = AT(dropout), 0, 1,
      .fixed = true },
    { "--edge-rate", "X", "learning rate of the weights of --learn-edges", FLAG_NUMBER, .at = AT(edge_rate),
      .above = true, .open = true, .fixed = true },
    { "--edge-decay", "X", "weight decay of the weights of --learn-edges", FLAG_NUMBER, .at = AT(edge_decay),
      .open = true, .fixed = true },
    { "--seeds", "N", "number of seeds, from --seed on", FLAG_INTEGER, .at = AT(seeds), 1, MAX_SEEDS,
      .fixed = true },
    { "--graph", "FILE", "draw the graph, with the classes of the last network, as SVG", FLAG_OUTPUT,
      .at = AT(graph) },
};

/* A head of a layer: Y = S (X W), with S the weights of the edges. */
typedef struct head {
    tl_variable *w, *from, *to; /* of attention: vectors that score both ends of an edge; otherwise NULL */
} head;

typedef struct model {
    const options *o;
    const papers *p;
    int n_variables, n_heads;
    tl_variable *variable[MOST_VARIABLES]; /* all of them */
    head hidden[MAX_HEADS], out;
    tl_variable *hidden_bias, *out_bias, *edges; /* edges: NULL unless they are trained */
    tl_real *ones;                               /* per edge */
    tl_optimizer *adam;
    tl_graph *graph;
    tl_random rng;
} model;

static tl_variable *add(model *m, const char *name, tl_shape shape)
{
    tl_variable *v = m->n_variables < MOST_VARIABLES ? tl_variable_dense(name, shape) : NULL;
    if (v)
        m->variable[m->n_variables++] = v;
    return v && (shape.rank < 2 || tl_init_glorot(v, &m->rng) == TL_OK) ? v : NULL;
}

static bool add_head(model *m, head *h, int64_t inputs, int64_t outputs)
{
    return (h->w = add(m, "w", TL_SHAPE(inputs, outputs))) &&
           (!m->o->attention || ((h->from = add(m, "from", TL_SHAPE(outputs, 1))) &&
                                 (h->to = add(m, "to", TL_SHAPE(outputs, 1)))));
}

/* The weights that are added to those of the edges begin at 0, and weight decay draws them there. */
static bool add_edges(model *m)
{
    if (!(m->edges = tl_variable_sparse("edges", m->p->edges)))
        return false;
    m->variable[m->n_variables++] = m->edges;
    tl_optimizer_options own = tl_optimizer_options_for(m->adam, m->edges);
    own.learning_rate = m->o->edge_rate;
    own.weight_decay = m->o->edge_decay;
    return tl_optimizer_set_options_for(m->adam, m->edges, own) == TL_OK;
}

static bool model_make(model *m, const options *o, const papers *p, uint64_t seed)
{
    const int64_t features = tl_pattern_cols(p->feature), nnz = tl_pattern_nnz(p->edges);
    *m = (model){ .o = o, .p = p, .rng = { .seed = seed }, .n_heads = o->attention ? (int)o->heads : 1 };
    m->adam = tl_adam((tl_adam_options){ .learning_rate = o->learning_rate, .weight_decay = o->decay });
    m->graph = tl_graph_new();
    m->ones = allocate(nnz, sizeof *m->ones);
    bool ok = m->adam && m->graph && m->ones;
    for (int64_t k = 0; ok && k < nnz; k++)
        m->ones[k] = 1;
    for (int k = 0; ok && k < m->n_heads; k++)
        ok = add_head(m, &m->hidden[k], features, o->hidden);
    return ok && add_head(m, &m->out, m->n_heads * o->hidden, p->classes) &&
           (m->hidden_bias = add(m, "hidden_bias", TL_SHAPE(m->n_heads * o->hidden))) &&
           (m->out_bias = add(m, "out_bias", TL_SHAPE(p->classes))) && (!o->learn_edges || add_edges(m));
}

static void model_free(model *m)
{
    tl_graph_free(m->graph);
    tl_optimizer_free(m->adam);
    for (int k = 0; k < m->n_variables; k++)
        tl_variable_free(m->variable[k]);
    free(m->ones);
}

/* ---- The model ---- */

/* Returns the weights of the edges for features `mixed` of the nodes, as a sparse matrix. */
static tl_node *edge_weights(model *m, tl_graph *g, const head *h, tl_node *mixed, bool training)
{
    const papers *p = m->p;
    if (!h->from) {
        tl_node *s = tl_input_sparse(g, p->edges, p->weight);
        return m->edges ? tl_sparse_add(s, tl_use(g, m->edges)) : s;
    }
    tl_node *ones = tl_input_sparse(g, p->edges, m->ones);
    tl_node *from = tl_matmul(mixed, tl_use(g, h->from)), *to = tl_matmul(mixed, tl_use(g, h->to));
    tl_node *score = tl_sparse_add(tl_mul(ones, from), tl_mul(ones, tl_reshape(to, TL_SHAPE(1, p->n))));
    tl_node *s = tl_softmax(tl_leaky_relu(score, (tl_real)0.2));
    return training ? tl_dropout(s, (tl_real)m->o->dropout, &m->rng) : s;
}

/* `mixed` is X W. */
static tl_node *propagate(model *m, tl_graph *g, const head *h, tl_node *mixed, bool training)
{
    return tl_sparse_dense_matmul(edge_weights(m, g, h, mixed, training), mixed, TL_NO_TRANSPOSE);
}

/* Returns the scores of all nodes, n x classes. */
static tl_node *scores(model *m, tl_graph *g, bool training)
{
    const tl_real dropout = training ? (tl_real)m->o->dropout : 0;
    tl_node *part[MAX_HEADS], *x = tl_input_sparse(g, m->p->feature, m->p->value);
    for (int k = 0; k < m->n_heads; k++) {
        tl_node *in = tl_dropout(x, dropout, &m->rng);
        part[k] = propagate(m, g, &m->hidden[k],
                            tl_sparse_dense_matmul(in, tl_use(g, m->hidden[k].w), TL_NO_TRANSPOSE), training);
    }
    tl_node *h = tl_bias(tl_concat(part, m->n_heads, 1), tl_use(g, m->hidden_bias));
    h = tl_dropout(m->o->attention ? tl_elu(h, 1) : tl_relu(h), dropout, &m->rng);
    tl_node *y = propagate(m, g, &m->out, tl_matmul(h, tl_use(g, m->out.w)), training);
    return tl_bias(y, tl_use(g, m->out_bias));
}

/* ---- Training ---- */

/* What became of the network of a seed. */
typedef struct result {
    int64_t done, bits;
    double accuracy, loss, seconds;
} result;

static bool train(model *m, series *curve, result *out)
{
    const node_list *known = &m->p->train;
    int32_t *label = allocate(known->n, sizeof *label);
    bool ok = label != NULL;
    for (int64_t k = 0; ok && k < known->n; k++)
        label[k] = m->p->label[known->node[k]];
    const double start = seconds();
    for (int64_t epoch = 1; ok && epoch <= m->o->epochs; epoch++) {
        tl_node *y = tl_embedding_lookup(scores(m, m->graph, true), known->node, TL_SHAPE(known->n));
        tl_node *loss = tl_softmax_cross_entropy(y, label);
        ok = tl_minimize(m->adam, loss) == TL_OK || graph_failed(m->graph);
        if (ok)
            series_add(curve, (double)epoch, out->loss = (double)tl_value(loss)[0]);
        tl_graph_reset(m->graph);
    }
    out->seconds = seconds() - start;
    free(label);
    return ok;
}

/* Sets the class of every node, and the part of the test nodes whose class is right. */
static bool test(model *m, int32_t *found, double *accuracy)
{
    const papers *p = m->p;
    const tl_real *score = tl_value(scores(m, m->graph, false));
    double right = 0;
    if (!score)
        return graph_failed(m->graph);
    for (int64_t i = 0; i < p->n; i++, score += p->classes) {
        found[i] = 0;
        for (int32_t k = 1; k < p->classes; k++)
            found[i] = score[k] > score[found[i]] ? k : found[i];
    }
    for (int64_t k = 0; k < p->test.n; k++)
        right += found[p->test.node[k]] == p->label[p->test.node[k]];
    *accuracy = right / (double)p->test.n;
    tl_graph_reset(m->graph);
    return true;
}

static bool run(const options *o, const papers *p, uint64_t seed, series *curve, int32_t *found, result *out)
{
    model m;
    progress("seed %" PRIu64, seed);
    const bool ok = model_make(&m, o, p, seed) && train(&m, curve, out) && test(&m, found, &out->accuracy);
    out->bits = ok ? hash_of(m.variable, m.n_variables) : 0;
    out->done = ok;
    model_free(&m);
    progress_clear();
    return ok;
}

/* ---- The program ---- */

static bool keep_result(tl_checkpoint *c, int64_t k, result *r)
{
    char name[32];
    snprintf(name, sizeof name, "done/%" PRId64, k);
    bool ok = tl_checkpoint_add_integer(c, name, &r->done) == TL_OK &&
              tl_checkpoint_add_number(c, name, &r->accuracy) == TL_OK;
    snprintf(name, sizeof name, "bits/%" PRId64, k);
    ok = ok && tl_checkpoint_add_integer(c, name, &r->bits) == TL_OK &&
         tl_checkpoint_add_number(c, name, &r->loss) == TL_OK;
    snprintf(name, sizeof name, "seconds/%" PRId64, k);
    return ok && tl_checkpoint_add_number(c, name, &r->seconds) == TL_OK;
}

static void report(results *to, const options *o, uint64_t seed, const result *r)
{
    const double rate = (double)o->epochs / r->seconds;
    printf("%6" PRIu64 "  %8.2f %%  %8.4f  %8.0f\n", seed, 100 * r->accuracy, r->loss, rate);
    fflush(stdout);
    result_seed(to, seed);
    result_number(to, "accuracy", r->accuracy);
    result_number(to, "loss", r->loss);
    result_integer(to, "bits", r->bits);
    result_number(to, "epochs_per_second", rate);
    result_end(to);
}

/* Trains a network per seed; the last one's classes are in found[]. */
static bool run_all(demo *d, const options *o, const papers *p, int32_t *found)
{
    static result result_of[MAX_SEEDS];
    series *curve = series_new(&d->series, d->checkpoint, "training loss", "first seed");
    double sum = 0;
    bool ok = curve != NULL;
    for (int64_t k = 0; ok && k < o->seeds; k++)
        ok = keep_result(d->checkpoint, k, &result_of[k]);
    if (!ok || !demo_resume(d))
        return false;
    printf("%" PRId64 " nodes, %" PRId64 " edges, %" PRId64 " features, %" PRId32 " classes; %" PRId64
           " nodes known, %" PRId64 " to test\n\n%6s  %10s  %8s  %8s\n",
           p->n, (tl_pattern_nnz(p->edges) - p->n) / 2, tl_pattern_cols(p->feature), p->classes, p->train.n,
           p->test.n, "seed", "accuracy", "loss", "epochs/s");
    for (int64_t k = 0; k < o->seeds; k++) {
        const uint64_t seed = o->common.seed + (uint64_t)k;
        const bool is_drawn = o->graph && k == o->seeds - 1;
        if ((!result_of[k].done || is_drawn) &&
            !(run(o, p, seed, k == 0 && !result_of[k].done ? curve : NULL, found, &result_of[k]) &&
              demo_save(d)))
            return false;
        report(&d->results, o, seed, &result_of[k]);
        sum += result_of[k].accuracy;
    }
    const double mean = sum / (double)o->seeds;
    return demo_reached(d, mean >= o->common.goal,
                        "test accuracy %.2f %% (mean of %" PRId64 "), at least %.2f %%", 100 * mean, o->seeds,
                        100 * o->common.goal);
}

int main(int argc, char **argv)
{
    options o = { .common = DEMO_OPTIONS(0.8),
                  .hidden = 16,
                  .heads = 8,
                  .epochs = 200,
                  .seeds = 3,
                  .learning_rate = 0.01,
                  .decay = 0.0005,
                  .dropout = 0.5,
                  .edge_rate = 0.001,
                  .edge_decay = 1 };
    demo d = {
        .name = "graph_network",
        .about =
            "Learns the classes of the nodes of a graph from few that are known, by graph convolution, with "
            "weights of the edges that are fixed, trained, or computed by attention. The exit status is 0 if "
            "the mean test accuracy reaches the goal.",
        .data = "folder with adjacency.mtx, features.mtx, labels.npy, train.npy and test.npy (default: "
                "Zachary's karate club)",
        .goal = "lowest mean of the test accuracy",
        .x_name = "epoch",
        .examples = "--graph club.svg\n--data cora --seeds 10 --goal 0.81\n"
                    "--data cora --attention --hidden 8 --dropout 0.6\n",
        DEMO_FLAGS(flags, o),
    };
    papers p = { 0 };
    if (!demo_begin(&d, argc, argv))
        return d.status;
    int32_t *found = NULL;
    const bool ok = papers_get(&p, o.common.data) && (found = allocate(p.n, sizeof *found)) &&
                    run_all(&d, &o, &p, found) && (!o.graph || draw_graph(&p, found, o.common.seed, o.graph));
    const int status = demo_end(&d, ok);
    papers_free(&p);
    free(found);
    return status;
}
