/* Graphs for inference: which values are alive, when ops run, and what is refused. */
#include "tests/testing.h"

#include <math.h>
#include <string.h>

#include "derivative.h"
#include "graph/tape/tape.h"

#define GIVEN_UP " was given up when the last op that reads it had run; tl_value before that keeps it"

static const tl_real numbers[] = { 1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12 };

static const int32_t ids[] = { 3, 49, 3, 0, 7, 12 };

/* ---- What is alive ---- */

/* Any number of ops may read a node that is recorded; values that were asked for stay. */
START_TEST(what_was_asked_for_stays)
{
    tl_graph *g = tl_graph_new_inference();
    tl_node *x = tl_input(g, TL_SHAPE(2, 3), numbers), *h = tl_relu(x), *a = tl_scale(h, 2);
    tl_node *b = tl_add(a, h), *c = tl_mul(b, tl_add(a, a));
    const tl_real *of_a = tl_value(a);
    ck_assert_values(of_a, 6, 0, 2, 0, 6, 0, 10, 0);
    ck_assert_ptr_nonnull(h->val); /* b waits for it */
    ck_assert_values(tl_value(c), 6, 0, 12, 0, 108, 0, 300, 0);
    ck_assert(tl_is_given_up(h) && tl_is_given_up(b));
    ck_assert_ptr_eq(tl_value(a), of_a);
    ck_assert_values(of_a, 6, 0, 2, 0, 6, 0, 10, 0);
    ck_assert_values(tl_value(tl_sub(c, a)), 6, 0, 10, 0, 102, 0, 290, 0); /* later */
    ck_assert_values(tl_value(x), 6, 0, 1, -2, 3, -4, 5, -6);
    ck_assert_ptr_null(tl_grad(a));
    ck_assert_int_eq(tl_graph_status(g), TL_OK);
    tl_graph_free(g);
}
END_TEST

/* A node that no op reads may be an output: it stays without having been asked for. */
START_TEST(an_output_is_read_later)
{
    tl_graph *g = tl_graph_new_inference();
    tl_node *h = tl_relu(tl_input(g, TL_SHAPE(3), numbers)), *first = tl_scale(h, 2),
            *second = tl_scale(h, 3);
    ck_assert_values(tl_value(second), 3, 0, 3, 0, 9);
    ck_assert_values(tl_value(first), 3, 0, 2, 0, 6);
    ck_assert(tl_is_given_up(h));
    tl_graph_free(g);
}
END_TEST

/* Nodes without elements are given up like any other. */
START_TEST(no_elements)
{
    tl_graph *g = tl_graph_new_inference();
    tl_node *h = tl_relu(tl_input(g, TL_SHAPE(0, 3), NULL)), *y = tl_relu(h);
    ck_assert_ptr_nonnull(tl_value(y));
    ck_assert(tl_is_given_up(h));
    tl_graph_free(g);
}
END_TEST

START_TEST(given_up)
{
    for (int use = 0; use < 2; use++) {
        tl_graph *g = tl_graph_new_inference();
        tl_node *h = tl_relu(tl_input(g, TL_SHAPE(2, 3), numbers)), *y = tl_tanh(h);
        const tl_real *value = tl_value(y);
        ck_assert_ptr_nonnull(value);
        if (use) {
            ck_assert_ptr_null(tl_add(y, h));
            ck_assert_str_eq(tl_graph_error(g), "add: input 1 (2x3)" GIVEN_UP);
        } else {
            ck_assert_ptr_null(tl_value(h));
            ck_assert_str_eq(tl_graph_error(g), "value: 2x3" GIVEN_UP);
        }
        ck_assert_int_eq(tl_graph_status(g), TL_ERR_ARGUMENT);
        ck_assert_ptr_eq(tl_value(y), value); /* as before */
        ck_assert_ptr_null(tl_value(h));
        ck_assert_ptr_null(tl_relu(y));
        tl_graph_reset(g);
        ck_assert_values(tl_value(tl_relu(tl_input(g, TL_SHAPE(2), numbers))), 2, 0, 1, 0);
        tl_graph_free(g);
    }
}
END_TEST

/* The `shape` of a lookup reads its weights, which are computed then; their input stays for later uses. */
START_TEST(values_that_a_shape_reads)
{
    const tl_pattern_bag bags = { .row_ptr = (const int64_t[]){ 0, 2 }, .ids = ids, .n = 1 };
    tl_graph *g = tl_graph_new_inference();
    tl_node *h = tl_relu(tl_input(g, TL_SHAPE(2), (const tl_real[]){ 2, 3 })), *w = tl_scale(h, 2);
    tl_node *table = tl_input(g, TL_SHAPE(50, 1), (const tl_real[50]){ [3] = 10, [49] = 100 });
    tl_node *bag = tl_embedding_lookup_sparse(table, &bags, w, TL_SUM);
    ck_assert_ptr_nonnull(h->val);
    ck_assert_ptr_nonnull(w->val);
    tl_node *y = tl_mul(tl_reshape(bag, TL_SHAPE()), tl_reduce_sum(tl_add(h, w), TL_ALL_AXES));
    tl_node *before = tl_relu(y);
    ck_assert_values(tl_value(y), 1, 0, (2 * 2 * 10 + 3 * 2 * 100) * 15.0);
    ck_assert(tl_is_given_up(h) && tl_is_given_up(w) && tl_is_given_up(bag));
    ck_assert_values(tl_value(before), 1, 0, 640 * 15.0);
    tl_graph_free(g);
}
END_TEST

/* A state that is read at every step, 1000 times: the memory is that of the states. */
START_TEST(a_long_recurrence)
{
    enum { STEPS = 1000, UNITS = 64 };
    tl_graph *g = tl_graph_new_inference();
    tl_variable *w = tl_test_dense("w", TL_SHAPE(UNITS, UNITS), 1);
    static tl_real start[UNITS];
    tl_node *h = tl_input(g, TL_SHAPE(1, UNITS), start);
    for (int step = 0; step < STEPS; step++) {
        h = tl_tanh(tl_add(tl_matmul(h, tl_use(g, w)), tl_input(g, TL_SHAPE(UNITS), start)));
        ck_assert_ptr_nonnull(tl_value(h));
    }
    ck_assert_int_le(g->pool.most, (STEPS + 5) * (UNITS * (int64_t)sizeof(tl_real) + TL_ALIGN));
    tl_graph_free(g);
    tl_variable_free(w);
}
END_TEST

/* ---- When ops run ---- */

static int calls;

static tl_status like_input(tl_node *y)
{
    return tl_shape_like(y, y->in[0]);
}

static void count_calls(tl_node *y)
{
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] = (tl_real)calls;
    calls++;
}

static const tl_op counts = { .name = "counts", .n_in = 1, .shape = like_input, .forward = count_calls };
static const tl_op counts_at_once = {
    .name = "counts", .n_in = 1, .shape = like_input, .forward = count_calls, .has_effects = true
};

/* In the order of the calls, and once; one with effects when it is called, after all before it. The op has no
 * gradient, which a variable does not need here. */
START_TEST(the_order_of_the_calls)
{
    calls = 0;
    tl_graph *g = tl_graph_new_inference();
    tl_variable *v = tl_test_dense("v", TL_SHAPE(1), 1);
    tl_node *x[] = { tl_use(g, v) }, *y[5];
    for (int k = 0; k < 3; k++)
        y[k] = tl_apply(&counts, x, NULL, 0);
    ck_assert_int_eq(calls, 0);
    ck_assert_values(tl_value(y[1]), 1, 0, 1.0);
    ck_assert_int_eq(calls, 2);
    y[3] = tl_apply(&counts_at_once, x, NULL, 0);
    ck_assert_int_eq(calls, 4);
    y[4] = tl_apply(&counts, x, NULL, 0);
    for (int k = 4; k >= 0; k--)
        ck_assert_values(tl_value(y[k]), 1, 0, (double)k);
    ck_assert_int_eq(calls, 5);
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

/* All ops share one workspace, as large as the largest, which is allocated when the first runs. */
static tl_status reserve(tl_node *y)
{
    if (tl_reserve_workspace(y, *(const int64_t *)y->attr, 1) != TL_OK)
        return TL_ERR_MEMORY;
    return like_input(y);
}

static void fill_workspace(tl_node *y)
{
    memset(tl_workspace(y), 7, (size_t) * (const int64_t *)y->attr);
    y->out[0] = 1;
}

static const tl_op workspace_op = { .name = "w", .n_in = 1, .shape = reserve, .forward = fill_workspace };

START_TEST(one_workspace)
{
    const int64_t size[] = { 1000, 70000, 50000, 200000 };
    tl_graph *g = tl_graph_new_inference();
    for (int round = 0; round < 2; round++) {
        tl_node *y = tl_input(g, TL_SHAPE(1), numbers);
        for (int k = 0; k < 3; k++)
            y = tl_apply(&workspace_op, &y, &size[k], sizeof *size);
        ck_assert_ptr_nonnull(tl_value(y));
        ck_assert_int_le(g->pool.used, (round ? 200000 : 70000) + 1000);
        y = tl_apply(&workspace_op, &y, &size[3], sizeof *size); /* more than there is */
        ck_assert_ptr_nonnull(tl_value(y));
        ck_assert_int_le(g->pool.bytes, 200000 + 1000);
        tl_graph_reset(g);
    }
    const int64_t too_much = INT64_MAX;
    tl_node *x = tl_input(g, TL_SHAPE(1), numbers),
            *y = tl_apply(&workspace_op, &x, &too_much, sizeof too_much);
    ck_assert(!y || !tl_value(y));
    ck_assert_str_eq(tl_graph_error(g), "w: out of memory");
    tl_graph_trim(g, 0);
    ck_assert_ptr_nonnull(tl_value(tl_relu(tl_input(g, TL_SHAPE(1), numbers))));
    tl_graph_free(g);
}
END_TEST

/* ---- What is refused ---- */

START_TEST(no_derivatives)
{
    const char *const who[] = { "backward", "backward", "derivative", "hessian_product" };
    tl_graph *g = tl_graph_new_inference();
    tl_variable *v = tl_test_dense("v", TL_SHAPE(3), 1);
    tl_optimizer *o = tl_sgd((tl_sgd_options){ .learning_rate = 0.1 });
    for (int k = 0; k < 4; k++) {
        tl_gradients out;
        tl_real one[] = { 1, 1, 1 };
        const tl_gradients along = { .pair = &(tl_gradient){ .variable = v, .values = one }, .n = 1 };
        tl_node *x = tl_use(g, v), *loss = tl_reduce_sum(tl_mul(x, x), TL_ALL_AXES);
        if (k == 0)
            ck_assert_int_eq(tl_backward(loss, &out), TL_ERR_ARGUMENT);
        else if (k == 1)
            ck_assert_int_eq(tl_minimize(o, loss), TL_ERR_ARGUMENT);
        else if (k == 2)
            ck_assert_ptr_null(tl_derivative(loss, 1, &x, &x));
        else
            ck_assert_int_eq(tl_hessian_product(loss, &along, &out), TL_ERR_ARGUMENT);
        char text[200];
        snprintf(text, sizeof text,
                 "%s: the graph is for inference: it keeps nothing to compute derivatives from", who[k]);
        ck_assert_str_eq(tl_graph_error(g), text);
        tl_graph_reset(g);
    }
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

/* An op that fails when it runs has no values, and neither has what waits for it; those before it have. */
START_TEST(an_op_that_fails)
{
    tl_graph *g = tl_graph_new_inference();
    tl_graph_check_finite(g, true);
    tl_node *x = tl_input(g, TL_SHAPE(2), (const tl_real[]){ 1, (tl_real)INFINITY }), *first = tl_tanh(x);
    tl_node *y = tl_relu(x), *z = tl_add(y, first);
    ck_assert_ptr_null(tl_value(z));
    ck_assert_str_eq(tl_graph_error(g), "relu: the output is not finite: y[1] = inf, of input 0 ([2], with "
                                        "[1] = inf)");
    ck_assert_ptr_null(tl_value(y));
    ck_assert_ptr_nonnull(tl_value(first));
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ok(tl_graph_print(g, out));
    fclose(out);
    ck_assert_ptr_nonnull(strstr(text, "%2 = relu(%0) : failed\n%3 = add(%2, %1) : [2]\nfailed: relu: "));
    free(text);
    tl_graph_free(g);
}
END_TEST

enum { STEP, SWAP, FILL, MASK, CHANGES };

static void change(int which, tl_variable *v, tl_ema *e)
{
    tl_random r = { .seed = 5 };
    tl_graph *g = tl_graph_new();
    tl_pattern *keep = tl_pattern_random(2, 3, 0.5, 1);
    tl_optimizer *o = tl_sgd((tl_sgd_options){ .learning_rate = 0.1 });
    if (which == STEP)
        ck_assert_ok(tl_minimize(o, tl_reduce_sum(tl_use(g, v), TL_ALL_AXES)));
    else if (which == SWAP)
        ck_assert_ok(tl_ema_swap(e));
    else if (which == FILL)
        ck_assert_ok(tl_init_he(v, &r));
    else
        ck_assert_ok(tl_variable_set_mask(v, keep));
    tl_optimizer_free(o);
    tl_pattern_release(keep);
    tl_graph_free(g);
}

/* A variable that changes between the call of an op and tl_value; after tl_value it may. */
START_TEST(variables_that_change)
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(2, 3), 1);
    tl_ema *e = tl_ema_new((tl_ema_options){ .decay = 0.9 });
    tl_graph *g = tl_graph_new_inference();
    ck_assert_ok(tl_ema_add(e, v));
    tl_node *y = tl_relu(tl_use(g, v));
    change(_i, v, e);
    ck_assert_ptr_null(tl_value(y));
    ck_assert_str_eq(tl_graph_error(g), "relu: input 0 (v (2x3)) has changed since the op was called");
    tl_graph_reset(g);
    y = tl_relu(tl_use(g, v));
    ck_assert_ptr_nonnull(tl_value(y));
    change(_i, v, e);
    ck_assert_same(tl_value(tl_scale(tl_use(g, v), 1)), tl_variable_values(v), 6);
    ck_assert_int_eq(tl_graph_status(g), TL_OK);
    tl_graph_free(g);
    tl_ema_free(e);
    tl_variable_free(v);
}
END_TEST

START_TEST(a_pattern_that_changes)
{
    tl_variable *v = tl_test_sparse("v", tl_pattern_random(4, 3, 0.5, 1), 1);
    tl_pattern *p = tl_pattern_random(4, 3, 0.5, 2);
    tl_graph *g = tl_graph_new_inference();
    tl_node *y = tl_sparse_to_dense(tl_use(g, v), NULL);
    ck_assert_ok(tl_variable_set_pattern(v, p));
    ck_assert_ptr_null(tl_value(y));
    ck_assert_str_eq(tl_graph_error(g),
                     "sparse_to_dense: input 0 (v (4x3)) has changed since the op was called");
    tl_graph_free(g);
    tl_pattern_release(p);
    tl_variable_free(v);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("inference_order");
    TCase *c = tl_test_case(s, "inference_order");
    tcase_add_test(c, what_was_asked_for_stays);
    tcase_add_test(c, an_output_is_read_later);
    tcase_add_test(c, no_elements);
    tcase_add_test(c, given_up);
    tcase_add_test(c, values_that_a_shape_reads);
    tcase_add_test(c, a_long_recurrence);
    tcase_add_test(c, the_order_of_the_calls);
    tcase_add_test(c, one_workspace);
    tcase_add_test(c, no_derivatives);
    tcase_add_test(c, an_op_that_fails);
    tcase_add_loop_test(c, variables_that_change, 0, CHANGES);
    tcase_add_test(c, a_pattern_that_changes);
    return s;
}
