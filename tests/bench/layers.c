/* One layer: the dense product, the product with a sparse variable, and a training step of the latter. */
#include "tests/bench/bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <tulle/op.h>

/* ---- gemm: C = A B, square. Counted: 2 n^3. ---- */

typedef struct square {
    tl_graph *g;
    int64_t n;
    const tl_real *a, *b;
} square;

/* A and B depend on no variable, so that only the product is computed. C has the same address in every
 * run. */
static void multiply(void *context)
{
    const square *s = context;
    tl_node *a = tl_input(s->g, TL_SHAPE(s->n, s->n), s->a);
    tl_node *b = tl_input(s->g, TL_SHAPE(s->n, s->n), s->b);
    must(tl_matmul(a, b));
    tl_graph_reset(s->g);
}

void bench_gemm(void)
{
    for (int64_t n = 64; n <= 2048; n *= 2) {
        char name[64];
        tl_real *a = random_reals(n * n, 1), *b = random_reals(n * n, 2);
        square s = { must(tl_graph_new()), n, a, b };
        snprintf(name, sizeof name, "n=%" PRId64, n);
        measure(name, (work){ .flops = 2 * (double)n * (double)n * (double)n }, multiply, &s);
        tl_graph_free(s.g);
        free(a);
        free(b);
    }
}

/* ---- sparse_layer: Y = W X, W sparse m x k, X k x n. Counted: 2 nnz n for each product. ---- */

typedef struct layer {
    tl_graph *g;
    tl_variable *w, *x;
    const tl_real *dy;
    tl_optimizer *sgd;
} layer;

/* upstream: an op without a value. It makes one pass over the gradient of its input, where
 * tl_reduce_sum(tl_mul(y, dy), TL_ALL_AXES) makes several. */
static tl_status upstream_shape(tl_node *y)
{
    return tl_shape_dense(y, TL_SHAPE());
}

static void upstream_forward(tl_node *y)
{
    y->out[0] = 0;
}

static void upstream_backward(tl_node *y)
{
    const tl_real *dy = *(const tl_real *const *)y->attr, slope = y->grad[0];
    tl_real *restrict da = y->in[0]->grad;
    const int64_t n = da ? y->in[0]->size : 0;
    const bool overwrite = y->in[0]->overwrite;
    for (int64_t k = 0; k < n; k++)
        da[k] = (overwrite ? 0 : da[k]) + slope * dy[k];
}

tl_node *with_upstream(tl_node *y, const tl_real *dy)
{
    static const tl_op upstream = { .name = "upstream",
                                    .n_in = 1,
                                    .shape = upstream_shape,
                                    .forward = upstream_forward,
                                    .backward = upstream_backward,
                                    .can_overwrite = 1 << 0 };
    return tl_apply(&upstream, &y, &dy, sizeof dy);
}

static void forward(void *context)
{
    const layer *l = context;
    must(tl_sparse_dense_matmul(tl_use(l->g, l->w), tl_use(l->g, l->x), TL_NO_TRANSPOSE));
    tl_graph_reset(l->g);
}

static tl_node *loss(const layer *l)
{
    tl_node *y = tl_sparse_dense_matmul(tl_use(l->g, l->w), tl_use(l->g, l->x), TL_NO_TRANSPOSE);
    return with_upstream(y, l->dy);
}

static void forward_and_backward(void *context)
{
    const layer *l = context;
    tl_gradients out;
    check(tl_backward(loss(l), &out));
    tl_graph_reset(l->g);
}

static void train(void *context)
{
    const layer *l = context;
    check(tl_minimize(l->sgd, loss(l)));
    tl_graph_reset(l->g);
}

static void measure_layer(int64_t m, int64_t k, int64_t n, double density, int products,
                          void (*run)(void *context))
{
    char name[64];
    tl_random rng = { .seed = 1 };
    tl_pattern *keep = must(tl_pattern_random(m, k, density, 1));
    tl_real *dy = random_reals(m * n, 2);
    layer l = { .g = must(tl_graph_new()),
                .w = must(tl_variable_sparse("w", keep)),
                .x = must(tl_variable_dense("x", TL_SHAPE(k, n))),
                .dy = dy,
                .sgd = must(tl_sgd((tl_sgd_options){ .learning_rate = 1e-3 })) };
    check(tl_init_normal(l.w, 0, 1, &rng));
    check(tl_init_normal(l.x, 0, 1, &rng));
    /* X stands for the output of the layer below: its gradient is computed, but it is not updated. */
    tl_frozen frozen = { &l.x, 1 };
    check(tl_optimizer_add_transform(l.sgd, tl_freeze, &frozen));
    snprintf(name, sizeof name, "%" PRId64 "x%" PRId64 "x%" PRId64 " d=%g", m, k, n, density);
    double nnz = (double)tl_pattern_nnz(keep);
    measure(name, (work){ .flops = products * 2 * nnz * (double)n, .nnz = nnz }, run, &l);
    tl_optimizer_free(l.sgd);
    tl_graph_free(l.g);
    tl_variable_free(l.w);
    tl_variable_free(l.x);
    tl_pattern_release(keep);
    free(dy);
}

static void measure_layers(int products, void (*run)(void *context))
{
    static const int64_t size[][3] = { { 1024, 1024, 128 }, { 1024, 1024, 512 }, { 4096, 4096, 128 } };
    static const double density[] = { 0.5, 0.2, 0.1, 0.05, 0.01 };
    for (size_t s = 0; s < sizeof size / sizeof *size; s++)
        for (size_t d = 0; d < sizeof density / sizeof *density; d++)
            measure_layer(size[s][0], size[s][1], size[s][2], density[d], products, run);
}

void bench_sparse_layer(void)
{
    measure_layers(3, forward_and_backward);
}

void bench_sparse_layer_forward(void)
{
    measure_layers(1, forward);
}

/* ---- growth: a training step of the layer, at one size by density and at one density by size ---- */

void bench_growth(void)
{
    static const int64_t size[] = { 256, 512, 1024, 2048, 4096, 8192, 16384 };
    static const double density[] = { 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001 };
    for (size_t s = 0; s < sizeof size / sizeof *size; s++)
        for (size_t d = 0; d < sizeof density / sizeof *density; d++)
            if (size[s] == 4096 || density[d] == 0.01)
                measure_layer(size[s], size[s], 128, density[d], 3, train);
}
