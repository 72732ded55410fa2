/* The product of a Hessian with a vector, beside a gradient of the same network. */
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- hessian_product: three sparse layers of 1024 units (dense at density 1), batch of 128 ---- */

enum { LAYERS = 3, UNITS = 1024, BATCH = 128 };

typedef struct network {
    tl_graph *g;
    bool sparse;
    tl_variable *w[LAYERS], *b[LAYERS];
    tl_gradient v[2 * LAYERS];
    tl_real *x;
    int32_t *label;
    int64_t bytes; /* of the graph, at most */
} network;

static tl_node *loss_of(const network *n)
{
    tl_node *h = tl_input(n->g, TL_SHAPE(BATCH, UNITS), n->x);
    for (int l = 0; l < LAYERS; l++) {
        tl_node *w = tl_use(n->g, n->w[l]), *b = tl_use(n->g, n->b[l]);
        h = n->sparse ? tl_dense_sparse_matmul(h, w, TL_NO_TRANSPOSE) : tl_matmul(h, w);
        h = l < LAYERS - 1 ? tl_bias_relu(h, b) : tl_bias(h, b);
    }
    return tl_softmax_cross_entropy(h, n->label);
}

static void end(network *n)
{
    const int64_t bytes = tl_graph_bytes(n->g);
    n->bytes = bytes > n->bytes ? bytes : n->bytes;
    tl_graph_reset(n->g);
}

static void gradient(void *context)
{
    network *n = context;
    tl_gradients g;
    check(tl_backward(loss_of(n), &g));
    end(n);
}

static void product(void *context)
{
    network *n = context;
    tl_gradients hv;
    check(tl_hessian_product(loss_of(n), &(tl_gradients){ n->v, 2 * LAYERS, NULL }, &hv));
    end(n);
}

static tl_variable *make_weights(double density, int l)
{
    if (density == 1)
        return must(tl_variable_dense("w", TL_SHAPE(UNITS, UNITS)));
    tl_pattern *keep = must(tl_pattern_random(UNITS, UNITS, density, (uint64_t)l));
    tl_variable *w = must(tl_variable_sparse("w", keep));
    tl_pattern_release(keep);
    return w;
}

static void free_network(network *n)
{
    for (int l = 0; l < LAYERS; l++) {
        tl_variable_free(n->w[l]);
        tl_variable_free(n->b[l]);
        free(n->v[2 * l].values);
        free(n->v[2 * l + 1].values);
    }
    tl_graph_free(n->g);
    free(n->x);
    free(n->label);
}

static void measure_network(double density)
{
    char name[64];
    tl_random rng = { .seed = 1 };
    network n = { .sparse = density < 1,
                  .x = random_reals(BATCH * UNITS, 2),
                  .label = random_integers(BATCH, UNITS, 3) };
    for (int l = 0; l < LAYERS; l++) {
        n.w[l] = make_weights(density, l);
        n.b[l] = must(tl_variable_dense("b", TL_SHAPE(UNITS)));
        check(tl_init_he(n.w[l], &rng));
        n.v[2 * l] = (tl_gradient){ n.w[l], random_reals(tl_variable_size(n.w[l]), 4), NULL, 0 };
        n.v[2 * l + 1] = (tl_gradient){ n.b[l], random_reals(UNITS, 5), NULL, 0 };
    }
    network m = n;
    n.g = must(tl_graph_new());
    m.g = must(tl_graph_new());
    product(&n);
    gradient(&m);
    snprintf(name, sizeof name, "1024-1024-1024-1024 b=%d d=%g", BATCH, density);
    measure_beside(name, (work){ .share = "of_gradient", .memory = (double)n.bytes / (double)m.bytes },
                   product, &n, gradient, &m);
    tl_graph_free(m.g);
    free_network(&n);
}

void bench_hessian_product(void)
{
    static const double density[] = { 1, 0.5, 0.1, 0.01 };
    for (size_t d = 0; d < sizeof density / sizeof *density; d++)
        measure_network(density[d]);
}
