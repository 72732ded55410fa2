/* clamp: Y = min(max(A, low), high) */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static tl_node *above(tl_node *a)
{
    return tl_clamp(a, 1, INFINITY);
}

static double above_value(double a)
{
    return a < 1 ? 1 : a;
}

static const tl_unary_case above_case = {
    .name = "clamp",
    .op = above,
    .value = above_value,
    .kink = { { 1, 0 } },
    .n_kinks = 1,
};

START_TEST(refusals)
{
    const tl_real x[3] = { 0 };
    tl_graph *g = tl_graph_new();
    ck_assert_refused(g, tl_clamp(tl_input(g, TL_SHAPE(3), x), 2, 1), TL_ERR_ARGUMENT,
                      "clamp: low = 2 is not at most high = 1");
    ck_assert_refused(g, tl_clamp(tl_input(g, TL_SHAPE(3), x), NAN, 1), TL_ERR_ARGUMENT,
                      "clamp: low = nan is not at most high = 1");
    tl_node *y = tl_clamp(tl_input(g, TL_SHAPE(3), x), 1, 1);
    ck_assert_values(tl_value(y), 3, 0, 1, 1, 1);
    tl_graph_free(g);
}
END_TEST

/* What equals a bound stays, a zero of the other sign too. */
START_TEST(zero_at_a_bound)
{
    const tl_real minus[] = { -0.0f }, plus[] = { 0 };
    tl_graph *g = tl_graph_new();
    ck_assert_same(tl_value(tl_clamp(tl_input(g, TL_SHAPE(1), minus), 0, 1)), minus, 1);
    ck_assert_same(tl_value(tl_clamp(tl_input(g, TL_SHAPE(1), plus), -1, -0.0f)), plus, 1);
    tl_graph_free(g);
}
END_TEST

static tl_node *op(tl_node *a)
{
    return tl_clamp(a, (tl_real)-1.5, 2);
}

static double value(double a)
{
    return a < -1.5 ? -1.5 : a > 2 ? 2 : a;
}

static const tl_unary_case clamp_case = {
    .name = "clamp",
    .op = op,
    .value = value,
    .kink = { { -1.5, 0 }, { 2, 0 } },
    .n_kinks = 2,
    .special = { { 0, 0 }, { -0.0, -0.0 }, { INFINITY, 2 }, { -INFINITY, -1.5 }, { NAN, NAN } },
    .n_special = 5,
};

Suite *tl_test_suite(void)
{
    Suite *s = tl_unary_suite(&clamp_case);
    tl_suite_add_unary(s, &above_case);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, refusals);
    tcase_add_test(c, zero_at_a_bound);
    return s;
}
