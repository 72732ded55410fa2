/* bias: Y(i, :) = A(i, :) + b */
#include "tests/testing.h"

#include <math.h>

/* Either side is the variable, or a constant of its values. */
typedef struct sides {
    tl_variable *a, *b;
    bool a_fixed, b_fixed;
} sides;

static tl_node *leaf(tl_graph *g, tl_variable *v, bool fixed)
{
    return fixed ? tl_input(g, tl_variable_shape(v), tl_variable_data(v)) : tl_use(g, v);
}

static tl_node *build(tl_graph *g, void *context)
{
    const sides *s = context;
    return tl_bias(leaf(g, s->a, s->a_fixed), leaf(g, s->b, s->b_fixed));
}

/* Integers of -5 to 5, of which all sums here are exact in float; rows of 11 m would be alike. */
static void fill(tl_real *x, int64_t n, int64_t stride)
{
    for (int64_t k = 0; k < n; k++)
        x[k] = (tl_real)(k * stride % 11 - 5);
}

static tl_variable *integers(const char *name, tl_shape shape, int64_t stride)
{
    tl_variable *v = tl_test_dense(name, shape, 1);
    fill(tl_variable_data(v), tl_variable_size(v), stride);
    return v;
}

/* Value and gradients, to the last bit, against the specification. */
static void check_exact(tl_shape shape)
{
    enum { MOST = 300 * 130 };
    static tl_real u[MOST], y[MOST], db[MOST];
    int64_t cols = tl_shape_cols(shape), n = tl_shape_size(shape);
    tl_variable *a = integers("a", shape, 2), *b = integers("b", TL_SHAPE(cols), 3);
    fill(u, n, 7);
    for (int64_t j = 0; j < cols; j++)
        db[j] = 0;
    for (int64_t k = 0; k < n; k++) {
        y[k] = tl_variable_data(a)[k] + tl_variable_data(b)[k % cols];
        db[k % cols] += u[k];
    }
    tl_graph *g = tl_graph_new();
    tl_node *left = tl_use(g, a), *right = tl_use(g, b), *node = tl_bias(left, right);
    tl_gradients out;
    ck_assert(tl_shape_equal(tl_shape_of(node), shape));
    ck_assert_close(tl_value(node), y, n, 0);
    ck_assert_ok(tl_backward(tl_reduce_sum(tl_mul(node, tl_input(g, shape, u)), TL_ALL_AXES), &out));
    ck_assert_close(tl_grad(left), u, n, 0);
    ck_assert_close(tl_grad(right), db, cols, 0);
    tl_graph_free(g);
    tl_variable_free(a);
    tl_variable_free(b);
}

/* Both operands, each alone with the other constant. */
static void check_gradient(tl_shape shape)
{
    sides s = { .a = tl_test_dense("a", shape, 1),
                .b = tl_test_dense("b", TL_SHAPE(tl_shape_cols(shape)), 2) };
    ck_assert_gradient(build, &s, s.a, s.b);
    s.b_fixed = true;
    ck_assert_gradient(build, &s, s.a);
    s.a_fixed = true;
    s.b_fixed = false;
    ck_assert_gradient(build, &s, s.b);
    tl_variable_free(s.a);
    tl_variable_free(s.b);
}

START_TEST(values)
{
    tl_graph *g = tl_graph_new();
    const tl_real a[] = { 1, -2, 0.5f, 4, 0, NAN }, b[] = { 10, 20, INFINITY };
    tl_node *y = tl_bias(tl_input(g, TL_SHAPE(2, 3), a), tl_input(g, TL_SHAPE(3), b));
    ck_assert_values(tl_value(y), 6, 0, 11, 18, INFINITY, 14, 20, NAN);
    ck_assert_str_eq(tl_shape_text(tl_shape_of(y)).text, "2x3");
    tl_graph_free(g);
}
END_TEST

/* Up to so many values that threads share them: on one to three threads. */
START_TEST(oracle)
{
    ck_assert_ok(tl_set_num_threads(_i));
    const tl_shape shape[] = { TL_SHAPE(1),        TL_SHAPE(63),         TL_SHAPE(17, 1),
                               TL_SHAPE(1, 65),    TL_SHAPE(65, 63),     TL_SHAPE(63, 130),
                               TL_SHAPE(2, 3, 17), TL_SHAPE(3, 1, 63),   TL_SHAPE(17, 3),
                               TL_SHAPE(5, 3, 65), TL_SHAPE(3, 2, 1, 5), TL_SHAPE(1, 17, 3, 65),
                               TL_SHAPE(300, 130), TL_SHAPE(30, 600) };
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++)
        check_exact(shape[k]);
    tl_set_num_threads(1);
}
END_TEST

/* db is summed in double: 2^24 + 1 is no float. */
START_TEST(long_sums)
{
    enum { N = 257 };
    tl_real u[N], zeros[N] = { 0 };
    for (int k = 0; k < N; k++)
        u[k] = 1;
    u[0] = 0x1p24f;
    tl_variable *b = tl_test_dense("b", TL_SHAPE(1), 1);
    tl_graph *g = tl_graph_new();
    tl_node *y = tl_bias(tl_input(g, TL_SHAPE(N, 1), zeros), tl_use(g, b));
    tl_gradients out;
    ck_assert_ok(tl_backward(tl_reduce_sum(tl_mul(y, tl_input(g, TL_SHAPE(N, 1), u)), TL_ALL_AXES), &out));
    ck_assert_values(out.pair[0].values, 1, 0, 0x1p24 + 256);
    tl_graph_free(g);
    tl_variable_free(b);
}
END_TEST

START_TEST(gradient)
{
    const tl_shape shape[] = { TL_SHAPE(1),     TL_SHAPE(17),      TL_SHAPE(3, 5),
                               TL_SHAPE(65, 1), TL_SHAPE(2, 3, 4), TL_SHAPE(2, 1, 3, 2) };
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++)
        check_gradient(shape[k]);
}
END_TEST

START_TEST(with_itself)
{
    tl_variable *w = tl_test_dense("w", TL_SHAPE(5), 3);
    ck_assert_gradient(build, (&(sides){ .a = w, .b = w }), w);
    tl_variable_free(w);
}
END_TEST

START_TEST(empty)
{
    const tl_shape shape[] = { TL_SHAPE(0), TL_SHAPE(0, 3), TL_SHAPE(3, 0), TL_SHAPE(2, 0, 3),
                               TL_SHAPE(0, 2, 0, 1) };
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++) {
        check_exact(shape[k]); /* db is 0 where there are no rows */
        check_gradient(shape[k]);
    }
    tl_graph *g = tl_graph_new();
    ck_assert_ptr_nonnull(tl_bias(tl_input(g, TL_SHAPE(2, 0), NULL), tl_input(g, TL_SHAPE(0), NULL)));
    tl_graph_free(g);
}
END_TEST

START_TEST(shape_refusals)
{
    const struct {
        tl_shape a, b;
        const char *text;
    } bad[] = {
        { TL_SHAPE(3, 4), TL_SHAPE(3), "bias: 3x4 plus [3]: the second must be [4]" },
        { TL_SHAPE(3, 4), TL_SHAPE(5), "bias: 3x4 plus [5]: the second must be [4]" },
        { TL_SHAPE(3, 4), TL_SHAPE(0), "bias: 3x4 plus [0]: the second must be [4]" },
        { TL_SHAPE(3, 4), TL_SHAPE(1), "bias: 3x4 plus [1]: the second must be [4]" },
        /* unlike add, b is a row */
        { TL_SHAPE(3, 4), TL_SHAPE(), "bias: 3x4 plus scalar: the second must be [4]" },
        { TL_SHAPE(3, 4), TL_SHAPE(3, 4), "bias: 3x4 plus 3x4: the second must be [4]" },
        { TL_SHAPE(3, 4), TL_SHAPE(4, 1), "bias: 3x4 plus 4x1: the second must be [4]" },
        { TL_SHAPE(3, 4), TL_SHAPE(1, 4), "bias: 3x4 plus 1x4: the second must be [4]" },
        { TL_SHAPE(2, 3, 4), TL_SHAPE(3, 4), "bias: 2x3x4 plus 3x4: the second must be [4]" },
        { TL_SHAPE(), TL_SHAPE(1), "bias: scalar plus [1]: the first is a scalar" },
        { TL_SHAPE(), TL_SHAPE(), "bias: scalar plus scalar: the first is a scalar" },
    };
    const tl_real x[24] = { 0 };
    tl_graph *g = tl_graph_new();
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        ck_assert_refused(g, tl_bias(tl_input(g, bad[k].a, x), tl_input(g, bad[k].b, x)), TL_ERR_SHAPE,
                          bad[k].text);
    tl_graph_free(g);
}
END_TEST

START_TEST(other_refusals)
{
    tl_graph *g = tl_graph_new(), *other = tl_graph_new();
    tl_variable *s = tl_test_sparse("s", tl_test_pattern(3, 4, 0.5, 1), 1);
    const tl_real x[12] = { 0 };
    const tl_shape a = TL_SHAPE(3, 4), b = TL_SHAPE(4);
    ck_assert_ptr_null(tl_bias(NULL, NULL));
    ck_assert_refused(g, tl_bias(NULL, tl_input(g, b, x)), TL_ERR_ARGUMENT, "bias: input 0 is NULL");
    ck_assert_refused(g, tl_bias(tl_input(g, a, x), NULL), TL_ERR_ARGUMENT, "bias: input 1 is NULL");
    ck_assert_refused(g, tl_bias(tl_use(g, s), tl_input(g, b, x)), TL_ERR_KIND,
                      "bias: input 0, s (3x4), is sparse, and must be dense");
    ck_assert_refused(g, tl_bias(tl_input(g, a, x), tl_use(g, s)), TL_ERR_KIND,
                      "bias: input 1, s (3x4), is sparse, and must be dense");
    ck_assert_refused(g, tl_bias(tl_input(g, a, x), tl_input(other, b, x)), TL_ERR_ARGUMENT,
                      "bias: input 1 ([4]) belongs to another graph");
    tl_variable *w = tl_test_dense("w", TL_SHAPE(2, 4), 1), *v = tl_test_dense("b", TL_SHAPE(3), 1);
    ck_assert_refused(g, tl_bias(tl_use(g, w), tl_use(g, v)), TL_ERR_SHAPE,
                      "bias: w (2x4) plus b [3]: the second must be [4]");
    tl_variable_free(w);
    tl_variable_free(v);
    ck_assert_int_eq(tl_graph_status(other), TL_OK);
    tl_graph_free(g);
    tl_graph_free(other);
    tl_variable_free(s);
}
END_TEST

/* Rows without values: none is visited. */
START_TEST(zero_beside_huge)
{
    tl_graph *g = tl_graph_new();
    tl_variable *b = tl_variable_dense("b", TL_SHAPE(0));
    tl_gradients out;
    tl_node *y = tl_bias(tl_input(g, TL_SHAPE((int64_t)1 << 50, 0), NULL), tl_use(g, b));
    ck_assert_ok(tl_backward(tl_reduce_sum(y, TL_ALL_AXES), &out));
    tl_graph_free(g);
    tl_variable_free(b);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("bias");
    TCase *c = tl_test_case(s, "bias");
    tcase_add_test(c, values);
    tcase_add_loop_test(c, oracle, 1, 4);
    tcase_add_test(c, long_sums);
    tcase_add_test(c, gradient);
    tcase_add_test(c, with_itself);
    tcase_add_test(c, empty);
    tcase_add_test(c, shape_refusals);
    tcase_add_test(c, other_refusals);
    tcase_add_test(c, zero_beside_huge);
    return s;
}
