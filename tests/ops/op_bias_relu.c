/* bias_relu: Y(i, :) = max(A(i, :) + b, 0) */
#include "check_tulle.h"
#include "tests/ops/bias.h"

#include <string.h>

static double value(double a, double b)
{
    return isnan(a + b) ? NAN : fmax(a + b, 0);
}

static double sum(double a, double b)
{
    return a + b;
}

/* Where the sum is 0 no gradient flows. */
static const tl_binary_case bias_relu = {
    .name = "bias_relu",
    .op = tl_bias_relu,
    .value = value,
    .kink_distance = sum,
    .kink = { { 2, -2, 0, 0 }, { 2, -1, 1, 1 }, { 1, -2, 0, 0 } },
    .n_kinks = 3,
    .special = { { 1, 10, 11 },
                 { -2, 20, 18 },
                 { 0.5, 3, 3.5 },
                 { -14, 10, 0 },
                 { 0, 20, 20 },
                 { NAN, 3, NAN },
                 { -10, 10, 0 },
                 { -0.0, -0.0, 0 },
                 { -INFINITY, 3, 0 } },
    .n_special = 9,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
};

/* Where the sum is 0 or NaN no gradient flows, whatever comes from above; it is added to what is there. */
START_TEST(gradient_by_hand)
{
    const tl_real a[] = { 1, -1, -2, (tl_real)NAN, 3, 1 },
                  u[] = { 5, (tl_real)INFINITY, 7, 8, (tl_real)NAN, 9 };
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_test_dense("a", TL_SHAPE(3, 2), 1), *b = tl_test_dense("b", TL_SHAPE(2), 2);
    memcpy(tl_variable_data(v), a, sizeof a);
    tl_variable_data(b)[0] = -2, tl_variable_data(b)[1] = 1;
    tl_node *w = tl_use(g, v), *y = tl_bias_relu(w, tl_use(g, b));
    tl_gradients out;
    ck_assert_values(tl_value(y), 6, 0, 0, 0, 0, NAN, 1, 2);
    tl_node *both = tl_add(tl_mul(y, tl_input(g, TL_SHAPE(3, 2), u)), tl_scale(w, 100));
    ck_assert_ok(tl_backward(tl_reduce_sum(both, TL_ALL_AXES), &out));
    ck_assert_values(out.pair[0].values, 6, 0, 100, 100, 100, 100, NAN, 109);
    ck_assert_values(out.pair[1].values, 2, 0, NAN, 9);
    tl_graph_free(g);
    tl_variable_free(v);
    tl_variable_free(b);
}
END_TEST

/* Value and both gradients have the bits of relu of bias, whose tests are elsewhere; around the widths of
 * vectors and of the strips that threads take, for any number of them. (Sums down a single column have
 * another order.) */
START_TEST(as_relu_of_bias)
{
    const tl_shape shape[] = { TL_SHAPE(63),       TL_SHAPE(1, 65),     TL_SHAPE(65, 63), TL_SHAPE(63, 130),
                               TL_SHAPE(2, 3, 17), TL_SHAPE(3, 1, 64),  TL_SHAPE(17, 3),  TL_SHAPE(200, 300),
                               TL_SHAPE(5, 3, 65), TL_SHAPE(3, 2, 1, 5) };
    ck_assert_ok(tl_set_num_threads(_i));
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++) {
        const int64_t n = tl_shape_size(shape[k]), cols = tl_shape_cols(shape[k]);
        tl_variable *a = tl_test_dense("a", shape[k], 1), *b = tl_test_dense("b", TL_SHAPE(cols), 2);
        tl_real *u = malloc((size_t)n * sizeof *u);
        tl_test_fill(u, n, 3);
        tl_graph *g[2] = { tl_graph_new(), tl_graph_new() };
        tl_node *y[2];
        tl_gradients out[2];
        for (int way = 0; way < 2; way++) {
            tl_node *left = tl_use(g[way], a), *right = tl_use(g[way], b);
            y[way] = way == 0 ? tl_relu(tl_bias(left, right)) : tl_bias_relu(left, right);
            ck_assert(tl_shape_equal(tl_shape_of(y[way]), shape[k]));
            ck_assert_ok(tl_backward(
                tl_reduce_sum(tl_mul(y[way], tl_input(g[way], shape[k], u)), TL_ALL_AXES), &out[way]));
        }
        ck_assert_same(tl_value(y[1]), tl_value(y[0]), n);
        ck_assert_same(out[1].pair[0].values, out[0].pair[0].values, n);
        ck_assert_same(out[1].pair[1].values, out[0].pair[1].values, cols);
        free(u);
        tl_graph_free(g[0]);
        tl_graph_free(g[1]);
        tl_variable_free(a);
        tl_variable_free(b);
    }
    tl_set_num_threads(1);
}
END_TEST

/* db is summed in double: 2^24 + 1 is no float. */
START_TEST(long_sums)
{
    ck_assert_double_eq(tl_test_long_sum(tl_bias_relu, TL_SHAPE(1)), 0x1p24 + 256);
}
END_TEST

/* Rows without values: none is visited. */
START_TEST(zero_beside_huge)
{
    tl_graph *g = tl_graph_new();
    tl_variable *b = tl_variable_dense("b", TL_SHAPE(0));
    tl_gradients out;
    tl_node *y = tl_bias_relu(tl_input(g, TL_SHAPE((int64_t)1 << 50, 0), NULL), tl_use(g, b));
    ck_assert_ok(tl_backward(tl_reduce_sum(y, TL_ALL_AXES), &out));
    tl_graph_free(g);
    tl_variable_free(b);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_binary_suite(&bias_relu);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, gradient_by_hand);
    tcase_add_loop_test(c, as_relu_of_bias, 1, 4);
    tcase_add_test(c, long_sums);
    tcase_add_test(c, zero_beside_huge);
    return s;
}
