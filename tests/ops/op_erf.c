/* erf: Y = erf A */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static const tl_unary_case erf_case = {
    .name = "erf",
    .op = tl_erf,
    .value = erf,
    .ulps = 4,
    .gradient_low = -3,
    .gradient_high = 3,
    .kink = { { 0, 2 / 1.77245385090551602730 } },
    .n_kinks = 1,
    .special = { { 0, 0 }, { -0.0, -0.0 }, { INFINITY, 1 }, { -INFINITY, -1 }, { NAN, NAN }, { 30, 1 } },
    .n_special = 6,
};

Suite *tl_test_suite(void)
{
    return tl_unary_suite(&erf_case);
}
