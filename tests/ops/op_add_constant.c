/* add_constant: Y = A + c */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static tl_node *op(tl_node *a)
{
    return tl_add_constant(a, (tl_real)0.75);
}

static double value(double a)
{
    return a + 0.75;
}

static const tl_unary_case add_constant_case = {
    .name = "add_constant",
    .op = op,
    .value = value,
    .special = { { 0, 0.75 }, { -0.75, 0 }, { INFINITY, INFINITY }, { -INFINITY, -INFINITY }, { NAN, NAN } },
    .n_special = 5,
};

Suite *tl_test_suite(void)
{
    return tl_unary_suite(&add_constant_case);
}
