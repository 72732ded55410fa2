/* softmax_cross_entropy_dense: mean over rows of <T(i, :), -log softmax(X(i, :))> */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>
#include <string.h>

static tl_node *op(tl_node *const *in, const void *attr)
{
    (void)attr;
    return tl_softmax_cross_entropy_dense(in[0], in[1]);
}

/* The formula, by the naive sum of exponentials: the logits are small. */
static tl_shape reference(tl_reference *r)
{
    const int64_t n = tl_shape_rows(r->shape[0]), cols = tl_shape_cols(r->shape[0]);
    for (int64_t i = 0; i < n; i++) {
        const double *x = r->in[0] + i * cols, *t = r->in[1] + i * cols;
        double z = 0;
        for (int64_t j = 0; j < cols; j++)
            z += exp(x[j]);
        for (int64_t j = 0; j < cols; j++) {
            *r->y += t[j] * (log(z) - x[j]) / (double)n;
            *r->terms += fabs(t[j]) * (fabs(log(z)) + fabs(x[j])) / (double)n;
        }
    }
    return TL_SHAPE();
}

#define OF_SHAPE(...)                                                                                        \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__), TL_DENSE_OPERAND(__VA_ARGS__) }                               \
    }
#define REFUSED(x, t, text)                                                                                  \
    {                                                                                                        \
        .in = { x, t }, .status = TL_ERR_SHAPE, .error = text                                                \
    }
#define EXAMPLE(rows, cols, x, t, loss, its_upstream, dx, dt)                                                \
    {                                                                                                        \
        .in = { { TL_STATIC_SHAPE(rows, cols), .values = x },                                                \
                { TL_STATIC_SHAPE(rows, cols), .values = t } },                                              \
        .y = TL_VALUES(loss), .upstream = TL_VALUES(its_upstream), .gradient = { dx, dt },                   \
        .tolerance = TL_NEAR                                                                                 \
    }
#define LOG_2 0.6931471805599453

static const tl_sample samples[] = {
    OF_SHAPE(3, 5), OF_SHAPE(7), OF_SHAPE(4, 1), OF_SHAPE(2, 3, 4), OF_SHAPE(2, 1, 3, 2), OF_SHAPE(1, 257),
    OF_SHAPE(0, 3), OF_SHAPE(3, 0), OF_SHAPE(300, 63),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(4, 3),
            "logits a (3x4) and targets b (4x3) differ in shape"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(4), "logits a (3x4) and targets b [4] differ in shape"),
    REFUSED(TL_SCALAR_OPERAND, TL_SCALAR_OPERAND, "the logits are a (scalar), and must have rank 1 or more"),
    /* PyTorch's cross_entropy with probabilities; rows of targets sum to 1, 1, 1.5 and 0 */
    EXAMPLE(4, 3, TL_VALUES(1, 2, 3, 0.5, -1, 0, 0, 0, 0, -2, 4, 1),
            TL_VALUES(0.2, 0.3, 0.5, 1, 0, 0, 0, 2, -0.5, 0, 0, 0), 0.8399137506958183, 4,
            TL_VALUES(-0.10996942682961958, -0.05527152894520235, 0.16524095577482178, -0.45345061273382037,
                      0.12195165230972885, 0.3314989604240915, 0.5, -1.5, 1, 0, 0, 0),
            TL_VALUES(2.4076059644443806, 1.4076059644443804, 0.4076059644443804, 0.6041306053367284,
                      2.1041306053367284, 1.1041306053367284, 1.0986122886681098, 1.0986122886681098,
                      1.0986122886681098, 6.050945763522998, 0.05094576352299828, 3.050945763522998)),
    /* an excluded class costs nothing if its target is 0, otherwise Inf; classes of +Inf share the row */
    EXAMPLE(1, 3, TL_VALUES(0, -INFINITY, 0), TL_VALUES(1, 0, 0), LOG_2, 2, TL_VALUES(-1, 0, 1),
            TL_VALUES(2 * LOG_2, INFINITY, 2 * LOG_2)),
    EXAMPLE(1, 3, TL_VALUES(0, -INFINITY, 0), TL_VALUES(0.5, 0.5, 0), INFINITY, 2, TL_VALUES(0, -1, 1),
            TL_VALUES(2 * LOG_2, INFINITY, 2 * LOG_2)),
    EXAMPLE(1, 3, TL_VALUES(INFINITY, 3, INFINITY), TL_VALUES(0.5, 0, 0.5), LOG_2, 2, TL_VALUES(0, 0, 0),
            TL_VALUES(2 * LOG_2, INFINITY, 2 * LOG_2)),
    EXAMPLE(1, 2, TL_VALUES(-INFINITY, -INFINITY), TL_VALUES(0, 1), INFINITY, 2, TL_VALUES(0, -2),
            TL_VALUES(INFINITY, INFINITY)),
    EXAMPLE(2, 2, TL_VALUES(NAN, 0, 0, 0), TL_VALUES(0, 1, 1, 0), NAN, 2, TL_VALUES(NAN, NAN, -0.5, 0.5),
            TL_VALUES(NAN, NAN, LOG_2, LOG_2)),
    /* a NaN is not hidden by an infinity */
    EXAMPLE(1, 3, TL_VALUES(INFINITY, NAN, 3), TL_VALUES(0, 0, 1), NAN, 2, TL_VALUES(NAN, NAN, -2),
            TL_VALUES(NAN, NAN, NAN)),
    /* large logits */
    EXAMPLE(1, 2, TL_VALUES(1e4, -1e4), TL_VALUES(0, 1), 2e4, 1, TL_VALUES(1, -1), TL_VALUES(0, 2e4))
};

static const tl_op_case softmax_cross_entropy_dense = {
    .name = "softmax_cross_entropy_dense",
    .n_in = 2,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .ulps = 8,
    .skip = TL_SKIP(TL_STAGE_PLACE), /* all rows make one value */
};

/* Targets that are one-hot give the loss and the gradient of labels. */
START_TEST(one_hot_targets)
{
    const tl_real hot[] = { 0, 0, 1, 1, 0, 0, 0, 1, 0 };
    tl_variable *v = tl_test_dense("x", TL_SHAPE(3, 3), 1);
    tl_graph *g = tl_graph_new();
    tl_gradients of[2];
    tl_node *x = tl_use(g, v), *t = tl_input(g, TL_SHAPE(3, 3), hot);
    tl_node *dense = tl_softmax_cross_entropy_dense(x, t),
            *labelled = tl_softmax_cross_entropy(x, (const int32_t[]){ 2, 0, 1 });
    ck_assert_close(tl_value(dense), tl_value(labelled), 1, TL_NEAR);
    tl_real expected[9];
    ck_assert_ok(tl_backward(labelled, &of[0]));
    for (int k = 0; k < 9; k++)
        expected[k] = of[0].pair[0].values[k];
    ck_assert_ok(tl_backward(dense, &of[1]));
    ck_assert_close(of[1].pair[0].values, expected, 9, TL_NEAR);
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

/* A mean, and gradients of targets, that are numbers although the losses are not: 2 huge, 0, 0 and 0. */
START_TEST(losses_overflow)
{
    const tl_real huge = TL_IS_DOUBLE ? (tl_real)1.7e308 : (tl_real)3.3e38;
    const tl_real x[] = { huge, -huge, 0, -huge, 0, -huge, 0, -huge }, t[] = { 0, 1, 1, 0, 1, 0, 1, 0 };
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_variable_dense("t", TL_SHAPE(4, 2));
    memcpy(tl_variable_data(v), t, sizeof t);
    tl_node *y = tl_softmax_cross_entropy_dense(tl_input(g, TL_SHAPE(4, 2), x), tl_use(g, v));
    ck_assert_values(tl_value(y), 1, TL_NEAR, 0.5 * (double)huge);
    tl_gradients out;
    ck_assert_ok(tl_backward(y, &out));
    ck_assert_values(out.pair[0].values, 4, TL_NEAR, 0, 0.5 * (double)huge, 0, 0.25 * (double)huge);
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

/* Ten tenths are less than 1 in double. The class excluded by -Inf has no part in the mean. */
START_TEST(mean_of_equal_losses)
{
    tl_real x[30], t[30];
    for (int k = 0; k < 30; k++) {
        x[k] = k % 3 == 0 ? 0 : k % 3 == 1 ? -64 : -INFINITY;
        t[k] = k % 3 == 1;
    }
    tl_graph *g = tl_graph_new();
    tl_node *y = tl_softmax_cross_entropy_dense(tl_input(g, TL_SHAPE(10, 3), x),
                                                tl_input(g, TL_SHAPE(10, 3), t));
    ck_assert_values(tl_value(y), 1, 0, 64);
    tl_graph_free(g);
}
END_TEST

/* log 3 times the least number, rounded once */
START_TEST(tiny_gradient)
{
    const tl_real least = TL_IS_DOUBLE ? (tl_real)0x1p-1074 : (tl_real)0x1p-149, x[] = { 0, 0, 0 };
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_variable_dense("t", TL_SHAPE(1, 3));
    tl_node *y = tl_softmax_cross_entropy_dense(tl_input(g, TL_SHAPE(1, 3), x), tl_use(g, v));
    tl_gradients out;
    ck_assert_ok(tl_backward(tl_scale(y, least), &out));
    ck_assert_same(out.pair[0].values, ((const tl_real[]){ least, least, least }), 3);
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

/* If a step comes between forward and backward, gradients are at the values that there are then: of logits
 * and targets, or of logits alone. */
START_TEST(changed_in_between)
{
    const int n = _i == 0 ? 2 : 1;
    tl_variable *v = tl_test_dense("x", TL_SHAPE(3, 4), 1), *w = tl_test_dense("t", TL_SHAPE(3, 4), 2);
    tl_graph *g = tl_graph_new();
    tl_gradients of[2];
    tl_node *x = tl_use(g, v),
            *t = n == 2 ? tl_use(g, w) : tl_input(g, TL_SHAPE(3, 4), tl_variable_values(w));
    tl_node *old = tl_softmax_cross_entropy_dense(x, t);
    for (int k = 0; k < 12; k++) {
        tl_variable_data(v)[k] = (tl_real)(k % 5);
        if (n == 2)
            tl_variable_data(w)[k] = (tl_real)(k % 3);
    }
    tl_node *new = tl_softmax_cross_entropy_dense(x, t);
    tl_real expected[2][12];
    ck_assert_ok(tl_backward(new, &of[0]));
    ck_assert_int_eq(of[0].n, n);
    for (int k = 0; k < 12 * n; k++)
        expected[k / 12][k % 12] = of[0].pair[k / 12].values[k % 12];
    ck_assert_ok(tl_backward(old, &of[1]));
    for (int k = 0; k < n; k++)
        ck_assert_same(of[1].pair[k].values, expected[k], 12);
    tl_graph_free(g);
    tl_variable_free(v);
    tl_variable_free(w);
}
END_TEST

/* A class of -Inf has no part in a derivative either, as long as its target stays 0. */
START_TEST(derivative_with_an_excluded_class)
{
    const tl_real logits[] = { -INFINITY, 1, 2 }, targets[] = { 0, 0.5, 0.5 }, along[] = { 0, 1, -1 };
    tl_graph *g = tl_graph_new();
    tl_node *x = tl_input(g, TL_SHAPE(1, 3), logits), *t = tl_input(g, TL_SHAPE(1, 3), targets),
            *dt = tl_input(g, TL_SHAPE(1, 3), along);
    tl_node *dy = tl_derivative(tl_softmax_cross_entropy_dense(x, t), 1, &t, &dt);
    ck_assert_close(tl_value(dy), &(const tl_real){ 1 }, 1, TL_NEAR); /* the difference of the logits */
    tl_graph_free(g);
}
END_TEST

/* Where only the logits move, a derivative needs no direction of the targets. */
START_TEST(derivative_along_the_logits)
{
    const tl_real logits[] = { 3, 3 }, targets[] = { 1, 0 }, along[] = { 1, 0 };
    tl_graph *g = tl_graph_new();
    tl_node *x = tl_input(g, TL_SHAPE(1, 2), logits), *t = tl_input(g, TL_SHAPE(1, 2), targets),
            *dx = tl_input(g, TL_SHAPE(1, 2), along);
    tl_node *dy = tl_derivative(tl_softmax_cross_entropy_dense(x, t), 1, &x, &dx);
    ck_assert_msg(dy != NULL, "%s", tl_error());
    ck_assert_close(tl_value(dy), &(const tl_real){ -0.5 }, 1, TL_NEAR); /* softmax - target */
    tl_graph_free(g);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&softmax_cross_entropy_dense);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, one_hot_targets);
    tcase_add_test(c, losses_overflow);
    tcase_add_test(c, mean_of_equal_losses);
    tcase_add_test(c, tiny_gradient);
    tcase_add_loop_test(c, changed_in_between, 0, 2);
    tcase_add_test(c, derivative_with_an_excluded_class);
    tcase_add_test(c, derivative_along_the_logits);
    return s;
}
