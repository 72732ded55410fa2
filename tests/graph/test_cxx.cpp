/* A model, an op and an optimizer as a C++17 program writes them, with the installed headers and the shared
 * library. */
#include <check.h>
#include <cstdlib>
#include <cstring>
#include <tulle/op.h>
#include <tulle/tulle.h>

namespace
{

/* ---- square: Y = A^2.  dA += 2 A dY ---- */

tl_op square_op()
{
    tl_op op = {};
    op.name = "square";
    op.n_in = 1;
    op.shape = [](tl_node *y) { return tl_shape_like(y, y->in[0]); };
    op.forward = [](tl_node *y) {
        for (int64_t k = 0; k < y->size; k++)
            y->out[k] = y->in[0]->val[k] * y->in[0]->val[k];
    };
    op.backward = [](tl_node *y) {
        for (int64_t k = 0; y->in[0]->grad && k < y->size; k++)
            y->in[0]->grad[k] += 2 * y->in[0]->val[k] * y->grad[k];
    };
    return op;
}

tl_node *square(tl_node *a)
{
    static const tl_op op = square_op();
    return tl_apply(&op, &a, nullptr, 0);
}

/* ---- scaled descent: w -= lr factor g, an optimizer with options of its own ---- */

struct descent_options {
    TL_OPTIMIZER_OPTIONS
    double factor;
};

void descend(const tl_update *u)
{
    const auto *o = static_cast<const descent_options *>(u->options);
    for (int64_t k = 0; k < u->n; k++)
        u->w[k] -= static_cast<tl_real>(u->learning_rate * o->factor) * u->g[k];
}

tl_optimizer *descent(descent_options o)
{
    static const tl_optimizer_class cls = [] {
        tl_optimizer_class c = {};
        c.name = "descent";
        c.update = descend;
        return c;
    }();
    return tl_optimizer_new(&cls, TL_COMMON_OPTIONS(o), &o, sizeof o);
}

/* ---- The tests ---- */

bool equal(tl_shape s, int32_t rank, int64_t first, int64_t last)
{
    return s.rank == rank && s.dim[0] == first && s.dim[rank > 0 ? rank - 1 : 0] == last;
}

START_TEST(shapes)
{
    const size_t n = 7;
    ck_assert(equal(TL_SHAPE(), 0, 0, 0));
    ck_assert(equal(TL_SHAPE(10), 1, 10, 10));
    ck_assert(equal(TL_SHAPE(n, 300), 2, 7, 300));
    ck_assert(equal(TL_SHAPE(1, 2, 3, 4), 4, 1, 4));
    ck_assert_int_eq(tl_shape_check(TL_SHAPE(1, 2, 3, 4, 5)), TL_ERR_SHAPE);
    ck_assert_int_eq(tl_shape_check(TL_SHAPE(-1)), TL_ERR_SHAPE);
    const tl_text text = tl_shape_text(TL_SHAPE(784, 300));
    ck_assert_str_eq(text.text, "784x300");
}
END_TEST

tl_node *build_square(tl_graph *g, void *context)
{
    return square(tl_use(g, static_cast<tl_variable *>(context)));
}

START_TEST(gradient)
{
    tl_random r = TL_LITERAL(tl_random){ 1, 0 };
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(5, 3));
    ck_assert_int_eq(tl_init_normal(v, 0, 1, &r), TL_OK);
    ck_assert_msg(tl_gradcheck(build_square, v, &v, 1, nullptr) == TL_OK, "%s", tl_error());
    tl_variable_free(v);
}
END_TEST

/* The last loss of 200 steps of regression: a sparse matrix W with Y = (X W)^2 = 1. Frees the optimizer. */
double train(tl_optimizer *o)
{
    ck_assert_msg(o != nullptr, "%s", tl_error());
    const tl_real x[] = { 1, 2, -1, -2, 1, 3 }, target[] = { 1, 1, 1, 1, 1, 1 };
    tl_random r = {};
    tl_pattern *p = tl_pattern_random(2, 2, 0.75, 1);
    tl_variable *w = tl_variable_sparse("w", p);
    tl_graph *g = tl_graph_new();
    tl_init_uniform(w, tl_real(0.1), tl_real(0.4), &r);
    double last = 0;
    for (int step = 0; step < 200; step++, tl_graph_reset(g)) {
        tl_node *y = square(
            tl_dense_sparse_matmul(tl_input(g, TL_SHAPE(3, 2), x), tl_use(g, w), TL_NO_TRANSPOSE));
        tl_node *loss = tl_mse(y, tl_input(g, TL_SHAPE(3, 2), target));
        ck_assert_msg(tl_minimize(o, loss) == TL_OK, "%s", tl_graph_error(g));
        last = static_cast<double>(tl_value(loss)[0]);
    }
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(w);
    tl_pattern_release(p);
    return last;
}

START_TEST(training)
{
    tl_adam_options adam = {};
    adam.learning_rate = 0.02;
    ck_assert_double_lt(train(tl_adam(adam)), 0.5);
    descent_options options = {};
    options.learning_rate = 0.001;
    options.factor = 5;
    ck_assert_double_lt(train(descent(options)), 0.5);
}
END_TEST

START_TEST(errors)
{
    tl_adam_options adam = {};
    adam.common_reserved4 = 1;
    ck_assert_ptr_null(tl_adam(adam));
    ck_assert_ptr_nonnull(std::strstr(tl_error(), "adam: a reserved field"));
    ck_assert_int_eq(tl_fail(TL_ERR_SHAPE, "%d", 3), TL_ERR_SHAPE);
    ck_assert_str_eq(tl_error(), "3");
    ck_assert_str_eq(tl_version(), TL_VERSION_STRING);
}
END_TEST

} // namespace

int main()
{
    Suite *s = suite_create("cxx");
    TCase *t = tcase_create("cxx");
    tcase_add_test(t, shapes);
    tcase_add_test(t, gradient);
    tcase_add_test(t, training);
    tcase_add_test(t, errors);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
