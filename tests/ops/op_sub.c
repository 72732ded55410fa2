/* sub: Y = A - B, B broadcast */
#include "tests/testing.h"

#include <math.h>

/* The specification for one element of A and the one of B that it meets; u is the gradient of their
 * result. */
static tl_real plain(tl_real a, tl_real b)
{
    return a - b;
}

static tl_real plain_da(tl_real u, tl_real b)
{
    (void)b;
    return u;
}

static tl_real plain_db(tl_real u, tl_real a)
{
    (void)a;
    return -u;
}

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
    return tl_sub(leaf(g, s->a, s->a_fixed), leaf(g, s->b, s->b_fixed));
}

/* What may stand on the right of `a`: its own shape, a row, a scalar. */
static tl_shape right_of(tl_shape a, int how)
{
    return how == 0 ? a : how == 1 && a.rank > 0 ? TL_SHAPE(tl_shape_cols(a)) : TL_SHAPE();
}

/* Integers of -5 to 5, of which all products and sums here are exact in float; rows of 11 m would be
 * alike. */
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

/* Value and gradients, to the last bit, against the specification: element k of A meets element k mod |B|. */
static void check_exact(tl_shape a_shape, tl_shape b_shape)
{
    enum { MOST = 300 * 130 };
    static tl_real u[MOST], y[MOST], da[MOST], db[MOST];
    tl_variable *a = integers("a", a_shape, 2), *b = integers("b", b_shape, 3);
    int64_t n = tl_variable_size(a), m = tl_variable_size(b);
    fill(u, n, 7);
    for (int64_t j = 0; j < m; j++)
        db[j] = 0;
    for (int64_t k = 0; k < n; k++) {
        tl_real ak = tl_variable_data(a)[k], bk = tl_variable_data(b)[k % m];
        y[k] = plain(ak, bk);
        da[k] = plain_da(u[k], bk);
        db[k % m] += plain_db(u[k], ak);
    }
    tl_graph *g = tl_graph_new();
    tl_node *left = tl_use(g, a), *right = tl_use(g, b), *node = tl_sub(left, right);
    tl_gradients out;
    ck_assert(tl_shape_equal(tl_shape_of(node), a_shape));
    ck_assert_close(tl_value(node), y, n, 0);
    ck_assert_ok(tl_backward(tl_reduce_sum(tl_mul(node, tl_input(g, a_shape, u)), TL_ALL_AXES), &out));
    ck_assert_close(tl_grad(left), da, n, 0);
    ck_assert_close(tl_grad(right), db, m, 0);
    tl_graph_free(g);
    tl_variable_free(a);
    tl_variable_free(b);
}

/* Both operands, each alone with the other constant. */
static void check_gradient(tl_shape a_shape, tl_shape b_shape)
{
    sides s = { .a = tl_test_dense("a", a_shape, 1), .b = tl_test_dense("b", b_shape, 2) };
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
    const tl_real a[] = { 1, -2, 0.5f, 4, 0, -8 }, b[] = { 10, 20, 30, 40, 50, 60 };
    tl_node *x = tl_input(g, TL_SHAPE(2, 3), a);
    tl_node *y = tl_sub(x, tl_input(g, TL_SHAPE(2, 3), b));
    ck_assert_values(tl_value(y), 6, 0, -9, -22, -29.5, -36, -50, -68);
    ck_assert_str_eq(tl_shape_text(tl_shape_of(y)).text, "2x3");
    ck_assert_values(tl_value(tl_sub(x, tl_input(g, TL_SHAPE(3), b))), 6, 0, -9, -22, -29.5, -6, -20, -38);
    ck_assert_values(tl_value(tl_sub(x, tl_input(g, TL_SHAPE(), b))), 6, 0, -9, -12, -9.5, -6, -10, -18);
    tl_graph_free(g);
}
END_TEST

START_TEST(not_finite)
{
    tl_graph *g = tl_graph_new();
    const tl_real a[] = { INFINITY, INFINITY, NAN, 1 }, b[] = { INFINITY, 1, 1, INFINITY };
    tl_node *y = tl_sub(tl_input(g, TL_SHAPE(4), a), tl_input(g, TL_SHAPE(4), b));
    ck_assert_values(tl_value(y), 4, 0, NAN, INFINITY, NAN, -INFINITY);
    tl_graph_free(g);
}
END_TEST

/* Up to so many values that threads share them: on one to three threads. */
START_TEST(oracle)
{
    ck_assert_ok(tl_set_num_threads(_i));
    const tl_shape shape[] = { TL_SHAPE(),
                               TL_SHAPE(1),
                               TL_SHAPE(3),
                               TL_SHAPE(17),
                               TL_SHAPE(63),
                               TL_SHAPE(65),
                               TL_SHAPE(17, 1),
                               TL_SHAPE(1, 65),
                               TL_SHAPE(65, 63),
                               TL_SHAPE(2, 3, 17),
                               TL_SHAPE(3, 1, 63),
                               TL_SHAPE(3, 2, 1, 5),
                               TL_SHAPE(1, 17, 3, 65),
                               TL_SHAPE(300, 130) };
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++)
        for (int how = 0; how < 3; how++)
            check_exact(shape[k], right_of(shape[k], how));
    tl_set_num_threads(1);
}
END_TEST

/* The gradient of what is broadcast is summed in double: 2^24 + 1 is no float. */
START_TEST(long_sums)
{
    enum { N = 257 };
    tl_real u[N], ones[N];
    for (int k = 0; k < N; k++)
        u[k] = ones[k] = 1;
    u[0] = 0x1p24f;
    const tl_shape shape[] = { TL_SHAPE(), TL_SHAPE(1) };
    for (int k = 0; k < 2; k++) {
        tl_variable *b = tl_test_dense("b", shape[k], 1);
        tl_graph *g = tl_graph_new();
        tl_node *y = tl_sub(tl_input(g, TL_SHAPE(N, 1), ones), tl_use(g, b));
        tl_gradients out;
        ck_assert_ok(
            tl_backward(tl_reduce_sum(tl_mul(y, tl_input(g, TL_SHAPE(N, 1), u)), TL_ALL_AXES), &out));
        ck_assert_values(out.pair[0].values, 1, 0, -0x1p24 - 256);
        tl_graph_free(g);
        tl_variable_free(b);
    }
}
END_TEST

START_TEST(gradient)
{
    const tl_shape shape[] = { TL_SHAPE(),      TL_SHAPE(1),       TL_SHAPE(17),        TL_SHAPE(3, 5),
                               TL_SHAPE(65, 1), TL_SHAPE(2, 3, 4), TL_SHAPE(2, 1, 3, 2) };
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++)
        for (int how = 0; how < 3; how++)
            check_gradient(shape[k], right_of(shape[k], how));
}
END_TEST

/* One variable on both sides: the two gradients cancel. */
START_TEST(with_itself)
{
    const tl_shape shape[] = { TL_SHAPE(), TL_SHAPE(5), TL_SHAPE(3, 4) };
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++) {
        tl_variable *w = tl_test_dense("w", shape[k], 3);
        ck_assert_gradient(build, (&(sides){ .a = w, .b = w }), w);
        tl_variable_free(w);
    }
}
END_TEST

START_TEST(empty)
{
    const tl_shape shape[] = { TL_SHAPE(0), TL_SHAPE(0, 3), TL_SHAPE(3, 0), TL_SHAPE(2, 0, 3),
                               TL_SHAPE(0, 2, 0, 1) };
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++)
        for (int how = 0; how < 3; how++) {
            check_exact(shape[k], right_of(shape[k], how)); /* what meets nothing has a gradient of 0 */
            check_gradient(shape[k], right_of(shape[k], how));
        }
}
END_TEST

/* Neither side needs data where it has no elements. */
START_TEST(empty_without_data)
{
    tl_graph *g = tl_graph_new();
    tl_node *none = tl_input(g, TL_SHAPE(2, 0), NULL);
    ck_assert_ptr_nonnull(tl_sub(none, none));
    ck_assert_ptr_nonnull(tl_sub(none, tl_input(g, TL_SHAPE(0), NULL)));
    tl_graph_free(g);
}
END_TEST

START_TEST(shape_refusals)
{
    const struct {
        tl_shape a, b;
        const char *text;
    } bad[] = {
        { TL_SHAPE(3, 4), TL_SHAPE(5, 6),
          "sub: 3x4 and 5x6 do not broadcast: 3 and 5 differ, and neither is 1" },
        { TL_SHAPE(3, 4), TL_SHAPE(3),
          "sub: 3x4 and [3] do not broadcast: 4 and 3 differ, and neither is 1" },
        { TL_SHAPE(3, 4), TL_SHAPE(0),
          "sub: 3x4 and [0] do not broadcast: 4 and 0 differ, and neither is 1" },
        { TL_SHAPE(2, 3, 4), TL_SHAPE(2, 4),
          "sub: 2x3x4 and 2x4 do not broadcast: 3 and 2 differ, and neither is 1" },
        { TL_SHAPE(4), TL_SHAPE(2, 3, 3),
          "sub: [4] and 2x3x3 do not broadcast: 4 and 3 differ, and neither is 1" },
    };
    const tl_real x[24] = { 0 };
    tl_graph *g = tl_graph_new();
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        ck_assert_refused(g, tl_sub(tl_input(g, bad[k].a, x), tl_input(g, bad[k].b, x)), TL_ERR_SHAPE,
                          bad[k].text);
    tl_graph_free(g);
}
END_TEST

START_TEST(other_refusals)
{
    tl_graph *g = tl_graph_new(), *other = tl_graph_new();
    tl_variable *s = tl_test_sparse("s", tl_test_pattern(3, 4, 0.5, 1), 1);
    const tl_real x[12] = { 0 };
    const tl_shape shape = TL_SHAPE(3, 4);
    ck_assert_ptr_null(tl_sub(NULL, NULL));
    ck_assert_refused(g, tl_sub(NULL, tl_input(g, shape, x)), TL_ERR_ARGUMENT, "sub: input 0 is NULL");
    ck_assert_refused(g, tl_sub(tl_input(g, shape, x), NULL), TL_ERR_ARGUMENT, "sub: input 1 is NULL");
    ck_assert_refused(
        g, tl_sub(tl_use(g, s), tl_input(g, shape, x)), TL_ERR_KIND,
        "sub: input 0, s (3x4), is sparse, and must be dense: use tl_sparse_add, and tl_scale by -1");
    ck_assert_refused(
        g, tl_sub(tl_input(g, shape, x), tl_use(g, s)), TL_ERR_KIND,
        "sub: input 1, s (3x4), is sparse, and must be dense: use tl_sparse_add, and tl_scale by -1");
    ck_assert_refused(g, tl_sub(tl_input(g, shape, x), tl_input(other, shape, x)), TL_ERR_ARGUMENT,
                      "sub: input 1 (3x4) belongs to another graph");
    tl_variable *w = tl_test_dense("w", TL_SHAPE(2, 4), 1), *b = tl_test_dense("b", TL_SHAPE(3), 1);
    ck_assert_refused(g, tl_sub(tl_use(g, w), tl_use(g, b)), TL_ERR_SHAPE,
                      "sub: w (2x4) and b [3] do not broadcast: 4 and 3 differ, and neither is 1");
    tl_variable_free(w);
    tl_variable_free(b);
    ck_assert_int_eq(tl_graph_status(other), TL_OK);
    tl_graph_free(g);
    tl_graph_free(other);
    tl_variable_free(s);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("sub");
    TCase *c = tl_test_case(s, "sub");
    tcase_add_test(c, values);
    tcase_add_test(c, not_finite);
    tcase_add_loop_test(c, oracle, 1, 4);
    tcase_add_test(c, long_sums);
    tcase_add_test(c, gradient);
    tcase_add_test(c, with_itself);
    tcase_add_test(c, empty);
    tcase_add_test(c, empty_without_data);
    tcase_add_test(c, shape_refusals);
    tcase_add_test(c, other_refusals);
    return s;
}
