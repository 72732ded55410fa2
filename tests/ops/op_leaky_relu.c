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

Suite *tl_test_suite(void)
{
    Suite *s = tl_unary_suite(&leaky_relu_case);
    tl_suite_add_unary(s, &others[0]);
    tl_suite_add_unary(s, &others[1]);
    return s;
}
