/* cos: Y = cos A */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static const tl_unary_case cos_case = {
    .name = "cos",
    .op = tl_cos,
    .value = cos,
    .low = -60,
    .high = 60,
    .ulps = 4,
    .gradient_low = -4,
    .gradient_high = 4,
    .kink = { { 0, 0 } },
    .n_kinks = 1,
    .special = { { 0, 1 }, { -0.0, 1 }, { INFINITY, NAN }, { -INFINITY, NAN }, { NAN, NAN } },
    .n_special = 5,
};

Suite *tl_test_suite(void)
{
    return tl_unary_suite(&cos_case);
}
