/* mul: Y = A B elementwise, broadcast; of a sparse A at its entries */
#include "tests/ops/broadcast.h"
#include "tests/ops/long_sum.h"

#include <math.h>

static double value(double a, double b)
{
    return a * b;
}

static const tl_sample refused[] = {
    REFUSED_SHAPES,
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_SPARSE_OPERAND(3, 4, 0.5), TL_ERR_KIND,
            "a (3x4) is dense and b (3x4) is sparse: the sparse one comes first"),
    REFUSED(TL_SPARSE_OPERAND(3, 4, 0.5), TL_SPARSE_OPERAND(3, 4, 0.5), TL_ERR_ARGUMENT,
            "a (3x4) and b (3x4) are sparse on different patterns"),
    REFUSED(TL_SPARSE_OPERAND(1, 4, 0.5), TL_DENSE_OPERAND(3, 4), TL_ERR_SHAPE,
            "b (3x4) does not broadcast to the shape of a (1x4)")
};

static const tl_binary_case mul_case = {
    .name = "mul",
    .op = tl_mul,
    .value = value,
    .special = { { INFINITY, 0, NAN },
                 { INFINITY, -1, -INFINITY },
                 { NAN, 0, NAN },
                 { 1, INFINITY, INFINITY } },
    .sample = refused,
    .n_samples = sizeof refused / sizeof *refused,
    .n_special = 4,
    .sparse = true,
};

/* The gradient of what is broadcast is summed in double: 2^24 + 1 is no float. */
START_TEST(long_sums)
{
    ck_assert_double_eq(tl_test_long_sum(tl_mul, TL_SHAPE()), 0x1p24 + 256);
    ck_assert_double_eq(tl_test_long_sum(tl_mul, TL_SHAPE(1)), 0x1p24 + 256);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_binary_suite(&mul_case);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, long_sums);
    return s;
}
