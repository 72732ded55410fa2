/* relu: Y = max(A, 0) */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static double value(double a)
{
    return a > 0 ? a : 0;
}

/* The subgradient at the kink is 0; -2, -0 and 0 alike give +0. */
static const tl_unary_case relu = {
    .name = "relu",
    .op = tl_relu,
    .value = value,
    .kink = { { 0, 0 }, { -0.0, 0 }, { 1, 1 } },
    .n_kinks = 3,
    .special = { { -2, 0 },
                 { -0.0, 0 },
                 { 0, 0 },
                 { 0.5, 0.5 },
                 { 3, 3 },
                 { -INFINITY, 0 },
                 { INFINITY, INFINITY },
                 { NAN, NAN } },
    .n_special = 8,
};

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

Suite *tl_test_suite(void)
{
    Suite *s = tl_unary_suite(&relu);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, not_finite_gradient);
    return s;
}
