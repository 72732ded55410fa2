/* sigmoid: Y = 1 / (1 + exp(-A)) */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static double value(double x)
{
    return 1 / (1 + exp(-x)); /* in double nothing here overflows or cancels */
}

/* The kernel promises 6 units in the last place, the reference has 3: exp is good to 1, and the sum and the
 * quotient round. The ends are reached exactly. By hand: Y (1 - Y) is 3/16 where Y is 3/4, 1/4 at 0, and 0 at
 * the ends. */
static const tl_unary_case sigmoid = {
    .name = "sigmoid",
    .op = tl_sigmoid,
    .value = value,
    .low = -84,
    .high = 84,
    .ulps = TL_IS_DOUBLE ? 9 : 6,
    .gradient_low = -4,
    .gradient_high = 4,
    .kink = { { 1.0986122886681098, 0.1875 },
              { 0, 0.25 },
              { 1e4, 0 },
              { -1e4, 0 },
              { INFINITY, 0 },
              { -INFINITY, 0 } },
    .n_kinks = 6,
    .special = { { 1e4, 1 },
                 { -1e4, 0 },
                 { INFINITY, 1 },
                 { -INFINITY, 0 },
                 { 40, 1 },
                 { 0, 0.5 },
                 { -0.0, 0.5 },
                 { NAN, NAN } },
    .n_special = 8,
};

Suite *tl_test_suite(void)
{
    return tl_unary_suite(&sigmoid);
}
