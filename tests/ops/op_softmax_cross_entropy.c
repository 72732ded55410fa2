/* softmax_cross_entropy: mean over rows of -log softmax(X(i, :))[labels[i]], with weights or without */
#include "tests/testing.h"

#include <math.h>

enum { MOST = 300 * 63, MOST_ROWS = 9000 }; /* logits and rows of the largest case */

typedef struct loss {
    tl_variable *x;
    const int32_t *labels;
    const tl_real *weights; /* NULL: tl_softmax_cross_entropy */
} loss;

static tl_node *loss_of(tl_node *x, const int32_t *labels, const tl_real *weights)
{
    return weights ? tl_softmax_cross_entropy_weighted(x, labels, weights)
                   : tl_softmax_cross_entropy(x, labels);
}

static tl_node *build(tl_graph *g, void *context)
{
    const loss *c = context;
    return loss_of(tl_use(g, c->x), c->labels, c->weights);
}

/* The same variable as the logits of two losses. */
static tl_node *build_twice(tl_graph *g, void *context)
{
    tl_node *x = tl_use(g, ((loss *)context)->x);
    return tl_add(build(g, context), tl_scale(loss_of(tl_scale(x, -2), ((loss *)context)->labels, NULL), 3));
}

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

/* -Inf excludes a class; classes of +Inf share the probability. Rows of five. */
START_TEST(infinite_logits)
{
    const tl_real inf = INFINITY;
    const struct {
        tl_real x[5];
        int32_t label;
        double y, dx[5];
    } table[] = {
        { { -inf, 0, -inf, 0, -inf }, 1, log(2), { 0, -0.5, 0, 0.5, 0 } },
        { { -inf, 0, -inf, 0, -inf }, 0, inf, { -1, 0.5, 0, 0.5, 0 } },
        { { 1, inf, 2, 3, -inf }, 1, 0, { 0 } },
        { { 1, inf, 2, 3, -inf }, 3, inf, { 0, 1, 0, -1, 0 } },
        { { 1, inf, 2, inf, -inf }, 3, log(2), { 0, 0.5, 0, -0.5, 0 } },
        { { -inf, -inf, -inf, -inf, -inf }, 2, inf, { 0, 0, -1, 0, 0 } },
        { { -inf, -inf, 3, -inf, -inf }, 2, 0, { 0 } },
        { { 1, inf, NAN, 3, -inf }, 1, NAN, { 0 } },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        tl_real dx[5], y = run(TL_SHAPE(1, 5), table[i].x, &table[i].label, NULL, 1, dx);
        ck_assert_values(&y, 1, TL_NEAR, table[i].y);
        if (!isnan(table[i].y))
            tl_test_values(__FILE__, __LINE__, "dx", dx, 5, TL_NEAR, table[i].dx);
    }
}
END_TEST

/* On one thread and on four, against the formula in double, by the naive sum of exponentials: the logits are
 * small. The upstream gradient is minus the sum of the weights, which leaves gradients of size 1. */
static void check(tl_shape shape, bool weighted)
{
    static tl_real x[MOST], dx[MOST], one_thread[MOST], weights[MOST_ROWS];
    static double expected[MOST];
    static int32_t labels[MOST_ROWS];
    int64_t rows = tl_shape_rows(shape), cols = tl_shape_cols(shape);
    double sum = 0, total = 0;
    tl_test_fill(x, rows * cols, (uint64_t)(rows + cols));
    for (int64_t i = 0; i < rows; i++) {
        weights[i] = weighted ? (tl_real)(i % 3) / 2 + (tl_real)0.25 : 1;
        labels[i] = (int32_t)((cols > 256 ? 255 + i : i * 5) % cols);
        total += (double)weights[i];
    }
    for (int64_t i = 0; i < rows; i++) {
        double z = 0, w = (double)weights[i];
        for (int64_t j = 0; j < cols; j++)
            z += exp((double)x[i * cols + j]);
        for (int64_t j = 0; j < cols; j++)
            expected[i * cols + j] = -w * (exp((double)x[i * cols + j]) / z - (j == labels[i]));
        sum += w * (log(z) - (double)x[i * cols + labels[i]]);
    }
    tl_real first = run(shape, x, labels, weighted ? weights : NULL, (tl_real)-total, one_thread);
    ck_assert_ok(tl_set_num_threads(4));
    tl_real value = run(shape, x, labels, weighted ? weights : NULL, (tl_real)-total, dx);
    ck_assert_ok(tl_set_num_threads(1));
    ck_assert_same(&value, &first, 1);
    ck_assert_same(dx, one_thread, rows * cols);
    ck_assert_values(&value, 1, TL_NEAR, sum / total);
    tl_test_values(__FILE__, __LINE__, "dx", dx, rows * cols, TL_NEAR, expected);
}

/* scipy.special.log_softmax and softmax; the weights are what PyTorch's cross_entropy makes of class weights
 * 0.5, 2 and 1.25: the sum over n of w[label n] loss n, over the sum of w[label n]. */
START_TEST(values)
{
    const tl_real x[] = { 1, 2, 3, 0.5f, -1, 0, 0, 0, 0, -2, 4, 1 }, w[] = { 1.25f, 0.5f, 2, 0.5f };
    const int32_t labels[] = { 2, 0, 1, 0 };
    tl_real dx[12], y = run(TL_SHAPE(4, 3), x, labels, NULL, 4, dx);
    ck_assert_values(&y, 1, TL_NEAR, 2.0403236554930544);
    ck_assert_values(dx, 12, TL_NEAR, 0.09003057317038043, 0.24472847105479767, -0.3347590442251782,
                     -0.45345061273382037, 0.12195165230972885, 0.3314989604240915, 0.3333333333333333,
                     -0.6666666666666667, 0.3333333333333333, -0.9976443669192033, 0.9503302116973794,
                     0.04731415522182404);
    y = run(TL_SHAPE(4, 3), x, labels, w, 4.25f, dx); /* the sum of the weights */
    ck_assert_values(&y, 1, TL_NEAR, 1.4198282864286018);
    ck_assert_values(dx, 12, TL_NEAR, 0.11253821646297554, 0.3059105888184971, -0.41844880528147277,
                     -0.22672530636691018, 0.060975826154864424, 0.16574948021204575, 0.6666666666666666,
                     -1.3333333333333335, 0.6666666666666666, -0.49882218345960166, 0.4751651058486897,
                     0.02365707761091202);
}
END_TEST

START_TEST(oracle)
{
    const tl_shape shape[] = { TL_SHAPE(1),       TL_SHAPE(17),         TL_SHAPE(1, 1),   TL_SHAPE(3, 1),
                               TL_SHAPE(1, 65),   TL_SHAPE(17, 3),      TL_SHAPE(65, 63), TL_SHAPE(2, 3, 17),
                               TL_SHAPE(5, 1, 4), TL_SHAPE(3, 2, 1, 5), TL_SHAPE(4, 257), TL_SHAPE(2, 600),
                               TL_SHAPE(9000, 1), TL_SHAPE(300, 63) };
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++) {
        check(shape[k], false);
        check(shape[k], true);
    }
}
END_TEST

/* ---- Stable for all logits ---- */

START_TEST(large_logits)
{
    const tl_real x[] = { 1e4f, -1e4f, 0 };
    tl_real dx[3], y = run(TL_SHAPE(3), x, (int32_t[]){ 0 }, NULL, 2, dx);
    ck_assert_values(&y, 1, 0, 0);
    ck_assert_values(dx, 3, 0, 0, 0, 0);
    y = run(TL_SHAPE(3), x, (int32_t[]){ 1 }, NULL, 2, dx);
    ck_assert_values(&y, 1, 0, 2e4);
    ck_assert_values(dx, 3, 0, 2, -2, 0);
    y = run(TL_SHAPE(3, 1), x, (int32_t[]){ 0, 0, 0 }, NULL, 2, dx); /* a class of its own is certain */
    ck_assert_values(&y, 1, 0, 0);
    ck_assert_values(dx, 3, 0, 0, 0, 0);
}
END_TEST

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

/* A class of logit -Inf is ruled out; a NaN reaches the loss and its own row only. */
START_TEST(not_finite)
{
    const tl_real x[] = { -INFINITY, 1, 1, 0, NAN, 0 };
    tl_real dx[6], y = run(TL_SHAPE(3), x, (int32_t[]){ 2 }, NULL, 2, dx);
    ck_assert_values(&y, 1, TL_NEAR, log(2));
    ck_assert_values(dx, 3, TL_NEAR, 0, 1, -1);
    y = run(TL_SHAPE(3), x, (int32_t[]){ 0 }, NULL, 2, dx);
    ck_assert_values(&y, 1, 0, INFINITY);
    ck_assert_values(dx, 3, TL_NEAR, -2, 1, 1);
    y = run(TL_SHAPE(2, 3), x, (int32_t[]){ 2, 0 }, NULL, 2, dx);
    ck_assert_values(&y, 1, 0, NAN);
    ck_assert_values(dx, 6, TL_NEAR, 0, 0.5, -0.5, NAN, NAN, NAN);
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
    ck_assert_values(&y, 1, (double)huge * TL_NEAR, (double)huge);
    ck_assert_values(dx, 4, TL_NEAR, 1, -1, 1, -1);
    y = run(TL_SHAPE(4, 2), x + 4, labels, NULL, 4, dx);
    ck_assert_values(&y, 1, (double)huge * TL_NEAR, (double)huge / 2);
    y = run(TL_SHAPE(2, 2), near, labels, weights, 3, dx);
    ck_assert_values(&y, 1, 10 * TL_NEAR, (2 * log1p(exp(2)) + log1p(exp(1))) / 3);
    ck_assert_values(dx, 4, 10 * TL_NEAR, 2 / (1 + exp(-2)), -2 / (1 + exp(-2)), 1 / (1 + exp(-1)),
                     -1 / (1 + exp(-1)));
}
END_TEST

/* A sum of 0, by cancelling or without rows that count, gives 0 with a gradient of 0; and a row of weight 0
 * is not there, whatever it holds. */
START_TEST(weights_of_0)
{
    const tl_real x[] = { 1, 2, 3, 0.5f, -1, 0 }, wild[] = { NAN, INFINITY, -INFINITY, 0, 0, 0 };
    const tl_real none[] = { 0, 0 }, cancel[] = { 1, -1 }, second[] = { 0, 1 };
    const int32_t labels[] = { 2, 1 };
    tl_real dx[6], y = run(TL_SHAPE(2, 3), x, labels, none, 2, dx);
    ck_assert_values(&y, 1, 0, 0);
    ck_assert_values(dx, 6, 0, 0, 0, 0, 0, 0, 0);
    y = run(TL_SHAPE(2, 3), x, labels, cancel, 2, dx);
    ck_assert_values(&y, 1, 0, 0);
    ck_assert_values(dx, 6, 0, 0, 0, 0, 0, 0, 0);
    y = run(TL_SHAPE(2, 3), wild, labels, second, 2, dx);
    ck_assert_values(&y, 1, TL_NEAR, log(3));
    ck_assert_values(dx, 6, TL_NEAR, 0, 0, 0, 2 / 3.0, -4 / 3.0, 2 / 3.0);
}
END_TEST

/* Nor is its label looked at. Expected: log(exp(3) + exp(.4)) - .4, as PyTorch's cross_entropy gives with
 * ignore_index = -100. */
START_TEST(label_of_a_row_of_weight_0)
{
    const tl_real x[] = { 1, 2, 3, (tl_real)0.4 }, second[] = { 0, 1 }, none[] = { 0, 0 };
    static const int32_t labels[][2] = { { -100, 1 }, { INT32_MIN, 1 }, { INT32_MAX, 1 }, { 2, 1 } };
    const double p = 1 / (1 + exp(-2.6));
    tl_real dx[4];
    for (int k = 0; k < 4; k++) {
        tl_real y = run(TL_SHAPE(2, 2), x, labels[k], second, 1, dx);
        ck_assert_values(&y, 1, 1e-6, 2.671645);
        ck_assert_values(dx, 4, TL_NEAR, 0, 0, p, -p);
        y = run(TL_SHAPE(2, 2), x, labels[k], none, 1, dx);
        ck_assert_values(&y, 1, 0, 0);
        ck_assert_values(dx, 4, 0, 0, 0, 0, 0);
        run(TL_SHAPE(2, 2), x, labels[k], second, (tl_real)NAN, dx);
        ck_assert_values(dx, 4, 0, 0, 0, NAN, NAN);
    }
}
END_TEST

/* ---- Gradients by differences ---- */

START_TEST(gradient)
{
    const tl_shape shape[] = { TL_SHAPE(5),    TL_SHAPE(3, 1),    TL_SHAPE(1, 17),
                               TL_SHAPE(4, 3), TL_SHAPE(2, 3, 4), TL_SHAPE(2, 1, 3, 5) };
    const int32_t labels[] = { 0, 2, 1, 1, 0, 2 }, zeros[6] = { 0 };
    const tl_real weights[] = { 0.5f, 2, 0, -0.25f, 1, 3 };
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++) {
        const int32_t *l = tl_shape_cols(shape[k]) < 3 ? zeros : labels;
        loss c = { tl_test_dense("x", shape[k], 1), l, NULL };
        ck_assert_gradient(build, &c, c.x);
        ck_assert_gradient(build_twice, &c, c.x);
        c.weights = weights;
        ck_assert_gradient(build, &c, c.x);
        tl_variable_free(c.x);
    }
}
END_TEST

/* No rows: 0, an empty gradient, and no labels needed. */
START_TEST(empty)
{
    const tl_shape shape[] = { TL_SHAPE(0, 3), TL_SHAPE(0, 0), TL_SHAPE(2, 0, 3), TL_SHAPE(0, 2, 0, 4) };
    tl_graph *g = tl_graph_new();
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++, tl_graph_reset(g)) {
        loss c = { tl_test_dense("x", shape[k], 1), NULL, NULL };
        ck_assert_gradient(build, &c, c.x);
        ck_assert_values(tl_value(build(g, &c)), 1, 0, 0);
        c.weights = (tl_real[]){ 1 };
        ck_assert_gradient(build, &c, c.x);
        ck_assert_values(tl_value(build(g, &c)), 1, 0, 0);
        tl_variable_free(c.x);
    }
    ck_assert_values(tl_value(tl_softmax_cross_entropy(tl_input(g, TL_SHAPE(0, 3), NULL), NULL)), 1, 0, 0);
    tl_graph_free(g);
}
END_TEST

/* ---- Refusals ---- */

START_TEST(label_refusals)
{
    const int32_t high[] = { 9, 0, 0, 0, 0, 0, 0, 12 }, low[] = { 1, 9, -1, 0 }, edge[] = { 0, 10, 0 };
    const int32_t wild[] = { -100, INT32_MIN, INT32_MAX, 0, 0, 0, 0, 12 };
    const tl_real x[80] = { 0 };
    tl_real w[8] = { 0 };
    tl_graph *g = tl_graph_new();
    ck_assert_refused(g, tl_softmax_cross_entropy(tl_input(g, TL_SHAPE(8, 10), x), high), TL_ERR_INDEX,
                      "softmax_cross_entropy: labels[7] = 12, a row has 10 logits");
    ck_assert_refused(g, tl_softmax_cross_entropy(tl_input(g, TL_SHAPE(2, 2, 10), x), low), TL_ERR_INDEX,
                      "softmax_cross_entropy: labels[2] = -1, a row has 10 logits");
    ck_assert_refused(g, tl_softmax_cross_entropy(tl_input(g, TL_SHAPE(2, 10), x), edge), TL_ERR_INDEX,
                      "softmax_cross_entropy: labels[1] = 10, a row has 10 logits");
    ck_assert_refused(g, tl_softmax_cross_entropy(tl_input(g, TL_SHAPE(3, 0), x), edge), TL_ERR_INDEX,
                      "softmax_cross_entropy: labels[0] = 0, a row has 0 logits");
    w[7] = 1; /* the first one that counts */
    ck_assert_refused(g, tl_softmax_cross_entropy_weighted(tl_input(g, TL_SHAPE(8, 10), x), wild, w),
                      TL_ERR_INDEX, "softmax_cross_entropy: labels[7] = 12, a row has 10 logits");
    ck_assert_refused(g, tl_softmax_cross_entropy(tl_input(g, TL_SHAPE(8, 10), x), NULL), TL_ERR_ARGUMENT,
                      "softmax_cross_entropy: labels is NULL");
    tl_graph_free(g);
}
END_TEST

START_TEST(other_refusals)
{
    tl_graph *g = tl_graph_new();
    tl_variable *s = tl_test_sparse("s", tl_test_pattern(3, 4, 0.5, 1), 1);
    const int32_t labels[] = { 0, 1, 2 };
    const tl_real x[3] = { 0 };
    ck_assert_ptr_null(tl_softmax_cross_entropy(NULL, labels));
    ck_assert_ptr_null(tl_softmax_cross_entropy_weighted(NULL, NULL, NULL));
    ck_assert_refused(g, tl_softmax_cross_entropy(tl_input(g, TL_SHAPE(), x), labels), TL_ERR_SHAPE,
                      "softmax_cross_entropy: the logits are scalar, and must have rank 1 or more");
    ck_assert_refused(g, tl_softmax_cross_entropy(tl_use(g, s), labels), TL_ERR_KIND,
                      "softmax_cross_entropy: input 0 (s, 3x4) is sparse, and must be dense");
    tl_graph_free(g);
    tl_variable_free(s);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("softmax_cross_entropy");
    TCase *c = tl_test_case(s, "softmax_cross_entropy");
    tcase_add_test(c, infinite_logits);
    tcase_add_test(c, values);
    tcase_add_test(c, oracle);
    tcase_add_test(c, large_logits);
    tcase_add_test(c, uniform_logits);
    tcase_add_test(c, shifted_logits);
    tcase_add_test(c, not_finite);
    tcase_add_test(c, row_weights);
    tcase_add_test(c, tiny_weights);
    tcase_add_test(c, sums_beyond_the_range);
    tcase_add_test(c, weights_of_0);
    tcase_add_test(c, label_of_a_row_of_weight_0);
    tcase_add_test(c, gradient);
    tcase_add_test(c, empty);
    tcase_add_test(c, label_refusals);
    tcase_add_test(c, other_refusals);
    return s;
}
