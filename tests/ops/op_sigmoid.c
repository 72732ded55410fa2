/* sigmoid: Y = 1 / (1 + exp(-A)) */
#include "tests/ops/elementwise.h"

#include <float.h>
#include <math.h>

static tl_node *build(tl_graph *g, void *context)
{
    return tl_sigmoid(tl_use(g, context));
}

/* The same variable twice: sum of sigmoid(w) and sigmoid(sigmoid(w)). */
static tl_node *build_twice(tl_graph *g, void *context)
{
    tl_node *w = tl_use(g, context);
    return tl_add(tl_sigmoid(w), tl_sigmoid(tl_sigmoid(w)));
}

static double plain(double x)
{
    return 1 / (1 + exp(-x)); /* in double nothing here overflows or cancels */
}

START_TEST(values)
{
    tl_graph *g = tl_graph_new();
    const tl_real a[] = { 0, 1, -1, 2, -0.5f, NAN }; /* scipy.special.expit */
    tl_node *y = tl_sigmoid(tl_input(g, TL_SHAPE(2, 3), a));
    ck_assert_values(tl_value(y), 6, TL_NEAR, 0.5, 0.7310585786300049, 0.2689414213699951, 0.8807970779778823,
                     0.3775406687981454, NAN);
    ck_assert_str_eq(tl_shape_text(tl_shape_of(y)).text, "2x3");
    tl_graph_free(g);
}
END_TEST

/* The ends are reached exactly. */
START_TEST(ends)
{
    tl_graph *g = tl_graph_new();
    const tl_real a[] = { 1e4f, -1e4f, INFINITY, -INFINITY, 40, 0, -0.0f };
    const tl_real expected[] = { 1, 0, 1, 0, 1, 0.5f, 0.5f };
    ck_assert_same(tl_value(tl_sigmoid(tl_input(g, TL_SHAPE(7), a))), expected, 7);
    tl_graph_free(g);
}
END_TEST

/* Relative to the result, small ones included. The kernel promises 6 units in the last place, the
 * specification has 3: exp is good to 1, and the sum and the quotient round; a unit is at most an epsilon. */
START_TEST(oracle)
{
    const double epsilon = TL_IS_DOUBLE ? DBL_EPSILON : (double)FLT_EPSILON;
    const int64_t sizes[] = { 1, 3, 17, 63, 65, 400 };
    tl_graph *g = tl_graph_new();
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++, tl_graph_reset(g)) {
        tl_real a[400];
        for (int64_t k = 0; k < sizes[s]; k++)
            a[k] = (tl_real)((k % 2 ? 1 : -1) * 1e-6 * pow(1.0468, (double)k)); /* up to 84 */
        tl_node *y = tl_sigmoid(tl_input(g, TL_SHAPE(sizes[s]), a));
        for (int64_t k = 0; k < sizes[s]; k++)
            ck_assert_double_eq_tol((double)tl_value(y)[k] / plain((double)a[k]), 1, 9 * epsilon);
    }
    tl_graph_free(g);
}
END_TEST

static double slope(double y)
{
    return y * (1 - y);
}

START_TEST(many_values)
{
    tl_test_activation(tl_sigmoid, plain, slope, TL_NEAR);
}
END_TEST

START_TEST(gradient)
{
    const tl_shape shape[] = { TL_SHAPE(), TL_SHAPE(65), TL_SHAPE(3, 5), TL_SHAPE(2, 3, 4),
                               TL_SHAPE(2, 1, 3, 2) };
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++) {
        tl_variable *w = tl_test_dense("w", shape[k], 1);
        ck_assert_gradient(build, w, w);
        ck_assert_gradient(build_twice, w, w);
        tl_variable_free(w);
    }
}
END_TEST

/* By hand: Y (1 - Y) is 3/16 where Y is 3/4, 1/4 at 0, and 0 at the ends. */
START_TEST(gradient_values)
{
    const tl_real at[] = { (tl_real)1.0986122886681098, 0, 1e4f, -1e4f, INFINITY, -INFINITY };
    tl_graph *g = tl_graph_new();
    tl_variable *w = tl_variable_dense("w", TL_SHAPE(6));
    for (int k = 0; k < 6; k++)
        tl_variable_data(w)[k] = at[k];
    tl_gradients out;
    ck_assert_ok(tl_backward(tl_reduce_sum(tl_sigmoid(tl_use(g, w)), 0), &out));
    ck_assert_values(out.pair[0].values, 6, TL_NEAR, 0.1875, 0.25, 0, 0, 0, 0);
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
    tl_node *y = tl_sigmoid(tl_input(g, TL_SHAPE(3, 0), NULL));
    ck_assert_str_eq(tl_shape_text(tl_shape_of(y)).text, "3x0");
    tl_graph_free(g);
}
END_TEST

START_TEST(sparse)
{
    ck_assert_ptr_null(tl_sigmoid(NULL));
    tl_test_sparse_activation(tl_sigmoid);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("sigmoid");
    TCase *c = tl_test_case(s, "sigmoid");
    tcase_add_test(c, values);
    tcase_add_test(c, ends);
    tcase_add_test(c, oracle);
    tcase_add_test(c, many_values);
    tcase_add_test(c, gradient);
    tcase_add_test(c, gradient_values);
    tcase_add_test(c, empty);
    tcase_add_test(c, sparse);
    return s;
}
