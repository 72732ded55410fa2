/* exp: Y = e^A */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static const tl_unary_case exp_case = {
    .name = "exp",
    .op = tl_exp,
    .value = exp,
    .ulps = 4,
    .gradient_low = -3,
    .gradient_high = 3,
    .kink = { { 0, 1 } },
    .n_kinks = 1,
    .special = { { 0, 1 },
                 { -0.0, 1 },
                 { INFINITY, INFINITY },
                 { -INFINITY, 0 },
                 { NAN, NAN },
                 { 1000, INFINITY },
                 { -1000, 0 } },
    .n_special = 7,
};

Suite *tl_test_suite(void)
{
    return tl_unary_suite(&exp_case);
}
