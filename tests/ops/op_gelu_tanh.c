/* gelu_tanh: Y = A (1 + tanh U) / 2, with U = sqrt(2 / pi) (A + 0.044715 A^3) */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static double value(double a)
{
    const double u = 0.79788456080286535588 * (a + 0.044715 * a * a * a);
    return a / (1 + exp(-2 * u));
}

static const tl_unary_case gelu_tanh_case = {
    .name = "gelu_tanh",
    .op = tl_gelu_tanh,
    .value = value,
    .low = -4,
    .ulps = 64, /* the error of U in the exponent, 2 U times */
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
    return tl_unary_suite(&gelu_tanh_case);
}
