/* stop_gradient: the same values, as a constant */
#include "tests/ops/moves.h"

static tl_node *op(tl_node *const *in, const void *attr)
{
    (void)attr;
    return tl_stop_gradient(in[0]);
}

static tl_shape reference(tl_reference *r)
{
    r->sparse = r->keep[0] != NULL;
    for (int64_t k = 0; k < tl_shape_size(r->shape[0]); k++) {
        r->y[k] = r->in[0][k];
        r->y_keep[k] = r->sparse && r->keep[0][k];
    }
    return r->shape[0];
}

static const tl_sample samples[] = {
    { .in = { TL_DENSE_OPERAND(3, 5) } },
    { .in = { TL_SCALAR_OPERAND } },
    { .in = { TL_DENSE_OPERAND(2, 1, 3, 2) } },
    { .in = { TL_DENSE_OPERAND(0) } },
    { .in = { TL_SPARSE_OPERAND(5, 7, 0.5) } },
    { .in = { { TL_STATIC_SHAPE(4), .values = TL_VALUES(NAN, -0.0, 0, INFINITY) } },
      .y = TL_VALUES(NAN, -0.0, 0, INFINITY) },
};

/* Only values and refusals: that there is no gradient is what the tests below are about. */
static const tl_op_case stop_gradient = {
    .name = "stop_gradient",
    .n_in = 1,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .skip = ~(TL_SKIP(TL_STAGE_NULL) | TL_SKIP(TL_STAGE_SHAPE) | TL_SKIP(TL_STAGE_VALUE) |
              TL_SKIP(TL_STAGE_SPECIAL)),
};

/* Of A stop(A) the gradient is stop(A): the factor is a constant. */
START_TEST(is_a_constant)
{
    tl_variable *v = tl_test_dense("a", TL_SHAPE(3), 1);
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_node *a = tl_use(g, v);
    ck_assert_ok(tl_backward(tl_reduce_sum(tl_mul(a, tl_stop_gradient(a)), TL_ALL_AXES), &out));
    ck_assert_same(out.pair[0].values, tl_variable_values(v), 3);
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

/* A variable that only a stopped node reads is not reached: it has no pair. */
START_TEST(does_not_reach)
{
    tl_variable *v = tl_test_dense("a", TL_SHAPE(3), 1), *w = tl_test_dense("b", TL_SHAPE(3), 2);
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_node *y = tl_mul(tl_scale(tl_stop_gradient(tl_scale(tl_use(g, v), 2)), 3), tl_use(g, w));
    ck_assert_ok(tl_backward(tl_reduce_sum(y, TL_ALL_AXES), &out));
    ck_assert_int_eq(out.n, 1);
    ck_assert_ptr_eq(out.pair[0].variable, w);
    tl_graph_reset(g);
    ck_assert_status(tl_backward(tl_reduce_sum(tl_stop_gradient(tl_use(g, v)), TL_ALL_AXES), &out),
                     TL_ERR_ARGUMENT, "backward: the loss does not depend on any variable");
    tl_graph_free(g);
    tl_variable_free(v);
    tl_variable_free(w);
}
END_TEST

/* What moves before it does not move after it. */
START_TEST(derivative_is_zero)
{
    tl_variable *v = tl_test_dense("a", TL_SHAPE(2), 1);
    tl_graph *g = tl_graph_new();
    tl_node *a = tl_use(g, v), *da = tl_input(g, TL_SHAPE(2), (const tl_real[]){ 1, 2 });
    tl_node *dy = tl_derivative(tl_stop_gradient(a), 1, &a, &da);
    ck_assert_values(tl_value(dy), 2, 0, 0, 0);
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

/* An input without elements may be NULL. */
START_TEST(of_nothing)
{
    tl_graph *g = tl_graph_new();
    const tl_node *y = tl_stop_gradient(tl_input(g, TL_SHAPE(0, 5), NULL));
    ck_assert(tl_shape_equal(tl_shape_of(y), TL_SHAPE(0, 5)));
    tl_graph_free(g);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&stop_gradient);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, is_a_constant);
    tcase_add_test(c, does_not_reach);
    tcase_add_test(c, derivative_is_zero);
    tcase_add_test(c, of_nothing);
    return s;
}
