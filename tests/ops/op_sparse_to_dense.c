/* sparse_to_dense: Y = fill everywhere, then S at its pattern */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static tl_node *op(tl_node *const *in, const void *attr)
{
    (void)attr;
    return tl_sparse_to_dense(in[0], in[1]);
}

static tl_shape reference(tl_reference *r)
{
    for (int64_t k = 0; k < tl_shape_size(r->shape[0]); k++)
        r->y[k] = r->keep[0][k] ? r->in[0][k] : r->in[1] ? *r->in[1] : 0;
    return r->shape[0];
}

static const uint8_t row[9] = { 0, 0, 0, 1, 1, 1, 0, 0, 0 }, col[9] = { 0, 1, 0, 0, 1, 0, 0, 1, 0 },
                     whole[9] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 };

#define SPREAD(...)                                                                                          \
    { .in = { __VA_ARGS__, TL_SCALAR_OPERAND } },                                                            \
    {                                                                                                        \
        .in = { __VA_ARGS__, TL_ABSENT_OPERAND }                                                             \
    }
#define OF_PATTERN(its_keep)                                                                                 \
    { .in = { { TL_STATIC_SHAPE(3, 3), .keep = its_keep }, TL_SCALAR_OPERAND } },                            \
    {                                                                                                        \
        .in = { { TL_STATIC_SHAPE(3, 3), .keep = its_keep }, TL_ABSENT_OPERAND }                             \
    }
/* S = [. 0 5; NaN . .] */
#define S_WITH_NAN                                                                                           \
    {                                                                                                        \
        TL_STATIC_SHAPE(2, 3), .keep = (const uint8_t[]){ 0, 1, 1, 1, 0, 0 },                                \
                               .values = TL_VALUES(0, 0, 5, NAN, 0, 0)                                       \
    }

static const tl_sample samples[] = {
    SPREAD(TL_SPARSE_OPERAND(4, 5, 0.6)),
    SPREAD(TL_SPARSE_OPERAND(3, 3, 1e-9)),
    OF_PATTERN(row),
    OF_PATTERN(col),
    OF_PATTERN(whole),
    SPREAD(TL_SPARSE_OPERAND(0, 5, 0.5)),
    SPREAD(TL_SPARSE_OPERAND(4, 0, 0.5)),
    SPREAD(TL_SPARSE_OPERAND(0, 0, 0.5)),
    SPREAD(TL_SPARSE_OPERAND(1, 1, 1)),
    SPREAD(TL_SPARSE_OPERAND(1, 63, 0.3)),
    SPREAD(TL_SPARSE_OPERAND(65, 1, 0.3)),
    SPREAD(TL_SPARSE_OPERAND(17, 3, 0.3)),
    SPREAD(TL_SPARSE_OPERAND(17, 65, 0.3)),
    SPREAD(TL_SPARSE_OPERAND(65, 63, 0.3)),
    SPREAD(TL_SPARSE_OPERAND(300, 300, 0.5)),
    { .in = { TL_SPARSE_OPERAND(3, 4, 0.5), TL_DENSE_OPERAND(1) },
      .status = TL_ERR_SHAPE,
      .error = "the fill is b [1], and must be a scalar" },
    { .in = { TL_SPARSE_OPERAND(3, 4, 0.5), TL_DENSE_OPERAND(3, 4) },
      .status = TL_ERR_SHAPE,
      .error = "the fill is b (3x4), and must be a scalar" },
    /* a zero and a NaN that are there lie over the fill */
    { .in = { S_WITH_NAN, { .values = TL_VALUES(7) } }, .y = TL_VALUES(7, 0, 5, NAN, 7, 7) },
    { .in = { S_WITH_NAN, TL_ABSENT_OPERAND }, .y = TL_VALUES(0, 0, 5, NAN, 0, 0) },
    { .in = { S_WITH_NAN, { .values = TL_VALUES(NAN) } }, .y = TL_VALUES(NAN, 0, 5, NAN, NAN, NAN) },
    /* dfill is the sum over the uncovered cells themselves. The sum over all cells less that over the covered
     * ones would lose everything below 1e30, in double too. */
    { .in = { S_WITH_NAN, { .values = TL_VALUES(7) } },
      .upstream = TL_VALUES(1, 1e30, 3e29, -2e30, 0.25, 2),
      .gradient = { TL_VALUES(1e30, 3e29, -2e30), TL_VALUES(1 + 0.25 + 2) } }
};

static const tl_op_case sparse_to_dense = {
    .name = "sparse_to_dense",
    .n_in = 2,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .skip = TL_SKIP(TL_STAGE_SHARED) | TL_SKIP(TL_STAGE_PLACE), /* of two kinds; patterns do not lose rows */
};

/* 4000 times 0.1 beside 3000: a running sum in float would be off by about 1e-3. */
START_TEST(fill_gradient_is_exact_enough)
{
    static tl_real u[63 * 65];
    double sum = 0;
    for (int k = 0; k < 63 * 65; k++) {
        u[k] = k == 0 ? 3000 : (tl_real)0.1;
        sum += (double)u[k];
    }
    tl_graph *g = tl_graph_new();
    tl_variable *fill = tl_variable_dense("fill", TL_SHAPE());
    tl_pattern *none = tl_test_pattern(63, 65, 0, 1);
    tl_node *y = tl_sparse_to_dense(tl_input_sparse(g, none, u), tl_use(g, fill));
    tl_gradients out;
    ck_assert_ok(tl_backward(tl_reduce_sum(tl_mul(y, tl_input(g, TL_SHAPE(63, 65), u)), TL_ALL_AXES), &out));
    ck_assert_values(out.pair[0].values, 1, TL_IS_DOUBLE ? 1e-14 : 1e-7, sum); /* one rounding */
    tl_graph_free(g);
    tl_variable_free(fill);
    tl_pattern_release(none);
}
END_TEST

/* A fill that failed is the failure, not the absence of a fill. */
START_TEST(failed_fill)
{
    tl_graph *g = tl_graph_new();
    const tl_real zero[2] = { 0 };
    tl_variable *s = tl_test_sparse("s", tl_test_pattern(3, 4, 0.5, 1), 1);
    tl_node *sparse = tl_use(g, s);
    tl_node *fill = tl_matmul(tl_input(g, TL_SHAPE(1, 2), zero), tl_input(g, TL_SHAPE(1, 2), zero));
    ck_assert_ptr_null(fill);
    ck_assert_refused(g, tl_sparse_to_dense(sparse, fill), TL_ERR_SHAPE, "matmul: 1x2 times 1x2: 2 is not 1");
    tl_graph_free(g);
    tl_variable_free(s);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&sparse_to_dense);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, fill_gradient_is_exact_enough);
    tcase_add_test(c, failed_fill);
    return s;
}
