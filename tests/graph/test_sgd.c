/* SGD: trajectories against the formulas of optimizer.h and against PyTorch, and its options. */
#include "tests/graph/trajectory.h"

#include <math.h>

/* `torch`: the weights after the last step, from PyTorch 1.13 in double; NaN where it has no such optimizer:
 *
 *     w = torch.tensor([1., -2., .5], dtype=torch.float64, requires_grad=True)
 *     o = torch.optim.SGD([w], lr=.1, momentum=.9, nesterov=True, weight_decay=.05)
 *     for g in gradient: w.grad = torch.tensor(g, dtype=torch.float64); o.step()
 *     print(["%.17g" % x for x in w.tolist()]) */
static const struct {
    tl_sgd_options o;
    double torch[N];
} table[] = {
    { { .learning_rate = 0.1 }, { 0.86250000000000004, -2.125, 0.57499999999999996 } },
    { { .learning_rate = 0.1, .momentum = 0.9 },
      { 0.58646999999999994, -1.9534150000000001, 0.20257999999999998 } },
    { { .learning_rate = 0.1, .momentum = 0.9, .nesterov = true },
      { 0.49032299999999995, -2.0830734999999998, 0.30732199999999998 } },
    { { .learning_rate = 0.1, .weight_decay = 0.05 },
      { 0.83942814996562498, -2.0766131718062497, 0.56521948893593743 } },
    { { .learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.05 },
      { 0.52662660471562495, -1.8289330188062498, 0.18612037631093756 } },
    { { .learning_rate = 0.1, .momentum = 0.9, .nesterov = true, .weight_decay = 0.05 },
      { 0.41914923111806596, -1.9283802723233192, 0.29509282753633087 } },
    { { .learning_rate = 0.1, .weight_decay = 0.05, .decoupled = true }, { NAN, NAN, NAN } },
    { { .learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.05, .decoupled = true }, { NAN, NAN, NAN } },
};
enum { CASES = sizeof table / sizeof *table };

/* The specification, one weight and one step at a time. */
static void expect(const tl_sgd_options *o, double g, double *w, double *a)
{
    if (o->decoupled)
        *w *= 1 - o->learning_rate * o->weight_decay;
    else
        g += o->weight_decay * *w;
    *a = o->momentum * *a + g;
    *w -= o->learning_rate * (o->nesterov ? g + o->momentum * *a : *a);
}

START_TEST(trajectory)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(N));
    tl_optimizer *o = tl_sgd(table[_i].o);
    double w[N], a[N] = { 0 };
    for (int k = 0; k < N; k++)
        tl_variable_data(v)[k] = (tl_real)(w[k] = start[k]);
    for (int t = 0; t < STEPS; t++) {
        feed(o, v, gradient[t]);
        for (int k = 0; k < N; k++)
            expect(&table[_i].o, gradient[t][k], &w[k], &a[k]);
        tl_test_values(__FILE__, __LINE__, "w", tl_variable_data(v), N, TL_NEAR, w);
        if (table[_i].o.momentum > 0)
            tl_test_values(__FILE__, __LINE__, "a", tl_optimizer_slot(o, v, 0), N, TL_NEAR, a);
        ck_assert_int_eq(tl_optimizer_steps(o, v), t + 1);
    }
    if (!isnan(table[_i].torch[0]))
        tl_test_values(__FILE__, __LINE__, "w", tl_variable_data(v), N, TL_NEAR, table[_i].torch);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

/* Without momentum it remembers nothing. */
START_TEST(slots)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(N));
    tl_optimizer *plain = tl_sgd((tl_sgd_options){ 0 }), *heavy = tl_sgd((tl_sgd_options){ .momentum = 0.9 });
    feed(plain, v, gradient[0]);
    feed(heavy, v, gradient[0]);
    ck_assert_ptr_null(tl_optimizer_slot(plain, v, 0));
    ck_assert_int_eq(tl_optimizer_bytes(plain), 0);
    ck_assert_ptr_nonnull(tl_optimizer_slot(heavy, v, 0));
    ck_assert_ptr_null(tl_optimizer_slot(heavy, v, 1));
    ck_assert_int_eq(tl_optimizer_bytes(heavy), N * (int64_t)sizeof(tl_real));
    tl_optimizer_free(plain);
    tl_optimizer_free(heavy);
    tl_variable_free(v);
}
END_TEST

START_TEST(default_learning_rate)
{
    tl_optimizer *o = tl_sgd((tl_sgd_options){ 0 });
    ck_assert(tl_optimizer_learning_rate(o) == 0.01);
    tl_optimizer_free(o);
}
END_TEST

START_TEST(refusals)
{
    ck_assert_null(tl_sgd((tl_sgd_options){ .momentum = -0.5 }), "sgd: momentum -0.5 is not in [0, 1)");
    ck_assert_null(tl_sgd((tl_sgd_options){ .momentum = 1 }), "sgd: momentum 1 is not in [0, 1)");
    ck_assert_null(tl_sgd((tl_sgd_options){ .momentum = (double)NAN }), "sgd: momentum nan is not in [0, 1)");
    ck_assert_null(tl_sgd((tl_sgd_options){ .nesterov = true }), "sgd: Nesterov momentum 0 is not in (0, 1)");
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("sgd");
    TCase *c = tl_test_case(s, "sgd");
    tcase_add_loop_test(c, trajectory, 0, CASES);
    tcase_add_test(c, slots);
    tcase_add_test(c, default_learning_rate);
    tcase_add_test(c, refusals);
    return s;
}
