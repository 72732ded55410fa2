/* Training of one network, and the moves of its connections. */
#include "moving.h"
#include "demo.h"

#include <math.h>
#include <stdlib.h>

/* Each purpose has draws of its own, so that the order of the images does not depend on the method. */
static const uint64_t move_draws = (uint64_t)1 << 40, order_draws = (uint64_t)1 << 41;

struct moving {
    const moving_options *o;
    const digits *d;
    const method *m; /* NULL: the dense network */
    network net;
    tl_topology_schedule schedule;
    tl_optimizer *adam;
    tl_graph *graph;
    tl_random moves; /* where to */
    int64_t step, moved;
    tl_real *image; /* of a batch */
    int32_t *label;
    int32_t *order; /* of the training images in this epoch */
};

static void moving_free(moving *n)
{
    tl_graph_free(n->graph);
    tl_optimizer_free(n->adam);
    network_free(&n->net);
    free(n->image);
    free(n->label);
    free(n->order);
}

/* Draws the connections and their weights: those of a seed and a density are the same for every method. */
static bool moving_make(moving *n, const moving_options *o, const digits *d, const method *m,
                        const result *of)
{
    const int64_t all = d->train.n, batch = o->batch < all ? o->batch : all,
                  steps = o->epochs * ((all + batch - 1) / batch);
    double density[MAX_HIDDEN + 1];
    tl_shape shape[MAX_HIDDEN + 1];
    tl_random rng = { .seed = of->seed };
    *n = (moving){ .o = o, .d = d, .m = m, .moves = { .seed = of->seed, .position = move_draws } };
    n->schedule = (tl_topology_schedule){ .fraction = o->fraction,
                                          .every = o->every,
                                          .end = (int64_t)ceil(o->until * (double)steps) };
    network_shapes(&o->hidden, d, shape);
    return tl_topology_densities((int32_t)o->hidden.n + 1, shape, of->density, (tl_density_rule)o->rule,
                                 density) == TL_OK &&
           network_make(&n->net, "", &o->hidden, d, m ? density : NULL, &rng) &&
           (n->graph = tl_graph_new()) &&
           (n->adam = tl_adam((tl_adam_options){ .learning_rate = o->learning_rate })) &&
           (n->image = allocate(batch * d->height * d->width, sizeof *n->image)) &&
           (n->label = allocate(batch, sizeof *n->label)) && (n->order = allocate(all, sizeof *n->order));
}

/* ---- Moves ---- */

static tl_pattern *to_random_cells(moving *n, tl_variable *w, int64_t k)
{
    return tl_topology_move_random(w, k, (uint64_t)tl_random_integer(&n->moves, INT64_MAX));
}

static tl_pattern *to_largest_gradients(moving *n, tl_variable *w, int64_t k)
{
    return tl_topology_move_by_gradient(w, k, n->graph);
}

const method methods[N_METHODS + 1] = {
    { "static", "the connections that were drawn at first", NULL },
    { "set", "the smallest move to random cells (Mocanu et al. 2018)", to_random_cells },
    { "rigl", "the smallest move to the largest gradients (Evci et al. 2020)", to_largest_gradients },
    { NULL, NULL, NULL },
};

/* Moves a fraction of each layer's connections, and resets the graph: that must be done before a pattern
 * changes, and after the last gradient was looked at. */
static bool move_connections(moving *n, double fraction)
{
    tl_pattern *next[MAX_HIDDEN + 1] = { NULL };
    bool ok = true;
    for (int l = 0; ok && l <= n->net.n_hidden; l++) {
        const int64_t k = llround(fraction * (double)tl_variable_size(n->net.weight[l]));
        next[l] = n->m->move(n, n->net.weight[l], k);
        ok = next[l] != NULL;
        n->moved += k;
    }
    tl_graph_reset(n->graph);
    for (int l = 0; l <= n->net.n_hidden; l++) {
        ok = ok && tl_variable_set_pattern(n->net.weight[l], next[l]) == TL_OK;
        tl_pattern_release(next[l]);
    }
    return ok;
}

/* ---- Training ---- */

/* Trains on the first images of the batch, and moves connections if the schedule says so. */
static bool train_step(moving *n, int64_t images, double *value)
{
    tl_gradients pairs;
    tl_node *loss = tl_softmax_cross_entropy(network_scores(n->graph, &n->net, n->image, images), n->label);
    const double fraction = n->m && n->m->move ? tl_topology_fraction(&n->schedule, ++n->step) : 0;
    const bool ok = fraction > 0
                        ? tl_backward(loss, &pairs) == TL_OK && tl_apply_gradients(n->adam, &pairs) == TL_OK
                        : tl_minimize(n->adam, loss) == TL_OK;
    if (!ok)
        return graph_failed(n->graph);
    *value = (double)tl_value(loss)[0];
    if (fraction > 0)
        return move_connections(n, fraction);
    tl_graph_reset(n->graph);
    return true;
}

static bool train(moving *n, result *out)
{
    const int64_t all = n->d->train.n, batch = n->o->batch;
    int64_t steps = 0;
    tl_random rng = { .seed = out->seed, .position = order_draws };
    for (int64_t epoch = 1; epoch <= n->o->epochs; epoch++) {
        double sum = 0;
        tl_random_permutation(&rng, (int32_t)all, n->order);
        for (int64_t first = 0; first < all; first += batch, steps++) {
            const int64_t images = all - first < batch ? all - first : batch;
            double loss = 0;
            digits_gather(n->d, n->order + first, images, n->image, n->label);
            const double start = seconds();
            if (!train_step(n, images, &loss))
                return false;
            out->ms += 1e3 * (seconds() - start);
            sum += (double)images * loss;
        }
        out->loss = sum / (double)all;
        if (!isfinite(out->loss)) {
            tl_fail(TL_ERR_NUMERIC, "the loss became %g: try a smaller --learning-rate", out->loss);
            return false;
        }
    }
    out->ms /= (double)steps;
    return true;
}

static void measure(const moving *n, result *out)
{
    out->moved = n->moved;
    out->bytes = 2 * network_bytes(&n->net) + tl_optimizer_bytes(n->adam);
    for (int l = 0; l <= n->net.n_hidden; l++) {
        out->connections += tl_variable_size(n->net.weight[l]);
        out->bytes += tl_pattern_bytes(tl_variable_pattern(n->net.weight[l]));
    }
}

bool train_network(const moving_options *o, const digits *d, const method *m, result *out)
{
    moving n;
    const bool ok = moving_make(&n, o, d, m, out) && train(&n, out);
    if (ok)
        measure(&n, out);
    out->done = ok && network_accuracy(&n.net, d, &out->accuracy);
    moving_free(&n);
    return out->done;
}
