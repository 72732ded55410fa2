/* reduce_sum: over one axis, which disappears, or over all */
#include "tests/ops/reduction.h"

static tl_node *op(tl_node *const *in, const void *axis)
{
    return tl_reduce_sum(in[0], *(const int32_t *)axis);
}

/* Of a sparse matrix: of its entries, for which the reference has zeros elsewhere. */
#define OVER_SPARSE(axis, rows, cols, density)                                                               \
    {                                                                                                        \
        .in = { TL_SPARSE_OPERAND(rows, cols, density) }, .attr = &axis                                      \
    }
#define KEEP(...) ((const uint8_t[]){ __VA_ARGS__ })

static const tl_sample of_sparse[] = {
    OVER_SPARSE(axis_0, 5, 7, 0.5), /* row 1 and column 1 are empty, and sum to 0 */
    OVER_SPARSE(axis_1, 5, 7, 0.5),
    OVER_SPARSE(all, 5, 7, 0.5),
    OVER_SPARSE(axis_1, 1, 40, 0.9),
    OVER_SPARSE(axis_0, 40, 1, 0.9),
    OVER_SPARSE(axis_0, 0, 3, 0.5),
    OVER_SPARSE(axis_1, 3, 0, 0.5),
    OVER_SPARSE(axis_0, 200, 300, 0.4),
    OVER_SPARSE(axis_1, 200, 300, 0.4),
    OVER_SPARSE(all, 200, 300, 0.4),
    REFUSED(TL_SPARSE_OPERAND(3, 4, 0.5), axis_2, "axis 2 of a (3x4) is neither in 0..1 nor TL_ALL_AXES"),
    /* an empty row sums to 0, and a NaN stays in its sum */
    { .in = { { TL_STATIC_SHAPE(2, 3), .keep = KEEP(1, 0, 1, 0, 0, 0),
                .values = TL_VALUES(NAN, 9, 3, 9, 9, 9) } },
      .attr = &axis_1,
      .y = TL_VALUES(NAN, 0),
      .upstream = TL_VALUES(2, NAN),
      .gradient = { TL_VALUES(2, 2) } },
    { .in = { { TL_STATIC_SHAPE(2, 3), .keep = KEEP(1, 0, 1, 1, 0, 0),
                .values = TL_VALUES(NAN, 9, 3, 4, 9, 9) } },
      .attr = &axis_0,
      .y = TL_VALUES(NAN, 0, 3),
      .upstream = TL_VALUES(1, NAN, 3),
      .gradient = { TL_VALUES(1, 3, 1) } },
};

static const tl_op_case reduce_sum_sparse = {
    .name = "reduce_sum",
    .n_in = 1,
    .op = op,
    .reference = reduce,
    .sample = of_sparse,
    .n_samples = sizeof of_sparse / sizeof *of_sparse,
    .skip = TL_SKIP(TL_STAGE_SHARED) | TL_SKIP(TL_STAGE_PLACE),
};

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
    tl_suite_add_op(s, &reduce_sum_sparse);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, not_finite);
    tcase_add_test(c, long_sums);
    return s;
}
