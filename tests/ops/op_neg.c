/* neg: Y = -A */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static double value(double a)
{
    return -a;
}

static const tl_unary_case neg_case = {
    .name = "neg",
    .op = tl_neg,
    .value = value,
    .special = { { 0, -0.0 }, { -0.0, 0 }, { INFINITY, -INFINITY }, { -INFINITY, INFINITY }, { NAN, NAN } },
    .n_special = 5,
};

Suite *tl_test_suite(void)
{
    return tl_unary_suite(&neg_case);
}
