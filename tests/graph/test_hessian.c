/* Products with the Hessian, of nets that use every op. */
#include "derivative.h"
#include "graph/tape/tape.h"
#include "tests/graph/nets.h"

#include <math.h>
#include <string.h>

enum { BATCH = 7, MOST_VALUES = 1000 };

static int64_t values_of(const net *m)
{
    int64_t n = 0;
    for (int k = 0; k < NET_VARIABLES; k++)
        n += tl_variable_size(m->v[k]);
    ck_assert_int_le(n, MOST_VALUES);
    return n;
}

/* Writes a list's pairs one after the other, in the order of the net's variables, as dense arrays. */
static void spread(const net *m, const tl_gradients *g, double *to)
{
    for (int k = 0; k < NET_VARIABLES; k++) {
        const int64_t size = tl_variable_size(m->v[k]);
        for (int64_t j = 0; j < size; j++)
            to[j] = 0;
        for (int32_t i = 0; i < g->n; i++) {
            const tl_gradient *pair = &g->pair[i];
            const int64_t n = tl_gradient_size(pair), width = pair->rows && n > 0 ? n / pair->n_rows : 1;
            for (int64_t j = 0; pair->variable == m->v[k] && j < n; j++)
                to[pair->rows ? pair->rows[j / width] * width + j % width : j] = (double)pair->values[j];
        }
        to += size;
    }
}

/* Returns random pairs of the kinds of a gradient: a list whose arrays are the graph's. */
static tl_gradients random_pairs(tl_graph *g, const tl_gradients *like, uint64_t seed)
{
    tl_random r = { .seed = seed };
    tl_gradients v = { .pair = tl_arena_alloc(&g->arena, like->n, sizeof *v.pair), .n = like->n, .graph = g };
    for (int32_t i = 0; i < v.n; i++) {
        const int64_t n = tl_gradient_size(&like->pair[i]);
        v.pair[i] = like->pair[i];
        v.pair[i].values = tl_arena_alloc(&g->arena, n, sizeof(tl_real));
        for (int64_t j = 0; j < n; j++)
            v.pair[i].values[j] = (tl_real)tl_random_normal(&r);
    }
    return v;
}

/* Computes the gradient where the weights have moved by h times the direction; on a mask only. */
static void gradient_at(net *m, double h, const double *direction, double *to)
{
    tl_graph *g = tl_graph_new();
    tl_gradients gradient;
    tl_real was[MOST_VALUES], *at = was;
    for (int k = 0; k < NET_VARIABLES; k++) {
        tl_real *w = tl_variable_data(m->v[k]);
        const int64_t size = tl_variable_size(m->v[k]);
        memcpy(at, w, (size_t)size * sizeof *w);
        at += size;
        for (int64_t j = 0; j < size; j++)
            w[j] = (tl_real)((double)w[j] + h * *direction++);
    }
    ck_assert_ok(tl_backward(net_loss(g, m), &gradient));
    spread(m, &gradient, to);
    at = was;
    for (int k = 0; k < NET_VARIABLES; k++) {
        const int64_t size = tl_variable_size(m->v[k]);
        memcpy(tl_variable_data(m->v[k]), at, (size_t)size * sizeof *at);
        at += size;
    }
    tl_graph_free(g);
}

/* Sets the values of the masked variable that are off its mask to 0. */
static void restrict_to_mask(const net *m, double *values)
{
    const tl_pattern *keep = tl_variable_pattern(m->v[NET_MASKED]);
    for (int k = 0; k < NET_MASKED; k++)
        values += tl_variable_size(m->v[k]);
    for (int64_t i = 0; i < NET_HIDDEN; i++)
        for (int32_t j = 0; j < NET_HIDDEN; j++)
            if (tl_pattern_find(keep, i, j) < 0)
                values[i * NET_HIDDEN + j] = 0;
}

/* The loss, its gradient, a random v and the product. */
typedef struct product {
    tl_graph *g;
    tl_node *loss;
    tl_gradients gradient, v, hv;
} product;

static product product_of(net *m, uint64_t seed)
{
    product p = { .g = tl_graph_new() };
    p.loss = net_loss(p.g, m);
    ck_assert_ok(tl_backward(p.loss, &p.gradient));
    p.v = random_pairs(p.g, &p.gradient, seed);
    ck_assert_ok(tl_hessian_product(p.loss, &p.v, &p.hv));
    return p;
}

/* Central differences of gradients. In float they are far less exact than the product. */
START_TEST(agrees_with_differences)
{
    const double h = TL_IS_DOUBLE ? 1e-5 : 1e-3, tolerance = TL_IS_DOUBLE ? 1e-7 : 1e-2;
    static double v[MOST_VALUES], hv[MOST_VALUES], above[MOST_VALUES], below[MOST_VALUES];
    net m = net_new(_i, BATCH);
    product p = product_of(&m, 100);
    const int64_t n = values_of(&m);
    spread(&m, &p.v, v);
    spread(&m, &p.hv, hv);
    restrict_to_mask(&m, v);
    gradient_at(&m, h, v, above);
    gradient_at(&m, -h, v, below);
    for (int64_t k = 0; k < n; k++)
        above[k] = (above[k] - below[k]) / (2 * h);
    restrict_to_mask(&m, above);
    for (int64_t k = 0; k < n; k++)
        ck_assert_msg(fabs(hv[k] - above[k]) <= tolerance * fmax(1, fabs(above[k])),
                      "value %d: %.12g, by differences %.12g", (int)k, hv[k], above[k]);
    tl_graph_free(p.g);
    net_free(&m);
}
END_TEST

/* The first derivative along v is the gradient's inner product with v. */
START_TEST(derivative_is_the_gradient_along_v)
{
    static double v[MOST_VALUES], gradient[MOST_VALUES];
    net m = net_new(_i, BATCH);
    product p = product_of(&m, 100);
    tl_node *x[NET_VARIABLES], *dx[NET_VARIABLES];
    tl_real dense[MOST_VALUES], *at = dense;
    double sum = 0, size = 1;
    int32_t n = 0;
    spread(&m, &p.v, v);
    spread(&m, &p.gradient, gradient);
    for (int64_t k = 0; k < values_of(&m); k++) {
        dense[k] = (tl_real)v[k];
        sum += v[k] * gradient[k];
        size += fabs(v[k] * gradient[k]);
    }
    for (int k = 0; k < NET_VARIABLES; k++, at += tl_variable_size(m.v[k - 1])) {
        if (!tl_leaf_of(p.g, m.v[k]))
            continue;
        x[n] = tl_use(p.g, m.v[k]);
        dx[n++] = k == NET_S || k == NET_Q ? tl_input_sparse(p.g, tl_pattern_of(tl_use(p.g, m.v[k])), at)
                                           : tl_input(p.g, tl_variable_shape(m.v[k]), at);
    }
    tl_node *d = tl_derivative(p.loss, n, x, dx);
    ck_assert_ok(tl_graph_status(p.g));
    ck_assert_double_le(fabs((double)tl_value(d)[0] - sum), (TL_IS_DOUBLE ? 1e-14 : 1e-6) * size);
    tl_graph_free(p.g);
    net_free(&m);
}
END_TEST

/* <u, H v> = <v, H u> */
START_TEST(symmetric)
{
    static double u[MOST_VALUES], hu[MOST_VALUES], v[MOST_VALUES], hv[MOST_VALUES];
    net m = net_new(_i, BATCH);
    product p = product_of(&m, 100), q = product_of(&m, 200);
    double left = 0, right = 0, size = 1;
    spread(&m, &p.v, v);
    spread(&m, &p.hv, hv);
    spread(&m, &q.v, u);
    spread(&m, &q.hv, hu);
    for (int64_t k = 0; k < values_of(&m); k++) {
        left += u[k] * hv[k];
        right += v[k] * hu[k];
        size += fabs(u[k] * hv[k]);
    }
    ck_assert_double_le(fabs(left - right), (TL_IS_DOUBLE ? 1e-13 : 1e-5) * size);
    tl_graph_free(p.g);
    tl_graph_free(q.g);
    net_free(&m);
}
END_TEST

/* Patterns stay patterns, and the table's product has the rows of its gradient. */
START_TEST(keeps_kinds)
{
    net m = net_new(_i, BATCH);
    product p = product_of(&m, 100);
    int by_rows = 0;
    ck_assert_int_eq(p.hv.n, p.gradient.n);
    ck_assert_ptr_eq(p.hv.graph, p.g);
    for (int32_t i = 0; i < p.hv.n; i++) {
        const tl_gradient *hv = &p.hv.pair[i], *g = &p.gradient.pair[i];
        ck_assert_ptr_eq(hv->variable, g->variable);
        ck_assert_ptr_nonnull(hv->values);
        ck_assert_int_eq(hv->rows != NULL, g->rows != NULL);
        ck_assert_int_eq(hv->n_rows, g->n_rows);
        if (g->rows)
            ck_assert_mem_eq(hv->rows, g->rows, (size_t)g->n_rows * sizeof *g->rows);
        by_rows += g->rows != NULL;
    }
    ck_assert_int_eq(by_rows, 1);
    tl_graph_free(p.g);
    net_free(&m);
}
END_TEST

/* All of the table's rows as a dense pair, and a row-sparse pair for a variable that is used densely. */
START_TEST(kinds_may_differ)
{
    static double expected[MOST_VALUES], actual[MOST_VALUES];
    static tl_real table[NET_TABLE * NET_HIDDEN], some[NET_HIDDEN * NET_OUT];
    const int32_t rows[] = { 1, 2, 5 };
    net m = net_new(_i, BATCH);
    product p = product_of(&m, 100);
    tl_real *of_rows = NULL;
    for (int32_t i = 0; i < p.v.n; i++) {
        tl_gradient *v = &p.v.pair[i];
        const int64_t width = v->variable == m.v[NET_T] ? NET_HIDDEN : NET_OUT;
        if (v->rows) {
            for (int64_t k = 0; k < tl_gradient_size(v); k++)
                table[v->rows[k / width] * width + k % width] = v->values[k];
            *v = (tl_gradient){ .variable = v->variable, .values = table };
        } else if (v->variable == m.v[NET_W]) {
            for (int k = 0; k < 3; k++)
                memcpy(some + rows[k] * width, v->values + k * width, (size_t)width * sizeof *some);
            of_rows = v->values;
            v->values = some;
        }
    }
    ck_assert_ok(tl_hessian_product(p.loss, &p.v, &p.hv));
    spread(&m, &p.hv, expected);
    for (int32_t i = 0; i < p.v.n; i++)
        if (p.v.pair[i].variable == m.v[NET_W])
            p.v.pair[i] = (tl_gradient){ m.v[NET_W], of_rows, rows, 3 };
    ck_assert_ok(tl_hessian_product(p.loss, &p.v, &p.hv));
    spread(&m, &p.hv, actual);
    for (int64_t k = 0; k < values_of(&m); k++)
        ck_assert_double_eq(actual[k], expected[k]);
    tl_graph_free(p.g);
    net_free(&m);
}
END_TEST

/* The lookups of a row-sparse direction, whose rows need not be those that are read, give the bits of a dense
 * one. */
START_TEST(other_rows)
{
    static tl_real table[NET_TABLE * NET_HIDDEN];
    const int32_t rows[] = { 0, 3, 4, NET_TABLE - 1 };
    static double expected[MOST_VALUES], actual[MOST_VALUES];
    net m = net_new(_i, BATCH);
    tl_graph *g = tl_graph_new();
    tl_node *loss = net_loss(g, &m);
    tl_real values[4 * NET_HIDDEN];
    tl_gradient pair = { m.v[NET_T], table, NULL, 0 };
    tl_gradients hv;
    tl_test_fill(values, 4 * NET_HIDDEN, 50);
    for (int k = 0; k < 4; k++)
        memcpy(table + rows[k] * NET_HIDDEN, values + k * NET_HIDDEN, NET_HIDDEN * sizeof *values);
    ck_assert_ok(tl_hessian_product(loss, &(tl_gradients){ &pair, 1, NULL }, &hv));
    spread(&m, &hv, expected);
    pair = (tl_gradient){ m.v[NET_T], values, rows, 4 };
    ck_assert_ok(tl_hessian_product(loss, &(tl_gradients){ &pair, 1, NULL }, &hv));
    spread(&m, &hv, actual);
    for (int64_t k = 0; k < values_of(&m); k++)
        ck_assert_double_eq(actual[k], expected[k]);
    tl_graph_free(g);
    net_free(&m);
}
END_TEST

/* Labels, ids, bags and weights were copied when the ops were recorded. */
START_TEST(arrays_that_are_gone)
{
    static double expected[MOST_VALUES], actual[MOST_VALUES];
    net m = net_new(_i, BATCH);
    product p = product_of(&m, 100), q = { .g = tl_graph_new() };
    spread(&m, &p.hv, expected);
    q.loss = net_loss(q.g, &m);
    for (int k = 0; k < BATCH; k++) {
        m.row_ptr[k + 1] = -7;
        m.ids[k] = m.labels[k] = m.bag_ids[k] = -7;
        m.row_weights[k] = -7;
    }
    ck_assert_ok(tl_hessian_product(q.loss, &p.v, &q.hv));
    spread(&m, &q.hv, actual);
    for (int64_t k = 0; k < values_of(&m); k++)
        ck_assert_double_eq(actual[k], expected[k]);
    tl_graph_free(p.g);
    tl_graph_free(q.g);
    net_free(&m);
}
END_TEST

/* Large enough that each op has tasks for several threads. */
START_TEST(same_bits_on_any_number_of_threads)
{
#ifndef NO_THREADS_AFTER_FORK
    const int threads[] = { 1, 2, 7 };
    product p[3];
    net m = net_new(_i, 9000);
    for (int k = 0; k < 3; k++) {
        ck_assert_ok(tl_set_num_threads(threads[k]));
        p[k] = product_of(&m, 100);
        for (int32_t i = 0; i < p[k].hv.n; i++)
            ck_assert_mem_eq(p[k].hv.pair[i].values, p[0].hv.pair[i].values,
                             (size_t)tl_gradient_size(&p[0].hv.pair[i]) * sizeof(tl_real));
    }
    ck_assert_ok(tl_set_num_threads(1));
    for (int k = 0; k < 3; k++)
        tl_graph_free(p[k].g);
    net_free(&m);
#endif
}
END_TEST

/* Checks that each op of the library is on the tape of some net, and has a tangent. */
START_TEST(every_op_is_in_a_net)
{
    static const char *const ops[] = { "add",
                                       "bias",
                                       "bias_relu",
                                       "dense_sparse_matmul",
                                       "dense_to_sparse",
                                       "dropout",
                                       "embedding_lookup",
                                       "embedding_lookup_sparse",
                                       "matmul",
                                       "mse",
                                       "mul",
                                       "reduce_mean",
                                       "reduce_sum",
                                       "relu",
                                       "reshape",
                                       "scale",
                                       "sigmoid",
                                       "sigmoid_cross_entropy",
                                       "softmax_cross_entropy",
                                       "sparse_add",
                                       "sparse_dense_matmul",
                                       "sparse_to_dense",
                                       "sub",
                                       "tanh" };
    enum { OPS = sizeof ops / sizeof *ops };
    bool seen[OPS] = { false };
    tl_graph *g = tl_graph_new();
    for (int variant = 0; variant < NET_VARIANTS; variant++, tl_graph_reset(g)) {
        net m = net_new(variant, BATCH);
        ck_assert_ptr_nonnull(net_loss(g, &m));
        for (const tl_node *a = g->first; a; a = a->after)
            for (int k = 0; a->op && k < OPS; k++)
                seen[k] = seen[k] || (strcmp(a->op->name, ops[k]) == 0 && a->op->tangent);
        net_free(&m);
    }
    for (int k = 0; k < OPS; k++)
        ck_assert_msg(seen[k], "%s is in no net, or has no tangent", ops[k]);
    tl_graph_free(g);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("hessian");
    TCase *c = tl_test_case(s, "nets");
    tcase_add_loop_test(c, agrees_with_differences, 0, NET_VARIANTS);
    tcase_add_loop_test(c, derivative_is_the_gradient_along_v, 0, NET_VARIANTS);
    tcase_add_loop_test(c, symmetric, 0, NET_VARIANTS);
    tcase_add_loop_test(c, keeps_kinds, 0, NET_VARIANTS);
    tcase_add_loop_test(c, kinds_may_differ, 0, NET_VARIANTS);
    tcase_add_loop_test(c, other_rows, 0, NET_VARIANTS);
    tcase_add_loop_test(c, arrays_that_are_gone, 0, NET_VARIANTS);
    tcase_add_loop_test(c, same_bits_on_any_number_of_threads, 0, NET_VARIANTS);
    tcase_add_test(c, every_op_is_in_a_net);
    return s;
}
