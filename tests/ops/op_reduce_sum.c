/* reduce_sum: over one axis, which disappears, or over all */
#include "tests/ops/reduction.h"

static tl_node *op(tl_node *const *in, const void *axis)
{
    return tl_reduce_sum(in[0], *(const int32_t *)axis);
}

static const tl_op_case reduce_sum = { .name = "reduce_sum", .op = op, .reference = reduce, REDUCTION };

/* A NaN or an infinity stays within its own sum. */
START_TEST(not_finite)
{
    tl_graph *g = tl_graph_new();
    const tl_real a[] = { 1, NAN, 3, INFINITY, INFINITY, -INFINITY };
    tl_node *x = tl_input(g, TL_SHAPE(2, 3), a);
    ck_assert_values(tl_value(tl_reduce_sum(x, 0)), 3, 0, INFINITY, NAN, -INFINITY);
    ck_assert_values(tl_value(tl_reduce_sum(x, 1)), 2, 0, NAN, NAN);
    tl_graph_free(g);
}
END_TEST

/* Sums are in double: 2^24 + 1 is no float. */
START_TEST(long_sums)
{
    enum { N = 257 };
    tl_real x[N * 2];
    for (int k = 0; k < 2 * N; k++)
        x[k] = k < 2 ? 0x1p24f : 1;
    const double sum = 0x1p24 + 256;
    tl_graph *g = tl_graph_new();
    ck_assert_values(tl_value(tl_reduce_sum(tl_input(g, TL_SHAPE(N, 2), x), 0)), 2, 0, sum, sum);
    ck_assert_values(tl_value(tl_reduce_sum(tl_input(g, TL_SHAPE(N), x + 1), 0)), 1, 0, sum);
    ck_assert_values(tl_value(tl_reduce_sum(tl_input(g, TL_SHAPE(N), x + 1), TL_ALL_AXES)), 1, 0, sum);
    tl_graph_free(g);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&reduce_sum);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, not_finite);
    tcase_add_test(c, long_sums);
    return s;
}
