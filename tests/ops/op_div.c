/* div: Y = A / B, broadcast */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static double value(double a, double b)
{
    return a / b;
}

static const tl_binary_case div_case = {
    .name = "div",
    .op = tl_div,
    .value = value,
    .b_low = 0.5,
    .b_high = 4,
    .kink = { { 3, -2, -0.5, -0.75 } },
    .n_kinks = 1,
    .special = { { 1, 0, INFINITY },
                 { -1, 0, -INFINITY },
                 { 0, 0, NAN },
                 { INFINITY, INFINITY, NAN },
                 { 1, INFINITY, 0 },
                 { -0.0, 2, -0.0 },
                 { NAN, 1, NAN },
                 { 1, NAN, NAN },
                 { 3, -2, -1.5 } },
    .n_special = 9,
    .sparse = true,
};

Suite *tl_test_suite(void)
{
    return tl_binary_suite(&div_case);
}
