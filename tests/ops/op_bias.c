/* bias: Y(i, :) = A(i, :) + b */
#include "check_tulle.h"
#include "tests/ops/bias.h"

static double value(double a, double b)
{
    return a + b;
}

static const tl_binary_case bias = {
    .name = "bias",
    .op = tl_bias,
    .value = value,
    .special = { { INFINITY, -INFINITY, NAN }, { 0.5, INFINITY, INFINITY }, { NAN, 1, NAN }, { 1, 10, 11 } },
    .n_special = 4,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
};

/* db is summed in double: 2^24 + 1 is no float. */
START_TEST(long_sums)
{
    ck_assert_double_eq(tl_test_long_sum(tl_bias, TL_SHAPE(1)), 0x1p24 + 256);
}
END_TEST

/* Rows without values: none is visited. */
START_TEST(zero_beside_huge)
{
    tl_graph *g = tl_graph_new();
    tl_variable *b = tl_variable_dense("b", TL_SHAPE(0));
    tl_gradients out;
    tl_node *y = tl_bias(tl_input(g, TL_SHAPE((int64_t)1 << 50, 0), NULL), tl_use(g, b));
    ck_assert_ok(tl_backward(tl_reduce_sum(y, TL_ALL_AXES), &out));
    tl_graph_free(g);
    tl_variable_free(b);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_binary_suite(&bias);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, long_sums);
    tcase_add_test(c, zero_beside_huge);
    return s;
}
