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

Suite *tl_test_suite(void)
{
    Suite *s = tl_unary_suite(&elu_case);
    tl_suite_add_unary(s, &smooth_case);
    return s;
}
