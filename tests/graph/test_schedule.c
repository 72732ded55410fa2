/* Learning-rate schedules: their values by hand, and which steps an optimizer counts. */
#include "tests/testing.h"

#include <math.h>
#include <string.h>

static const double root_half = 0.70710678118654752; /* cos(pi / 4) */

/* Each against values at steps 1, 2, .. from a rate of 0.8. */
START_TEST(values)
{
    const tl_step_decay halves = { .every = 3, .factor = 0.5 };
    const tl_exponential_decay fading = { .every = 2, .factor = 0.25 };
    const tl_cosine_decay cosine = { .steps = 4, .last = 0.2 }, to_zero = { .steps = 2 };
    const tl_warm_up alone = { .steps = 4 },
                     at_once = { .steps = 0, .then = tl_schedule_step, .then_context = &halves };
    const tl_warm_up then_steps = { .steps = 2, .then = tl_schedule_step, .then_context = &halves };
    const tl_warm_up then_cosine = { .steps = 1, .then = tl_schedule_cosine, .then_context = &cosine };
    const struct {
        tl_schedule fn;
        const void *context;
        double rate[8];
    } cases[] = {
        { tl_schedule_step, &halves, { 0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2, 0.2 } },
        { tl_schedule_exponential, &fading, { 0.8, 0.4, 0.2, 0.1, 0.05, 0.025, 0.0125, 0.00625 } },
        /* 0.2 + 0.6 (1 + cos(pi k / 4)) / 2 */
        { tl_schedule_cosine,
          &cosine,
          { 0.8, 0.2 + 0.3 * (1 + root_half), 0.5, 0.2 + 0.3 * (1 - root_half), 0.2, 0.2, 0.2, 0.2 } },
        { tl_schedule_cosine, &to_zero, { 0.8, 0.4, 0, 0, 0, 0, 0, 0 } },
        { tl_schedule_warm_up, &alone, { 0.2, 0.4, 0.6, 0.8, 0.8, 0.8, 0.8, 0.8 } },
        { tl_schedule_warm_up, &at_once, { 0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2, 0.2 } },
        { tl_schedule_warm_up, &then_steps, { 0.4, 0.8, 0.8, 0.8, 0.8, 0.4, 0.4, 0.4 } },
        { tl_schedule_warm_up,
          &then_cosine,
          { 0.8, 0.8, 0.2 + 0.3 * (1 + root_half), 0.5, 0.2 + 0.3 * (1 - root_half), 0.2, 0.2, 0.2 } },
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (int step = 1; step <= 8; step++) {
            const double rate = cases[c].fn(step, 0.8, cases[c].context);
            ck_assert_msg(fabs(rate - cases[c].rate[step - 1]) < 1e-15, "case %d, step %d: %.17g, not %.17g",
                          (int)c, step, rate, cases[c].rate[step - 1]);
        }
    ck_assert_double_eq_tol(tl_schedule_step(1000001, 1, &(tl_step_decay){ 1000000, 0.5 }), 0.5, 1e-15);
    ck_assert_double_eq_tol(tl_schedule_cosine(INT64_MAX, 1, &cosine), 0.2, 1e-15);
}
END_TEST

/* An optimizer with one variable of two weights, that starts at 0 and gets gradients of 1: plain SGD moves it
 * by the rate. */
typedef struct subject {
    tl_variable *v;
    tl_optimizer *o;
    tl_graph *g;
} subject;

static subject make(tl_schedule fn, const void *context)
{
    subject s = { .v = tl_variable_dense("v", TL_SHAPE(2)),
                  .o = tl_sgd((tl_sgd_options){ .learning_rate = 0.8 }),
                  .g = tl_graph_new() };
    ck_assert_ok(tl_optimizer_set_schedule(s.o, fn, context));
    return s;
}

static void drop(subject *s)
{
    tl_graph_free(s->g);
    tl_optimizer_free(s->o);
    tl_variable_free(s->v);
}

static tl_status apply(subject *s, tl_real first)
{
    tl_gradients all = { &(tl_gradient){ .variable = s->v, .values = (tl_real[]){ first, 1 } }, 1, s->g };
    tl_status status = tl_apply_gradients(s->o, &all);
    tl_graph_reset(s->g);
    return status;
}

/* One step, of which v[1] tells the rate; the optimizer has told it before. */
static void check_step(subject *s, double rate)
{
    const double before = (double)tl_variable_data(s->v)[1];
    ck_assert_double_eq_tol(tl_optimizer_learning_rate(s->o), rate, 1e-15);
    ck_assert_ok(apply(s, 1));
    ck_assert_double_eq_tol(before - (double)tl_variable_data(s->v)[1], rate, TL_IS_DOUBLE ? 1e-14 : 1e-6);
}

START_TEST(steps_of_the_optimizer)
{
    const tl_step_decay halves = { .every = 2, .factor = 0.5 };
    subject s = make(tl_schedule_step, &halves);
    check_step(&s, 0.8);
    check_step(&s, 0.8);
    check_step(&s, 0.4);
    ck_assert_ok(tl_optimizer_set_learning_rate(s.o, 4)); /* the rate that the schedule is given */
    check_step(&s, 2);
    check_step(&s, 1);
    ck_assert_ok(tl_optimizer_set_schedule(s.o, NULL, NULL));
    check_step(&s, 4);
    const tl_exponential_decay fading = { .every = 6, .factor = 0.5 };
    ck_assert_ok(tl_optimizer_set_schedule(s.o, tl_schedule_exponential, &fading));
    check_step(&s, 2); /* step 7 */
    ck_assert_ok(tl_optimizer_set_learning_rate(s.o, 0));
    check_step(&s, 0);
    drop(&s);
}
END_TEST

/* Only what was applied counts: not a step that is skipped, nor one that fails. */
START_TEST(steps_that_do_not_count)
{
    const tl_exponential_decay halves = { .every = 1, .factor = 0.5 };
    subject s = make(tl_schedule_exponential, &halves);
    check_step(&s, 0.8);
    ck_assert_status(apply(&s, NAN), TL_ERR_NUMERIC, "sgd: the gradient of v[0] is nan");
    check_step(&s, 0.4);
    ck_assert_ok(tl_optimizer_set_options_for(
        s.o, s.v, (tl_optimizer_options){ .non_finite = TL_NON_FINITE_SKIP_STEP }));
    const tl_real before = tl_variable_data(s.v)[1];
    ck_assert_ok(apply(&s, INFINITY));
    ck_assert_same(&tl_variable_data(s.v)[1], &before, 1);
    ck_assert_int_eq(tl_optimizer_steps(s.o, s.v), 2);
    check_step(&s, 0.2);
    tl_gradients none = { NULL, 0, s.g };
    ck_assert_status(tl_apply_gradients(s.o, &none), TL_ERR_ARGUMENT, "sgd: there is no gradient to apply");
    tl_graph_reset(s.g);
    check_step(&s, 0.1);
    ck_assert_int_eq(tl_optimizer_steps(s.o, s.v), 4);
    drop(&s);
}
END_TEST

/* Steps of one variable are not those of the optimizer. */
START_TEST(a_variable_that_comes_late)
{
    const tl_exponential_decay halves = { .every = 1, .factor = 0.5 };
    subject s = make(tl_schedule_exponential, &halves);
    tl_variable *late = tl_variable_dense("late", TL_SHAPE(1));
    check_step(&s, 0.8);
    check_step(&s, 0.4);
    tl_gradients all = { &(tl_gradient){ .variable = late, .values = (tl_real[]){ 1 } }, 1, s.g };
    ck_assert_ok(tl_apply_gradients(s.o, &all));
    ck_assert_values(tl_variable_data(late), 1, TL_NEAR, -0.2);
    ck_assert_int_eq(tl_optimizer_steps(s.o, late), 1);
    check_step(&s, 0.1);
    tl_variable_free(late);
    drop(&s);
}
END_TEST

/* A schedule of the user's own: a table of rates. */
static double by_table(int64_t step, double rate, const void *context)
{
    return rate * ((const double *)context)[step - 1];
}

START_TEST(a_schedule_of_ones_own)
{
    const double table[] = { 1, 0, 0.25, 2 };
    subject s = make(by_table, table);
    for (int k = 0; k < 4; k++)
        check_step(&s, 0.8 * table[k]);
    drop(&s);
}
END_TEST

/* No rate: the step fails and changes nothing, and can be tried again. */
START_TEST(rates_that_are_none)
{
    double table[] = { 1, 0, 1 };
    const double bad[] = { NAN, -1, INFINITY, -INFINITY };
    const char *text[] = { "nan", "-0.8", "inf", "-inf" };
    char expected[120];
    subject s = make(by_table, table);
    check_step(&s, 0.8);
    tl_real before[2];
    memcpy(before, tl_variable_data(s.v), sizeof before);
    for (int k = 0; k < 4; k++) {
        table[1] = bad[k];
        snprintf(expected, sizeof expected,
                 "sgd: the schedule gives a learning rate of %s for v at step 2, which is not in [0, inf)",
                 text[k]);
        ck_assert_status(apply(&s, 1), TL_ERR_ARGUMENT, expected);
        ck_assert_same(tl_variable_data(s.v), before, 2);
        ck_assert_int_eq(tl_optimizer_steps(s.o, s.v), 1);
    }
    table[1] = 0.5;
    check_step(&s, 0.4);
    /* a decay over no steps is none either, and no division */
    const tl_step_decay never = { .every = 0, .factor = 0.5 };
    ck_assert_ok(tl_optimizer_set_schedule(s.o, tl_schedule_step, &never));
    ck_assert_status(
        apply(&s, 1), TL_ERR_ARGUMENT,
        "sgd: the schedule gives a learning rate of nan for v at step 3, which is not in [0, inf)");
    drop(&s);
}
END_TEST

/* A variable's own rate goes through the schedule in place of the optimizer's; it may be the only bad one. */
static double less(int64_t step, double rate, const void *context)
{
    (void)step;
    return rate - *(const double *)context;
}

START_TEST(rates_of_a_variable)
{
    double by = 0.125;
    subject s = make(less, &by);
    tl_variable *u = tl_variable_dense("u", TL_SHAPE(1));
    tl_real one[1] = { 1 }, ones[2] = { 1, 1 };
    tl_gradients all = {
        (tl_gradient[]){ { .variable = s.v, .values = ones }, { .variable = u, .values = one } }, 2, s.g
    };
    ck_assert_ok(tl_optimizer_set_options_for(s.o, u, (tl_optimizer_options){ .learning_rate = 0.25 }));
    ck_assert_ok(tl_apply_gradients(s.o, &all));
    ck_assert_values(tl_variable_data(s.v), 2, TL_NEAR, -0.675, -0.675);
    ck_assert_values(tl_variable_data(u), 1, 0, -0.125);
    ck_assert_double_eq_tol(tl_optimizer_learning_rate(s.o), 0.675, 1e-15);
    by = 0.5;
    ck_assert_status(
        tl_apply_gradients(s.o, &all), TL_ERR_ARGUMENT,
        "sgd: the schedule gives a learning rate of -0.25 for u at step 2, which is not in [0, inf)");
    ck_assert_values(tl_variable_data(s.v), 2, TL_NEAR, -0.675, -0.675);
    ck_assert_values(tl_variable_data(u), 1, 0, -0.125);
    tl_graph_reset(s.g);
    /* 0 leaves the optimizer's */
    ck_assert_ok(tl_optimizer_set_options_for(s.o, u, (tl_optimizer_options){ .learning_rate = 0 }));
    ck_assert_ok(tl_apply_gradients(s.o, &all));
    ck_assert_values(tl_variable_data(u), 1, TL_NEAR, -0.125 - 0.3);
    tl_variable_free(u);
    drop(&s);
}
END_TEST

/* A rate of 0 leaves the weights alone, whoever is asked; FTRL, whose formula divides by it, too. */
START_TEST(a_rate_of_zero)
{
    const tl_cosine_decay cosine = { .steps = 3 };
    tl_optimizer *o[] = { tl_sgd((tl_sgd_options){ .momentum = 0.9 }), tl_adagrad((tl_adagrad_options){ 0 }),
                          tl_rmsprop((tl_rmsprop_options){ .momentum = 0.5, .centered = true }),
                          tl_adam((tl_adam_options){ .weight_decay = 0.1, .decoupled = true }),
                          tl_ftrl((tl_ftrl_options){ .l1 = 0.01 }) };
    tl_variable *v = tl_test_dense("v", TL_SHAPE(2), 1);
    subject s = { .v = v, .g = tl_graph_new() };
    for (int k = 0; k < 5; k++) {
        s.o = o[k];
        ck_assert_ok(tl_optimizer_set_schedule(s.o, tl_schedule_cosine, &cosine));
        for (int t = 0; t < 3; t++)
            ck_assert_ok(apply(&s, 1));
        tl_real before[2];
        memcpy(before, tl_variable_data(v), sizeof before);
        ck_assert_double_eq(tl_optimizer_learning_rate(s.o), 0);
        for (int t = 0; t < 3; t++)
            ck_assert_ok(apply(&s, -1));
        ck_assert_same(tl_variable_data(v), before, 2);
        tl_optimizer_free(s.o);
    }
    tl_graph_free(s.g);
    tl_variable_free(v);
}
END_TEST

START_TEST(refusals)
{
    const tl_step_decay halves = { .every = 2, .factor = 0.5 };
    ck_assert_status(tl_optimizer_set_schedule(NULL, tl_schedule_step, &halves), TL_ERR_ARGUMENT,
                     "optimizer_set_schedule: the optimizer is NULL");
    ck_assert_status(tl_optimizer_set_learning_rate(NULL, 1), TL_ERR_ARGUMENT,
                     "optimizer_set_learning_rate: the optimizer is NULL");
    subject s = make(NULL, NULL);
    ck_assert_status(tl_optimizer_set_learning_rate(s.o, -1), TL_ERR_ARGUMENT,
                     "sgd: learning_rate -1 must be >= 0");
    ck_assert_status(tl_optimizer_set_learning_rate(s.o, INFINITY), TL_ERR_ARGUMENT,
                     "sgd: learning_rate inf is out of the range of tl_real");
    ck_assert_status(tl_optimizer_set_learning_rate(s.o, NAN), TL_ERR_ARGUMENT,
                     "sgd: learning_rate nan must be >= 0");
    check_step(&s, 0.8);
    ck_assert_double_eq(tl_optimizer_learning_rate(NULL), 0);
    drop(&s);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("schedule");
    TCase *c = tl_test_case(s, "schedule");
    tcase_add_test(c, values);
    tcase_add_test(c, steps_of_the_optimizer);
    tcase_add_test(c, steps_that_do_not_count);
    tcase_add_test(c, a_variable_that_comes_late);
    tcase_add_test(c, a_schedule_of_ones_own);
    tcase_add_test(c, rates_that_are_none);
    tcase_add_test(c, rates_of_a_variable);
    tcase_add_test(c, a_rate_of_zero);
    tcase_add_test(c, refusals);
    return s;
}
