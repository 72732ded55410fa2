/* relu: Y = max(A, 0) */
#include "tests/ops/elementwise.h"

#include <math.h>

static tl_node *build(tl_graph *g, void *context)
{
    return tl_relu(tl_use(g, context));
}

/* The same variable twice: sum of relu(w) and relu(relu(w)). */
static tl_node *build_twice(tl_graph *g, void *context)
{
    tl_node *w = tl_use(g, context);
    return tl_add(tl_relu(w), tl_relu(tl_relu(w)));
}

START_TEST(values)
{
    tl_graph *g = tl_graph_new();
    const tl_real a[] = { -2, -0.0f, 0, 0.5f, 3, -INFINITY, INFINITY, NAN };
    tl_node *y = tl_relu(tl_input(g, TL_SHAPE(2, 4), a));
    ck_assert_values(tl_value(y), 8, 0, 0, 0, 0, 0.5, 3, 0, INFINITY, NAN);
    ck_assert_str_eq(tl_shape_text(tl_shape_of(y)).text, "2x4");
    const tl_real zeros[3] = { 0 }; /* +0, for -2, -0 and 0 alike */
    ck_assert_same(tl_value(y), zeros, 3);
    tl_graph_free(g);
}
END_TEST

/* Values and gradient to the bit, at both signs, in every rank and around the width of a vector. */
START_TEST(oracle)
{
    const tl_shape shape[] = { TL_SHAPE(),   TL_SHAPE(1),     TL_SHAPE(3),        TL_SHAPE(63),
                               TL_SHAPE(65), TL_SHAPE(17, 3), TL_SHAPE(3, 1, 65), TL_SHAPE(1, 3, 17, 2) };
    tl_real u[200], y[200], dw[200];
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++) {
        tl_variable *w = tl_test_dense("w", shape[k], k);
        int64_t n = tl_variable_size(w);
        tl_test_fill(u, n, 100 + k);
        for (int64_t i = 0; i < n; i++) {
            tl_real a = tl_variable_data(w)[i];
            y[i] = a > 0 ? a : 0;
            dw[i] = a > 0 ? u[i] : 0;
        }
        tl_graph *g = tl_graph_new();
        tl_node *node = tl_relu(tl_use(g, w));
        tl_gradients out;
        ck_assert(tl_shape_equal(tl_shape_of(node), shape[k]));
        ck_assert_same(tl_value(node), y, n);
        ck_assert_ok(tl_backward(tl_reduce_sum(tl_mul(node, tl_input(g, shape[k], u)), TL_ALL_AXES), &out));
        ck_assert_same(out.pair[0].values, dw, n);
        tl_graph_free(g);
        tl_variable_free(w);
    }
}
END_TEST

static double positive(double x)
{
    return x > 0 ? x : 0;
}

static double step(double y)
{
    return y > 0;
}

START_TEST(many_values)
{
    tl_test_activation(tl_relu, positive, step, TL_NEAR);
}
END_TEST

START_TEST(gradient)
{
    const tl_shape shape[] = { TL_SHAPE(), TL_SHAPE(17), TL_SHAPE(3, 5), TL_SHAPE(2, 3, 4),
                               TL_SHAPE(2, 1, 3, 2) };
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++) {
        tl_variable *w = tl_test_dense("w", shape[k], 1);
        ck_assert_gradient(build, w, w);
        ck_assert_gradient(build_twice, w, w);
        tl_variable_free(w);
    }
}
END_TEST

/* The subgradient at the kink is 0. */
START_TEST(kink)
{
    tl_graph *g = tl_graph_new();
    tl_variable *w = tl_variable_dense("w", TL_SHAPE(3));
    tl_variable_data(w)[1] = 1;
    tl_variable_data(w)[2] = -0.0f;
    tl_gradients out;
    ck_assert_ok(tl_backward(tl_reduce_sum(tl_relu(tl_use(g, w)), 0), &out));
    ck_assert_values(out.pair[0].values, 3, 0, 0, 1, 0);
    tl_graph_free(g);
    tl_variable_free(w);
}
END_TEST

/* What is cut off receives nothing, not even 0 times a gradient that is no number. */
START_TEST(not_finite_gradient)
{
    const tl_real u[] = { NAN, INFINITY, NAN, INFINITY };
    tl_graph *g = tl_graph_new();
    tl_variable *w = tl_variable_dense("w", TL_SHAPE(4));
    tl_variable_data(w)[0] = -1;
    tl_variable_data(w)[2] = tl_variable_data(w)[3] = 1;
    tl_gradients out;
    ck_assert_ok(
        tl_backward(tl_reduce_sum(tl_mul(tl_relu(tl_use(g, w)), tl_input(g, TL_SHAPE(4), u)), 0), &out));
    ck_assert_values(out.pair[0].values, 4, 0, 0, 0, NAN, INFINITY);
    tl_graph_free(g);
    tl_variable_free(w);
}
END_TEST

START_TEST(empty)
{
    const tl_shape shape[] = { TL_SHAPE(0), TL_SHAPE(0, 3), TL_SHAPE(3, 0), TL_SHAPE(2, 0, 3) };
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++) {
        tl_variable *w = tl_test_dense("w", shape[k], 1);
        ck_assert_gradient(build, w, w);
        tl_variable_free(w);
    }
    tl_graph *g = tl_graph_new();
    tl_node *y = tl_relu(tl_input(g, TL_SHAPE(3, 0), NULL));
    ck_assert_str_eq(tl_shape_text(tl_shape_of(y)).text, "3x0");
    tl_graph_free(g);
}
END_TEST

START_TEST(sparse)
{
    ck_assert_ptr_null(tl_relu(NULL));
    tl_test_sparse_activation(tl_relu);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("relu");
    TCase *c = tl_test_case(s, "relu");
    tcase_add_test(c, values);
    tcase_add_test(c, oracle);
    tcase_add_test(c, many_values);
    tcase_add_test(c, gradient);
    tcase_add_test(c, kink);
    tcase_add_test(c, not_finite_gradient);
    tcase_add_test(c, empty);
    tcase_add_test(c, sparse);
    return s;
}
