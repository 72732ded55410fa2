/* Training steps of whole networks. */
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- mlp_step: 784-1024-1024-10, the hidden weights sparse (dense at density 1), batch of 128, Adam ---- */

enum { LAYERS = 3, BATCH = 128 };
static const int64_t units[LAYERS + 1] = { 784, 1024, 1024, 10 };

typedef struct perceptron {
    tl_graph *g;
    tl_optimizer *adam;
    int n_sparse; /* the first n_sparse layers have sparse weights */
    tl_variable *w[LAYERS], *b[LAYERS];
    tl_real *x;
    int32_t *label;
} perceptron;

static void train_perceptron(void *context)
{
    const perceptron *p = context;
    tl_node *h = tl_input(p->g, TL_SHAPE(BATCH, units[0]), p->x);
    for (int l = 0; l < LAYERS; l++) {
        tl_node *w = tl_use(p->g, p->w[l]);
        h = l < p->n_sparse ? tl_dense_sparse_matmul(h, w, TL_NO_TRANSPOSE) : tl_matmul(h, w);
        tl_node *b = tl_use(p->g, p->b[l]);
        h = l < LAYERS - 1 ? tl_bias_relu(h, b) : tl_bias(h, b);
    }
    check(tl_minimize(p->adam, tl_softmax_cross_entropy(h, p->label)));
    tl_graph_reset(p->g);
}

static tl_variable *make_weights(const perceptron *p, int l, double density)
{
    if (l >= p->n_sparse)
        return must(tl_variable_dense("w", TL_SHAPE(units[l], units[l + 1])));
    tl_pattern *keep = must(tl_pattern_random(units[l], units[l + 1], density, (uint64_t)l));
    tl_variable *w = must(tl_variable_sparse("w", keep));
    tl_pattern_release(keep);
    return w;
}

static void measure_perceptron(double density)
{
    char name[64];
    tl_random rng = { .seed = 1 };
    perceptron p = { .g = must(tl_graph_new()),
                     .adam = must(tl_adam((tl_adam_options){ .learning_rate = 1e-3 })),
                     .n_sparse = density < 1 ? LAYERS - 1 : 0,
                     .x = random_reals(BATCH * units[0], 2),
                     .label = random_integers(BATCH, units[LAYERS], 3) };
    for (int l = 0; l < LAYERS; l++) {
        p.w[l] = make_weights(&p, l, density);
        p.b[l] = must(tl_variable_dense("b", TL_SHAPE(units[l + 1])));
        check(tl_init_he(p.w[l], &rng));
    }
    snprintf(name, sizeof name, "784-1024-1024-10 b=%d d=%g", BATCH, density);
    measure(name, (work){ 0 }, train_perceptron, &p);
    tl_graph_free(p.g);
    tl_optimizer_free(p.adam);
    for (int l = 0; l < LAYERS; l++) {
        tl_variable_free(p.w[l]);
        tl_variable_free(p.b[l]);
    }
    free(p.x);
    free(p.label);
}

void bench_mlp_step(void)
{
    static const double density[] = { 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01 };
    for (size_t d = 0; d < sizeof density / sizeof *density; d++)
        measure_perceptron(density[d]);
}

/* ---- tiny_step: exclusive or by a 2-8-1 network, where the library's overhead dominates ---- */

typedef struct tiny {
    tl_graph *g;
    tl_optimizer *sgd;
    tl_variable *w1, *b1, *w2, *b2;
} tiny;

static void train_tiny(void *context)
{
    static const tl_real x[] = { 0, 0, 0, 1, 1, 0, 1, 1 }, y[] = { 0, 1, 1, 0 };
    const tiny *t = context;
    tl_graph *g = t->g;
    tl_node *h = tl_matmul(tl_input(g, TL_SHAPE(4, 2), x), tl_use(g, t->w1));
    h = tl_tanh(tl_bias(h, tl_use(g, t->b1)));
    h = tl_bias(tl_matmul(h, tl_use(g, t->w2)), tl_use(g, t->b2));
    check(tl_minimize(t->sgd, tl_mse(h, tl_input(g, TL_SHAPE(4, 1), y))));
    tl_graph_reset(g);
}

void bench_tiny_step(void)
{
    tl_random rng = { .seed = 1 };
    tiny t = { .g = must(tl_graph_new()),
               .sgd = must(tl_sgd((tl_sgd_options){ .learning_rate = 0.1 })),
               .w1 = must(tl_variable_dense("w1", TL_SHAPE(2, 8))),
               .b1 = must(tl_variable_dense("b1", TL_SHAPE(8))),
               .w2 = must(tl_variable_dense("w2", TL_SHAPE(8, 1))),
               .b2 = must(tl_variable_dense("b2", TL_SHAPE(1))) };
    check(tl_init_glorot(t.w1, &rng));
    check(tl_init_glorot(t.w2, &rng));
    measure("2-8-1 b=4", (work){ 0 }, train_tiny, &t);
    tl_graph_free(t.g);
    tl_optimizer_free(t.sgd);
    tl_variable_free(t.w1);
    tl_variable_free(t.b1);
    tl_variable_free(t.w2);
    tl_variable_free(t.b2);
}

/* ---- gcn_epoch: two graph convolutions (Kipf 2017) on a random graph of Cora's size ---- */

enum { PAPERS = 2708, WORDS = 1433, CITATIONS = 5278, HIDDEN = 16, TOPICS = 7, LABELLED = 140 };

typedef struct convolution {
    tl_graph *g;
    tl_optimizer *adam;
    tl_random rng;
    tl_pattern *adjacent, *contains; /* papers x papers, papers x words */
    tl_real *weight, *one;           /* their values */
    tl_variable *w1, *w2;
    int32_t *train, *topic;
} convolution;

/* H = relu(A X W1), scores = A dropout(H) W2; the loss is over the labelled papers. */
static void train_convolution(void *context)
{
    convolution *c = context;
    tl_graph *g = c->g;
    tl_node *a = tl_input_sparse(g, c->adjacent, c->weight), *x = tl_input_sparse(g, c->contains, c->one);
    tl_node *h = tl_sparse_dense_matmul(x, tl_use(g, c->w1), TL_NO_TRANSPOSE);
    h = tl_relu(tl_sparse_dense_matmul(a, h, TL_NO_TRANSPOSE));
    h = tl_matmul(tl_dropout(h, (tl_real)0.5, &c->rng), tl_use(g, c->w2));
    h = tl_sparse_dense_matmul(a, h, TL_NO_TRANSPOSE);
    h = tl_embedding_lookup(h, c->train, TL_SHAPE(LABELLED));
    check(tl_minimize(c->adam, tl_softmax_cross_entropy(h, c->topic)));
    tl_graph_reset(g);
}

/* Both directions of every citation and an entry of each paper with itself; repeats are summed. */
static void make_citations(convolution *c)
{
    enum { ENTRIES = 2 * CITATIONS + PAPERS };
    int32_t *from = random_integers(CITATIONS, PAPERS, 1), *to = random_integers(CITATIONS, PAPERS, 2);
    int32_t *row = allocate(ENTRIES, sizeof *row), *col = allocate(ENTRIES, sizeof *col);
    int64_t *position = allocate(ENTRIES, sizeof *position);
    for (int32_t k = 0; k < ENTRIES; k++) {
        bool back = k >= CITATIONS, self = k >= 2 * CITATIONS;
        row[k] = self ? k - 2 * CITATIONS : back ? to[k - CITATIONS] : from[k];
        col[k] = self ? row[k] : back ? from[k - CITATIONS] : to[k];
    }
    c->adjacent = must(tl_coo_to_csr(PAPERS, PAPERS, ENTRIES, row, col, TL_REPEATS_SUM, position));
    int64_t nnz = tl_pattern_nnz(c->adjacent);
    c->weight = allocate(nnz, sizeof *c->weight);
    for (int64_t k = 0; k < nnz; k++)
        c->weight[k] = 0;
    tl_random rng = { .seed = 3 };
    for (int32_t k = 0; k < ENTRIES; k++)
        c->weight[position[k]] += (tl_real)tl_random_uniform(&rng);
    free(from);
    free(to);
    free(row);
    free(col);
    free(position);
}

static void make_words(convolution *c)
{
    c->contains = must(tl_pattern_random(PAPERS, WORDS, 0.0127, 4));
    int64_t nnz = tl_pattern_nnz(c->contains);
    c->one = allocate(nnz, sizeof *c->one);
    for (int64_t k = 0; k < nnz; k++)
        c->one[k] = 1;
    c->train = allocate(LABELLED, sizeof *c->train);
    for (int32_t k = 0; k < LABELLED; k++)
        c->train[k] = k;
    c->topic = random_integers(LABELLED, TOPICS, 5);
}

void bench_gcn_epoch(void)
{
    tl_adam_options options = { .learning_rate = 0.01, .weight_decay = 5e-4 };
    convolution c = { .g = must(tl_graph_new()),
                      .adam = must(tl_adam(options)),
                      .rng = { .seed = 6 },
                      .w1 = must(tl_variable_dense("w1", TL_SHAPE(WORDS, HIDDEN))),
                      .w2 = must(tl_variable_dense("w2", TL_SHAPE(HIDDEN, TOPICS))) };
    make_citations(&c);
    make_words(&c);
    check(tl_init_normal(c.w1, 0, (tl_real)0.1, &c.rng));
    check(tl_init_normal(c.w2, 0, (tl_real)0.1, &c.rng));
    measure("cora-size", (work){ 0 }, train_convolution, &c);
    tl_graph_free(c.g);
    tl_optimizer_free(c.adam);
    tl_variable_free(c.w1);
    tl_variable_free(c.w2);
    tl_pattern_release(c.adjacent);
    tl_pattern_release(c.contains);
    free(c.weight);
    free(c.one);
    free(c.train);
    free(c.topic);
}
