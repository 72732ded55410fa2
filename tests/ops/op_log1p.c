/* log1p: Y = log(1 + A) */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static const tl_unary_case log1p_case = {
    .name = "log1p",
    .op = tl_log1p,
    .value = log1p,
    .low = -0.9,
    .high = 60,
    .ulps = 4,
    .gradient_low = -0.5,
    .kink = { { 0, 1 }, { 3, 0.25 } },
    .n_kinks = 2,
    .special = { { 0, 0 },
                 { -0.0, -0.0 },
                 { -1, -INFINITY },
                 { -2, NAN },
                 { INFINITY, INFINITY },
                 { NAN, NAN } },
    .n_special = 6,
};

Suite *tl_test_suite(void)
{
    return tl_unary_suite(&log1p_case);
}
