/* sub: Y = A - B, broadcast */
#include "tests/ops/broadcast.h"
#include "tests/ops/long_sum.h"

#include <math.h>

static double value(double a, double b)
{
    return a - b;
}

static const tl_sample refused[] = {
    REFUSED_SHAPES,
    REFUSED(TL_SPARSE_OPERAND(3, 4, 0.5), TL_DENSE_OPERAND(3, 4), TL_ERR_KIND,
            "input 0, a (3x4), is sparse, and must be dense: use tl_sparse_add, and tl_scale by -1"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_SPARSE_OPERAND(3, 4, 0.5), TL_ERR_KIND,
            "input 1, b (3x4), is sparse, and must be dense: use tl_sparse_add, and tl_scale by -1")
};

static const tl_binary_case sub_case = {
    .name = "sub",
    .op = tl_sub,
    .value = value,
    .special = { { INFINITY, INFINITY, NAN },
                 { INFINITY, 1, INFINITY },
                 { NAN, 1, NAN },
                 { 1, INFINITY, -INFINITY } },
    .sample = refused,
    .n_samples = sizeof refused / sizeof *refused,
    .n_special = 4,
};

/* The gradient of what is broadcast is summed in double: 2^24 + 1 is no float. */
START_TEST(long_sums)
{
    ck_assert_double_eq(tl_test_long_sum(tl_sub, TL_SHAPE()), -0x1p24 - 256);
    ck_assert_double_eq(tl_test_long_sum(tl_sub, TL_SHAPE(1)), -0x1p24 - 256);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_binary_suite(&sub_case);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, long_sums);
    return s;
}
