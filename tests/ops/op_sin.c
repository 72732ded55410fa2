/* sin: Y = sin A */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static const tl_unary_case sin_case = {
    .name = "sin",
    .op = tl_sin,
    .value = sin,
    .low = -60,
    .high = 60,
    .ulps = 4,
    .gradient_low = -4,
    .gradient_high = 4,
    .kink = { { 0, 1 } },
    .n_kinks = 1,
    .special = { { 0, 0 }, { -0.0, -0.0 }, { INFINITY, NAN }, { -INFINITY, NAN }, { NAN, NAN } },
    .n_special = 5,
};

Suite *tl_test_suite(void)
{
    return tl_unary_suite(&sin_case);
}
