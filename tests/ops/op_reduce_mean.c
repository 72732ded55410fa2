/* reduce_mean: over one axis, which disappears, or over all; 0 over nothing */
#include "tests/ops/reduction.h"

static tl_node *op(tl_node *const *in, const void *axis)
{
    return tl_reduce_mean(in[0], *(const int32_t *)axis);
}

static tl_shape reference(tl_reference *r)
{
    const tl_shape y = reduce(r);
    const int64_t size = tl_shape_size(y), count = size > 0 ? tl_shape_size(r->shape[0]) / size : 0;
    for (int64_t k = 0; k < size && count > 0; k++) {
        r->y[k] /= (double)count;
        r->terms[k] /= (double)count;
    }
    return y;
}

/* The sums of integers are exact and divided once, so the means are right to the last bit. */
static const tl_op_case reduce_mean = { .name = "reduce_mean", .op = op, .reference = reference, REDUCTION };

/* A mean is a number even where the sum is none; along each axis, and of all. */
START_TEST(sum_overflows)
{
    const tl_real most = TL_IS_DOUBLE ? (tl_real)0x1.8p1023 : (tl_real)0x1.8p127;
    tl_real a[12], infinite[] = { INFINITY, most, -INFINITY, most };
    for (int k = 0; k < 12; k++)
        a[k] = k == 5 ? NAN : most;
    tl_graph *g = tl_graph_new();
    const double m = (double)most;
    ck_assert_values(tl_value(tl_reduce_mean(tl_input(g, TL_SHAPE(4), a), TL_ALL_AXES)), 1, 0, m);
    ck_assert_values(tl_value(tl_reduce_mean(tl_input(g, TL_SHAPE(2, 2), a), 0)), 2, 0, m, m);
    ck_assert_values(tl_value(tl_reduce_mean(tl_input(g, TL_SHAPE(2, 2), a), 1)), 2, 0, m, m);
    ck_assert_values(tl_value(tl_reduce_mean(tl_input(g, TL_SHAPE(2, 2, 3), a), 1)), 6, 0, m, m, NAN, m, m,
                     m);
    ck_assert_values(tl_value(tl_reduce_mean(tl_input(g, TL_SHAPE(2, 2), infinite), 1)), 2, 0, INFINITY,
                     -INFINITY);
    ck_assert_values(tl_value(tl_reduce_sum(tl_input(g, TL_SHAPE(4), a), TL_ALL_AXES)), 1, 0, INFINITY);
    const double end = TL_IS_DOUBLE ? 0x1.fffffffffffffp1023 : 0x1.fffffep127;
    const tl_real ends[] = { (tl_real)-end, (tl_real)-end, (tl_real)-end };
    ck_assert_values(tl_value(tl_reduce_mean(tl_input(g, TL_SHAPE(3), ends), TL_ALL_AXES)), 1, 0, -end);
    tl_graph_free(g);
}
END_TEST

/* A NaN or an infinity stays within its own mean. */
START_TEST(not_finite)
{
    tl_graph *g = tl_graph_new();
    const tl_real a[] = { 1, NAN, 3, INFINITY, INFINITY, -INFINITY };
    tl_node *x = tl_input(g, TL_SHAPE(2, 3), a);
    ck_assert_values(tl_value(tl_reduce_mean(x, 0)), 3, 0, INFINITY, NAN, -INFINITY);
    ck_assert_values(tl_value(tl_reduce_mean(x, 1)), 2, 0, NAN, NAN);
    tl_graph_free(g);
}
END_TEST

/* Sums are in double: 2^24 + 1 is no float. */
START_TEST(long_sums)
{
    enum { N = 256 };
    tl_real x[N * 2];
    for (int k = 0; k < 2 * N; k++)
        x[k] = k < 2 ? 0x1p24f : 1;
    x[N] = x[2 * N - 1] = 2;
    const double mean = 0x1p16 + 1; /* of 2^24 and ones and a 2 */
    tl_graph *g = tl_graph_new();
    ck_assert_values(tl_value(tl_reduce_mean(tl_input(g, TL_SHAPE(N, 2), x), 0)), 2, 0, mean, mean);
    ck_assert_values(tl_value(tl_reduce_mean(tl_input(g, TL_SHAPE(N), x + 1), 0)), 1, 0, mean);
    ck_assert_values(tl_value(tl_reduce_mean(tl_input(g, TL_SHAPE(N), x + 1), TL_ALL_AXES)), 1, 0, mean);
    tl_graph_free(g);
}
END_TEST

/* The mean of ones is 1. Times 1 / n would miss it, for 41 floats and 49 doubles first. */
START_TEST(of_ones)
{
    enum { MOST = 200 };
    tl_real ones[MOST];
    for (int k = 0; k < MOST; k++)
        ones[k] = 1;
    tl_graph *g = tl_graph_new();
    for (int64_t n = 1; n <= MOST; n++, tl_graph_reset(g))
        ck_assert_values(tl_value(tl_reduce_mean(tl_input(g, TL_SHAPE(n), ones), 0)), 1, 0, 1);
    tl_graph_free(g);
}
END_TEST

START_TEST(sparse_is_refused)
{
    tl_graph *g = tl_graph_new();
    tl_variable *s = tl_test_sparse("s", tl_test_pattern(3, 4, 0.5, 1), 1);
    ck_assert_refused(g, tl_reduce_mean(tl_use(g, s), 0), TL_ERR_KIND,
                      "reduce_mean: s (3x4) is sparse, and its mean could be over entries or over cells: "
                      "tl_scale what tl_reduce_sum gives by one over the number that is meant");
    tl_graph_free(g);
    tl_variable_free(s);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&reduce_mean);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, sum_overflows);
    tcase_add_test(c, not_finite);
    tcase_add_test(c, long_sums);
    tcase_add_test(c, of_ones);
    tcase_add_test(c, sparse_is_refused);
    return s;
}
