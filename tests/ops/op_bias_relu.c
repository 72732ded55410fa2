/* bias_relu: Y(i, :) = max(A(i, :) + b, 0) */
#include "tests/testing.h"

#include <math.h>
#include <string.h>

typedef struct sides {
    tl_variable *a, *b;
    bool a_fixed, b_fixed; /* a constant of the variable's values in its place */
} sides;

static tl_node *leaf(tl_graph *g, tl_variable *v, bool fixed)
{
    return fixed ? tl_input(g, tl_variable_shape(v), tl_variable_data(v)) : tl_use(g, v);
}

static tl_node *build(tl_graph *g, void *context)
{
    const sides *s = context;
    return tl_bias_relu(leaf(g, s->a, s->a_fixed), leaf(g, s->b, s->b_fixed));
}

START_TEST(values)
{
    tl_graph *g = tl_graph_new();
    const tl_real a[] = { 1, -2, 0.5f, -14, 0, NAN, -10, -20, -INFINITY }, b[] = { 10, 20, 3 };
    tl_node *y = tl_bias_relu(tl_input(g, TL_SHAPE(3, 3), a), tl_input(g, TL_SHAPE(3), b));
    ck_assert_values(tl_value(y), 9, 0, 11, 18, 3.5, 0, 20, NAN, 0, 0, 0);
    ck_assert_str_eq(tl_shape_text(tl_shape_of(y)).text, "3x3");
    tl_graph_free(g);
}
END_TEST

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
    enum { N = 257 };
    tl_real u[N], ones[N];
    for (int k = 0; k < N; k++)
        u[k] = ones[k] = 1;
    u[0] = 0x1p24f;
    tl_variable *b = tl_test_dense("b", TL_SHAPE(1), 1);
    tl_variable_data(b)[0] = 1;
    tl_graph *g = tl_graph_new();
    tl_node *y = tl_bias_relu(tl_input(g, TL_SHAPE(N, 1), ones), tl_use(g, b));
    tl_gradients out;
    ck_assert_ok(tl_backward(tl_reduce_sum(tl_mul(y, tl_input(g, TL_SHAPE(N, 1), u)), TL_ALL_AXES), &out));
    ck_assert_values(out.pair[0].values, 1, 0, 0x1p24 + 256);
    tl_graph_free(g);
    tl_variable_free(b);
}
END_TEST

/* By finite differences, each operand alone and with the other; empty ones, too. */
START_TEST(gradient)
{
    const tl_shape shape[] = { TL_SHAPE(1),          TL_SHAPE(17), TL_SHAPE(3, 5), TL_SHAPE(65, 1),
                               TL_SHAPE(2, 1, 3, 2), TL_SHAPE(0),  TL_SHAPE(0, 3), TL_SHAPE(3, 0) };
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++) {
        sides s = { .a = tl_test_dense("a", shape[k], 1),
                    .b = tl_test_dense("b", TL_SHAPE(tl_shape_cols(shape[k])), 2) };
        for (int64_t j = 0; j < tl_variable_size(s.b); j++)
            tl_variable_data(s.b)[j] /= 10; /* |a| >= 0.2, so that a + b is away from the kink, too */
        ck_assert_gradient(build, &s, s.a, s.b);
        s.b_fixed = true;
        ck_assert_gradient(build, &s, s.a);
        s.a_fixed = true, s.b_fixed = false;
        ck_assert_gradient(build, &s, s.b);
        tl_variable_free(s.a);
        tl_variable_free(s.b);
    }
}
END_TEST

/* A row as its own bias: one gradient for both. */
START_TEST(with_itself)
{
    tl_variable *w = tl_test_dense("w", TL_SHAPE(70), 3);
    ck_assert_gradient(build, (&(sides){ .a = w, .b = w }), w);
    tl_variable_free(w);
}
END_TEST

START_TEST(refusals)
{
    const struct {
        tl_shape a, b;
        const char *text;
    } bad[] = {
        { TL_SHAPE(3, 4), TL_SHAPE(3), "bias_relu: 3x4 plus [3]: the second must be [4]" },
        { TL_SHAPE(3, 4), TL_SHAPE(), "bias_relu: 3x4 plus scalar: the second must be [4]" },
        { TL_SHAPE(3, 4), TL_SHAPE(1, 4), "bias_relu: 3x4 plus 1x4: the second must be [4]" },
        { TL_SHAPE(), TL_SHAPE(1), "bias_relu: scalar plus [1]: the first is a scalar" },
    };
    const tl_real x[12] = { 0 };
    tl_graph *g = tl_graph_new();
    tl_variable *s = tl_test_sparse("s", tl_test_pattern(3, 4, 0.5, 1), 1);
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        ck_assert_refused(g, tl_bias_relu(tl_input(g, bad[k].a, x), tl_input(g, bad[k].b, x)), TL_ERR_SHAPE,
                          bad[k].text);
    ck_assert_ptr_null(tl_bias_relu(NULL, NULL));
    ck_assert_refused(g, tl_bias_relu(tl_input(g, TL_SHAPE(3, 4), x), NULL), TL_ERR_ARGUMENT,
                      "bias_relu: input 1 is NULL");
    ck_assert_refused(g, tl_bias_relu(tl_use(g, s), tl_input(g, TL_SHAPE(4), x)), TL_ERR_KIND,
                      "bias_relu: input 0 (s, 3x4) is sparse, and must be dense");
    tl_graph_free(g);
    tl_variable_free(s);
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
    Suite *s = suite_create("bias_relu");
    TCase *c = tl_test_case(s, "bias_relu");
    tcase_add_test(c, values);
    tcase_add_test(c, gradient_by_hand);
    tcase_add_loop_test(c, as_relu_of_bias, 1, 4);
    tcase_add_test(c, long_sums);
    tcase_add_test(c, gradient);
    tcase_add_test(c, with_itself);
    tcase_add_test(c, refusals);
    tcase_add_test(c, zero_beside_huge);
    return s;
}
