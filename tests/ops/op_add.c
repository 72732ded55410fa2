/* add: Y = A + B, broadcast */
#include "check_tulle.h"
#include "tests/ops/long_sum.h"

#include <math.h>

static double value(double a, double b)
{
    return a + b;
}

#define REFUSED(a, b, its_status, text)                                                                      \
    {                                                                                                        \
        .in = { a, b }, .status = its_status, .error = text                                                  \
    }

static const tl_sample refused[] = {
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(5, 6), TL_ERR_SHAPE,
            "a (3x4) and b (5x6) do not broadcast: 3 and 5 differ, and neither is 1"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(3), TL_ERR_SHAPE,
            "a (3x4) and b [3] do not broadcast: 4 and 3 differ, and neither is 1"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(0), TL_ERR_SHAPE,
            "a (3x4) and b [0] do not broadcast: 4 and 0 differ, and neither is 1"),
    REFUSED(TL_DENSE_OPERAND(2, 3, 4), TL_DENSE_OPERAND(2, 4), TL_ERR_SHAPE,
            "a (2x3x4) and b (2x4) do not broadcast: 3 and 2 differ, and neither is 1"),
    REFUSED(TL_DENSE_OPERAND(4), TL_DENSE_OPERAND(2, 3, 3), TL_ERR_SHAPE,
            "a [4] and b (2x3x3) do not broadcast: 4 and 3 differ, and neither is 1"),
    REFUSED(TL_SPARSE_OPERAND(3, 4, 0.5), TL_DENSE_OPERAND(3, 4), TL_ERR_KIND,
            "input 0, a (3x4), is sparse, and must be dense: use tl_sparse_add"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_SPARSE_OPERAND(3, 4, 0.5), TL_ERR_KIND,
            "input 1, b (3x4), is sparse, and must be dense: use tl_sparse_add")
};

static const tl_binary_case add_case = {
    .name = "add",
    .op = tl_add,
    .value = value,
    .special = { { INFINITY, -INFINITY, NAN },
                 { INFINITY, 1, INFINITY },
                 { NAN, 1, NAN },
                 { 1, INFINITY, INFINITY } },
    .sample = refused,
    .n_samples = sizeof refused / sizeof *refused,
    .n_special = 4,
};

/* The gradient of what is broadcast is summed in double: 2^24 + 1 is no float. */
START_TEST(long_sums)
{
    ck_assert_double_eq(tl_test_long_sum(tl_add, TL_SHAPE()), 0x1p24 + 256);
    ck_assert_double_eq(tl_test_long_sum(tl_add, TL_SHAPE(1)), 0x1p24 + 256);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_binary_suite(&add_case);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, long_sums);
    return s;
}
