/* softmax_cross_entropy: mean over rows of -log softmax(X(i, :))[labels[i]], with weights or without. */
#include "check_tulle.h"
#include "derivative.h"
#include "tests/ops/softmax_cross_entropy.h"

/* weights = NULL: tl_softmax_cross_entropy */
typedef struct rows {
    const int32_t *labels;
    const tl_real *weights;
} rows;

static tl_node *loss_of(tl_node *x, const int32_t *labels, const tl_real *weights)
{
    return weights ? tl_softmax_cross_entropy_weighted(x, labels, weights)
                   : tl_softmax_cross_entropy(x, labels);
}

static tl_node *op(tl_node *const *in, const void *attr)
{
    const rows *of = attr;
    return loss_of(in[0], of->labels, of->weights);
}

/* The formula, by the naive sum of exponentials: the logits are small. */
static tl_shape reference(tl_reference *r)
{
    const rows *of = r->attr;
    const int64_t n = tl_shape_rows(r->shape[0]), cols = tl_shape_cols(r->shape[0]);
    double total = 0;
    for (int64_t i = 0; i < n; i++)
        total += of->weights ? (double)of->weights[i] : 1;
    for (int64_t i = 0; i < n; i++) {
        double z = 0;
        for (int64_t j = 0; j < cols; j++)
            z += exp(r->in[0][i * cols + j]);
        const double w = of->weights ? (double)of->weights[i] : 1, x = r->in[0][i * cols + of->labels[i]];
        *r->y += w * (log(z) - x) / total;
        *r->terms += fabs(w / total) * (fabs(log(z)) + fabs(x));
    }
    return TL_SHAPE();
}

static const int32_t zeros[9000] = { 0 }, far_labels[] = { 255, 256, 0, 1 };
static const rows plain = { labels3, NULL }, weighted = { labels3, row_weights6 }, first = { zeros, NULL },
                  far = { far_labels, NULL }, far_weighted = { far_labels, row_weights6 },
                  many = { labels300, NULL }, many_weighted = { labels300, row_weights300 };

static const int32_t high[] = { 9, 0, 0, 0, 0, 0, 0, 12 }, low[] = { 1, 9, -1, 0 }, edge[] = { 0, 10, 0 },
                     wild[] = { -100, INT32_MIN, INT32_MAX, 0, 0, 0, 0, 12 };
static const tl_real last[8] = { [7] = 1 }; /* the only row that counts */

#define ROWS_OF(its_rows, ...)                                                                               \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__) }, .attr = &its_rows                                           \
    }
#define REFUSED(its_labels, its_weights, its_status, text, ...)                                              \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__) }, .attr = &(const rows){ its_labels, its_weights },           \
        .status = its_status, .error = text                                                                  \
    }
#define EXAMPLE(rows_, cols, x, its_labels, its_weights, loss, its_upstream, dx)                             \
    {                                                                                                        \
        .in = { { TL_STATIC_SHAPE(rows_, cols), .values = x } },                                             \
        .attr = &(const rows){ its_labels, its_weights }, .y = TL_VALUES(loss),                              \
        .upstream = TL_VALUES(its_upstream), .gradient = { dx }, .tolerance = TL_NEAR                        \
    }

static const tl_sample samples[] = {
    ROWS_OF(plain, 4, 3),
    ROWS_OF(weighted, 4, 3),
    ROWS_OF(plain, 2, 3, 4),
    ROWS_OF(weighted, 2, 3, 4),
    ROWS_OF(plain, 2, 1, 3, 5),
    ROWS_OF(plain, 5),
    ROWS_OF(first, 3, 1),
    ROWS_OF(plain, 1, 17),
    ROWS_OF(first, 1, 1),
    ROWS_OF(weighted, 5, 1, 4),
    ROWS_OF(plain, 1, 65),
    ROWS_OF(far, 4, 257),
    ROWS_OF(far_weighted, 4, 257),
    ROWS_OF(far, 2, 600),
    ROWS_OF(many, 300, 63),
    ROWS_OF(many_weighted, 300, 63),
    ROWS_OF(first, 9000, 1),
    REFUSED(high, NULL, TL_ERR_INDEX, "labels[7] = 12, a row has 10 logits", 8, 10),
    REFUSED(low, NULL, TL_ERR_INDEX, "labels[2] = -1, a row has 10 logits", 2, 2, 10),
    REFUSED(edge, NULL, TL_ERR_INDEX, "labels[1] = 10, a row has 10 logits", 2, 10),
    REFUSED(edge, NULL, TL_ERR_INDEX, "labels[0] = 0, a row has 0 logits", 3, 0),
    REFUSED(wild, last, TL_ERR_INDEX, "labels[7] = 12, a row has 10 logits", 8, 10),
    REFUSED(LABELS(-1, 0), WEIGHTS(1, 1), TL_ERR_INDEX, "labels[0] = -1, a row has 10 logits", 2, 10),
    REFUSED(LABELS(0, 1, 2), WEIGHTS(1, 1, 1), TL_ERR_INDEX, "labels[2] = 2, a row has 2 logits", 3, 2),
    REFUSED(NULL, NULL, TL_ERR_ARGUMENT, "labels is NULL", 8, 10),
    REFUSED(NULL, last, TL_ERR_ARGUMENT, "labels is NULL", 8, 10),
    { .in = { TL_SCALAR_OPERAND },
      .attr = &plain,
      .status = TL_ERR_SHAPE,
      .error = "the logits are a (scalar), and must have rank 1 or more" },
    /* scipy.special.log_softmax and softmax; the weights are what PyTorch's cross_entropy makes of class
     * weights 0.5, 2 and 1.25: the sum over n of w[label n] loss n, over the sum of w[label n] */
    EXAMPLE(4, 3, TL_VALUES(1, 2, 3, 0.5, -1, 0, 0, 0, 0, -2, 4, 1), LABELS(2, 0, 1, 0), NULL,
            2.0403236554930544, 4,
            TL_VALUES(0.09003057317038043, 0.24472847105479767, -0.3347590442251782, -0.45345061273382037,
                      0.12195165230972885, 0.3314989604240915, 0.3333333333333333, -0.6666666666666667,
                      0.3333333333333333, -0.9976443669192033, 0.9503302116973794, 0.04731415522182404)),
    EXAMPLE(4, 3, TL_VALUES(1, 2, 3, 0.5, -1, 0, 0, 0, 0, -2, 4, 1), LABELS(2, 0, 1, 0),
            WEIGHTS(1.25f, 0.5f, 2, 0.5f), 1.4198282864286018, 4.25, /* the sum of the weights */
            TL_VALUES(0.11253821646297554, 0.3059105888184971, -0.41844880528147277, -0.22672530636691018,
                      0.060975826154864424, 0.16574948021204575, 0.6666666666666666, -1.3333333333333335,
                      0.6666666666666666, -0.49882218345960166, 0.4751651058486897, 0.02365707761091202)),
    /* -Inf excludes a class; classes of +Inf share the probability */
    EXAMPLE(1, 5, TL_VALUES(-INFINITY, 0, -INFINITY, 0, -INFINITY), LABELS(1), NULL, LOG_2, 1,
            TL_VALUES(0, -0.5, 0, 0.5, 0)),
    EXAMPLE(1, 5, TL_VALUES(-INFINITY, 0, -INFINITY, 0, -INFINITY), LABELS(0), NULL, INFINITY, 1,
            TL_VALUES(-1, 0.5, 0, 0.5, 0)),
    EXAMPLE(1, 5, TL_VALUES(1, INFINITY, 2, 3, -INFINITY), LABELS(1), NULL, 0, 1, TL_VALUES(0, 0, 0, 0, 0)),
    EXAMPLE(1, 5, TL_VALUES(1, INFINITY, 2, 3, -INFINITY), LABELS(3), NULL, INFINITY, 1,
            TL_VALUES(0, 1, 0, -1, 0)),
    EXAMPLE(1, 5, TL_VALUES(1, INFINITY, 2, INFINITY, -INFINITY), LABELS(3), NULL, LOG_2, 1,
            TL_VALUES(0, 0.5, 0, -0.5, 0)),
    EXAMPLE(1, 5, TL_VALUES(-INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY), LABELS(2), NULL, INFINITY,
            1, TL_VALUES(0, 0, -1, 0, 0)),
    EXAMPLE(1, 5, TL_VALUES(-INFINITY, -INFINITY, 3, -INFINITY, -INFINITY), LABELS(2), NULL, 0, 1,
            TL_VALUES(0, 0, 0, 0, 0)),
    EXAMPLE(1, 5, TL_VALUES(1, INFINITY, NAN, 3, -INFINITY), LABELS(1), NULL, NAN, 1, NULL),
    EXAMPLE(1, 5, TL_VALUES(1, INFINITY, NAN, 3, -INFINITY), LABELS(3), NULL, NAN, 1, NULL),
    /* a NaN reaches the loss and its own row only */
    EXAMPLE(2, 3, TL_VALUES(-INFINITY, 1, 1, 0, NAN, 0), LABELS(2, 0), NULL, NAN, 2,
            TL_VALUES(0, 0.5, -0.5, NAN, NAN, NAN)),
    /* large logits; and a class of its own is certain */
    EXAMPLE(1, 3, TL_VALUES(1e4, -1e4, 0), LABELS(0), NULL, 0, 2, TL_VALUES(0, 0, 0)),
    EXAMPLE(1, 3, TL_VALUES(1e4, -1e4, 0), LABELS(1), NULL, 2e4, 2, TL_VALUES(2, -2, 0)),
    EXAMPLE(3, 1, TL_VALUES(1e4, -1e4, 0), LABELS(0, 0, 0), NULL, 0, 2, TL_VALUES(0, 0, 0)),
    /* weights that sum to 0, by cancelling or without rows that count */
    EXAMPLE(2, 3, TL_VALUES(1, 2, 3, 0.5, -1, 0), LABELS(2, 1), WEIGHTS(0, 0), 0, 2,
            TL_VALUES(0, 0, 0, 0, 0, 0)),
    EXAMPLE(2, 3, TL_VALUES(1, 2, 3, 0.5, -1, 0), LABELS(2, 1), WEIGHTS(1, -1), 0, 2,
            TL_VALUES(0, 0, 0, 0, 0, 0)),
    /* a row of weight 0 is not there, whatever it and its label hold; log(exp(3) + exp(.4)) - .4 is what
     * PyTorch's cross_entropy gives, 2.671645, with ignore_index = -100 */
    EXAMPLE(2, 3, TL_VALUES(NAN, INFINITY, -INFINITY, 0, 0, 0), LABELS(2, 1), WEIGHTS(0, 1),
            1.0986122886681098, 2, TL_VALUES(0, 0, 0, 2 / 3.0, -4 / 3.0, 2 / 3.0)),
    EXAMPLE(2, 2, TL_VALUES(1, 2, 3, 0.4), LABELS(-100, 1), WEIGHTS(0, 1), 2.67164469196767, 1,
            TL_VALUES(0, 0, SIGMOID_2_6, -SIGMOID_2_6)),
    EXAMPLE(2, 2, TL_VALUES(1, 2, 3, 0.4), LABELS(INT32_MIN, 1), WEIGHTS(0, 1), 2.67164469196767, 1,
            TL_VALUES(0, 0, SIGMOID_2_6, -SIGMOID_2_6)),
    EXAMPLE(2, 2, TL_VALUES(1, 2, 3, 0.4), LABELS(INT32_MAX, 1), WEIGHTS(0, 1), 2.67164469196767, 1,
            TL_VALUES(0, 0, SIGMOID_2_6, -SIGMOID_2_6)),
    EXAMPLE(2, 2, TL_VALUES(1, 2, 3, 0.4), LABELS(2, 1), WEIGHTS(0, 0), 0, 1, TL_VALUES(0, 0, 0, 0)),
    EXAMPLE(2, 2, TL_VALUES(1, 2, 3, 0.4), LABELS(-100, 1), WEIGHTS(0, 1), 2.67164469196767, NAN,
            TL_VALUES(0, 0, NAN, NAN))
};

static const tl_op_case softmax_cross_entropy = {
    .name = "softmax_cross_entropy",
    .n_in = 1,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .ulps = 8,
    .skip = TL_SKIP(TL_STAGE_SHARED) | TL_SKIP(TL_STAGE_PLACE), /* one input; all rows make one value */
};

/* ---- Beyond the kit ---- */

/* The loss of logits, and its gradient times `up`. */
static tl_real run(tl_shape shape, const tl_real *logits, const int32_t *labels, const tl_real *weights,
                   tl_real up, tl_real *dx)
{
    tl_graph *g = tl_graph_new();
    tl_variable *x = tl_variable_dense("x", shape);
    for (int64_t k = 0; k < tl_variable_size(x); k++)
        tl_variable_data(x)[k] = logits[k];
    tl_node *y = loss_of(tl_use(g, x), labels, weights);
    tl_gradients out;
    ck_assert_ok(tl_backward(tl_scale(y, up), &out));
    ck_assert_int_eq(tl_shape_of(y).rank, 0);
    tl_real value = tl_value(y)[0];
    for (int64_t k = 0; k < tl_variable_size(x); k++)
        dx[k] = out.pair[0].values[k];
    tl_graph_free(g);
    tl_variable_free(x);
    return value;
}

/* Equal logits of any size give log n: the maximum is not added back before the label's logit is taken away,
 * where the logarithm would drown in it. */
START_TEST(uniform_logits)
{
    const tl_real at[] = { 0, 1, -3, 1e4f, -1e4f, 1e30f, -1e30f };
    for (size_t k = 0; k < sizeof at / sizeof *at; k++)
        for (int64_t n = 1; n <= 65; n += 16) {
            tl_real x[65], dx[65];
            double expected[65];
            for (int64_t j = 0; j < n; j++) {
                x[j] = at[k];
                expected[j] = 2 * (1 / (double)n - (j == n / 2));
            }
            tl_real y = run(TL_SHAPE(n), x, (int32_t[]){ (int32_t)(n / 2) }, NULL, 2, dx);
            ck_assert_values(&y, 1, TL_NEAR, log((double)n));
            tl_test_values(__FILE__, __LINE__, "dx", dx, n, TL_NEAR, expected);
        }
}
END_TEST

/* Only differences to the maximum count: a shift that is exact in float (2^13 and eighths) changes no bit. */
START_TEST(shifted_logits)
{
    tl_real x[20], shifted[20], dx[20], dx_shifted[20];
    const int32_t labels[] = { 4, 0, 3, 2 };
    for (int k = 0; k < 20; k++) {
        x[k] = (tl_real)(k * 7 % 20) / 8 - 1;
        shifted[k] = x[k] + 8192;
    }
    tl_real y = run(TL_SHAPE(4, 5), x, labels, NULL, 2, dx);
    tl_real y_shifted = run(TL_SHAPE(4, 5), shifted, labels, NULL, 2, dx_shifted);
    ck_assert_same(&y_shifted, &y, 1);
    ck_assert_same(dx_shifted, dx, 20);
}
END_TEST

/* ---- Weights ---- */

START_TEST(row_weights)
{
    const tl_real x[] = { 1, 2, 3, 0.5f, -1, 0, 0, 0, 0 }, equal[] = { 3, 3, 3 }, one[] = { 0, 2, 0 };
    const int32_t labels[] = { 2, 0, 1 };
    tl_real dx[9], dx_equal[9], dx_one[3];
    tl_real y = run(TL_SHAPE(3, 3), x, labels, NULL, 2, dx);
    tl_real y_equal = run(TL_SHAPE(3, 3), x, labels, equal, 2, dx_equal);
    ck_assert_close(&y_equal, &y, 1, TL_NEAR);
    ck_assert_close(dx_equal, dx, 9, TL_NEAR);
    y = run(TL_SHAPE(3, 3), x, labels, one, 2, dx); /* the second row alone */
    tl_real y_one = run(TL_SHAPE(1, 3), x + 3, labels + 1, NULL, 2, dx_one);
    ck_assert_close(&y, &y_one, 1, TL_NEAR);
    ck_assert_values(dx, 3, 0, 0, 0, 0);
    ck_assert_close(dx + 3, dx_one, 3, TL_NEAR);
    ck_assert_values(dx + 6, 3, 0, 0, 0, 0);
}
END_TEST

/* However small they are: what counts is their ratio. 3 and 1 times 2^-149 are floats, their inverses are
 * not. */
START_TEST(tiny_weights)
{
    const tl_real x[] = { 1, 2, 3, 0.5f, -1, 0 }, tiny[] = { 0x3p-149f, 0x1p-149f }, usual[] = { 3, 1 };
    const int32_t labels[] = { 2, 1 };
    tl_real dx[6], dx_tiny[6], y = run(TL_SHAPE(2, 3), x, labels, usual, 2, dx);
    tl_real y_tiny = run(TL_SHAPE(2, 3), x, labels, tiny, 2, dx_tiny);
    ck_assert_close(&y_tiny, &y, 1, TL_NEAR);
    ck_assert_close(dx_tiny, dx, 6, TL_NEAR);
}
END_TEST

/* Losses whose sum, or one of which, is too large for its type have a mean that is not; nor does a sum of
 * weights that is too large matter. */
START_TEST(sums_beyond_the_range)
{
    const tl_real huge = TL_IS_DOUBLE ? (tl_real)1.7e308 : (tl_real)3.3e38;
    const tl_real x[] = { huge, 0, huge, 0, huge, -huge, 1, 1, 1, 1, 1, 1 }, near[] = { 3, 1, 2, 1 },
                  weights[] = { huge, huge / 2 };
    const int32_t labels[] = { 1, 1, 1, 1 };
    tl_real dx[8], y = run(TL_SHAPE(2, 2), x, labels, NULL, 2, dx);
    ck_assert_values(&y, 1, TL_NEAR, (double)huge);
    ck_assert_values(dx, 4, TL_NEAR, 1, -1, 1, -1);
    y = run(TL_SHAPE(4, 2), x + 4, labels, NULL, 4, dx);
    ck_assert_values(&y, 1, TL_NEAR, (double)huge / 2);
    y = run(TL_SHAPE(2, 2), near, labels, weights, 3, dx);
    ck_assert_values(&y, 1, 10 * TL_NEAR, (2 * log1p(exp(2)) + log1p(exp(1))) / 3);
    ck_assert_values(dx, 4, 10 * TL_NEAR, 2 / (1 + exp(-2)), -2 / (1 + exp(-2)), 1 / (1 + exp(-1)),
                     -1 / (1 + exp(-1)));
}
END_TEST

/* The gradient of a derivative with respect to its direction is that of the loss, also where the weights
 * cancel. */
START_TEST(derivative_along_a_variable)
{
    const tl_real cancelling[] = { 1, -1 };
    tl_variable *v = tl_test_dense("v", TL_SHAPE(2, 4), 1), *w = tl_test_dense("w", TL_SHAPE(2, 4), 2);
    for (int k = 0; k < 2; k++) {
        const tl_real *weights = k == 0 ? NULL : cancelling;
        tl_real dx[8];
        run(TL_SHAPE(2, 4), tl_variable_data(v), zeros, weights, 1, dx);
        tl_graph *g = tl_graph_new();
        tl_node *x = tl_input(g, TL_SHAPE(2, 4), tl_variable_data(v)), *d = tl_use(g, w);
        tl_gradients out;
        ck_assert_ok(tl_backward(tl_derivative(loss_of(x, zeros, weights), 1, &x, &d), &out));
        ck_assert_close(out.pair[0].values, dx, 8, TL_NEAR);
        tl_graph_free(g);
    }
    tl_variable_free(v);
    tl_variable_free(w);
}
END_TEST

/* Whichever allocation fails, the derivative does. */
START_TEST(derivative_short_of_memory)
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(9000, 1), 1);
    bool done = false;
    for (int k = 1; !done; k++) {
        tl_graph *g = tl_graph_new();
        tl_node *x = tl_use(g, v), *y = tl_softmax_cross_entropy(x, zeros);
        ck_assert_ok(tl_graph_status(g));
        tl_test_fail_allocation(k);
        done = tl_derivative(y, 1, &x, &x) != NULL;
        tl_test_fail_allocation(0);
        ck_assert_int_eq(tl_graph_status(g), done ? TL_OK : TL_ERR_MEMORY);
        tl_graph_free(g);
    }
    tl_variable_free(v);
}
END_TEST

/* If a step comes between forward and backward, the gradient is at the values that the logits have then. */
START_TEST(changed_in_between)
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(3, 4), 1);
    tl_graph *g = tl_graph_new();
    tl_gradients of[2];
    tl_node *old = tl_softmax_cross_entropy(tl_use(g, v), zeros);
    for (int k = 0; k < 12; k++)
        tl_variable_data(v)[k] = (tl_real)(k % 5);
    tl_node *new = tl_softmax_cross_entropy(tl_use(g, v), zeros);
    ck_assert_ok(tl_backward(new, &of[0]));
    tl_real expected[12];
    memcpy(expected, of[0].pair[0].values, sizeof expected);
    ck_assert_ok(tl_backward(old, &of[1]));
    ck_assert_same(of[1].pair[0].values, expected, 12);
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

/* Beside losses beyond the range that cancel: log 2 of shared infinite logits, and log 2 of equal ones. The
 * last row does not count. */
START_TEST(cancelling_losses)
{
    const tl_real most = TL_IS_DOUBLE ? (tl_real)0x1.fffffffffffffp1023 : (tl_real)0x1.fffffep127;
    const tl_real x[] = { most, -most, most, -most, INFINITY, INFINITY, 0, 0, 0, 0 };
    tl_real dx[10], y = run(TL_SHAPE(5, 2), x, LABELS(1, 1, 1, 1, 1), WEIGHTS(1, -1, 1, 1, 0), 1, dx);
    ck_assert_values(&y, 1, TL_NEAR, LOG_2);
}
END_TEST

/* The mean of equal losses is that loss: a sum is divided, not its terms. */
START_TEST(equal_losses)
{
    tl_real x[400], dx[400];
    int32_t labels[200];
    for (int k = 0; k < 200; k++) {
        x[2 * k] = 10000;
        x[2 * k + 1] = 0;
        labels[k] = 1;
    }
    for (int64_t n = 1; n <= 200; n++) {
        const tl_real y = run(TL_SHAPE(n, 2), x, labels, NULL, 1, dx);
        ck_assert_values(&y, 1, 0, 10000);
    }
}
END_TEST

Suite *tl_test_suite(void)
{
    tl_test_fill_labelled();
    Suite *s = tl_op_suite(&softmax_cross_entropy);
    tl_test_add_options(s);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, uniform_logits);
    tcase_add_test(c, changed_in_between);
    tcase_add_test(c, shifted_logits);
    tcase_add_test(c, row_weights);
    tcase_add_test(c, tiny_weights);
    tcase_add_test(c, sums_beyond_the_range);
    tcase_add_test(c, derivative_along_a_variable);
    tcase_add_test(c, derivative_short_of_memory);
    tcase_add_test(c, cancelling_losses);
    tcase_add_test(c, equal_losses);
    return s;
}
