/* abs: Y = |A| */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static const tl_unary_case abs_case = {
    .name = "abs",
    .op = tl_abs,
    .value = fabs,
    .kink = { { 0, 0 }, { -0.0, 0 } },
    .n_kinks = 2,
    .special = { { 0, 0 }, { -0.0, 0 }, { INFINITY, INFINITY }, { -INFINITY, INFINITY }, { NAN, NAN } },
    .n_special = 5,
};

Suite *tl_test_suite(void)
{
    return tl_unary_suite(&abs_case);
}
