/* elu: Y = A where A > 0, otherwise alpha (e^A - 1) */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

/* With alpha = 1 there is no kink. */
static tl_node *smooth(tl_node *a)
{
    return tl_elu(a, 1);
}

static double smooth_value(double a)
{
    return a > 0 ? a : expm1(a);
}

static const tl_unary_case smooth_case = {
    .name = "elu",
    .op = smooth,
    .value = smooth_value,
    .ulps = 4,
    .kink = { { 0, 1 }, { -0.0, 1 } },
    .n_kinks = 2,
};

static tl_node *op(tl_node *a)
{
    return tl_elu(a, (tl_real)0.5);
}

static double value(double a)
{
    return a > 0 ? a : 0.5 * expm1(a);
}

static const tl_unary_case elu_case = {
    .name = "elu",
    .op = op,
    .value = value,
    .ulps = 5,
    .kink = { { 0, 0 }, { -0.0, 0 } },
    .n_kinks = 2,
    .special = { { 0, 0 },
                 { -0.0, -0.0 },
                 { INFINITY, INFINITY },
                 { -INFINITY, -0.5 },
                 { NAN, NAN },
                 { 1000, 1000 },
                 { -1000, -0.5 } },
    .n_special = 7,
};

/* The formula, which is alpha times 0. */
START_TEST(negative_alpha_at_zero)
{
    const tl_real zero[] = { 0 }, minus_zero = -0.0f;
    tl_graph *g = tl_graph_new();
    ck_assert_same(tl_value(tl_elu(tl_input(g, TL_SHAPE(1), zero), -1)), &minus_zero, 1);
    tl_graph_free(g);
}
END_TEST

/* The power in the tangent is that of 0, whatever overflows. */
START_TEST(derivative_at_large)
{
    const tl_real a[] = { 1000, -1000 }, one[] = { 1, 1 };
    tl_graph *g = tl_graph_new();
    tl_node *x = tl_input(g, TL_SHAPE(2), a), *dx = tl_input(g, TL_SHAPE(2), one);
    ck_assert_values(tl_value(tl_derivative(op(x), 1, &x, &dx)), 2, 0, 1, 0);
    tl_graph_free(g);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_unary_suite(&elu_case);
    tl_suite_add_unary(s, &smooth_case);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, negative_alpha_at_zero);
    tcase_add_test(c, derivative_at_large);
    return s;
}
