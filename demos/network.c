/* The perceptron: creation, the forward pass, and the test. */
#include "network.h"
#include "demo.h"

enum { TEST_BATCH = 500 };

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

bool network_make(network *net, const integer_list *hidden, const digits *d, const double *density,
                  tl_random *rng)
{
    tl_shape shape[MAX_HIDDEN + 1];
    network_shapes(hidden, d, shape);
    *net = (network){ .n_hidden = (int)hidden->n };
    for (int l = 0; l <= net->n_hidden; l++) {
        char weight[16], bias[16];
        snprintf(weight, sizeof weight, "w%d", l + 1);
        snprintf(bias, sizeof bias, "b%d", l + 1);
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

/* The only code that depends on whether a layer is sparse. */
static tl_node *product(tl_graph *g, const network *net, tl_node *x, tl_variable *w)
{
    return tl_variable_is_sparse(w) ? tl_dense_sparse_matmul(x, tl_use(g, w), net->layout)
                                    : tl_matmul_transposed(x, tl_use(g, w), net->layout);
}

tl_node *network_scores(tl_graph *g, const network *net, const tl_real *images, int64_t n)
{
    int64_t pixels = tl_variable_shape(net->weight[0]).dim[net->layout == TL_TRANSPOSE_B];
    tl_node *x = tl_input(g, TL_SHAPE(n, pixels), images);
    for (int l = 0; l <= net->n_hidden; l++) {
        x = tl_bias(product(g, net, x, net->weight[l]), tl_use(g, net->bias[l]));
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

static int32_t largest_score(const tl_real *score, int32_t n)
{
    int32_t best = 0;
    for (int32_t k = 1; k < n; k++)
        best = score[k] > score[best] ? k : best;
    return best;
}

bool network_accuracy(tl_graph *g, const network *net, const digits *d, double *accuracy)
{
    int64_t pixels = d->height * d->width, right = 0;
    for (int64_t first = 0; first < d->test.n; first += TEST_BATCH, tl_graph_reset(g)) {
        int64_t n = d->test.n - first < TEST_BATCH ? d->test.n - first : TEST_BATCH;
        const tl_real *score = tl_value(network_scores(g, net, d->test.image + first * pixels, n));
        if (!score)
            return graph_failed(g);
        for (int64_t k = 0; k < n; k++)
            right += largest_score(score + k * d->classes, d->classes) == d->test.label[first + k];
    }
    *accuracy = (double)right / (double)d->test.n;
    return true;
}

int64_t network_bytes(const network *net)
{
    int64_t values = 0;
    for (int l = 0; l <= net->n_hidden; l++)
        values += tl_variable_size(net->weight[l]) + tl_variable_size(net->bias[l]);
    return values * (int64_t)sizeof(tl_real);
}
