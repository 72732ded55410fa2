/* Convolutional networks, dense with batch normalisation and sparse, learn the digits that the demos draw. */
#include "demos/digits.h"
#include "tests/models/models.h"

enum { BATCH = 50, SIDE = 16, CLASSES = 10, WIDTH = 16, BLOCKS = 2, FLAT = WIDTH * SIDE * SIDE / 16 };

/* Two blocks of convolution, normalisation, relu and pooling, and a linear layer. Of the sparse network, the
 * second convolution and the last layer are sparse. */
typedef struct network {
    model m;
    bool sparse;
    tl_variable *filters[BLOCKS], *gain[BLOCKS], *shift[BLOCKS], *mean[BLOCKS], *variance[BLOCKS];
    tl_variable *weights, *bias;
    tl_optimizer *adam;
} network;

static void make_network(network *n, bool sparse)
{
    *n = (network){ .m = { .rng = { .seed = 1 } }, .sparse = sparse };
    n->filters[0] = keep(&n->m, tl_variable_dense("filters", TL_SHAPE(WIDTH, 1, 3, 3)));
    n->filters[1] = sparse ? sparse_weights(&n->m, "filters", WIDTH, WIDTH * 9, 0.1)
                           : keep(&n->m, tl_variable_dense("filters", TL_SHAPE(WIDTH, WIDTH, 3, 3)));
    for (int k = 0; k < BLOCKS; k++) {
        ck_assert_ok(tl_init_normal(n->filters[k], 0, (tl_real)0.2, &n->m.rng));
        n->gain[k] = vector(&n->m, "gain", WIDTH, 1);
        n->shift[k] = vector(&n->m, "shift", WIDTH, 0);
        n->mean[k] = vector(&n->m, "mean", WIDTH, 0);
        n->variance[k] = vector(&n->m, "variance", WIDTH, 1);
    }
    n->weights = sparse ? sparse_weights(&n->m, "weights", FLAT, CLASSES, 0.2)
                        : dense_weights(&n->m, "weights", FLAT, CLASSES);
    n->bias = vector(&n->m, "bias", CLASSES, 0);
    n->adam = tl_adam((tl_adam_options){ .learning_rate = 0.01 });
}

static void free_network(network *n)
{
    free_model(&n->m);
    tl_optimizer_free(n->adam);
}

static tl_node *scores_of(tl_graph *g, const network *n, const tl_real *images, int64_t count, bool training)
{
    const tl_pool_options pool = { .window = { 2, 2 } };
    tl_node *h = tl_input(g, TL_SHAPE(count, 1, SIDE, SIDE), images);
    for (int k = 0; k < BLOCKS; k++) {
        tl_node *w = tl_use(g, n->filters[k]), *gain = tl_use(g, n->gain[k]), *shift = tl_use(g, n->shift[k]);
        if (n->sparse && k > 0)
            h = tl_sparse_conv2d(h, w, &(tl_sparse_conv_options){ .kernel = { 3, 3 }, .padding = { 1, 1 } });
        else
            h = tl_conv2d(h, w, &(tl_conv_options){ .padding = { 1, 1 } });
        const tl_batch_norm_options norm = { n->mean[k], n->variance[k], .training = training };
        h = tl_relu(tl_batch_norm(h, gain, shift, &norm));
        h = k == 0 ? tl_max_pool2d(h, &pool) : tl_avg_pool2d(h, &pool);
    }
    h = tl_reshape(h, TL_SHAPE(count, FLAT));
    tl_node *w = tl_use(g, n->weights);
    h = n->sparse ? tl_dense_sparse_matmul(h, w, TL_NO_TRANSPOSE) : tl_matmul(h, w);
    return tl_bias(h, tl_use(g, n->bias));
}

static void train(const network *n, const digits *d, int steps)
{
    tl_graph *g = tl_graph_new();
    for (int k = 0; k < steps; k++) {
        const int64_t first = (int64_t)k * BATCH % d->train.n;
        tl_node *scores = scores_of(g, n, d->train.image + first * SIDE * SIDE, BATCH, true);
        ck_assert_ok(tl_minimize(n->adam, tl_softmax_cross_entropy(scores, d->train.label + first)));
        tl_graph_reset(g);
    }
    tl_graph_free(g);
}

static digits drawn(void)
{
    digits d;
    ck_assert_msg(digits_get(&d, NULL), "%s", tl_error());
    ck_assert(d.height == SIDE && d.width == SIDE && d.train.n % BATCH == 0);
    return d;
}

/* Three passes over the 4000 images; then the 1000 test images, by the running moments. */
static void check_accuracy(bool sparse, double least)
{
    digits d = drawn();
    network n;
    make_network(&n, sparse);
    train(&n, &d, (int)(3 * d.train.n / BATCH));
    tl_graph *g = tl_graph_new_inference();
    const double reached = accuracy(scores_of(g, &n, d.test.image, d.test.n, false), d.test.label, d.test.n);
    ck_assert_msg(reached >= least, "%g of the test images are recognised", reached);
    tl_graph_free(g);
    free_network(&n);
    digits_free(&d);
}

START_TEST(dense_network_learns)
{
    check_accuracy(false, 0.98);
}
END_TEST

/* Of the second convolution's weights a tenth exist, of the last layer's a fifth. */
START_TEST(sparse_network_learns)
{
    check_accuracy(true, 0.95);
}
END_TEST

START_TEST(same_bits_on_any_number_of_threads)
{
    digits d = drawn();
    network n[2];
    for (int k = 0; k < 2; k++) {
        make_network(&n[k], _i);
        ck_assert_ok(tl_set_num_threads(1 + 2 * k));
        train(&n[k], &d, 5);
    }
    for (int k = 0; k < n[0].m.n; k++)
        ck_assert_same(tl_variable_values(n[1].m.variable[k]), tl_variable_values(n[0].m.variable[k]),
                       tl_variable_size(n[0].m.variable[k]));
    free_network(&n[0]);
    free_network(&n[1]);
    digits_free(&d);
}
END_TEST

static void restore(void)
{
    tl_set_num_threads(1);
}

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("convolutions");
    TCase *c = tl_test_case(s, "convolutions");
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, NULL, restore);
    tcase_add_test(c, dense_network_learns);
    tcase_add_test(c, sparse_network_learns);
    tcase_add_loop_test(c, same_bits_on_any_number_of_threads, 0, 2);
    return s;
}
