/* square: Y = A^2 */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static double value(double a)
{
    return a * a;
}

static const tl_unary_case square_case = {
    .name = "square",
    .op = tl_square,
    .value = value,
    .kink = { { 0, 0 } },
    .n_kinks = 1,
    .special = { { -0.0, 0 }, { INFINITY, INFINITY }, { -INFINITY, INFINITY }, { -3, 9 }, { NAN, NAN } },
    .n_special = 5,
};

Suite *tl_test_suite(void)
{
    return tl_unary_suite(&square_case);
}
