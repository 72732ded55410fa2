/* expm1: Y = e^A - 1 */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static const tl_unary_case expm1_case = {
    .name = "expm1",
    .op = tl_expm1,
    .value = expm1,
    .ulps = 4,
    .gradient_low = -3,
    .gradient_high = 3,
    .kink = { { 0, 1 } },
    .n_kinks = 1,
    .special = { { 0, 0 },
                 { -0.0, -0.0 },
                 { INFINITY, INFINITY },
                 { -INFINITY, -1 },
                 { NAN, NAN },
                 { 1000, INFINITY } },
    .n_special = 6,
};

Suite *tl_test_suite(void)
{
    return tl_unary_suite(&expm1_case);
}
