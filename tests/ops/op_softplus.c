/* softplus: Y = log(1 + e^A) */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static double value(double a)
{
    return fmax(a, 0) + log1p(exp(-fabs(a)));
}

static const tl_unary_case softplus_case = {
    .name = "softplus",
    .op = tl_softplus,
    .value = value,
    .low = -40,
    .high = 40,
    .ulps = 8,
    .gradient_low = -6,
    .gradient_high = 6,
    .kink = { { 0, 0.5 } },
    .n_kinks = 1,
    .special = { { -INFINITY, 0 }, { INFINITY, INFINITY }, { -10000, 0 }, { 10000, 10000 }, { NAN, NAN } },
    .n_special = 5,
};

Suite *tl_test_suite(void)
{
    return tl_unary_suite(&softplus_case);
}
