/* relu: Y = max(A, 0) */
#include "testing.h"

#include <math.h>

static tl_node *build(tl_graph *g, void *context)
{
    return tl_relu(tl_use(g, context));
}

/* The same variable twice: sum of relu(w) and relu(relu(w)). */
static tl_node *build_twice(tl_graph *g, void *context)
{
    tl_node *w = tl_use(g, context);
    return tl_add(tl_relu(w), tl_relu(tl_relu(w)));
}

START_TEST(values)
{
    tl_graph *g = tl_graph_new();
    const tl_real a[] = { -2, -0.0f, 0, 0.5f, 3, -INFINITY, INFINITY, NAN };
    tl_node *y = tl_relu(tl_input(g, TL_SHAPE(2, 4), a));
    ck_assert_values(tl_value(y), 8, 0, 0, 0, 0, 0.5, 3, 0, INFINITY, NAN);
    ck_assert_str_eq(tl_shape_text(tl_shape_of(y)).text, "2x4");
    tl_graph_free(g);
}
END_TEST

START_TEST(gradient)
{
    tl_variable *w = tl_test_dense("w", TL_SHAPE(3, 5), 1);
    ck_assert_gradient(build, w, w);
    ck_assert_gradient(build_twice, w, w);
    tl_variable_free(w);
}
END_TEST

/* The subgradient at the kink is 0. */
START_TEST(kink)
{
    tl_graph *g = tl_graph_new();
    tl_variable *w = tl_variable_dense("w", TL_SHAPE(2));
    tl_variable_data(w)[1] = 1;
    tl_gradients out;
    ck_assert_ok(tl_backward(tl_reduce_sum(tl_relu(tl_use(g, w)), 0), &out));
    ck_assert_values(out.pair[0].values, 2, 0, 0, 1);
    tl_graph_free(g);
    tl_variable_free(w);
}
END_TEST

START_TEST(empty)
{
    tl_variable *w = tl_variable_dense("w", TL_SHAPE(0, 3));
    ck_assert_gradient(build, w, w);
    tl_variable_free(w);
}
END_TEST

START_TEST(refusals)
{
    tl_graph *g = tl_graph_new();
    tl_pattern *p = tl_test_pattern(3, 4, 0.5, 1);
    tl_variable *s = tl_test_sparse("s", p, 1);
    ck_assert_ptr_null(tl_relu(NULL));
    ck_assert_refused(g, tl_relu(tl_use(g, s)), TL_ERR_KIND,
                      "relu: input 0 (3x4) is sparse, and must be dense");
    tl_graph_free(g);
    tl_variable_free(s);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("relu");
    TCase *c = tl_test_case(s, "relu");
    tcase_add_test(c, values);
    tcase_add_test(c, gradient);
    tcase_add_test(c, kink);
    tcase_add_test(c, empty);
    tcase_add_test(c, refusals);
    return s;
}
