/* reduce_mean: over one axis, which disappears, or over all; 0 over nothing */
#include "tests/testing.h"

#include <math.h>

typedef struct reduction {
    tl_variable *w;
    int32_t axis;
} reduction;

static tl_node *build(tl_graph *g, void *context)
{
    const reduction *r = context;
    return tl_reduce_mean(tl_use(g, r->w), r->axis);
}

/* Returns the element of Y to which element k of `a` belongs: its indices without that along the axis. */
static int64_t target(tl_shape a, int32_t axis, int64_t k)
{
    int64_t index[TL_MAX_RANK], to = 0;
    for (int32_t d = a.rank - 1; d >= 0; k /= a.dim[d--])
        index[d] = k % a.dim[d];
    for (int32_t d = 0; d < a.rank && axis != TL_ALL_AXES; d++)
        to = d == axis ? to : to * a.dim[d] + index[d];
    return to;
}

static tl_shape reduced(tl_shape a, int32_t axis)
{
    tl_shape y = TL_SHAPE();
    for (int32_t d = 0; d < a.rank && axis != TL_ALL_AXES; d++)
        if (d != axis)
            y.dim[y.rank++] = a.dim[d];
    return y;
}

/* Integers of -5 to 5, of which all sums here are exact in float; rows of 11 m would be alike. */
static void fill(tl_real *x, int64_t n, int64_t stride)
{
    for (int64_t k = 0; k < n; k++)
        x[k] = (tl_real)(k * stride % 11 - 5);
}

/* Leaves NaNs in the memory that the next step gets, where sums must start at 0. */
static void soil(tl_graph *g)
{
    tl_real nan[2048];
    for (int k = 0; k < 2048; k++)
        nan[k] = NAN;
    ck_assert_ptr_nonnull(tl_relu(tl_input(g, TL_SHAPE(2048), nan)));
    tl_graph_reset(g);
}

/* Against the specification. The sums are exact and divided once, so the means are right to the last bit; a
 * gradient is a product with a rounded 1 / n. */
static void check_exact(tl_graph *g, tl_shape shape, int32_t axis)
{
    enum { MOST = 300 * 130 };
    static tl_real u[MOST], y[MOST], dw[MOST];
    tl_shape left = reduced(shape, axis);
    tl_variable *w = tl_test_dense("w", shape, 1);
    int64_t n = tl_variable_size(w), m = tl_shape_size(left);
    tl_real count = (tl_real)(axis == TL_ALL_AXES ? n : shape.dim[axis]);
    fill(tl_variable_data(w), n, 2);
    fill(u, m, 7);
    for (int64_t j = 0; j < m; j++)
        y[j] = 0;
    for (int64_t k = 0; k < n; k++) {
        y[target(shape, axis, k)] += tl_variable_data(w)[k];
        dw[k] = u[target(shape, axis, k)] / count;
    }
    for (int64_t j = 0; j < m && count > 0; j++)
        y[j] /= count;
    soil(g);
    tl_node *node = tl_reduce_mean(tl_use(g, w), axis);
    tl_gradients out;
    ck_assert(tl_shape_equal(tl_shape_of(node), left));
    ck_assert_close(tl_value(node), y, m, 0);
    ck_assert_ok(tl_backward(tl_reduce_sum(tl_mul(node, tl_input(g, left, u)), TL_ALL_AXES), &out));
    ck_assert_close(out.pair[0].values, dw, n, TL_NEAR);
    tl_graph_reset(g);
    tl_variable_free(w);
}

START_TEST(values)
{
    tl_graph *g = tl_graph_new();
    const tl_real a[] = { 1, 2, 3, 4, 5, -6 };
    tl_node *x = tl_input(g, TL_SHAPE(2, 3), a);
    ck_assert_values(tl_value(tl_reduce_mean(x, 0)), 3, 0, 2.5, 3.5, -1.5);
    ck_assert_values(tl_value(tl_reduce_mean(x, 1)), 2, 0, 2, 1);
    ck_assert_values(tl_value(tl_reduce_mean(x, TL_ALL_AXES)), 1, 0, 1.5);
    ck_assert_str_eq(tl_shape_text(tl_shape_of(tl_reduce_mean(x, 0))).text, "[3]");
    ck_assert_str_eq(tl_shape_text(tl_shape_of(tl_reduce_mean(x, 1))).text, "[2]");
    ck_assert_str_eq(tl_shape_text(tl_shape_of(tl_reduce_mean(x, TL_ALL_AXES))).text, "scalar");
    ck_assert_values(tl_value(tl_reduce_mean(tl_input(g, TL_SHAPE(), a), TL_ALL_AXES)), 1, 0, 1);
    tl_graph_free(g);
}
END_TEST

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

/* Up to so many values that threads share them: on one to three threads. */
START_TEST(oracle)
{
    ck_assert_ok(tl_set_num_threads(_i));
    const tl_shape shape[] = { TL_SHAPE(),           TL_SHAPE(1),
                               TL_SHAPE(17),         TL_SHAPE(63),
                               TL_SHAPE(65),         TL_SHAPE(17, 1),
                               TL_SHAPE(1, 65),      TL_SHAPE(65, 63),
                               TL_SHAPE(3, 129),     TL_SHAPE(2, 3, 17),
                               TL_SHAPE(17, 1, 3),   TL_SHAPE(3, 5, 65),
                               TL_SHAPE(3, 2, 1, 5), TL_SHAPE(1, 17, 3, 65),
                               TL_SHAPE(300, 130),   TL_SHAPE(2, 60, 300) };
    tl_graph *g = tl_graph_new();
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++)
        for (int32_t axis = TL_ALL_AXES; axis < shape[k].rank; axis++)
            check_exact(g, shape[k], axis);
    tl_graph_free(g);
    tl_set_num_threads(1);
}
END_TEST

/* A mean over nothing is 0, and the gradient of nothing is empty. */
START_TEST(empty)
{
    const tl_shape shape[] = { TL_SHAPE(0), TL_SHAPE(0, 3), TL_SHAPE(3, 0), TL_SHAPE(2, 0, 3),
                               TL_SHAPE(0, 2, 0, 1) };
    tl_graph *g = tl_graph_new();
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++)
        for (int32_t axis = TL_ALL_AXES; axis < shape[k].rank; axis++) {
            check_exact(g, shape[k], axis);
            reduction r = { tl_test_dense("w", shape[k], 1), axis };
            ck_assert_gradient(build, &r, r.w);
            tl_variable_free(r.w);
        }
    tl_node *none = tl_input(g, TL_SHAPE(2, 0, 3), NULL);
    ck_assert_values(tl_value(tl_reduce_mean(none, 1)), 6, 0, 0, 0, 0, 0, 0, 0);
    ck_assert_values(tl_value(tl_reduce_mean(none, TL_ALL_AXES)), 1, 0, 0);
    ck_assert_str_eq(tl_shape_text(tl_shape_of(tl_reduce_mean(none, 0))).text, "0x3");
    ck_assert_str_eq(tl_shape_text(tl_shape_of(tl_reduce_mean(none, 2))).text, "2x0");
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

/* The mean of equal values is that value. Times 1 / n would miss it, for 41 floats and 49 doubles first. */
START_TEST(of_equals)
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

START_TEST(gradient)
{
    const tl_shape shape[] = { TL_SHAPE(), TL_SHAPE(17), TL_SHAPE(3, 5), TL_SHAPE(2, 3, 4),
                               TL_SHAPE(2, 1, 3, 2) };
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++)
        for (int32_t axis = TL_ALL_AXES; axis < shape[k].rank; axis++) {
            reduction r = { tl_test_dense("w", shape[k], 1), axis };
            ck_assert_gradient(build, &r, r.w);
            tl_variable_free(r.w);
        }
}
END_TEST

START_TEST(refusals)
{
    const struct {
        tl_shape a;
        int32_t axis;
        const char *text;
    } bad[] = {
        { TL_SHAPE(3, 4), 2, "reduce_mean: axis 2 of 3x4 is neither in 0..1 nor TL_ALL_AXES" },
        { TL_SHAPE(3, 4), -2, "reduce_mean: axis -2 of 3x4 is neither in 0..1 nor TL_ALL_AXES" },
        { TL_SHAPE(3), INT32_MAX, "reduce_mean: axis 2147483647 of [3] is neither in 0..0 nor TL_ALL_AXES" },
        { TL_SHAPE(3), INT32_MIN, "reduce_mean: axis -2147483648 of [3] is neither in 0..0 nor TL_ALL_AXES" },
        { TL_SHAPE(), 0, "reduce_mean: axis 0 of scalar is not TL_ALL_AXES" },
    };
    const tl_real x[12] = { 0 };
    tl_graph *g = tl_graph_new();
    tl_variable *s = tl_test_sparse("s", tl_test_pattern(3, 4, 0.5, 1), 1);
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        ck_assert_refused(g, tl_reduce_mean(tl_input(g, bad[k].a, x), bad[k].axis), TL_ERR_ARGUMENT,
                          bad[k].text);
    ck_assert_ptr_null(tl_reduce_mean(NULL, 0));
    ck_assert_refused(g, tl_reduce_mean(tl_use(g, s), 0), TL_ERR_KIND,
                      "reduce_mean: input 0 (s, 3x4) is sparse, and must be dense");
    tl_variable *w = tl_test_dense("w", TL_SHAPE(2, 3), 1);
    ck_assert_refused(g, tl_reduce_mean(tl_use(g, w), 2), TL_ERR_ARGUMENT,
                      "reduce_mean: axis 2 of w (2x3) is neither in 0..1 nor TL_ALL_AXES");
    tl_variable_free(w);
    tl_graph_free(g);
    tl_variable_free(s);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("reduce_mean");
    TCase *c = tl_test_case(s, "reduce_mean");
    tcase_add_test(c, values);
    tcase_add_test(c, sum_overflows);
    tcase_add_test(c, not_finite);
    tcase_add_loop_test(c, oracle, 1, 4);
    tcase_add_test(c, empty);
    tcase_add_test(c, long_sums);
    tcase_add_test(c, of_equals);
    tcase_add_test(c, gradient);
    tcase_add_test(c, refusals);
    return s;
}
