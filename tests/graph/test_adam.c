/* Adam, AdamW and AMSGrad: trajectories against the formulas of optimizer.h and against PyTorch, and the
 * options. */
#include "tests/graph/trajectory.h"

#include <math.h>

/* `torch`: the weights after the last step, from PyTorch 1.13 in double:
 *
 *     w = torch.tensor([1., -2., .5], dtype=torch.float64, requires_grad=True)
 *     o = torch.optim.Adam([w], lr=.1, betas=(.9, .5), amsgrad=True)    # AdamW where decoupled
 *     for g in gradient: w.grad = torch.tensor(g, dtype=torch.float64); o.step()
 *     print(["%.17g" % x for x in w.tolist()]) */
static const struct {
    tl_adam_options o;
    double torch[N];
} table[] = {
    { { .learning_rate = 0.1 }, { 0.69703027444333765, -1.8899175255992373, 0.33418004226470288 } },
    { { .learning_rate = 0.1, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3 },
      { 0.70331659364786991, -1.9096785826759155, 0.35822199910244257 } },
    { { .learning_rate = 0.1, .weight_decay = 0.05 },
      { 0.67310685653581526, -1.8460104629292231, 0.33110437106296059 } },
    { { .learning_rate = 0.1, .weight_decay = 0.05, .decoupled = true },
      { 0.6756175434910765, -1.842736564725475, 0.32508487306395267 } },
    { { .learning_rate = 0.1, .beta2 = 0.5, .amsgrad = true },
      { 0.73922587553958896, -1.8839503472907968, 0.33143086024244789 } },
    { { .learning_rate = 0.1, .beta2 = 0.5, .weight_decay = 0.05, .decoupled = true, .amsgrad = true },
      { 0.71761986490760954, -1.8367567155495643, 0.32230388428502027 } },
};
enum { CASES = sizeof table / sizeof *table };

/* What is remembered of one weight. */
typedef struct memory {
    double m, v, most;
} memory;

/* The specification, one weight and one step at a time. */
static void expect(const tl_adam_options *o, int t, double g, double *w, memory *s)
{
    double b1 = o->beta1 != 0 ? o->beta1 : 0.9, b2 = o->beta2 != 0 ? o->beta2 : 0.999;
    double epsilon = o->epsilon != 0 ? o->epsilon : 1e-8;
    if (o->decoupled)
        *w *= 1 - o->learning_rate * o->weight_decay;
    else
        g += o->weight_decay * *w;
    s->m = b1 * s->m + (1 - b1) * g;
    s->v = b2 * s->v + (1 - b2) * g * g;
    s->most = fmax(s->most, s->v);
    double second = (o->amsgrad ? s->most : s->v) / (1 - pow(b2, t));
    *w -= o->learning_rate * (s->m / (1 - pow(b1, t))) / (sqrt(second) + epsilon);
}

START_TEST(trajectory)
{
    const tl_adam_options *options = &table[_i].o;
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(N));
    tl_optimizer *o = tl_adam(*options);
    double w[N], slot[3][N];
    memory s[N] = { 0 };
    for (int k = 0; k < N; k++)
        tl_variable_data(v)[k] = (tl_real)(w[k] = start[k]);
    for (int t = 0; t < STEPS; t++) {
        feed(o, v, gradient[t]);
        for (int k = 0; k < N; k++) {
            expect(options, t + 1, gradient[t][k], &w[k], &s[k]);
            slot[0][k] = s[k].m, slot[1][k] = s[k].v, slot[2][k] = s[k].most;
        }
        tl_test_values(__FILE__, __LINE__, "w", tl_variable_data(v), N, TL_NEAR, w);
        for (int k = 0; k < (options->amsgrad ? 3 : 2); k++)
            tl_test_values(__FILE__, __LINE__, "slot", tl_optimizer_slot(o, v, k), N, TL_NEAR, slot[k]);
        ck_assert_int_eq(tl_optimizer_steps(o, v), t + 1);
    }
    tl_test_values(__FILE__, __LINE__, "w", tl_variable_data(v), N, TL_NEAR, table[_i].torch);
    ck_assert_ptr_null(tl_optimizer_slot(o, v, options->amsgrad ? 3 : 2));
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

/* The first step is lr against the sign of the gradient, whatever its size. */
START_TEST(first_step)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(N));
    tl_optimizer *o = tl_adam((tl_adam_options){ .learning_rate = 0.5 });
    feed(o, v, (const double[]){ 1e-3, -1e6, 0 });
    ck_assert_values(tl_variable_data(v), N, 1e-4, -0.5, 0.5, 0); /* 1e-5: epsilon against 1e-3 */
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

START_TEST(defaults)
{
    tl_optimizer *o = tl_adam((tl_adam_options){ 0 });
    ck_assert(tl_optimizer_learning_rate(o) == 0.001);
    tl_optimizer_free(o);
}
END_TEST

START_TEST(refusals)
{
    static const struct {
        tl_adam_options o;
        const char *text;
    } wrong[] = {
        { { .beta1 = 1 }, "adam: beta1 1 is not in (0, 1)" },
        { { .beta2 = 1 }, "adam: beta2 1 is not in (0, 1)" },
        { { .beta1 = -0.5 }, "adam: beta1 -0.5 is not in (0, 1)" },
        { { .beta2 = -0.5 }, "adam: beta2 -0.5 is not in (0, 1)" },
        { { .beta1 = NAN }, "adam: beta1 nan is not in (0, 1)" },
        { { .epsilon = -1e-8 }, "adam: epsilon -1e-08 must be > 0" },
        { { .epsilon = NAN }, "adam: epsilon nan must be > 0" },
        { { .epsilon = INFINITY }, "adam: epsilon inf is out of the range of tl_real" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_null(tl_adam(wrong[i].o), wrong[i].text);
}
END_TEST

/* An epsilon so small that the root of a subnormal average counts beside it: the step stays bounded by the
 * rate. Adam's formula in double, and 2 % as a subnormal has few digits. */
START_TEST(small_epsilon)
{
    const double g = TL_IS_DOUBLE ? 1e-155 : 1e-20, epsilon = TL_IS_DOUBLE ? 1e-200 : 1e-30;
    tl_variable *v = tl_variable_dense("v", TL_SHAPE());
    tl_optimizer *o = tl_adam(
        (tl_adam_options){ .learning_rate = 0.01, .epsilon = epsilon, .amsgrad = _i == 1 });
    tl_graph *graph = tl_graph_new();
    double w = 0;
    for (int t = 1; t <= 12; t++, tl_graph_reset(graph)) {
        ck_assert_ok(tl_minimize(o, tl_scale(tl_use(graph, v), (tl_real)g)));
        w -= 0.01; /* m is (1 - b1^t) g and s (1 - b2^t) g^2 */
    }
    ck_assert_double_eq_tol((double)tl_variable_data(v)[0], w, 0.02 * -w);
    tl_graph_free(graph);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

/* The same of RMSprop: s is (1 - rho^t) g^2. */
START_TEST(small_epsilon_of_rmsprop)
{
    const double g = TL_IS_DOUBLE ? 1e-155 : 1e-20, epsilon = TL_IS_DOUBLE ? 1e-200 : 1e-30;
    tl_variable *v = tl_variable_dense("v", TL_SHAPE());
    tl_optimizer *o = tl_rmsprop((tl_rmsprop_options){ .learning_rate = 0.01, .epsilon = epsilon });
    tl_graph *graph = tl_graph_new();
    double w = 0;
    for (int t = 1; t <= 12; t++, tl_graph_reset(graph)) {
        ck_assert_ok(tl_minimize(o, tl_scale(tl_use(graph, v), (tl_real)g)));
        w -= 0.01 / sqrt(1 - pow(0.99, t));
    }
    ck_assert_double_eq_tol((double)tl_variable_data(v)[0], w, 0.02 * -w);
    tl_graph_free(graph);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

/* The variance of a gradient that hardly varies: with rho 0.99 it is g^2 (1 - rho^t) rho^t. (PyTorch 1.13 in
 * double: the 1500th step is 18.8; in float its difference of averages cancels.) */
START_TEST(centered_rmsprop_of_a_constant)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE());
    tl_optimizer *o = tl_rmsprop((tl_rmsprop_options){ .centered = true, .momentum = _i * 0.5 });
    tl_graph *graph = tl_graph_new();
    double a = 0, moved = 0;
    for (int t = 1; t <= 1500; t++, tl_graph_reset(graph)) {
        tl_variable_data(v)[0] = 0;
        ck_assert_ok(tl_minimize(o, tl_scale(tl_use(graph, v), (tl_real)0.1)));
        a = _i * 0.5 * a + 0.1 / (0.1 * sqrt((1 - pow(0.99, t)) * pow(0.99, t)) + 1e-8);
        moved = -(double)tl_variable_data(v)[0];
        ck_assert_double_eq_tol(moved / (0.01 * a), 1, TL_IS_DOUBLE ? 1e-8 : 0.01);
    }
    ck_assert_double_eq_tol(moved, _i == 0 ? 18.8 : 37.4, 0.1);
    tl_graph_free(graph);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("adam");
    TCase *c = tl_test_case(s, "adam");
    tcase_add_loop_test(c, trajectory, 0, CASES);
    tcase_add_test(c, first_step);
    tcase_add_test(c, defaults);
    tcase_add_test(c, refusals);
    tcase_add_loop_test(c, small_epsilon, 0, 2);
    tcase_add_test(c, small_epsilon_of_rmsprop);
    tcase_add_loop_test(c, centered_rmsprop_of_a_constant, 0, 2);
    return s;
}
