/* Attention: a transformer block, and attention at a sparse pattern. */
#include "tests/bench/bench.h"

#include <stdlib.h>

/* ---- attention_step: one pre-norm block of width 128, 4 heads, causal, on 8 sequences of 128; AdamW ---- */

enum { SEQUENCES = 8, TIME = 128, WIDTH = 128, HEADS = 4, INNER = 4 * WIDTH };

/* A layer X W + b. */
typedef struct linear {
    tl_variable *w, *b;
} linear;

typedef struct block {
    tl_graph *g;
    tl_optimizer *adam;
    linear norm[2]; /* gains and biases */
    linear qkv, out, up, down;
    tl_real *x;
} block;

static tl_node *apply(const block *b, const linear *l, tl_node *x)
{
    return tl_bias(tl_matmul(x, tl_use(b->g, l->w)), tl_use(b->g, l->b));
}

static tl_node *normalise(const block *b, const linear *l, tl_node *x)
{
    return tl_layer_norm(x, tl_use(b->g, l->w), tl_use(b->g, l->b), 1e-5);
}

static void train_block(void *context)
{
    const block *b = context;
    const tl_attention_options options = { .heads = HEADS, .causal = true };
    tl_node *x = tl_input(b->g, TL_SHAPE(SEQUENCES, TIME, WIDTH), b->x);
    tl_node *h = normalise(b, &b->norm[0], x);
    h = apply(b, &b->qkv, h);
    tl_node *q = tl_slice(h, 2, 0, WIDTH), *k = tl_slice(h, 2, WIDTH, 2 * WIDTH),
            *v = tl_slice(h, 2, 2 * WIDTH, 3 * WIDTH);
    h = tl_attention(q, k, v, &options);
    x = tl_add(x, apply(b, &b->out, h));
    h = tl_gelu(apply(b, &b->up, normalise(b, &b->norm[1], x)));
    x = tl_add(x, apply(b, &b->down, h));
    check(tl_minimize(b->adam, tl_reduce_mean(tl_square(x), TL_ALL_AXES)));
    tl_graph_reset(b->g);
}

static linear make_linear(int64_t in, int64_t out, uint64_t seed)
{
    tl_random rng = { .seed = seed };
    linear l = { must(tl_variable_dense("w", TL_SHAPE(in, out))),
                 must(tl_variable_dense("b", TL_SHAPE(out))) };
    check(tl_init_glorot(l.w, &rng));
    return l;
}

static linear make_norm(void)
{
    linear l = { must(tl_variable_dense("gain", TL_SHAPE(WIDTH))),
                 must(tl_variable_dense("bias", TL_SHAPE(WIDTH))) };
    check(tl_init_constant(l.w, 1));
    return l;
}

static void free_linear(linear l)
{
    tl_variable_free(l.w);
    tl_variable_free(l.b);
}

void bench_attention_step(void)
{
    block b = { .g = must(tl_graph_new()),
                .adam = must(tl_adam(
                    (tl_adam_options){ .learning_rate = 1e-3, .weight_decay = 0.01, .decoupled = true })),
                .norm = { make_norm(), make_norm() },
                .qkv = make_linear(WIDTH, 3 * WIDTH, 1),
                .out = make_linear(WIDTH, WIDTH, 2),
                .up = make_linear(WIDTH, INNER, 3),
                .down = make_linear(INNER, WIDTH, 4),
                .x = random_reals(SEQUENCES * TIME * WIDTH, 5) };
    measure("b=8 t=128 w=128 h=4", (work){ 0 }, train_block, &b);
    tl_graph_free(b.g);
    tl_optimizer_free(b.adam);
    const linear layers[] = { b.norm[0], b.norm[1], b.qkv, b.out, b.up, b.down };
    for (size_t k = 0; k < sizeof layers / sizeof *layers; k++)
        free_linear(layers[k]);
    free(b.x);
}

/* ---- sparse_attention: 2048 queries and keys of width 64 at a random pattern with the diagonal ---- */

enum { NODES = 2048, FEATURES = 64 };

typedef struct edges {
    tl_graph *g;
    tl_pattern *pattern;
    tl_variable *q, *k, *v;
    tl_real *dy;
} edges;

static void attend(void *context)
{
    const edges *e = context;
    tl_gradients out;
    tl_node *scores = tl_sampled_matmul(tl_use(e->g, e->q), tl_use(e->g, e->k), e->pattern, TL_TRANSPOSE_B);
    tl_node *weights = tl_softmax(tl_scale(scores, (tl_real)0.125));
    tl_node *y = tl_sparse_dense_matmul(weights, tl_use(e->g, e->v), TL_NO_TRANSPOSE);
    check(tl_backward(with_upstream(y, e->dy), &out));
    tl_graph_reset(e->g);
}

static tl_variable *make_vectors(const char *name, uint64_t seed)
{
    tl_random rng = { .seed = seed };
    tl_variable *v = must(tl_variable_dense(name, TL_SHAPE(NODES, FEATURES)));
    check(tl_init_normal(v, 0, 1, &rng));
    return v;
}

void bench_sparse_attention(void)
{
    tl_pattern *random = must(tl_pattern_random(NODES, NODES, 0.02, 1)),
               *diagonal = must(tl_pattern_banded(NODES, NODES, 0, 0));
    edges e = { .g = must(tl_graph_new()),
                .pattern = must(tl_pattern_union(random, diagonal)),
                .q = make_vectors("q", 1),
                .k = make_vectors("k", 2),
                .v = make_vectors("v", 3),
                .dy = random_reals(NODES * FEATURES, 4) };
    const double nnz = (double)tl_pattern_nnz(e.pattern);
    measure("n=2048 w=64 d=0.02", (work){ .flops = 6 * 2 * nnz * FEATURES, .nnz = nnz }, attend, &e);
    tl_graph_free(e.g);
    tl_pattern_release(random);
    tl_pattern_release(diagonal);
    tl_pattern_release(e.pattern);
    tl_variable_free(e.q);
    tl_variable_free(e.k);
    tl_variable_free(e.v);
    free(e.dy);
}
