/* silu: Y = A / (1 + e^-A) */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static double value(double a)
{
    return a / (1 + exp(-a));
}

static const tl_unary_case silu_case = {
    .name = "silu",
    .op = tl_silu,
    .value = value,
    .low = -40,
    .high = 40,
    .ulps = 8,
    .gradient_low = -6,
    .gradient_high = 6,
    .kink = { { 0, 0.5 }, { -INFINITY, 0 }, { INFINITY, 1 } },
    .n_kinks = 3,
    .special = { { 0, 0 },
                 { -INFINITY, 0 },
                 { INFINITY, INFINITY },
                 { -10000, 0 },
                 { 10000, 10000 },
                 { NAN, NAN } },
    .n_special = 6,
};

Suite *tl_test_suite(void)
{
    return tl_unary_suite(&silu_case);
}
