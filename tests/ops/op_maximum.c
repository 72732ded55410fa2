/* maximum: Y = max(A, B), broadcast */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static double distance(double a, double b)
{
    return fabs(a - b);
}

static double value(double a, double b)
{
    return a > b || isnan(a) ? a : b;
}

static const tl_sample refused[] = { { .in = { TL_SPARSE_OPERAND(3, 4, 0.5), TL_DENSE_OPERAND(3, 4) },
                                       .status = TL_ERR_KIND,
                                       .error = "input 0, a (3x4), is sparse, and must be dense: "
                                                "use tl_sparse_to_dense" } };

static const tl_binary_case maximum_case = {
    .name = "maximum",
    .op = tl_maximum,
    .value = value,
    .kink_distance = distance,
    .kink = { { 1, 1, 0.5, 0.5 }, { INFINITY, INFINITY, 0.5, 0.5 }, { 2, 1, 1, 0 } },
    .n_kinks = 3,
    .special = { { 1, 2, 2 },
                 { INFINITY, -INFINITY, INFINITY },
                 { NAN, 1, NAN },
                 { 1, NAN, NAN },
                 { NAN, NAN, NAN },
                 { INFINITY, INFINITY, INFINITY } },
    .n_special = 6,
    .sample = refused,
    .n_samples = 1,
};

Suite *tl_test_suite(void)
{
    return tl_binary_suite(&maximum_case);
}
