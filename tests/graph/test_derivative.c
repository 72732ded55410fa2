/* tl_derivative, and what a tangent may do. */
#include "derivative.h"
#include "tangent.h"
#include "tests/testing.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const tl_real zeros[64], ones[4] = { 1, 1, 1, 1 };

/* The first three derivatives of tanh(w x) by x: w (1 - y^2), -2 w^2 y (1 - y^2), w^3 (1 - y^2)(6 y^2 -
 * 2). */
START_TEST(three_orders)
{
    const tl_real at[4] = { (tl_real)0.3, (tl_real)-0.7, 0, 1 }, slope = (tl_real)1.5;
    tl_graph *g = tl_graph_new();
    tl_node *x = tl_input(g, TL_SHAPE(4), at), *dx = tl_input(g, TL_SHAPE(4), ones), *y[4];
    y[0] = tl_tanh(tl_scale(x, slope));
    for (int k = 1; k < 4; k++)
        y[k] = tl_derivative(y[k - 1], 1, &x, &dx);
    ck_assert_ok(tl_graph_status(g));
    for (int i = 0; i < 4; i++) {
        const double w = 1.5, t = tanh(w * (double)at[i]), s = 1 - t * t;
        ck_assert_values(tl_value(y[1]) + i, 1, 4 * TL_NEAR, w * s);
        ck_assert_values(tl_value(y[2]) + i, 1, 4 * TL_NEAR, -2 * w * w * t * s);
        ck_assert_values(tl_value(y[3]) + i, 1, 8 * TL_NEAR, w * w * w * s * (6 * t * t - 2));
    }
    tl_graph_free(g);
}
END_TEST

/* Several nodes move, a leaf, an input and a result; the result moves as told, not as its inputs would. */
START_TEST(several_directions)
{
    const tl_real a[2] = { 2, 3 }, da[2] = { 1, -1 }, db[2] = { 10, 20 }, dc[2] = { 100, 200 };
    tl_variable *v = tl_test_dense("v", TL_SHAPE(2), 1);
    tl_graph *g = tl_graph_new();
    tl_node *leaf = tl_use(g, v), *in = tl_input(g, TL_SHAPE(2), a), *c = tl_mul(leaf, leaf);
    tl_node *y = tl_add(tl_mul(leaf, in), tl_scale(c, 3));
    tl_node *x[3] = { leaf, in, c }, *dx[3];
    dx[0] = tl_input(g, TL_SHAPE(2), da);
    dx[1] = tl_input(g, TL_SHAPE(2), db);
    dx[2] = tl_input(g, TL_SHAPE(2), dc);
    tl_node *d = tl_derivative(y, 3, x, dx);
    const tl_real *w = tl_variable_data(v);
    ck_assert_values(tl_value(d), 2, TL_NEAR, 2 + 10 * (double)w[0] + 300, -3 + 20 * (double)w[1] + 600);
    ck_assert_ptr_eq(tl_derivative(c, 3, x, dx), dx[2]);
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

/* A direction may depend on variables, and is then differentiated as well. */
static tl_node *along_a_variable(tl_graph *g, void *context)
{
    tl_variable *const *v = context;
    tl_node *x = tl_use(g, v[0]), *dx = tl_tanh(tl_use(g, v[1]));
    return tl_derivative(tl_mul(tl_tanh(x), x), 1, &x, &dx);
}

START_TEST(direction_that_depends_on_variables)
{
    tl_variable *v[] = { tl_test_dense("a", TL_SHAPE(3), 1), tl_test_dense("b", TL_SHAPE(3), 2) };
    ck_assert_gradient(along_a_variable, v, v[0], v[1]);
    tl_variable_free(v[0]);
    tl_variable_free(v[1]);
}
END_TEST

/* A direction may be on a pattern that is equal to x's, but another object. */
START_TEST(equal_patterns)
{
    tl_pattern *p = tl_pattern_random(3, 4, 0.5, 1), *q = tl_pattern_random(3, 4, 0.5, 1);
    tl_graph *g = tl_graph_new();
    const tl_real at[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    tl_node *x = tl_input_sparse(g, p, at), *dx = tl_input_sparse(g, q, at), *own = tl_input_sparse(g, p, at);
    tl_node *d = tl_derivative(tl_tanh(x), 1, &x, &dx), *expected = tl_derivative(tl_tanh(x), 1, &x, &own);
    ck_assert_ok(tl_graph_status(g));
    ck_assert_ptr_eq(tl_pattern_of(d), p);
    ck_assert_same(tl_value(d), tl_value(expected), tl_pattern_nnz(p));
    tl_graph_free(g);
    tl_pattern_release(p);
    tl_pattern_release(q);
}
END_TEST

/* What does not depend on x has the derivative 0, dense or sparse. */
START_TEST(what_does_not_move)
{
    tl_variable *s = tl_test_sparse("s", tl_test_pattern(3, 4, 0.5, 1), 2);
    tl_graph *g = tl_graph_new();
    tl_node *x = tl_input(g, TL_SHAPE(4), ones), *dx = tl_input(g, TL_SHAPE(4), ones);
    tl_node *later = tl_scale(x, 2), *leaf = tl_use(g, s);
    tl_node *sparse = tl_derivative(leaf, 1, &x, &dx);
    ck_assert_ptr_eq(tl_pattern_of(sparse), tl_pattern_of(leaf));
    ck_assert_same(tl_value(sparse), zeros, tl_pattern_nnz(tl_pattern_of(leaf)));
    tl_node *dense = tl_derivative(x, 1, &later, &dx);
    ck_assert(tl_shape_equal(tl_shape_of(dense), TL_SHAPE(4)));
    ck_assert_same(tl_value(dense), zeros, 4);
    ck_assert_same(tl_value(tl_derivative(later, 0, NULL, NULL)), zeros, 4);
    ck_assert_ok(tl_graph_status(g));
    tl_graph_free(g);
    tl_variable_free(s);
}
END_TEST

START_TEST(arguments)
{
    tl_pattern *p = tl_test_pattern(2, 2, 0.5, 1), *q = tl_pattern_random(2, 2, 1, 1);
    tl_graph *g = tl_graph_new(), *other = tl_graph_new();
    tl_node *x = tl_input(g, TL_SHAPE(4), ones), *y = tl_tanh(x), *flat = tl_reshape(x, TL_SHAPE(2, 2));
    tl_node *s = tl_input_sparse(g, p, ones), *t = tl_input_sparse(g, q, ones), *null = NULL;
    tl_node *far = tl_input(other, TL_SHAPE(4), ones);
    const struct {
        tl_node *x, *dx;
        tl_status status;
        const char *error;
    } tries[] = {
        { null, x, TL_ERR_ARGUMENT, "derivative: x[0] is NULL" },
        { x, null, TL_ERR_ARGUMENT, "derivative: dx[0] is NULL" },
        { far, x, TL_ERR_ARGUMENT, "derivative: x[0] belongs to another graph" },
        { x, far, TL_ERR_ARGUMENT, "derivative: dx[0] belongs to another graph" },
        { x, flat, TL_ERR_SHAPE, "derivative: dx[0] is 2x2, and x[0] is [4]" },
        { s, flat, TL_ERR_KIND, "derivative: dx[0] is dense, and x[0], 2x2, is sparse" },
        { s, t, TL_ERR_ARGUMENT, "derivative: dx[0] and x[0], 2x2, differ in pattern" },
    };
    ck_assert_ptr_null(tl_derivative(NULL, 1, &x, &x));
    const int k = _i;
    const int n = sizeof tries / sizeof *tries;
    if (k < n)
        ck_assert_refused(g, tl_derivative(y, 1, &tries[k].x, &tries[k].dx), tries[k].status, tries[k].error);
    else if (k == n)
        ck_assert_refused(g, tl_derivative(y, -1, &x, &x), TL_ERR_ARGUMENT, "derivative: -1 directions");
    else if (k == n + 1)
        ck_assert_refused(g, tl_derivative(y, 1, NULL, &x), TL_ERR_ARGUMENT, "derivative: x is NULL");
    else if (k == n + 2)
        ck_assert_refused(g, tl_derivative(y, 1, &x, NULL), TL_ERR_ARGUMENT, "derivative: dx is NULL");
    else {
        tl_node *twice[2] = { x, x };
        ck_assert_refused(g, tl_derivative(y, 2, twice, twice), TL_ERR_ARGUMENT,
                          "derivative: x[1], [4], is listed twice");
    }
    tl_graph_free(g);
    tl_graph_free(other);
    tl_pattern_release(p);
    tl_pattern_release(q);
}
END_TEST

START_TEST(failed_graph)
{
    tl_graph *g = tl_graph_new();
    tl_node *x = tl_input(g, TL_SHAPE(4), ones), *y = tl_tanh(x);
    ck_assert_ptr_null(tl_reshape(x, TL_SHAPE(3)));
    ck_assert_refused(g, tl_derivative(y, 1, &x, &x), TL_ERR_SHAPE,
                      "reshape: [4] to [3] changes the number of elements from 4 to 3");
    tl_graph_free(g);
}
END_TEST

/* ---- Tangents of all sorts, of an op that copies its input ---- */

static tl_status copy_shape(tl_node *y)
{
    return tl_shape_like(y, y->in[0]);
}

static void copy_forward(tl_node *y)
{
    memcpy(y->out, y->in[0]->val, (size_t)y->size * sizeof *y->out);
}

static void copy_backward(tl_node *y)
{
    for (int64_t k = 0; y->in[0]->grad && k < y->size; k++)
        y->in[0]->grad[k] += y->grad[k];
}

static tl_node *returns_null(tl_node *y, tl_node *const *dx)
{
    (void)y;
    (void)dx;
    return NULL;
}

static tl_node *refuses(tl_node *y, tl_node *const *dx)
{
    tl_fail(TL_ERR_NUMERIC, "no tangent at %s", tl_node_text(dx[0]).text);
    return returns_null(y, dx);
}

static tl_node *of_another_shape(tl_node *y, tl_node *const *dx)
{
    (void)y;
    return tl_reduce_sum(dx[0], 0);
}

static tl_node *fails(tl_node *y, tl_node *const *dx)
{
    return tl_matmul(dx[0], tl_input(y->graph, TL_SHAPE(3), ones));
}

static tl_node *of_another_graph(tl_node *y, tl_node *const *dx)
{
    static tl_graph *other;
    (void)dx;
    if (!other)
        other = tl_graph_new();
    tl_node *z = tl_input(other, TL_SHAPE(4), ones);
    if (y == NULL)
        tl_graph_free(other);
    return z;
}

#define COPY(tangent_)                                                                                       \
    {                                                                                                        \
        .name = "copy", .n_in = 1, .shape = copy_shape, .forward = copy_forward, .backward = copy_backward,  \
        .tangent = (tangent_)                                                                                \
    }

START_TEST(bad_tangents)
{
    static const struct {
        tl_op op;
        tl_status status;
        const char *error;
    } tries[] = {
        { COPY(NULL), TL_ERR_ARGUMENT, "copy: the op has no tangent, which a derivative needs" },
        { COPY(returns_null), TL_ERR_SHAPE, "copy: its tangent returned NULL" },
        { COPY(refuses), TL_ERR_NUMERIC, "copy: no tangent at [4]" },
        { COPY(of_another_shape), TL_ERR_SHAPE,
          "copy: its tangent is dense, scalar, and must be like the result, dense, [4]" },
        { COPY(of_another_graph), TL_ERR_ARGUMENT, "copy: its tangent belongs to another graph" },
        { COPY(fails), TL_ERR_SHAPE, "matmul: [4] times [3]: 4 is not 3" },
    };
    tl_graph *g = tl_graph_new();
    tl_node *x = tl_input(g, TL_SHAPE(4), ones);
    tl_node *y = tl_tanh(tl_apply(&tries[_i].op, &x, NULL, 0));
    ck_assert_refused(g, tl_derivative(y, 1, &x, &x), tries[_i].status, tries[_i].error);
    tl_graph_free(g);
    if (tries[_i].op.tangent == of_another_graph)
        of_another_graph(NULL, NULL);
}
END_TEST

static tl_node *doubled(tl_node *y, tl_node *const *dx)
{
    (void)y;
    return tl_scale(dx[0], 2);
}

/* What tl_gradcheck says of them. An op that has no tangent, or refuses, it leaves alone. */
typedef struct copied {
    tl_op op;
    tl_variable *w;
} copied;

static tl_node *copy_of(tl_graph *g, void *context)
{
    const copied *c = context;
    return tl_apply(&c->op, (tl_node *[]){ tl_use(g, c->w) }, NULL, 0);
}

START_TEST(gradcheck_finds_bad_tangents)
{
    tl_variable *w = tl_test_dense("w", TL_SHAPE(3), 1);
    double by_tangents, by_gradients;
    ck_assert_ok(tl_gradcheck(copy_of, &(copied){ COPY(NULL), w }, &w, 1, NULL));
    ck_assert_ok(tl_gradcheck(copy_of, &(copied){ COPY(tl_linear_tangent), w }, &w, 1, NULL));
    ck_assert_status(tl_gradcheck(copy_of, &(copied){ COPY(returns_null), w }, &w, 1, NULL), TL_ERR_SHAPE,
                     "gradcheck: copy: its tangent returned NULL");
    ck_assert_int_eq(tl_gradcheck(copy_of, &(copied){ COPY(doubled), w }, &w, 1, NULL), TL_ERR_NUMERIC);
    ck_assert_int_eq(sscanf(tl_error(), "gradcheck: along a direction: by tangents %lf, by gradients %lf",
                            &by_tangents, &by_gradients),
                     2);
    ck_assert_double_gt(fabs(by_gradients), 0.1);
    ck_assert_double_le(fabs(by_tangents / by_gradients - 2), 1e-5);
    tl_variable_free(w);
}
END_TEST

/* An op without a tangent does no harm where it does not move, or where y does not depend on it. */
START_TEST(tangents_that_are_not_needed)
{
    static const tl_op copy = COPY(NULL);
    tl_graph *g = tl_graph_new();
    tl_node *x = tl_input(g, TL_SHAPE(4), ones), *still = tl_input(g, TL_SHAPE(4), ones);
    tl_node *y = tl_mul(x, tl_apply(&copy, &still, NULL, 0));
    tl_apply(&copy, &x, NULL, 0);
    ck_assert_same(tl_value(tl_derivative(y, 1, &x, &x)), ones, 4);
    tl_graph_free(g);
}
END_TEST

/* The text of what failed, for people. */
START_TEST(the_op_is_shown)
{
    static const tl_op copy = COPY(NULL);
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_variable *v = tl_test_dense("v", TL_SHAPE(4), 1);
    tl_node *x = tl_use(g, v);
    tl_node *loss = tl_reduce_sum(tl_apply(&copy, &x, NULL, 0), TL_ALL_AXES);
    ck_assert_status(
        tl_hessian_product(loss, &(tl_gradients){ &(tl_gradient){ v, tl_variable_data(v), NULL, 0 }, 1, g },
                           &out),
        TL_ERR_ARGUMENT,
        "copy: the op has no tangent, which a derivative needs (tl_graph_print shows the op)");
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

/* Whichever allocation fails, the derivative does, and nothing is lost. */
START_TEST(short_of_memory)
{
    tl_variable *s = tl_test_sparse("s", tl_test_pattern(4, 3000, 0.5, 1), 2);
    tl_variable *b = tl_test_dense("b", TL_SHAPE(3000), 3);
    int failures = 0;
    for (bool done = false; !done; failures += !done) {
        tl_graph *g = tl_graph_new();
        tl_node *x[2] = { tl_use(g, s), tl_use(g, b) };
        tl_node *y = tl_dense_sparse_matmul(tl_input(g, TL_SHAPE(4), ones), x[0], TL_NO_TRANSPOSE);
        y = tl_tanh(tl_mul(tl_add(y, x[1]), tl_relu(x[1])));
        ck_assert_ok(tl_graph_status(g));
        tl_test_fail_allocation(failures + 1);
        tl_node *d = y;
        for (int k = 0; k < 3; k++)
            d = tl_derivative(d, 2, x, x);
        done = d != NULL;
        tl_test_fail_allocation(0);
        ck_assert_int_eq(tl_graph_status(g), done ? TL_OK : TL_ERR_MEMORY);
        tl_graph_free(g);
    }
    ck_assert_int_ge(failures, 1);
    tl_variable_free(s);
    tl_variable_free(b);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("derivative");
    TCase *c = tl_test_case(s, "values");
    tcase_add_test(c, three_orders);
    tcase_add_test(c, several_directions);
    tcase_add_test(c, direction_that_depends_on_variables);
    tcase_add_test(c, equal_patterns);
    tcase_add_test(c, what_does_not_move);
    c = tl_test_case(s, "failures");
    tcase_add_loop_test(c, arguments, 0, 11);
    tcase_add_test(c, failed_graph);
    tcase_add_loop_test(c, bad_tangents, 0, 6);
    tcase_add_test(c, gradcheck_finds_bad_tangents);
    tcase_add_test(c, tangents_that_are_not_needed);
    tcase_add_test(c, the_op_is_shown);
    tcase_add_test(c, short_of_memory);
    return s;
}
