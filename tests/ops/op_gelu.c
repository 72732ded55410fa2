/* gelu: Y = A (1 + erf(A / sqrt 2)) / 2 */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static double value(double a)
{
    return 0.5 * a * erfc(-a / 1.41421356237309504880);
}

static const tl_unary_case gelu_case = {
    .name = "gelu",
    .op = tl_gelu,
    .value = value,
    .ulps = 128, /* the error of A / sqrt 2 in the exponent, A^2 / 2 times */
    .gradient_low = -4,
    .gradient_high = 4,
    .kink = { { 0, 0.5 }, { -INFINITY, 0 }, { INFINITY, 1 } },
    .n_kinks = 3,
    .special = { { 0, 0 },
                 { -INFINITY, 0 },
                 { INFINITY, INFINITY },
                 { -1000, 0 },
                 { 1000, 1000 },
                 { NAN, NAN } },
    .n_special = 6,
};

Suite *tl_test_suite(void)
{
    return tl_unary_suite(&gelu_case);
}
