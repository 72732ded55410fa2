/* leaky_relu: Y = A where A > 0, otherwise slope A */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

/* With a slope of 1 there is no kink; with one of 0 it is relu. */
static tl_node *same(tl_node *a)
{
    return tl_leaky_relu(a, 1);
}

static tl_node *relu(tl_node *a)
{
    return tl_leaky_relu(a, 0);
}

static double identity(double a)
{
    return a;
}

static double positive(double a)
{
    return a > 0 ? a : 0;
}

static const tl_unary_case others[] = {
    { .name = "leaky_relu", .op = same, .value = identity, .kink = { { 0, 1 }, { -0.0, 1 } }, .n_kinks = 2 },
    { .name = "leaky_relu", .op = relu, .value = positive, .kink = { { 0, 0 }, { -0.0, 0 } }, .n_kinks = 2 },
};

static tl_node *op(tl_node *a)
{
    return tl_leaky_relu(a, (tl_real)0.125);
}

static double value(double a)
{
    return a > 0 ? a : 0.125 * a;
}

static const tl_unary_case leaky_relu_case = {
    .name = "leaky_relu",
    .op = op,
    .value = value,
    .kink = { { 0, 0 }, { -0.0, 0 } },
    .n_kinks = 2,
    .special = { { 0, 0 },
                 { -0.0, -0.0 },
                 { INFINITY, INFINITY },
                 { -INFINITY, -INFINITY },
                 { NAN, NAN },
                 { -8, -1 } },
    .n_special = 6,
};

/* The formula, which is slope times 0. */
START_TEST(negative_slope_at_zero)
{
    const tl_real zero[] = { 0 }, minus_zero = -0.0f;
    tl_graph *g = tl_graph_new();
    ck_assert_same(tl_value(tl_leaky_relu(tl_input(g, TL_SHAPE(1), zero), -1)), &minus_zero, 1);
    tl_graph_free(g);
}
END_TEST

/* At the kink nothing is received, not even 0 times a gradient that is no number. */
START_TEST(not_finite_gradient)
{
    const tl_real u[] = { NAN, INFINITY };
    tl_graph *g = tl_graph_new();
    tl_variable *w = tl_variable_dense("w", TL_SHAPE(2));
    tl_gradients out;
    ck_assert_ok(tl_backward(tl_reduce_sum(tl_mul(op(tl_use(g, w)), tl_input(g, TL_SHAPE(2), u)), 0), &out));
    ck_assert_values(out.pair[0].values, 2, 0, 0, 0);
    tl_graph_free(g);
    tl_variable_free(w);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_unary_suite(&leaky_relu_case);
    tl_suite_add_unary(s, &others[0]);
    tl_suite_add_unary(s, &others[1]);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, negative_slope_at_zero);
    tcase_add_test(c, not_finite_gradient);
    return s;
}
