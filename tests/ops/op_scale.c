/* scale: Y = c A */
#include "tests/ops/elementwise.h"

#include <math.h>

typedef struct scaled {
    tl_variable *w;
    tl_real factor;
} scaled;

static tl_node *build(tl_graph *g, void *context)
{
    const scaled *s = context;
    return tl_scale(tl_use(g, s->w), s->factor);
}

/* Two uses of one variable: the gradient is the sum of both. */
static tl_node *build_twice(tl_graph *g, void *context)
{
    const scaled *s = context;
    tl_node *w = tl_use(g, s->w);
    return tl_add(tl_scale(w, s->factor), tl_scale(tl_scale(w, 2), -3));
}

START_TEST(values)
{
    tl_graph *g = tl_graph_new();
    const tl_real a[] = { -2, 0, 0.5f, INFINITY, NAN, 3 };
    tl_node *x = tl_input(g, TL_SHAPE(2, 3), a), *y = tl_scale(x, -4);
    ck_assert_values(tl_value(y), 6, 0, 8, 0, -2, -INFINITY, NAN, -12);
    ck_assert_str_eq(tl_shape_text(tl_shape_of(y)).text, "2x3");
    ck_assert_values(tl_value(tl_scale(x, 0)), 6, 0, 0, 0, 0, NAN, NAN, 0); /* 0 x Inf is a NaN */
    ck_assert_values(tl_value(tl_scale(x, INFINITY)), 6, 0, -INFINITY, NAN, INFINITY, INFINITY, NAN,
                     INFINITY);
    ck_assert_same(tl_value(tl_scale(x, 1)), a, 4);
    tl_graph_free(g);
}
END_TEST

/* One product, rounded once: the double product of two floats is exact. The gradient of the sum of Y is c. */
START_TEST(oracle)
{
    const tl_shape shape[] = { TL_SHAPE(),      TL_SHAPE(1),        TL_SHAPE(63),         TL_SHAPE(65),
                               TL_SHAPE(17, 3), TL_SHAPE(3, 1, 65), TL_SHAPE(1, 3, 17, 2) };
    const tl_real c = (tl_real)-0.7;
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++) {
        tl_variable *w = tl_test_dense("w", shape[k], k);
        int64_t n = tl_variable_size(w);
        tl_real expected[200], all_c[200];
        for (int64_t i = 0; i < n; i++) {
            expected[i] = (tl_real)((double)c * (double)tl_variable_data(w)[i]);
            all_c[i] = c;
        }
        tl_graph *g = tl_graph_new();
        tl_node *y = tl_scale(tl_use(g, w), c);
        tl_gradients out;
        ck_assert(tl_shape_equal(tl_shape_of(y), shape[k]));
        ck_assert_same(tl_value(y), expected, n);
        ck_assert_ok(tl_backward(tl_reduce_sum(y, TL_ALL_AXES), &out));
        ck_assert_same(out.pair[0].values, all_c, n);
        tl_graph_free(g);
        tl_variable_free(w);
    }
}
END_TEST

static tl_node *thrice(tl_node *a)
{
    return tl_scale(a, 3);
}

static double three_times(double x)
{
    return 3 * x;
}

static double three(double y)
{
    (void)y;
    return 3;
}

START_TEST(many_values)
{
    tl_test_activation(thrice, three_times, three, TL_NEAR);
}
END_TEST

START_TEST(gradient)
{
    const tl_shape shape[] = { TL_SHAPE(), TL_SHAPE(17), TL_SHAPE(3, 5), TL_SHAPE(2, 3, 4),
                               TL_SHAPE(2, 1, 3, 2) };
    const tl_real factor[] = { -0.75f, 0, 1, 2.5f };
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++)
        for (size_t l = 0; l < sizeof factor / sizeof *factor; l++) {
            scaled s = { tl_test_dense("w", shape[k], 1), factor[l] };
            ck_assert_gradient(build, &s, s.w);
            ck_assert_gradient(build_twice, &s, s.w);
            tl_variable_free(s.w);
        }
}
END_TEST

START_TEST(empty)
{
    const tl_shape shape[] = { TL_SHAPE(0), TL_SHAPE(0, 3), TL_SHAPE(3, 0), TL_SHAPE(2, 0, 3) };
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++) {
        scaled s = { tl_test_dense("w", shape[k], 1), 2 };
        ck_assert_gradient(build, &s, s.w);
        tl_variable_free(s.w);
    }
    tl_graph *g = tl_graph_new();
    tl_node *y = tl_scale(tl_input(g, TL_SHAPE(3, 0), NULL), 2);
    ck_assert_str_eq(tl_shape_text(tl_shape_of(y)).text, "3x0");
    tl_graph_free(g);
}
END_TEST

START_TEST(sparse)
{
    ck_assert_ptr_null(tl_scale(NULL, 2));
    tl_test_sparse_activation(thrice);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("scale");
    TCase *c = tl_test_case(s, "scale");
    tcase_add_test(c, values);
    tcase_add_test(c, oracle);
    tcase_add_test(c, many_values);
    tcase_add_test(c, gradient);
    tcase_add_test(c, empty);
    tcase_add_test(c, sparse);
    return s;
}
