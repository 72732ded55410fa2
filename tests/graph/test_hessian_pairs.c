/* The pairs that tl_hessian_product takes and gives: absent ones, masks, sums, and what it refuses. */
#include "derivative.h"
#include "tests/graph/nets.h"

#include <math.h>
#include <string.h>

/* The loss <w, A w> / 2 with A = {{2, 1}, {1, 3}}, whose Hessian is A. */
static tl_node *quadratic(tl_graph *g, tl_variable *w)
{
    static const tl_real a[] = { 2, 1, 1, 3 };
    tl_node *x = tl_use(g, w);
    tl_node *ax = tl_matmul(x, tl_input(g, TL_SHAPE(2, 2), a));
    return tl_scale(tl_reduce_sum(tl_mul(x, ax), TL_ALL_AXES), (tl_real)0.5);
}

/* A list may be replaced by its product: power iteration finds the largest eigenvalue, (5 + sqrt 5) / 2. */
START_TEST(power_iteration)
{
    tl_variable *w = tl_test_dense("w", TL_SHAPE(1, 2), 1);
    tl_graph *g = tl_graph_new();
    tl_node *loss = quadratic(g, w);
    tl_real start[2] = { 1, 0 };
    tl_gradients v = { &(tl_gradient){ w, start, NULL, 0 }, 1, NULL };
    double norm = 0;
    for (int k = 0; k < 40; k++) {
        ck_assert_ok(tl_hessian_product(loss, &v, &v));
        norm = hypot((double)v.pair[0].values[0], (double)v.pair[0].values[1]);
        for (int j = 0; j < 2; j++)
            v.pair[0].values[j] = (tl_real)((double)v.pair[0].values[j] / norm);
    }
    ck_assert_double_le(fabs(norm - (5 + sqrt(5)) / 2), 10 * TL_NEAR);
    tl_graph_free(g);
    tl_variable_free(w);
}
END_TEST

/* Where the second derivative is 0, the pair is absent: of a loss linear in b, and of one that has no c. */
START_TEST(absent_products)
{
    tl_variable *w = tl_test_dense("w", TL_SHAPE(1, 2), 1), *b = tl_test_dense("b", TL_SHAPE(1, 2), 2);
    tl_variable *c = tl_test_dense("c", TL_SHAPE(3), 3);
    tl_real ones[3] = { 1, 1, 1 };
    tl_gradient pair[] = { { c, ones, NULL, 0 }, { b, ones, NULL, 0 }, { w, ones, NULL, 0 } };
    tl_gradients hv;
    tl_graph *g = tl_graph_new();
    tl_node *linear = tl_reduce_sum(tl_use(g, b), TL_ALL_AXES);
    ck_assert_ok(tl_hessian_product(tl_add(quadratic(g, w), linear), &(tl_gradients){ pair, 3, NULL }, &hv));
    ck_assert_int_eq(hv.n, 3);
    ck_assert_ptr_null(hv.pair[0].values);
    ck_assert_ptr_null(hv.pair[1].values);
    ck_assert_values(hv.pair[2].values, 2, 0, 3, 4);
    ck_assert_ok(tl_hessian_product(linear, &(tl_gradients){ pair, 3, NULL }, &hv));
    for (int k = 0; k < 3; k++)
        ck_assert(hv.pair[k].variable == pair[k].variable && !hv.pair[k].values);
    tl_graph_free(g);
    tl_variable_free(w);
    tl_variable_free(b);
    tl_variable_free(c);
}
END_TEST

/* An absent pair does not move, but has a product: the mixed derivative. */
START_TEST(absent_directions)
{
    tl_variable *a = tl_test_dense("a", TL_SHAPE(2), 1), *b = tl_test_dense("b", TL_SHAPE(2), 2);
    tl_real db[2] = { 3, 5 };
    tl_gradient pair[] = { { a, NULL, NULL, 0 }, { b, db, NULL, 0 } };
    tl_gradients hv;
    tl_graph *g = tl_graph_new();
    tl_node *loss = tl_reduce_sum(tl_mul(tl_use(g, a), tl_use(g, b)), TL_ALL_AXES);
    ck_assert_ok(tl_hessian_product(loss, &(tl_gradients){ pair, 2, NULL }, &hv));
    ck_assert_same(hv.pair[0].values, db, 2);
    ck_assert_ptr_null(hv.pair[1].values);
    pair[1].values = NULL;
    ck_assert_ok(tl_hessian_product(loss, &(tl_gradients){ pair, 2, NULL }, &hv));
    ck_assert_ptr_null(hv.pair[0].values);
    tl_graph_free(g);
    tl_variable_free(a);
    tl_variable_free(b);
}
END_TEST

/* Off a mask v is not read, and the product is 0. */
START_TEST(masks)
{
    const int32_t row[] = { 0, 1 }, col[] = { 0, 1 };
    tl_pattern *keep = tl_pattern_from_coo(2, 2, 2, row, col);
    tl_variable *w = tl_test_dense("w", TL_SHAPE(2, 2), 1);
    tl_real v[4] = { 1, (tl_real)NAN, (tl_real)INFINITY, 2 };
    ck_assert_ok(tl_variable_set_mask(w, keep));
    tl_graph *g = tl_graph_new();
    tl_gradients hv;
    tl_node *x = tl_use(g, w), *s = tl_reduce_sum(x, TL_ALL_AXES);
    ck_assert_ok(
        tl_hessian_product(tl_mul(s, s), &(tl_gradients){ &(tl_gradient){ w, v, NULL, 0 }, 1, NULL }, &hv));
    ck_assert_values(hv.pair[0].values, 4, 0, 6, 0, 0, 6);
    ck_assert(isnan(v[1]));
    tl_graph_free(g);
    tl_pattern_release(keep);
    tl_variable_free(w);
}
END_TEST

/* A batch in parts: the parts' products, summed as gradients are, are the product of the batch. */
START_TEST(sums_over_parts)
{
    static tl_real x[8], dw[2];
    tl_variable *w = tl_test_dense("w", TL_SHAPE(2, 1), 1);
    tl_graph *g = tl_graph_new(), *total = tl_graph_new();
    tl_gradients hv, sum;
    const tl_gradients v = { &(tl_gradient){ w, dw, NULL, 0 }, 1, NULL };
    tl_test_fill(x, 8, 2);
    tl_test_fill(dw, 2, 3);
    for (int part = 0; part < 2; part++, tl_graph_reset(g)) {
        tl_node *z = tl_matmul(tl_input(g, TL_SHAPE(2, 2), x + 4 * part), tl_use(g, w));
        ck_assert_ok(tl_hessian_product(tl_reduce_mean(tl_tanh(z), TL_ALL_AXES), &v, &hv));
        ck_assert_ok(tl_gradients_add(total, &hv, 0.5));
    }
    ck_assert_ok(tl_gradients_total(total, &sum));
    tl_node *z = tl_matmul(tl_input(g, TL_SHAPE(4, 2), x), tl_use(g, w));
    ck_assert_ok(tl_hessian_product(tl_reduce_mean(tl_tanh(z), TL_ALL_AXES), &v, &hv));
    for (int j = 0; j < 2; j++)
        ck_assert_values(hv.pair[0].values + j, 1, TL_NEAR, (double)sum.pair[0].values[j]);
    ck_assert_ok(
        tl_hessian_product(tl_reduce_mean(tl_tanh(z), TL_ALL_AXES), &sum, &hv)); /* of another graph */
    tl_graph_free(g);
    tl_graph_free(total);
    tl_variable_free(w);
}
END_TEST

/* ---- What is refused ---- */

START_TEST(null_arguments)
{
    tl_variable *w = tl_test_dense("w", TL_SHAPE(1, 2), 1);
    tl_real dw[2] = { 1, 1 };
    const tl_gradients v = { &(tl_gradient){ w, dw, NULL, 0 }, 1, NULL };
    tl_gradients hv = { &(tl_gradient){ 0 }, 7, NULL };
    tl_graph *g = tl_graph_new();
    ck_assert_status(tl_hessian_product(NULL, &v, &hv), TL_ERR_ARGUMENT, "hessian_product: the loss is NULL");
    ck_assert_int_eq(hv.n, 0);
    ck_assert_ptr_null(tl_reshape(tl_input(g, TL_SHAPE(2), dw), TL_SHAPE(3)));
    ck_assert_status(
        tl_hessian_product(NULL, &v, &hv), TL_ERR_SHAPE,
        "hessian_product: the loss is NULL; the last failure was reshape: [2] to [3] changes the "
        "number of elements from 2 to 3 (tl_graph_print shows the op)");
    tl_graph_reset(g);
    ck_assert_status(tl_hessian_product(quadratic(g, w), &v, NULL), TL_ERR_ARGUMENT,
                     "hessian_product: the output argument is NULL");
    tl_graph_reset(g);
    ck_assert_status(tl_hessian_product(quadratic(g, w), NULL, &hv), TL_ERR_ARGUMENT,
                     "hessian_product: there are no gradients");
    ck_assert_status(tl_hessian_product(quadratic(g, w), &v, &hv), TL_ERR_ARGUMENT, /* NULL: sticky */
                     "hessian_product: the loss is NULL; the last failure was hessian_product: there are no "
                     "gradients");
    tl_graph_free(g);
    tl_variable_free(w);
}
END_TEST

START_TEST(lists)
{
    tl_variable *w = tl_test_dense("w", TL_SHAPE(1, 2), 1);
    tl_variable *s = tl_test_sparse("s", tl_pattern_random(2, 2, 1, 1), 2);
    const int32_t rows[] = { 0 }, beyond[] = { 1 };
    tl_real dw[2] = { 1, 1 };
    tl_gradient pair[] = { { w, dw, NULL, 0 },   { w, dw, NULL, 0 }, { NULL, dw, NULL, 0 },
                           { w, dw, beyond, 1 }, { s, dw, rows, 1 }, { w, dw, rows, 2 } };
    const struct {
        tl_gradients v;
        tl_status status;
        const char *error;
    } tries[] = {
        { { pair, 0, NULL }, TL_ERR_ARGUMENT, "the list of variables is empty" },
        { { NULL, 1, NULL }, TL_ERR_ARGUMENT, "the list of 1 pairs is NULL" },
        { { pair, -1, NULL }, TL_ERR_ARGUMENT, "there are -1 pairs" },
        { { pair, 2, NULL }, TL_ERR_ARGUMENT, "variable w is listed twice, at 0 and 1" },
        { { pair + 2, 1, NULL }, TL_ERR_ARGUMENT, "the variable of pair 0 is NULL" },
        { { pair + 3, 1, NULL }, TL_ERR_INDEX, "the gradient of w: rows[0] = 1, w has 1 rows" },
        { { pair + 4, 1, NULL }, TL_ERR_KIND, "s has a row-sparse gradient but is sparse" },
        { { pair + 5, 1, NULL }, TL_ERR_ARGUMENT, "the gradient of w has 2 rows, w has 1" },
    };
    char text[200];
    tl_gradients hv;
    tl_graph *g = tl_graph_new();
    snprintf(text, sizeof text, "hessian_product: %s", tries[_i].error);
    ck_assert_status(tl_hessian_product(quadratic(g, w), &tries[_i].v, &hv), tries[_i].status, text);
    ck_assert_str_eq(tl_graph_error(g), text);
    ck_assert_int_eq(hv.n, 0);
    tl_graph_free(g);
    tl_variable_free(w);
    tl_variable_free(s);
}
END_TEST

START_TEST(losses)
{
    tl_variable *s = tl_test_sparse("s", tl_pattern_random(2, 2, 1, 1), 2);
    tl_variable *w = tl_test_dense("w", TL_SHAPE(1, 2), 1);
    tl_gradients v = { &(tl_gradient){ s, tl_variable_data(s), NULL, 0 }, 1, NULL };
    tl_graph *g = tl_graph_new();
    ck_assert_status(tl_hessian_product(tl_use(g, s), &v, &v), TL_ERR_KIND,
                     "hessian_product: the loss is sparse, and must be a scalar");
    tl_graph_reset(g);
    v = (tl_gradients){ &(tl_gradient){ w, tl_variable_data(w), NULL, 0 }, 1, NULL };
    ck_assert_status(tl_hessian_product(tl_tanh(tl_use(g, w)), &v, &v), TL_ERR_SHAPE,
                     "hessian_product: the loss is 1x2, and must be a scalar");
    tl_graph_free(g);
    tl_variable_free(s);
    tl_variable_free(w);
}
END_TEST

/* A pattern that changed between the loss and the product. */
START_TEST(changed_pattern)
{
    tl_variable *s = tl_test_sparse("s", tl_pattern_random(2, 2, 1, 1), 2);
    tl_pattern *half = tl_pattern_random(2, 2, 0.5, 1);
    tl_real ds[4] = { 1, 1, 1, 1 };
    tl_gradients v = { &(tl_gradient){ s, ds, NULL, 0 }, 1, NULL };
    tl_graph *g = tl_graph_new();
    tl_node *d = tl_sparse_to_dense(tl_use(g, s), NULL), *loss = tl_mse(d, tl_scale(d, 2));
    ck_assert_ok(tl_variable_set_pattern(s, half));
    ck_assert_status(tl_hessian_product(loss, &v, &v), TL_ERR_ARGUMENT,
                     "hessian_product: the pattern of s has changed since its gradient was computed");
    tl_graph_free(g);
    tl_pattern_release(half);
    tl_variable_free(s);
}
END_TEST

/* Whichever allocation fails, the product does, and nothing is lost. */
START_TEST(short_of_memory)
{
    net m = net_new(_i, 50);
    int failures = 0;
    for (bool done = false; !done; failures += !done) {
        tl_graph *g = tl_graph_new();
        tl_gradients v;
        tl_node *loss = net_loss(g, &m);
        ck_assert_ok(tl_backward(loss, &v));
        tl_test_fail_allocation(failures + 1);
        done = tl_hessian_product(loss, &v, &v) == TL_OK;
        tl_test_fail_allocation(0);
        ck_assert_int_eq(tl_graph_status(g), done ? TL_OK : TL_ERR_MEMORY);
        ck_assert_int_eq(v.n == 0, !done);
        tl_graph_free(g);
    }
    ck_assert_int_ge(failures, 1);
    net_free(&m);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("hessian pairs");
    TCase *c = tl_test_case(s, "pairs");
    tcase_add_test(c, power_iteration);
    tcase_add_test(c, absent_products);
    tcase_add_test(c, absent_directions);
    tcase_add_test(c, masks);
    tcase_add_test(c, sums_over_parts);
    c = tl_test_case(s, "failures");
    tcase_add_test(c, null_arguments);
    tcase_add_loop_test(c, lists, 0, 8);
    tcase_add_test(c, losses);
    tcase_add_test(c, changed_pattern);
    tcase_add_loop_test(c, short_of_memory, 0, NET_VARIANTS);
    return s;
}
