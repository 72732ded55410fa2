/* reduce_logsumexp: log of the sum of exponentials of an axis */
#include "tests/ops/reduction.h"
#include "tests/ops/twice.h"

static tl_node *op(tl_node *const *in, const void *axis)
{
    return tl_reduce_logsumexp(in[0], *(const int32_t *)axis);
}

/* By the naive sum: the values are small. */
static tl_shape reference(tl_reference *r)
{
    const tl_shape a = r->shape[0];
    const int32_t axis = *(const int32_t *)r->attr;
    tl_shape y = TL_SHAPE();
    for (int32_t d = 0; d < a.rank && axis != TL_ALL_AXES; d++)
        if (d != axis)
            y.dim[y.rank++] = a.dim[d];
    for (int64_t k = 0; k < tl_shape_size(a); k++)
        r->y[target(a, axis, k)] += exp(r->in[0][k]);
    for (int64_t k = 0; k < tl_shape_size(y); k++) {
        r->y[k] = log(r->y[k]);
        r->terms[k] = fmax(1, fabs(r->y[k])); /* the maximum and the logarithm, which may cancel */
    }
    return y;
}

static const tl_sample samples[] = {
    { .in = { TL_SCALAR_OPERAND }, .attr = &all },
    OVER(axis_0, 3, 5),
    OVER(axis_1, 3, 5),
    OVER(all, 3, 5),
    OVER(axis_0, 17),
    OVER(axis_1, 3, 65),
    OVER(axis_0, 2, 3, 17),
    OVER(axis_1, 2, 3, 17),
    OVER(axis_2, 2, 3, 17),
    OVER(axis_1, 3, 2, 1, 5),
    OVER(axis_2, 3, 2, 1, 5),
    OVER(axis_0, 3, 0),
    OVER(axis_0, 300, 130),
    OVER(axis_1, 300, 130),
    OVER(axis_0, 3, 257),
    OVER(axis_1, 3, 300),
    OVER(axis_1, 5, 13, 300),
    OVER(all, 300, 130),
    REFUSED(TL_DENSE_OPERAND(3, 4), axis_2, "axis 2 of a (3x4) is neither in 0..1 nor TL_ALL_AXES"),
    REFUSED(TL_SCALAR_OPERAND, axis_0, "axis 0 of a (scalar) is not TL_ALL_AXES"),
    /* of nothing: -Inf, as the logarithm of a sum of 0 */
    { .in = { TL_DENSE_OPERAND(2, 0) }, .attr = &axis_1, .y = TL_VALUES(-INFINITY, -INFINITY) },
    { .in = { TL_DENSE_OPERAND(0, 1) }, .attr = &axis_0, .y = TL_VALUES(-INFINITY) },
    { .in = { TL_DENSE_OPERAND(0, 2) }, .attr = &axis_0, .y = TL_VALUES(-INFINITY, -INFINITY) },
    { .in = { TL_DENSE_OPERAND(0) }, .attr = &all, .y = TL_VALUES(-INFINITY) },
    /* stable: log(2) beside a thousand, and beside minus a thousand, along either kind of axis */
    { .in = { { TL_STATIC_SHAPE(2, 2), .values = TL_VALUES(1000, 1000, -1000, -1000) } },
      .attr = &axis_1,
      .y = TL_VALUES(1000 + 0.69314718055994531, -1000 + 0.69314718055994531),
      .gradient = { TL_VALUES(0.5, 0.5, 0.5, 0.5) },
      .tolerance = TL_NEAR },
    { .in = { { TL_STATIC_SHAPE(2, 2), .values = TL_VALUES(1000, -1000, 1000, -1000) } },
      .attr = &axis_0,
      .y = TL_VALUES(1000 + 0.69314718055994531, -1000 + 0.69314718055994531),
      .gradient = { TL_VALUES(0.5, 0.5, 0.5, 0.5) },
      .tolerance = TL_NEAR },
    { .in = { { TL_STATIC_SHAPE(2, 2), .values = TL_VALUES(0, 1000, 1000, 0) } },
      .attr = &axis_1,
      .y = TL_VALUES(1000, 1000),
      .gradient = { TL_VALUES(0, 1, 1, 0) },
      .tolerance = TL_NEAR },
    /* of -Inf only: -Inf with gradient 0; beside a number -Inf is excluded; values of +Inf share */
    { .in = { { TL_STATIC_SHAPE(4, 2),
                .values = TL_VALUES(-INFINITY, -INFINITY, 3, -INFINITY, INFINITY, INFINITY, INFINITY, 1) } },
      .attr = &axis_1,
      .y = TL_VALUES(-INFINITY, 3, INFINITY, INFINITY),
      .gradient = { TL_VALUES(0, 0, 1, 0, 0.5, 0.5, 1, 0) },
      .tolerance = TL_NEAR },
    { .in = { { TL_STATIC_SHAPE(2, 4),
                .values = TL_VALUES(-INFINITY, 3, INFINITY, INFINITY, -INFINITY, -INFINITY, INFINITY, 1) } },
      .attr = &axis_0,
      .y = TL_VALUES(-INFINITY, 3, INFINITY, INFINITY),
      .gradient = { TL_VALUES(0, 1, 0.5, 1, 0, 0, 0.5, 0) },
      .tolerance = TL_NEAR },
    /* columns that are infinite, large, small and NaN, side by side */
    { .in = { { TL_STATIC_SHAPE(3, 4),
                .values = TL_VALUES(INFINITY, 0, 5, INFINITY, 1, 0, 6, NAN, INFINITY, 1000, 7, 2) } },
      .attr = &axis_0,
      .y = TL_VALUES(INFINITY, 1000, 7.40760596444438, NAN),
      .gradient = { TL_VALUES(0.5, 0, 0.09003057317038046, NAN, 0, 0, 0.24472847105479764, NAN, 0.5, 1,
                              0.6652409557748218, NAN) },
      .tolerance = TL_NEAR },
    { .in = { { TL_STATIC_SHAPE(2, 2), .values = TL_VALUES(NAN, 1, 2, 2) } },
      .attr = &axis_1,
      .y = TL_VALUES(NAN, 2 + 0.69314718055994531),
      .gradient = { TL_VALUES(NAN, NAN, 0.5, 0.5) },
      .tolerance = TL_NEAR },
};

static const tl_op_case reduce_logsumexp = {
    .name = "reduce_logsumexp",
    .n_in = 1,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .ulps = 8,
    .skip = TL_SKIP(TL_STAGE_SHARED) | TL_SKIP(TL_STAGE_PLACE), /* one input; an axis of 0 mixes the rows */
};

/* Computes the gradient of the sum of Y, at numbers that are assigned before forward, or after. */
static void gradient_at(int32_t axis, bool after, tl_real gradient[12])
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(3, 4), 1);
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    for (int k = 0; k < 12 && !after; k++)
        tl_variable_data(v)[k] = (tl_real)(k % 5);
    tl_node *loss = tl_reduce_sum(tl_reduce_logsumexp(tl_use(g, v), axis), TL_ALL_AXES);
    const tl_real was = *tl_value(loss);
    for (int k = 0; k < 12; k++)
        tl_variable_data(v)[k] = (tl_real)(k % 5);
    ck_assert_ok(tl_backward(loss, &out));
    ck_assert(*tl_value(loss) == was);
    memcpy(gradient, out.pair[0].values, 12 * sizeof *gradient);
    tl_graph_free(g);
    tl_variable_free(v);
}

/* If a step comes between forward and backward, the gradient is at the values that the operand has then. */
START_TEST(changed_in_between)
{
    tl_real before[12], after[12];
    gradient_at(_i, false, before);
    gradient_at(_i, true, after);
    ck_assert_same(after, before, 12);
}
END_TEST

static tl_node *loss_of_columns(tl_node *x)
{
    return tl_reduce_sum(tl_reduce_logsumexp(x, 0), TL_ALL_AXES);
}

/* Several tasks, each of columns of its own. */
START_TEST(gradient_is_added)
{
    tl_test_twice(loss_of_columns, TL_SHAPE(200, 300));
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&reduce_logsumexp);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_loop_test(c, changed_in_between, 0, 2);
    tcase_add_test(c, gradient_is_added);
    return s;
}
