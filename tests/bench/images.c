/* Convolutions of images: a training step of a small network, and a layer whose filters are sparse. */
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- conv_step: conv 3x3 1-16, relu, pool 2, conv 3x3 16-32, relu, pool 2, linear 10; SGD ---- */

enum { IMAGES = 64, SIDE = 28, BLOCKS = 2, CLASSES = 10 };
static const int64_t channels[BLOCKS + 1] = { 1, 16, 32 };

typedef struct network {
    tl_graph *g;
    tl_optimizer *sgd;
    tl_variable *w[BLOCKS + 1], *b[BLOCKS + 1];
    tl_real *x;
    int32_t *label;
} network;

static void train_network(void *context)
{
    const network *n = context;
    tl_node *h = tl_input(n->g, TL_SHAPE(IMAGES, channels[0], SIDE, SIDE), n->x);
    for (int l = 0; l < BLOCKS; l++) {
        h = tl_conv2d(h, tl_use(n->g, n->w[l]), &(tl_conv_options){ .padding = { 1, 1 } });
        h = tl_relu(tl_add(h, tl_use(n->g, n->b[l])));
        h = tl_max_pool2d(h, &(tl_pool_options){ .window = { 2, 2 } });
    }
    h = tl_reshape(h, TL_SHAPE(IMAGES, channels[BLOCKS] * (SIDE / 4) * (SIDE / 4)));
    h = tl_bias(tl_matmul(h, tl_use(n->g, n->w[BLOCKS])), tl_use(n->g, n->b[BLOCKS]));
    check(tl_minimize(n->sgd, tl_softmax_cross_entropy(h, n->label)));
    tl_graph_reset(n->g);
}

void bench_conv_step(void)
{
    tl_random rng = { .seed = 1 };
    network n = { .g = must(tl_graph_new()),
                  .sgd = must(tl_sgd((tl_sgd_options){ .learning_rate = 0.01 })),
                  .x = random_reals(IMAGES * channels[0] * SIDE * SIDE, 2),
                  .label = random_integers(IMAGES, CLASSES, 3) };
    for (int l = 0; l < BLOCKS; l++) {
        n.w[l] = must(tl_variable_dense("w", TL_SHAPE(channels[l + 1], channels[l], 3, 3)));
        n.b[l] = must(tl_variable_dense("b", TL_SHAPE(channels[l + 1], 1, 1)));
        check(tl_init_normal(n.w[l], 0, (tl_real)0.1, &rng));
    }
    n.w[BLOCKS] = must(tl_variable_dense("w", TL_SHAPE(channels[BLOCKS] * (SIDE / 4) * (SIDE / 4), CLASSES)));
    n.b[BLOCKS] = must(tl_variable_dense("b", TL_SHAPE(CLASSES)));
    check(tl_init_he(n.w[BLOCKS], &rng));
    measure("28x28 b=64 1-16-32-10", (work){ 0 }, train_network, &n);
    tl_graph_free(n.g);
    tl_optimizer_free(n.sgd);
    for (int l = 0; l <= BLOCKS; l++) {
        tl_variable_free(n.w[l]);
        tl_variable_free(n.b[l]);
    }
    free(n.x);
    free(n.label);
}

/* ---- sparse_conv: conv 3x3, 128 to 128 channels on 16 images of 16x16: forward, dX and dW ---- */

enum { SPARSE_IMAGES = 16, SPARSE_CHANNELS = 128, SPARSE_SIDE = 16, KERNEL = 3 };

typedef struct layer {
    tl_graph *g;
    tl_variable *x, *w;
    tl_real *dy;
} layer;

static void pass_through(void *context)
{
    const layer *l = context;
    tl_gradients out;
    tl_node *x = tl_use(l->g, l->x), *w = tl_use(l->g, l->w);
    const tl_sparse_conv_options o = { .kernel = { KERNEL, KERNEL }, .padding = { 1, 1 } };
    check(tl_backward(with_upstream(tl_sparse_conv2d(x, w, &o), l->dy), &out));
    tl_graph_reset(l->g);
}

static void measure_sparse_conv(double density)
{
    enum { DEPTH = SPARSE_CHANNELS * KERNEL * KERNEL, PIXELS = SPARSE_IMAGES * SPARSE_SIDE * SPARSE_SIDE };
    char name[64];
    tl_random rng = { .seed = 1 };
    tl_pattern *keep = must(tl_pattern_random(SPARSE_CHANNELS, DEPTH, density, 1));
    layer l = { .g = must(tl_graph_new()),
                .x = must(tl_variable_dense(
                    "x", TL_SHAPE(SPARSE_IMAGES, SPARSE_CHANNELS, SPARSE_SIDE, SPARSE_SIDE))),
                .w = must(tl_variable_sparse("w", keep)),
                .dy = random_reals(SPARSE_CHANNELS * PIXELS, 2) };
    check(tl_init_normal(l.x, 0, 1, &rng));
    check(tl_init_normal(l.w, 0, 1, &rng));
    snprintf(name, sizeof name, "%d-%d 3x3 16x16 b=%d d=%g", SPARSE_CHANNELS, SPARSE_CHANNELS, SPARSE_IMAGES,
             density);
    const double nnz = (double)tl_pattern_nnz(keep);
    measure(name, (work){ .flops = 3 * 2 * nnz * PIXELS, .nnz = nnz }, pass_through, &l);
    tl_graph_free(l.g);
    tl_variable_free(l.x);
    tl_variable_free(l.w);
    tl_pattern_release(keep);
    free(l.dy);
}

void bench_sparse_conv(void)
{
    static const double density[] = { 0.2, 0.1, 0.05 };
    for (size_t d = 0; d < sizeof density / sizeof *density; d++)
        measure_sparse_conv(density[d]);
}
