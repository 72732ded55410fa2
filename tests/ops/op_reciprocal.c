/* reciprocal: Y = 1 / A */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static double value(double a)
{
    return 1 / a;
}

static const tl_unary_case reciprocal_case = {
    .name = "reciprocal",
    .op = tl_reciprocal,
    .value = value,
    .low = 0.2,
    .high = 9,
    .kink = { { -2, -0.25 } },
    .n_kinks = 1,
    .special = { { 0, INFINITY },
                 { -0.0, -INFINITY },
                 { INFINITY, 0 },
                 { -INFINITY, -0.0 },
                 { NAN, NAN },
                 { -4, -0.25 } },
    .n_special = 6,
};

Suite *tl_test_suite(void)
{
    return tl_unary_suite(&reciprocal_case);
}
