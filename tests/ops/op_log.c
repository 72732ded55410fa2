/* log: Y = log(A), to base e */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static const tl_unary_case log_case = {
    .name = "log",
    .op = tl_log,
    .value = log,
    .low = 0.05,
    .high = 60,
    .ulps = 4,
    .gradient_low = 0.5,
    .gradient_high = 9,
    .kink = { { 2, 0.5 } },
    .n_kinks = 1,
    .special = { { 1, 0 },
                 { 0, -INFINITY },
                 { -0.0, -INFINITY },
                 { -1, NAN },
                 { INFINITY, INFINITY },
                 { -INFINITY, NAN },
                 { NAN, NAN } },
    .n_special = 7,
};

Suite *tl_test_suite(void)
{
    return tl_unary_suite(&log_case);
}
