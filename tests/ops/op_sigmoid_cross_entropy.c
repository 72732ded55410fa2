/* sigmoid_cross_entropy: mean over all elements of max(x, 0) - x z + log1p(exp(-|x|)) */
#include "tests/testing.h"

#include <float.h>
#include <math.h>

enum { MOST = 300 * 130 };

/* Either side is the variable, or a constant of its values. */
typedef struct sides {
    tl_variable *x, *z;
    bool x_fixed, z_fixed;
} sides;

static tl_node *leaf(tl_graph *g, tl_variable *v, bool fixed)
{
    return fixed ? tl_input(g, tl_variable_shape(v), tl_variable_data(v)) : tl_use(g, v);
}

static tl_node *build(tl_graph *g, void *context)
{
    const sides *s = context;
    return tl_sigmoid_cross_entropy(leaf(g, s->x, s->x_fixed), leaf(g, s->z, s->z_fixed));
}

static tl_variable *filled(const char *name, tl_shape shape, const tl_real *values)
{
    tl_variable *v = tl_variable_dense(name, shape);
    for (int64_t k = 0; k < tl_variable_size(v); k++)
        tl_variable_data(v)[k] = values[k];
    return v;
}

/* The loss, and its gradients times `up`. */
static tl_real run(tl_shape shape, const tl_real *logits, const tl_real *targets, tl_real up, tl_real *dx,
                   tl_real *dz)
{
    tl_graph *g = tl_graph_new();
    tl_variable *v = filled("x", shape, logits), *w = filled("z", shape, targets);
    tl_node *x = tl_use(g, v), *z = tl_use(g, w), *y = tl_sigmoid_cross_entropy(x, z);
    tl_gradients out;
    ck_assert_ok(tl_backward(tl_scale(y, up), &out));
    ck_assert_int_eq(tl_shape_of(y).rank, 0);
    tl_real value = tl_value(y)[0];
    for (int64_t k = 0; k < tl_variable_size(v); k++) {
        dx[k] = tl_grad(x)[k];
        dz[k] = tl_grad(z)[k];
    }
    tl_graph_free(g);
    tl_variable_free(v);
    tl_variable_free(w);
    return value;
}

/* By its definition, -z log p - (1 - z) log(1 - p) with p = 1 / (1 + exp(-x)), in numpy. */
START_TEST(values)
{
    const tl_real x[] = { 0.5f, -1, 2, 0, -3, 4 }, z[] = { 1, 0, 0.25f, 0.5f, 1, 0.875f };
    tl_real dx[6], dz[6], y = run(TL_SHAPE(2, 3), x, z, 6, dx, dz);
    ck_assert_values(&y, 1, TL_NEAR, 1.1123585237987994);
    ck_assert_values(dx, 6, TL_NEAR, -0.3775406687981454, 0.2689414213699951, 0.6307970779778823, 0,
                     -0.9525741268224333, 0.10701379003790844);
    ck_assert_values(dz, 6, TL_NEAR, -0.5, 1, -2, 0, 3, -4);
}
END_TEST

/* The same definition in double; in the tails, where 1 - p would be rounded, the logits here do not go. Up to
 * so many values that threads share them: on one to three threads. */
START_TEST(oracle)
{
    ck_assert_ok(tl_set_num_threads(_i));
    const tl_shape shape[] = { TL_SHAPE(),         TL_SHAPE(1),          TL_SHAPE(17),
                               TL_SHAPE(63),       TL_SHAPE(17, 3),      TL_SHAPE(65, 63),
                               TL_SHAPE(3, 1, 65), TL_SHAPE(3, 2, 1, 5), TL_SHAPE(300, 130) };
    static tl_real x[MOST], z[MOST], dx[MOST], dz[MOST];
    static double want_x[MOST], want_z[MOST];
    for (size_t s = 0; s < sizeof shape / sizeof *shape; s++) {
        int64_t n = tl_shape_size(shape[s]);
        double sum = 0;
        tl_test_fill(x, n, s);
        for (int64_t k = 0; k < n; k++) {
            z[k] = (tl_real)(k % 5) / 4;
            double p = 1 / (1 + exp(-(double)x[k])), t = (double)z[k];
            sum -= t * log(p) + (1 - t) * log(1 - p);
            want_x[k] = t - p; /* as the upstream gradient is -n */
            want_z[k] = log(p) - log(1 - p);
        }
        tl_real y = run(shape[s], x, z, (tl_real)-n, dx, dz);
        ck_assert_values(&y, 1, TL_NEAR, sum / (double)n);
        tl_test_values(__FILE__, __LINE__, "dx", dx, n, TL_NEAR, want_x);
        tl_test_values(__FILE__, __LINE__, "dz", dz, n, TL_NEAR, want_z);
    }
    tl_set_num_threads(1);
}
END_TEST

/* Large logits: a right one costs exactly 0, a wrong one its size, with gradients of exactly 0 and 1. */
START_TEST(large_logits)
{
    const tl_real x[] = { 1e4f, -1e4f, 1e4f, -1e4f }, z[] = { 1, 0, 0, 1 };
    tl_real dx[4], dz[4], y = run(TL_SHAPE(2), x, z, 2, dx, dz);
    ck_assert_values(&y, 1, 0, 0);
    ck_assert_values(dx, 2, 0, 0, 0);
    ck_assert_values(dz, 2, 0, -1e4, 1e4);
    y = run(TL_SHAPE(2), x + 2, z + 2, 2, dx, dz);
    ck_assert_values(&y, 1, 0, 1e4);
    ck_assert_values(dx, 2, 0, 1, -1);
    y = run(TL_SHAPE(), (tl_real[]){ NAN }, z, 1, dx, dz);
    ck_assert_values(&y, 1, 0, NAN);
    ck_assert_values(dx, 1, 0, NAN);
}
END_TEST

/* Small losses keep their digits: log(1 + e^-20), relative to itself, to the rounding of exp, log1p and the
 * sum. */
START_TEST(small_losses)
{
    const double epsilon = TL_IS_DOUBLE ? DBL_EPSILON : (double)FLT_EPSILON;
    tl_real dx[1], dz[1];
    for (int sign = -1; sign <= 1; sign += 2) {
        tl_real y = run(TL_SHAPE(1), (tl_real[]){ (tl_real)sign * 20 }, (tl_real[]){ sign > 0 }, 1, dx, dz);
        ck_assert_double_eq_tol((double)y / 2.061153620314381e-09, 1, 4 * epsilon);
    }
}
END_TEST

/* Losses whose sum no double holds have a mean that one does. */
START_TEST(mean_of_huge_losses)
{
    const tl_real largest = TL_IS_DOUBLE ? (tl_real)DBL_MAX : (tl_real)FLT_MAX;
    const tl_real x[] = { largest, -largest, largest }, z[] = { 0, 1, 0 };
    tl_real dx[3], dz[3], y = run(TL_SHAPE(3), x, z, 3, dx, dz);
    ck_assert_same(&y, &largest, 1);
    ck_assert_values(dx, 3, TL_NEAR, 1, -1, 1);
    y = run(TL_SHAPE(3), (tl_real[]){ largest, NAN, largest }, z, 3, dx, dz);
    ck_assert(isnan(y));
    y = run(TL_SHAPE(3), (tl_real[]){ largest, -INFINITY, largest }, z, 3, dx, dz);
    ck_assert(isinf(y));
}
END_TEST

/* The limits, alone and among other values. */
START_TEST(infinite_logits)
{
    const tl_real inf = INFINITY;
    const struct {
        tl_real x, z;
        double y;
    } table[] = { { -inf, 0, 0 },      { inf, 0, inf },     { -inf, 1, inf }, { inf, 1, 0 },
                  { -inf, 0.5f, inf }, { inf, 0.5f, inf },  { NAN, 0, NAN },  { inf, NAN, NAN },
                  { -inf, NAN, NAN },  { inf, 0.25f, inf }, { 0, 0, log(2) } };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int64_t n = 1; n <= 301; n += 300) {
            tl_real x[301], z[301], dx[301], dz[301];
            for (int k = 0; k < 301; k++) {
                x[k] = k % 2 ? inf : -inf;
                z[k] = (tl_real)(k % 2);
            }
            x[n - 1] = table[i].x;
            z[n - 1] = table[i].z;
            tl_real y = run(TL_SHAPE(n), x, z, (tl_real)n, dx, dz) * (tl_real)n;
            ck_assert_values(&y, 1, TL_NEAR, table[i].y);
            for (int64_t k = 0; k < n - 1; k++)
                ck_assert(dx[k] == 0);
            if (isinf(table[i].x) && !isnan(table[i].z))
                ck_assert_values(dx + n - 1, 1, 0, (table[i].x > 0) - (double)table[i].z);
        }
}
END_TEST

START_TEST(gradient)
{
    const tl_shape shape[] = { TL_SHAPE(),        TL_SHAPE(17),         TL_SHAPE(3, 5),
                               TL_SHAPE(2, 3, 4), TL_SHAPE(2, 1, 3, 2), TL_SHAPE(0),
                               TL_SHAPE(0, 3),    TL_SHAPE(3, 0),       TL_SHAPE(2, 0, 3) };
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++) {
        sides s = { .x = tl_test_dense("x", shape[k], 1), .z = tl_test_dense("z", shape[k], 2) };
        ck_assert_gradient(build, &s, s.x, s.z);
        s.z_fixed = true;
        ck_assert_gradient(build, &s, s.x);
        s.x_fixed = true;
        s.z_fixed = false;
        ck_assert_gradient(build, &s, s.z);
        ck_assert_gradient(build, (&(sides){ .x = s.x, .z = s.x }), s.x);
        tl_variable_free(s.x);
        tl_variable_free(s.z);
    }
}
END_TEST

START_TEST(empty)
{
    tl_graph *g = tl_graph_new();
    tl_node *none = tl_input(g, TL_SHAPE(3, 0), NULL);
    ck_assert_values(tl_value(tl_sigmoid_cross_entropy(none, none)), 1, 0, 0);
    tl_graph_free(g);
}
END_TEST

START_TEST(shape_refusals)
{
    const struct {
        tl_shape x, z;
        const char *text;
    } bad[] = {
        { TL_SHAPE(3, 4), TL_SHAPE(5, 6),
          "sigmoid_cross_entropy: logits 3x4 and targets 5x6 differ in shape" },
        { TL_SHAPE(3, 4), TL_SHAPE(4, 3),
          "sigmoid_cross_entropy: logits 3x4 and targets 4x3 differ in shape" },
        { TL_SHAPE(3, 4), TL_SHAPE(4), "sigmoid_cross_entropy: logits 3x4 and targets [4] differ in shape" },
        { TL_SHAPE(3, 4), TL_SHAPE(),
          "sigmoid_cross_entropy: logits 3x4 and targets scalar differ in shape" },
        { TL_SHAPE(1), TL_SHAPE(), "sigmoid_cross_entropy: logits [1] and targets scalar differ in shape" },
        { TL_SHAPE(0, 3), TL_SHAPE(3, 0),
          "sigmoid_cross_entropy: logits 0x3 and targets 3x0 differ in shape" },
    };
    const tl_real x[30] = { 0 };
    tl_graph *g = tl_graph_new();
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        ck_assert_refused(g, tl_sigmoid_cross_entropy(tl_input(g, bad[k].x, x), tl_input(g, bad[k].z, x)),
                          TL_ERR_SHAPE, bad[k].text);
    tl_graph_free(g);
}
END_TEST

START_TEST(other_refusals)
{
    tl_graph *g = tl_graph_new(), *other = tl_graph_new();
    tl_variable *s = tl_test_sparse("s", tl_test_pattern(3, 4, 0.5, 1), 1);
    const tl_real x[12] = { 0 };
    const tl_shape shape = TL_SHAPE(3, 4);
    ck_assert_ptr_null(tl_sigmoid_cross_entropy(NULL, NULL));
    ck_assert_refused(g, tl_sigmoid_cross_entropy(NULL, tl_input(g, shape, x)), TL_ERR_ARGUMENT,
                      "sigmoid_cross_entropy: input 0 is NULL");
    ck_assert_refused(g, tl_sigmoid_cross_entropy(tl_input(g, shape, x), NULL), TL_ERR_ARGUMENT,
                      "sigmoid_cross_entropy: input 1 is NULL");
    ck_assert_refused(g, tl_sigmoid_cross_entropy(tl_use(g, s), tl_input(g, shape, x)), TL_ERR_KIND,
                      "sigmoid_cross_entropy: input 0 (s, 3x4) is sparse, and must be dense");
    ck_assert_refused(g, tl_sigmoid_cross_entropy(tl_input(g, shape, x), tl_use(g, s)), TL_ERR_KIND,
                      "sigmoid_cross_entropy: input 1 (s, 3x4) is sparse, and must be dense");
    ck_assert_refused(g, tl_sigmoid_cross_entropy(tl_input(g, shape, x), tl_input(other, shape, x)),
                      TL_ERR_ARGUMENT, "sigmoid_cross_entropy: input 1 (3x4) belongs to another graph");
    tl_variable *w = tl_test_dense("w", TL_SHAPE(2, 4), 1);
    ck_assert_refused(g, tl_sigmoid_cross_entropy(tl_use(g, w), tl_input(g, shape, x)), TL_ERR_SHAPE,
                      "sigmoid_cross_entropy: logits w (2x4) and targets 3x4 differ in shape");
    tl_variable_free(w);
    ck_assert_int_eq(tl_graph_status(other), TL_OK);
    tl_graph_free(g);
    tl_graph_free(other);
    tl_variable_free(s);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("sigmoid_cross_entropy");
    TCase *c = tl_test_case(s, "sigmoid_cross_entropy");
    tcase_add_test(c, values);
    tcase_add_loop_test(c, oracle, 1, 4);
    tcase_add_test(c, large_logits);
    tcase_add_test(c, small_losses);
    tcase_add_test(c, infinite_logits);
    tcase_add_test(c, mean_of_huge_losses);
    tcase_add_test(c, gradient);
    tcase_add_test(c, empty);
    tcase_add_test(c, shape_refusals);
    tcase_add_test(c, other_refusals);
    return s;
}
