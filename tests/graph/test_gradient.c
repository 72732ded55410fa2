/* The backward pass: which variables get a gradient, of which kind, in which order, and what is refused. */
#include "tests/testing.h"

#include <string.h>

static const tl_real numbers[] = { 1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12 };

static tl_node *sum(tl_node *a)
{
    return tl_reduce_sum(a, TL_ALL_AXES);
}

/* sum of c_k a_k for c_k = numbers[k] * factor: the gradient of a is c. */
static tl_node *weighed(tl_graph *g, tl_node *a, tl_real factor)
{
    return tl_scale(sum(tl_mul(a, tl_input(g, tl_shape_of(a), numbers))), factor);
}

/* ---- Kinds and order ---- */

START_TEST(three_kinds)
{
    const uint8_t keep[] = { 1, 0, 0, 1, 1, 0 };
    const int32_t ids[] = { 3, 1 };
    tl_graph *g = tl_graph_new();
    tl_pattern *p = tl_pattern_from_mask(2, 3, keep);
    tl_variable *s = tl_test_sparse("s", p, 1), *d = tl_test_dense("d", TL_SHAPE(4), 2),
                *t = tl_test_dense("t", TL_SHAPE(5, 2), 3);
    tl_node *rows = tl_embedding_lookup(tl_use(g, t), ids, TL_SHAPE(2));
    tl_node *of_s = weighed(g, tl_sparse_to_dense(tl_use(g, s), NULL), 1),
            *of_d = weighed(g, tl_use(g, d), 1);
    tl_node *loss = tl_add(of_d, tl_add(of_s, weighed(g, rows, 1)));
    tl_gradients out;
    ck_assert_ok(tl_backward(loss, &out));
    ck_assert_int_eq(out.n, 3);
    ck_assert_ptr_eq(out.graph, g);
    const tl_gradient *row_sparse = &out.pair[0], *sparse = &out.pair[1], *dense = &out.pair[2];
    ck_assert_ptr_eq(row_sparse->variable, t); /* the order of first use, not of the sum */
    ck_assert_int_eq(row_sparse->n_rows, 2);
    ck_assert_int_eq(row_sparse->rows[0], 1);
    ck_assert_int_eq(row_sparse->rows[1], 3);
    ck_assert_values(row_sparse->values, 4, 0, 3, -4, 1, -2);
    ck_assert_int_eq(tl_gradient_size(row_sparse), 4);
    ck_assert_ptr_null(tl_grad(tl_use(g, t))); /* it exists as rows only */
    ck_assert_ptr_eq(sparse->variable, s);
    ck_assert_ptr_null(sparse->rows);
    ck_assert_values(sparse->values, 3, 0, 1, -4, 5);
    ck_assert_int_eq(tl_gradient_size(sparse), 3);
    ck_assert_ptr_eq(dense->variable, d);
    ck_assert_ptr_null(dense->rows);
    ck_assert_values(dense->values, 4, 0, 1, -2, 3, -4);
    ck_assert_int_eq(tl_gradient_size(dense), 4);
    ck_assert_ptr_eq(tl_grad(tl_use(g, d)), dense->values);
    tl_graph_free(g);
    tl_variable_free(s);
    tl_variable_free(d);
    tl_variable_free(t);
}
END_TEST

/* Two losses in one graph: what the other one uses is absent, before and after it on the tape. */
START_TEST(unreached_variables_are_absent)
{
    tl_graph *g = tl_graph_new();
    tl_variable *a = tl_test_dense("a", TL_SHAPE(2), 1), *b = tl_test_dense("b", TL_SHAPE(2, 2), 2);
    tl_node *unused = tl_relu(tl_use(g, b));
    tl_node *first = weighed(g, tl_use(g, a), 1), *second = weighed(g, unused, 1);
    tl_gradients of_a, of_b;
    ck_assert_ok(tl_backward(first, &of_a));
    ck_assert_int_eq(of_a.n, 1);
    ck_assert_ptr_eq(of_a.pair[0].variable, a);
    ck_assert_ok(tl_backward(second, &of_b));
    ck_assert_int_eq(of_b.n, 1);
    ck_assert_ptr_eq(of_b.pair[0].variable, b);
    ck_assert_ptr_null(tl_grad(first));                 /* of the pass before */
    ck_assert_values(of_a.pair[0].values, 2, 0, 1, -2); /* the first list is still there */
    tl_graph_free(g);
    tl_variable_free(a);
    tl_variable_free(b);
}
END_TEST

START_TEST(variables_used_after_the_loss_are_absent)
{
    tl_graph *g = tl_graph_new();
    tl_variable *a = tl_test_dense("a", TL_SHAPE(2), 1), *b = tl_test_dense("b", TL_SHAPE(2, 2), 2);
    tl_node *first = weighed(g, tl_use(g, a), 1);
    weighed(g, tl_use(g, b), 1);
    tl_gradients out;
    ck_assert_ok(tl_backward(first, &out));
    ck_assert_int_eq(out.n, 1);
    ck_assert_ptr_eq(out.pair[0].variable, a);
    ck_assert_ok(tl_backward_for(first, (tl_variable *[]){ b, a }, 2, &out));
    ck_assert_ptr_null(out.pair[0].values);
    ck_assert_ptr_null(out.pair[0].rows);
    ck_assert_values(out.pair[1].values, 2, 0, 1, -2);
    tl_graph_free(g);
    tl_variable_free(a);
    tl_variable_free(b);
}
END_TEST

/* A list: in its order, with the unreached and the unused as pairs without values. */
START_TEST(listed)
{
    tl_graph *g = tl_graph_new();
    tl_variable *v[] = { tl_test_dense("a", TL_SHAPE(2), 1), tl_test_dense("b", TL_SHAPE(2), 2),
                         tl_test_dense("c", TL_SHAPE(2), 3), tl_test_dense("d", TL_SHAPE(2), 4) };
    tl_use(g, v[2]);
    tl_node *loss = tl_add(weighed(g, tl_use(g, v[0]), 1), weighed(g, tl_use(g, v[1]), 2));
    tl_gradients out;
    ck_assert_ok(tl_backward_for(loss, (tl_variable *[]){ v[3], v[1], v[2] }, 3, &out));
    ck_assert_int_eq(out.n, 3);
    ck_assert_ptr_eq(out.pair[0].variable, v[3]);
    ck_assert_ptr_eq(out.pair[1].variable, v[1]);
    ck_assert_ptr_eq(out.pair[2].variable, v[2]);
    ck_assert_ptr_null(out.pair[0].values);
    ck_assert_values(out.pair[1].values, 2, 0, 2, -4);
    ck_assert_ptr_null(out.pair[2].values);
    ck_assert_int_eq(tl_gradient_size(&out.pair[0]), 0);
    ck_assert_ptr_null(tl_grad(tl_use(g, v[0])));        /* wanted by nobody */
    ck_assert_ok(tl_backward_for(loss, &v[2], 2, &out)); /* none is reached: no error, two absent pairs */
    ck_assert_int_eq(out.n, 2);
    ck_assert_ptr_null(out.pair[0].values);
    tl_graph_free(g);
    for (int k = 0; k < 4; k++)
        tl_variable_free(v[k]);
}
END_TEST

/* ---- What is computed ---- */

/* y = a + b. Writes down which gradients it was asked for. */
static bool asked[2];
static int passes;

static tl_status spy_shape(tl_node *y)
{
    return tl_shape_like(y, y->in[0]);
}

static void spy_forward(tl_node *y)
{
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] = y->in[0]->val[k] + y->in[1]->val[k];
}

static void spy_backward(tl_node *y)
{
    passes++;
    for (int i = 0; i < 2; i++) {
        asked[i] = y->in[i]->grad != NULL;
        for (int64_t k = 0; asked[i] && k < y->size; k++)
            y->in[i]->grad[k] += y->grad[k];
    }
}

static const tl_op spy = {
    .name = "spy", .n_in = 2, .shape = spy_shape, .forward = spy_forward, .backward = spy_backward
};

START_TEST(only_wanted_gradients_are_computed)
{
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_test_dense("v", TL_SHAPE(3), 1), *w = tl_test_dense("w", TL_SHAPE(3), 2);
    tl_node *x = tl_relu(tl_input(g, TL_SHAPE(3), numbers)), *a = tl_use(g, v), *b = tl_use(g, w);
    static const struct {
        bool first_depends, second_depends, v_wanted, w_wanted;
        bool asked[2];
    } table[] = { { true, false, true, true, { true, false } },
                  { false, true, true, true, { false, true } },
                  { true, true, true, true, { true, true } },
                  { true, true, false, true, { false, true } },
                  { true, true, true, false, { true, false } } };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        tl_node *y = tl_apply(
            &spy, (tl_node *[]){ table[i].first_depends ? a : x, table[i].second_depends ? tl_relu(b) : x },
            NULL, 0);
        tl_variable *vars[] = { table[i].v_wanted ? v : w, w };
        tl_gradients out;
        ck_assert_ok(tl_backward_for(sum(y), vars, 1 + (table[i].v_wanted && table[i].w_wanted), &out));
        ck_assert_msg(asked[0] == table[i].asked[0] && asked[1] == table[i].asked[1], "row %d: %d %d", (int)i,
                      asked[0], asked[1]);
        ck_assert_ptr_null(tl_grad(x));
    }
    tl_graph_free(g);
    tl_variable_free(v);
    tl_variable_free(w);
}
END_TEST

/* An op off the way from the loss to a wanted variable is not walked at all. */
START_TEST(what_leads_elsewhere_is_not_walked)
{
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_test_dense("v", TL_SHAPE(3), 1), *w = tl_test_dense("w", TL_SHAPE(3), 2);
    tl_node *x = tl_input(g, TL_SHAPE(3), numbers), *a = tl_use(g, v);
    tl_node *side = tl_apply(&spy, (tl_node *[]){ tl_use(g, w), x }, NULL, 0);
    tl_apply(&spy, (tl_node *[]){ a, x }, NULL, 0); /* leads to v, but not from the loss */
    tl_gradients out;
    passes = 0;
    ck_assert_ok(tl_backward_for(sum(tl_add(a, side)), &v, 1, &out));
    ck_assert_int_eq(passes, 0);
    ck_assert_values(out.pair[0].values, 3, 0, 1, 1, 1);
    tl_graph_free(g);
    tl_variable_free(v);
    tl_variable_free(w);
}
END_TEST

/* h = w^2 through one node, used three times: d(h h + h)/dw = (2 h + 1) 2 w; and the gradients on the way. */
START_TEST(diamond)
{
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(2));
    tl_variable_data(v)[0] = 3, tl_variable_data(v)[1] = -0.5f;
    tl_node *w = tl_use(g, v), *h = tl_mul(w, w), *y = tl_add(tl_mul(h, h), h);
    tl_gradients out;
    ck_assert_ok(tl_backward(sum(y), &out));
    ck_assert_values(out.pair[0].values, 2, 0, 19 * 6, -1.5);
    ck_assert_values(tl_grad(h), 2, 0, 19, 1.5);
    ck_assert_values(tl_grad(y), 2, 0, 1, 1);
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

START_TEST(passes_do_not_accumulate)
{
    const int32_t ids[] = { 2, 0, 2 };
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_test_dense("v", TL_SHAPE(3), 1), *t = tl_test_dense("t", TL_SHAPE(3, 1), 2);
    tl_node *loss = weighed(g, tl_use(g, v), 1);
    loss = tl_add(loss, weighed(g, tl_embedding_lookup(tl_use(g, t), ids, TL_SHAPE(3)), 1));
    tl_gradients out[3];
    for (int pass = 0; pass < 3; pass++)
        ck_assert_ok(tl_backward(loss, &out[pass]));
    for (int pass = 0; pass < 3; pass++) { /* all three are still there */
        ck_assert_values(out[pass].pair[0].values, 3, 0, 1, -2, 3);
        ck_assert_int_eq(out[pass].pair[1].n_rows, 2);
        ck_assert_values(out[pass].pair[1].values, 2, 0, -2, 4);
    }
    tl_graph_free(g);
    tl_variable_free(v);
    tl_variable_free(t);
}
END_TEST

/* The loss may be a variable; and anything of one element is a scalar. */
START_TEST(scalars)
{
    tl_graph *g = tl_graph_new();
    static const int32_t rank[] = { 0, 1, 2, 4 };
    for (int k = 0; k < 4; k++) {
        tl_variable *v = tl_test_dense(
            "v", (tl_shape){ rank[k], { rank[k] > 0, rank[k] > 1, rank[k] > 2, 1 } }, 1);
        tl_gradients out;
        ck_assert_ok(tl_backward(tl_use(g, v), &out));
        ck_assert_int_eq(out.n, 1);
        ck_assert_ptr_null(out.pair[0].rows);
        ck_assert_values(out.pair[0].values, 1, 0, 1);
        tl_graph_reset(g);
        tl_variable_free(v);
    }
    tl_graph_free(g);
}
END_TEST

/* ---- Refusals ---- */

START_TEST(refused_losses)
{
    tl_graph *g = tl_graph_new();
    tl_pattern *p = tl_test_pattern(2, 1, 1, 1);
    tl_variable *v = tl_test_dense("v", TL_SHAPE(2, 3), 1), *s = tl_test_sparse("s", p, 1);
    tl_gradients out;
    static const char *const text[] = { "backward: the loss is v (2x3), and must be a scalar",
                                        "backward: the loss is sparse, and must be a scalar",
                                        "backward: the loss does not depend on any variable",
                                        "backward: the output argument is NULL" };
    static const tl_status status[] = { TL_ERR_SHAPE, TL_ERR_KIND, TL_ERR_ARGUMENT, TL_ERR_ARGUMENT };
    for (int k = 0; k < 4; k++, tl_graph_reset(g)) {
        tl_node *a = tl_use(g, v), *fine = sum(a);
        tl_node *loss = k == 0 ? a : k == 1 ? tl_use(g, s) : k == 2 ? tl_input(g, TL_SHAPE(), numbers) : fine;
        out.n = 99;
        ck_assert_status(tl_backward(loss, k == 3 ? NULL : &out), status[k], text[k]);
        ck_assert_int_eq(out.n, k == 3 ? 99 : 0);
        ck_assert_int_eq(tl_graph_status(g), status[k]); /* it sticks */
        ck_assert_str_eq(tl_graph_error(g), text[k]);
        ck_assert_ptr_null(tl_relu(a));
        ck_assert_status(tl_backward(fine, &out), status[k], text[k]);
    }
    tl_graph_free(g);
    tl_variable_free(v);
    tl_variable_free(s);
}
END_TEST

START_TEST(refused_lists)
{
    tl_graph *g = tl_graph_new();
    tl_variable *a = tl_test_dense("a", TL_SHAPE(2), 1), *b = tl_test_dense("b", TL_SHAPE(2), 2);
    const struct {
        tl_variable *list[3];
        int32_t n;
        const char *text;
    } table[] = { { { a, b, a }, 3, "backward: variable a is listed twice, at 0 and 2" },
                  { { a, NULL, b }, 3, "backward: variable 1 of the list is NULL" },
                  { { a }, 0, "backward: the list of variables is empty" },
                  { { a }, -1, "backward: the list of variables is empty" } };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++, tl_graph_reset(g)) {
        tl_gradients out;
        ck_assert_status(tl_backward_for(sum(tl_use(g, a)), table[i].list, table[i].n, &out), TL_ERR_ARGUMENT,
                         table[i].text);
        ck_assert_str_eq(tl_graph_error(g), table[i].text);
        ck_assert_int_eq(out.n, 0);
    }
    tl_gradients out;
    ck_assert_status(tl_backward_for(sum(tl_use(g, a)), NULL, 2, &out), TL_ERR_ARGUMENT,
                     "backward: the list of variables is empty");
    tl_graph_free(g);
    tl_variable_free(a);
    tl_variable_free(b);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("gradient");
    TCase *c = tl_test_case(s, "pairs");
    tcase_add_test(c, three_kinds);
    tcase_add_test(c, unreached_variables_are_absent);
    tcase_add_test(c, variables_used_after_the_loss_are_absent);
    tcase_add_test(c, listed);
    c = tl_test_case(s, "passes");
    tcase_add_test(c, only_wanted_gradients_are_computed);
    tcase_add_test(c, what_leads_elsewhere_is_not_walked);
    tcase_add_test(c, diamond);
    tcase_add_test(c, passes_do_not_accumulate);
    tcase_add_test(c, scalars);
    c = tl_test_case(s, "refusals");
    tcase_add_test(c, refused_losses);
    tcase_add_test(c, refused_lists);
    return s;
}
