/* The softmax of a row against plain loops, and ops as users may write them with it and with reduce.h: a
 * maximum over any axis and a softmax of rows. */
#include "tests/testing.h"

#include <math.h>
#include <string.h>

#include "reduce.h"
#include "softmax.h"
#include "vmath.h"

static void one_thread(void)
{
    tl_set_num_threads(1);
}

/* ---- the softmax of a row ---- */

/* Rows of 1, a part of a strip, several strips; the largest value anywhere. */
START_TEST(softmax_of_a_row)
{
    static const int64_t lengths[] = { 1, 2, 9, 255, 256, 257, 1000 };
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        const int64_t n = lengths[k];
        tl_real *x = tl_test_filled(n, k + 1), *y = tl_test_unset(n);
        double largest = -INFINITY, sum = 0;
        for (int64_t j = 0; j < n; j++) {
            x[j] = 5 * x[j] + 1000;
            largest = fmax(largest, (double)x[j]);
        }
        for (int64_t j = 0; j < n; j++)
            sum += exp((double)x[j] - largest);
        const tl_log_sum of = tl_log_sum_exp(n, x);
        ck_assert(of.max == (tl_real)largest);
        ck_assert_values(&of.log_sum, 1, TL_NEAR, log(sum));
        tl_softmax_row(n, x, of, y);
        for (int64_t j = 0; j < n; j++)
            ck_assert_values(y + j, 1, TL_NEAR, exp((double)x[j] - largest) / sum);
        tl_softmax_row(n - n / 2, x + n / 2, of, y); /* a part of the row */
        ck_assert_values(y, 1, TL_NEAR, exp((double)x[n / 2] - largest) / sum);
        ck_assert(isnan(y[n]));
        free(x);
        free(y);
    }
}
END_TEST

START_TEST(softmax_of_infinite_values)
{
    const tl_real lowest[] = { -INFINITY, -INFINITY }, highest[] = { 1, INFINITY, INFINITY, -INFINITY },
                  one_out[] = { 0, -INFINITY, 0 }, undefined[] = { INFINITY, NAN };
    tl_real y[4];
    tl_log_sum of = tl_log_sum_exp(0, NULL);
    ck_assert(of.max == -INFINITY && of.log_sum == 0);
    of = tl_log_sum_exp(2, lowest);
    ck_assert(of.max == -INFINITY);
    tl_softmax_row(2, lowest, of, y);
    ck_assert_values(y, 2, 0, 0, 0);
    tl_softmax_row(4, highest, tl_log_sum_exp(4, highest), y);
    ck_assert_values(y, 4, TL_NEAR, 0, 0.5, 0.5, 0);
    tl_softmax_row(3, one_out, tl_log_sum_exp(3, one_out), y);
    ck_assert_values(y, 3, TL_NEAR, 0.5, 0, 0.5);
    ck_assert(isnan(tl_log_sum_exp(2, undefined).log_sum));
}
END_TEST

/* ---- ops of a user's ---- */

/* max: Y = the largest element along the axis, the first of equals.  dA += dY at that element. */
static int64_t place_of_max(const tl_node *y, tl_line l)
{
    const tl_real *a = y->in[0]->val + l.first;
    int64_t best = 0;
    for (int64_t k = 1; k < l.n; k++)
        best = a[k * l.stride] > a[best * l.stride] ? k : best;
    return l.first + best * l.stride;
}

static tl_status max_shape(tl_node *y)
{
    return tl_shape_reduced(y, *(const int32_t *)y->attr);
}

static void max_line(void *context, tl_line l)
{
    const tl_node *y = context;
    y->out[l.index] = y->in[0]->val[place_of_max(y, l)];
}

static void max_forward(tl_node *y)
{
    tl_parallel_lines(*(const tl_axis *)y->scratch, max_line, y);
}

static void add_to_max(void *context, tl_line l)
{
    const tl_node *y = context;
    y->in[0]->grad[place_of_max(y, l)] += y->grad[l.index];
}

static void max_backward(tl_node *y)
{
    if (y->in[0]->grad)
        tl_parallel_lines(*(const tl_axis *)y->scratch, add_to_max, y);
}

static const tl_op max_op = {
    .name = "max",
    .n_in = 1,
    .shape = max_shape,
    .forward = max_forward,
    .backward = max_backward,
};

static tl_node *max(tl_node *a, int32_t axis)
{
    return tl_apply(&max_op, (tl_node *[]){ a }, &axis, sizeof axis);
}

/* softmax: Y(i, :) = exp(A(i, :)) / sum.  dA(i, :) += Y (dY - <dY, Y>) of the row. */
static tl_status softmax_shape(tl_node *y)
{
    tl_shape rest;
    tl_axis *of = y->scratch = tl_scratch(y, 1, sizeof *of);
    if (!of)
        return TL_ERR_MEMORY;
    const tl_status status = tl_axis_of(y->in[0], y->in[0]->shape.rank - 1, of, &rest);
    return status == TL_OK ? tl_shape_like(y, y->in[0]) : status;
}

static void softmax_row(void *context, tl_line l)
{
    const tl_node *y = context;
    const tl_real *a = y->in[0]->val + l.first;
    tl_softmax_row(l.n, a, tl_log_sum_exp(l.n, a), y->out + l.first);
}

static void softmax_forward(tl_node *y)
{
    tl_parallel_lines(*(const tl_axis *)y->scratch, softmax_row, y);
}

static void softmax_row_gradient(void *context, tl_line l)
{
    const tl_node *y = context;
    const tl_real *out = y->val + l.first, *dy = y->grad + l.first;
    tl_real *da = y->in[0]->grad + l.first;
    const tl_real inner = tl_vdot(l.n, out, dy);
    for (int64_t k = 0; k < l.n; k++)
        da[k] = (y->in[0]->overwrite ? 0 : da[k]) + out[k] * (dy[k] - inner);
}

static void softmax_backward(tl_node *y)
{
    if (y->in[0]->grad)
        tl_parallel_lines(*(const tl_axis *)y->scratch, softmax_row_gradient, y);
}

static const tl_op softmax_op = {
    .name = "softmax",
    .n_in = 1,
    .shape = softmax_shape,
    .forward = softmax_forward,
    .backward = softmax_backward,
    .can_overwrite = 1 << 0,
};

typedef struct example {
    tl_variable *a;
    int32_t axis;
} example;

static tl_node *build_max(tl_graph *g, void *context)
{
    const example *e = context;
    return max(tl_use(g, e->a), e->axis);
}

static tl_node *build_softmax(tl_graph *g, void *context)
{
    const example *e = context;
    return tl_apply(&softmax_op, (tl_node *[]){ tl_use(g, e->a) }, NULL, 0);
}

START_TEST(ops_of_users)
{
    example e = { .a = tl_test_dense("a", TL_SHAPE(3, 4, 5), 1) };
    tl_real *a = tl_variable_data(e.a);
    for (int k = 0; k < 60; k++) /* all different, by more than the step of a finite difference */
        a[k] = (tl_real)(k * 7 % 60 - 30) / 10;
    for (e.axis = TL_ALL_AXES; e.axis < 3; e.axis++)
        ck_assert_gradient(build_max, &e, e.a);
    ck_assert_gradient(build_softmax, &e, e.a);
    tl_graph *g = tl_graph_new();
    ck_assert_refused(g, max(tl_use(g, e.a), 3), TL_ERR_ARGUMENT,
                      "max: axis 3 of a (3x4x5) is neither in 0..2 nor TL_ALL_AXES");
    const tl_node *ones = tl_reduce_sum(build_softmax(g, &e), 2);
    for (int64_t k = 0; k < ones->size; k++)
        ck_assert_values(ones->val + k, 1, TL_NEAR, 1.0);
    tl_graph_free(g);
    tl_variable_free(e.a);
}
END_TEST

/* Excluded elements count as 0, wherever they are; ends of them are cut off before the exponentials. */
START_TEST(exponentials_of_a_row)
{
    enum { N = 70 };
    tl_real x[N], y[N], shorter[N], max, nan_row[] = { 1, NAN, -INFINITY, -INFINITY };
    tl_test_fill(x, N, 1);
    x[3] = -INFINITY;
    for (int last = N; last >= 0; last--) {
        for (int k = last; k < N; k++)
            x[k] = -INFINITY;
        const double sum = tl_exp_row(N, x, &max, y), all = tl_exp_row(last, x, &max, shorter);
        ck_assert_double_le(fabs(sum - all), 1e-13 * all);
        ck_assert_same(y, shorter, last);
        for (int k = last; k < N; k++)
            ck_assert(y[k] == 0);
        ck_assert(last <= 3 || y[3] == 0);
    }
    ck_assert(max == -INFINITY);
    ck_assert(isnan(tl_exp_row(4, nan_row, &max, y)) && isnan(max));
    for (int k = 0; k < 4; k++)
        ck_assert(isnan(y[k]));
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("softmax");
    TCase *c = tl_test_case(s, "softmax");
    tcase_add_checked_fixture(c, NULL, one_thread);
    tcase_add_test(c, softmax_of_a_row);
    tcase_add_test(c, softmax_of_infinite_values);
    tcase_add_test(c, exponentials_of_a_row);
    tcase_add_test(c, ops_of_users);
    return s;
}
