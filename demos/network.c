/* The perceptron: creation, the forward pass, the test, and files. */
#include "network.h"
#include "accuracy.h"
#include "demo.h"

#include <math.h>
#include <string.h>

enum { NAME_SIZE = 64 };

/* ---- Variables ---- */

void network_shapes(const integer_list *hidden, const digits *d, tl_shape *shape)
{
    int64_t inputs = d->height * d->width;
    for (int64_t l = 0; l <= hidden->n; l++) {
        const int64_t outputs = l < hidden->n ? hidden->item[l] : d->classes;
        shape[l] = TL_SHAPE(inputs, outputs);
        inputs = outputs;
    }
}

static tl_variable *make_sparse(const char *name, tl_shape shape, double density, tl_random *rng)
{
    const uint64_t seed = (uint64_t)tl_random_integer(rng, INT64_MAX);
    tl_pattern *p = tl_pattern_random(shape.dim[0], shape.dim[1], density, seed);
    tl_variable *w = p ? tl_variable_sparse(name, p) : NULL;
    tl_pattern_release(p);
    return w;
}

bool network_make(network *net, const char *prefix, const integer_list *hidden, const digits *d,
                  const double *density, tl_random *rng)
{
    tl_shape shape[MAX_HIDDEN + 1];
    network_shapes(hidden, d, shape);
    *net = (network){ .n_hidden = (int)hidden->n };
    for (int l = 0; l <= net->n_hidden; l++) {
        char weight[NAME_SIZE], bias[NAME_SIZE];
        snprintf(weight, sizeof weight, "%sw%d", prefix, l + 1);
        snprintf(bias, sizeof bias, "%sb%d", prefix, l + 1);
        net->weight[l] = density ? make_sparse(weight, shape[l], density[l], rng)
                                 : tl_variable_dense(weight, shape[l]);
        net->bias[l] = tl_variable_dense(bias, TL_SHAPE(shape[l].dim[1]));
        if (!net->weight[l] || !net->bias[l] || tl_init_he(net->weight[l], rng) != TL_OK)
            return false;
    }
    return true;
}

void network_free(network *net)
{
    for (int l = 0; l <= net->n_hidden; l++) {
        tl_variable_free(net->weight[l]);
        tl_variable_free(net->bias[l]);
    }
    *net = (network){ 0 };
}

int network_variables(const network *net, tl_variable *list[2 * (MAX_HIDDEN + 1)])
{
    int n = 0;
    for (int l = 0; l <= net->n_hidden; l++) {
        list[n++] = net->weight[l];
        list[n++] = net->bias[l];
    }
    return n;
}

tl_variable *sparse_full(const char *name, int64_t rows, int64_t cols)
{
    tl_pattern *all = tl_pattern_random(rows, cols, 1, 0);
    tl_variable *v = all ? tl_variable_sparse(name, all) : NULL;
    tl_pattern_release(all);
    return v;
}

/* Copies the values of a variable to another of as many. */
static void copy_values(tl_variable *to, tl_variable *from)
{
    memcpy(tl_variable_data(to), tl_variable_values(from), (size_t)tl_variable_size(from) * sizeof(tl_real));
}

bool network_make_sparse(network *net, int n)
{
    for (int l = 0; l < n; l++) {
        tl_variable *dense = net->weight[l];
        const tl_shape shape = tl_variable_shape(dense);
        tl_variable *sparse = sparse_full(tl_variable_name(dense), shape.dim[0], shape.dim[1]);
        if (!sparse)
            return false;
        copy_values(sparse, dense);
        tl_variable_free(dense);
        net->weight[l] = sparse;
    }
    net->dense_if_full = true;
    return true;
}

bool network_prune(network *net, double density)
{
    for (int l = 0; l < net->n_hidden; l++) {
        const double cells = (double)tl_shape_size(tl_variable_shape(net->weight[l]));
        if (tl_variable_prune_by_magnitude(net->weight[l], llround(density * cells)) != TL_OK)
            return false;
    }
    return true;
}

int64_t count_connections(const network *net)
{
    int64_t n = 0;
    for (int l = 0; l <= net->n_hidden; l++)
        n += tl_variable_size(net->weight[l]);
    return n;
}

int64_t network_bytes(const network *net)
{
    int64_t values = count_connections(net);
    for (int l = 0; l <= net->n_hidden; l++)
        values += tl_variable_size(net->bias[l]);
    return values * (int64_t)sizeof(tl_real);
}

/* ---- The forward pass ---- */

/* The only code that depends on whether a layer is sparse. */
tl_node *product(tl_graph *g, tl_node *x, tl_variable *w, tl_trans layout, bool dense_if_full)
{
    if (!tl_variable_is_sparse(w))
        return tl_matmul_transposed(x, tl_use(g, w), layout);
    if (dense_if_full && tl_variable_size(w) == tl_shape_size(tl_variable_shape(w)))
        return tl_matmul_transposed(x, tl_sparse_to_dense(tl_use(g, w), NULL), layout);
    return tl_dense_sparse_matmul(x, tl_use(g, w), layout);
}

tl_node *network_scores(tl_graph *g, const network *net, const tl_real *images, int64_t n)
{
    int64_t pixels = tl_variable_shape(net->weight[0]).dim[net->layout == TL_TRANSPOSE_B];
    tl_node *x = tl_input(g, TL_SHAPE(n, pixels), images);
    for (int l = 0; l <= net->n_hidden; l++) {
        x = tl_bias(product(g, x, net->weight[l], net->layout, net->dense_if_full), tl_use(g, net->bias[l]));
        if (l < net->n_hidden)
            x = tl_relu(x);
    }
    return x;
}

void network_print(const integer_list *hidden, const digits *d)
{
    printf("%" PRId64 " images to train, %" PRId64 " to test; layers %" PRId64, d->train.n, d->test.n,
           d->height * d->width);
    for (int64_t l = 0; l < hidden->n; l++)
        printf("-%" PRId64, hidden->item[l]);
    printf("-%" PRId32 "\n", d->classes);
}

static tl_node *scores(tl_graph *g, const void *model, const tl_real *images, int64_t n)
{
    return network_scores(g, model, images, n);
}

bool network_accuracy(const network *net, const digits *d, double *accuracy)
{
    return test_accuracy(d, scores, net, accuracy);
}

/* ---- Files ---- */

/* Copies a variable, with its pattern or mask, under the part of its name after the prefix. */
static tl_variable *copy_of(tl_variable *v)
{
    const char *slash = strrchr(tl_variable_name(v), '/'), *name = slash ? slash + 1 : tl_variable_name(v);
    tl_pattern *p = tl_variable_pattern(v);
    const bool sparse = tl_variable_is_sparse(v);
    tl_variable *copy = sparse ? tl_variable_sparse(name, p) : tl_variable_dense(name, tl_variable_shape(v));
    if (copy)
        copy_values(copy, v);
    if (copy && p && !sparse && tl_variable_set_mask(copy, p) != TL_OK) {
        tl_variable_free(copy);
        return NULL;
    }
    return copy;
}

bool network_save(const network *net, const char *path)
{
    tl_variable *list[2 * (MAX_HIDDEN + 1)], *copy[2 * (MAX_HIDDEN + 1)] = { 0 };
    const int n = network_variables(net, list);
    bool ok = true;
    for (int k = 0; k < n; k++)
        ok = (copy[k] = copy_of(list[k])) && ok;
    ok = ok && tl_weights_save(path, copy, n) == TL_OK;
    for (int k = 0; k < n; k++)
        tl_variable_free(copy[k]);
    return ok;
}

bool network_load(network *net, const char *path)
{
    tl_variable *list[2 * (MAX_HIDDEN + 1)];
    const int n = network_variables(net, list);
    return tl_weights_load(path, list, n, NULL, NULL) == TL_OK;
}
