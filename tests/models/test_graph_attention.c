/* A graph attention network (Velickovic et al., 2018) of two layers: who belongs to which of three
 * communities, told from the edges and two known members of each. Attention is a sparse node: one coefficient
 * per edge. */
#include "tests/models/models.h"

#include <math.h>
#include <string.h>

enum { NODES = 90, CLASSES = 3, HIDDEN = 8, HEADS = 4, KNOWN = 2 * CLASSES, STEPS = 60 };

/* One head: its weights, and what a node gives to the score of an edge at either end. */
typedef struct head {
    tl_variable *weights, *from, *to;
} head;

typedef struct network {
    model m;
    tl_pattern *edges;
    head first[HEADS], second;
} network;

/* Edges between one in four pairs of a community and one in fifty others, both ways, and of each node to
 * itself. */
static tl_pattern *draw_edges(void)
{
    static int32_t row[NODES * NODES], col[NODES * NODES];
    tl_random rng = { .seed = 4 };
    int64_t n = 0;
    for (int32_t i = 0; i < NODES; i++)
        for (int32_t j = 0; j <= i; j++) {
            const bool within = i % CLASSES == j % CLASSES;
            if (i != j && tl_random_uniform(&rng) >= (within ? 0.25 : 0.02))
                continue;
            row[n] = i;
            col[n++] = j;
            if (i == j)
                continue;
            row[n] = j;
            col[n++] = i;
        }
    return tl_pattern_from_coo(NODES, NODES, n, row, col);
}

static head make_head(model *m, int64_t in, int64_t out)
{
    const head h = { dense_weights(m, "weights", in, out), dense_weights(m, "from", out, 1),
                     dense_weights(m, "to", out, 1) };
    return h;
}

static void make_network(network *n)
{
    *n = (network){ .m = { .rng = { .seed = 2 } }, .edges = draw_edges() };
    for (int k = 0; k < HEADS; k++)
        n->first[k] = make_head(&n->m, NODES, HIDDEN);
    n->second = make_head(&n->m, HEADS * HIDDEN, CLASSES);
}

static void free_network(network *n)
{
    free_model(&n->m);
    tl_pattern_release(n->edges);
}

/* Returns a(i, j), softmax over the edges of node i of leaky_relu(from . z(i) + to . z(j)). */
static tl_node *coefficients(tl_graph *g, const head *h, tl_pattern *edges, tl_node *z)
{
    const tl_real one = 1;
    tl_node *ones = tl_broadcast_to(tl_constant(g, TL_SHAPE(1, 1), &one), TL_SHAPE(NODES, 1));
    tl_node *from = tl_concat((tl_node *[]){ tl_matmul(z, tl_use(g, h->from)), ones }, 2, 1);
    tl_node *to = tl_concat((tl_node *[]){ ones, tl_matmul(z, tl_use(g, h->to)) }, 2, 1);
    return tl_softmax(tl_leaky_relu(tl_sampled_matmul(from, to, edges, TL_TRANSPOSE_B), (tl_real)0.2));
}

static tl_node *attend(tl_graph *g, const head *h, tl_pattern *edges, tl_node *z)
{
    return tl_sparse_dense_matmul(coefficients(g, h, edges, z), z, TL_NO_TRANSPOSE);
}

/* The features of a node are its number, one-hot: the first product is the weights themselves. */
static tl_node *predict(tl_graph *g, network *n)
{
    tl_node *part[HEADS];
    for (int k = 0; k < HEADS; k++)
        part[k] = attend(g, &n->first[k], n->edges, tl_use(g, n->first[k].weights));
    tl_node *x = tl_elu(tl_concat(part, HEADS, 1), 1);
    return attend(g, &n->second, n->edges, tl_matmul(x, tl_use(g, n->second.weights)));
}

static tl_node *loss_of(tl_node *scores)
{
    static const int32_t labels[KNOWN] = { 0, 1, 2, 0, 1, 2 };
    return tl_softmax_cross_entropy(tl_slice(scores, 0, 0, KNOWN), labels);
}

static tl_node *build(tl_graph *g, void *context)
{
    return loss_of(predict(g, context));
}

START_TEST(finds_the_communities)
{
    int32_t labels[NODES];
    for (int k = 0; k < NODES; k++)
        labels[k] = k % CLASSES;
    network n;
    make_network(&n);
    tl_optimizer *adam = tl_adam((tl_adam_options){ .learning_rate = 0.02, .weight_decay = 5e-4 });
    tl_graph *g = tl_graph_new();
    for (int step = 0; step < STEPS; step++) {
        ck_assert_ok(tl_minimize(adam, build(g, &n)));
        tl_graph_reset(g);
    }
    const double share = accuracy(predict(g, &n), labels, NODES);
    ck_assert_msg(share >= 0.95, "accuracy %g", share);
    tl_graph_free(g);
    tl_optimizer_free(adam);
    free_network(&n);
}
END_TEST

START_TEST(coefficients_of_a_node_sum_to_1)
{
    network n;
    make_network(&n);
    tl_graph *g = tl_graph_new();
    tl_node *a = coefficients(g, &n.first[0], n.edges, tl_use(g, n.first[0].weights));
    const tl_real *sum = tl_value(tl_reduce_sum(a, 1));
    ck_assert_msg(sum != NULL, "%s", tl_error());
    for (int i = 0; i < NODES; i++)
        ck_assert_msg(fabs((double)sum[i] - 1) < TL_NEAR, "node %d: %g", i, (double)sum[i]);
    tl_graph_free(g);
    free_network(&n);
}
END_TEST

START_TEST(gradient)
{
    network n;
    make_network(&n);
    ck_assert_gradient(build, &n, n.first[1].from, n.first[2].to, n.second.weights, n.second.from,
                       n.second.to);
    free_network(&n);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("graph_attention");
    TCase *tc = tl_test_case(s, "graph_attention");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, finds_the_communities);
    tcase_add_test(tc, coefficients_of_a_node_sum_to_1);
    tcase_add_test(tc, gradient);
    return s;
}
