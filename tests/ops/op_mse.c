/* mse: mean over all elements of (a - b)^2 */
#include "tests/testing.h"

#include <math.h>

enum { MOST = 300 * 130 };

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
    return tl_mse(leaf(g, s->a, s->a_fixed), leaf(g, s->b, s->b_fixed));
}

static tl_variable *filled(const char *name, tl_shape shape, const tl_real *values)
{
    tl_variable *v = tl_variable_dense(name, shape);
    for (int64_t k = 0; k < tl_variable_size(v); k++)
        tl_variable_data(v)[k] = values[k];
    return v;
}

/* The loss, and its gradients times `up`. */
static tl_real run(tl_shape shape, const tl_real *left, const tl_real *right, tl_real up, tl_real *da,
                   tl_real *db)
{
    tl_graph *g = tl_graph_new();
    tl_variable *v = filled("a", shape, left), *w = filled("b", shape, right);
    tl_node *a = tl_use(g, v), *b = tl_use(g, w), *y = tl_mse(a, b);
    tl_gradients out;
    ck_assert_ok(tl_backward(tl_scale(y, up), &out));
    ck_assert_int_eq(tl_shape_of(y).rank, 0);
    tl_real value = tl_value(y)[0];
    for (int64_t k = 0; k < tl_variable_size(v); k++) {
        da[k] = tl_grad(a)[k];
        db[k] = tl_grad(b)[k];
    }
    tl_graph_free(g);
    tl_variable_free(v);
    tl_variable_free(w);
    return value;
}

/* Squares of 2, 0, 1, 3, 0.5 and 1 sum to 15.25. */
START_TEST(values)
{
    const tl_real a[] = { 1, 2, 3, 4, 0.5f, -1 }, b[] = { -1, 2, 4, 1, 0, 0 };
    tl_real da[6], db[6], y = run(TL_SHAPE(2, 3), a, b, 3, da, db);
    ck_assert_values(&y, 1, TL_NEAR, 15.25 / 6);
    ck_assert_values(da, 6, TL_NEAR, 2, 0, -1, 3, 0.5, -1); /* 3 times 2 (a - b) / 6 */
    ck_assert_values(db, 6, TL_NEAR, -2, 0, 1, -3, -0.5, 1);
}
END_TEST

/* Up to so many values that threads share them: on one to three threads. */
START_TEST(oracle)
{
    ck_assert_ok(tl_set_num_threads(_i));
    const tl_shape shape[] = { TL_SHAPE(),         TL_SHAPE(1),          TL_SHAPE(17),
                               TL_SHAPE(63),       TL_SHAPE(17, 3),      TL_SHAPE(65, 63),
                               TL_SHAPE(3, 1, 65), TL_SHAPE(3, 2, 1, 5), TL_SHAPE(300, 130) };
    static tl_real a[MOST], b[MOST], da[MOST], db[MOST];
    static double want[MOST], minus[MOST];
    for (size_t s = 0; s < sizeof shape / sizeof *shape; s++) {
        int64_t n = tl_shape_size(shape[s]);
        double sum = 0;
        tl_test_fill(a, n, s);
        tl_test_fill(b, n, s + 100);
        for (int64_t k = 0; k < n; k++) {
            double d = (double)a[k] - (double)b[k];
            sum += d * d;
            want[k] = -2 * d; /* as the upstream gradient is -n */
            minus[k] = -want[k];
        }
        tl_real y = run(shape[s], a, b, (tl_real)-n, da, db);
        ck_assert_values(&y, 1, TL_NEAR, sum / (double)n);
        tl_test_values(__FILE__, __LINE__, "da", da, n, TL_NEAR, want);
        tl_test_values(__FILE__, __LINE__, "db", db, n, TL_NEAR, minus);
    }
    tl_set_num_threads(1);
}
END_TEST

/* The sum is in double: four times 2^126 is more than the largest float, the mean is not; and 2^24 + 1 is no
 * float either. The mean of equal errors is that error. */
START_TEST(wide_sum)
{
    tl_real big[4], ones[257], zeros[257] = { 0 }, da[257], db[257];
    for (int k = 0; k < 4; k++)
        big[k] = k % 2 ? 0x1p63f : -0x1p63f;
    for (int k = 0; k < 257; k++)
        ones[k] = 1;
    tl_real y = run(TL_SHAPE(4), big, zeros, 3, da, db);
    ck_assert_values(&y, 1, 0, 0x1p126);
    ck_assert_values(da, 4, 0, -0x1.8p63, 0x1.8p63, -0x1.8p63, 0x1.8p63);
    for (int64_t n = 1; n <= 200; n++) {
        y = run(TL_SHAPE(n), ones, zeros, 3, da, db);
        ck_assert_values(&y, 1, 0, 1);
    }
    ones[0] = 4096; /* of which the square is 2^24 */
    y = run(TL_SHAPE(257), ones, zeros, 3, da, db);
    ck_assert_values(&y, 1, 0, (double)(tl_real)((0x1p24 + 256) / 257));
}
END_TEST

/* A mean that is a number although the sum of the squares is none, in double either. */
START_TEST(sum_overflows)
{
    const tl_real x = TL_IS_DOUBLE ? (tl_real)0x1p511 : (tl_real)0x1p63;
    tl_real a[9], b[9], da[9], db[9];
    for (int k = 0; k < 9; k++) {
        a[k] = k % 2 ? x : -x;
        b[k] = -a[k] / 2;
    }
    tl_real y = run(TL_SHAPE(9), a, b, 1, da, db);
    ck_assert_double_eq_tol((double)y / (double)(x * x), 2.25, 1e-6);
    a[4] = INFINITY;
    y = run(TL_SHAPE(9), a, b, 1, da, db);
    ck_assert_values(&y, 1, 0, INFINITY);
}
END_TEST

/* An upstream gradient whose double overflows, of four elements. */
START_TEST(huge_upstream)
{
    const tl_real up = TL_IS_DOUBLE ? (tl_real)1.7e308 : (tl_real)3.3e38;
    const tl_real a[] = { 1, 0, -1, 0.5f }, b[] = { 0, 0, 0, 0 };
    tl_real da[4], db[4];
    run(TL_SHAPE(4), a, b, up, da, db);
    const tl_real wanted[] = { up / 2, 0, -up / 2, up / 4 };
    for (int k = 0; k < 4; k++)
        ck_assert(da[k] == wanted[k] && db[k] == -wanted[k]);
}
END_TEST

START_TEST(not_finite)
{
    const tl_real a[] = { INFINITY, NAN, 1 }, b[] = { 1, 0, 1 };
    tl_real da[3], db[3], y = run(TL_SHAPE(1), a, b, 3, da, db);
    ck_assert_values(&y, 1, 0, INFINITY);
    y = run(TL_SHAPE(3), a, b, 3, da, db);
    ck_assert_values(&y, 1, 0, NAN);
    ck_assert_values(da, 3, 0, INFINITY, NAN, 0);
    ck_assert_values(db, 3, 0, -INFINITY, NAN, 0);
}
END_TEST

START_TEST(gradient)
{
    const tl_shape shape[] = { TL_SHAPE(),        TL_SHAPE(17),         TL_SHAPE(3, 5),
                               TL_SHAPE(2, 3, 4), TL_SHAPE(2, 1, 3, 2), TL_SHAPE(0),
                               TL_SHAPE(0, 3),    TL_SHAPE(3, 0),       TL_SHAPE(2, 0, 3) };
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++) {
        sides s = { .a = tl_test_dense("a", shape[k], 1), .b = tl_test_dense("b", shape[k], 2) };
        ck_assert_gradient(build, &s, s.a, s.b);
        s.b_fixed = true;
        ck_assert_gradient(build, &s, s.a);
        s.a_fixed = true;
        s.b_fixed = false;
        ck_assert_gradient(build, &s, s.b);
        ck_assert_gradient(build, (&(sides){ .a = s.a, .b = s.a }), s.a);
        tl_variable_free(s.a);
        tl_variable_free(s.b);
    }
}
END_TEST

START_TEST(empty)
{
    tl_graph *g = tl_graph_new();
    tl_node *none = tl_input(g, TL_SHAPE(3, 0), NULL);
    ck_assert_values(tl_value(tl_mse(none, none)), 1, 0, 0);
    tl_graph_free(g);
}
END_TEST

START_TEST(shape_refusals)
{
    const struct {
        tl_shape a, b;
        const char *text;
    } bad[] = {
        { TL_SHAPE(3, 4), TL_SHAPE(5, 6), "mse: 3x4 and 5x6 differ in shape" },
        { TL_SHAPE(3, 4), TL_SHAPE(4, 3), "mse: 3x4 and 4x3 differ in shape" },
        { TL_SHAPE(3, 4), TL_SHAPE(4), "mse: 3x4 and [4] differ in shape" }, /* no broadcasting */
        { TL_SHAPE(3, 4), TL_SHAPE(), "mse: 3x4 and scalar differ in shape" },
        { TL_SHAPE(1), TL_SHAPE(), "mse: [1] and scalar differ in shape" },
        { TL_SHAPE(0, 3), TL_SHAPE(3, 0), "mse: 0x3 and 3x0 differ in shape" },
    };
    const tl_real x[30] = { 0 };
    tl_graph *g = tl_graph_new();
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        ck_assert_refused(g, tl_mse(tl_input(g, bad[k].a, x), tl_input(g, bad[k].b, x)), TL_ERR_SHAPE,
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
    ck_assert_ptr_null(tl_mse(NULL, NULL));
    ck_assert_refused(g, tl_mse(NULL, tl_input(g, shape, x)), TL_ERR_ARGUMENT, "mse: input 0 is NULL");
    ck_assert_refused(g, tl_mse(tl_input(g, shape, x), NULL), TL_ERR_ARGUMENT, "mse: input 1 is NULL");
    ck_assert_refused(g, tl_mse(tl_use(g, s), tl_input(g, shape, x)), TL_ERR_KIND,
                      "mse: input 0 (s, 3x4) is sparse, and must be dense");
    ck_assert_refused(g, tl_mse(tl_input(g, shape, x), tl_use(g, s)), TL_ERR_KIND,
                      "mse: input 1 (s, 3x4) is sparse, and must be dense");
    ck_assert_refused(g, tl_mse(tl_input(g, shape, x), tl_input(other, shape, x)), TL_ERR_ARGUMENT,
                      "mse: input 1 (3x4) belongs to another graph");
    tl_variable *w = tl_test_dense("w", TL_SHAPE(2, 4), 1), *b = tl_test_dense("b", TL_SHAPE(3), 1);
    ck_assert_refused(g, tl_mse(tl_use(g, w), tl_use(g, b)), TL_ERR_SHAPE,
                      "mse: w (2x4) and b [3] differ in shape");
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
    Suite *s = suite_create("mse");
    TCase *c = tl_test_case(s, "mse");
    tcase_add_test(c, values);
    tcase_add_loop_test(c, oracle, 1, 4);
    tcase_add_test(c, wide_sum);
    tcase_add_test(c, sum_overflows);
    tcase_add_test(c, huge_upstream);
    tcase_add_test(c, not_finite);
    tcase_add_test(c, gradient);
    tcase_add_test(c, empty);
    tcase_add_test(c, shape_refusals);
    tcase_add_test(c, other_refusals);
    return s;
}
