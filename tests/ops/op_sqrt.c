/* sqrt: Y = sqrt(A) */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static const tl_unary_case sqrt_case = {
    .name = "sqrt",
    .op = tl_sqrt,
    .value = sqrt,
    .low = 0.1,
    .high = 50,
    .special = { { 0, 0 },
                 { -0.0, -0.0 },
                 { -1, NAN },
                 { INFINITY, INFINITY },
                 { -INFINITY, NAN },
                 { NAN, NAN },
                 { 2.25, 1.5 } },
    .n_special = 7,
};

Suite *tl_test_suite(void)
{
    return tl_unary_suite(&sqrt_case);
}
