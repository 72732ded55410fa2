/* Finite gradients whose sums overflow after some steps, in the rows that a step names, in the others, and by
 * the learning rate: refused. */
#include "tests/graph/finite.h"

#include <math.h>
#include <stdio.h>

/* ---- Of what a step names ---- */

static void refused_at(tl_optimizer *o, tl_real w, tl_real gradient, int step, int then)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE());
    tl_variable_data(v)[0] = w;
    const tl_real one = then > 0 ? 1 : gradient;
    for (int k = 1; k < step; k++)
        ck_assert_ok(feed(o, v, 1, k > then && then > 0 ? &one : &gradient, NULL, 0));
    const state before = state_of(o, v);
    ck_assert_int_eq(feed(o, v, 1, &one, NULL, 0), TL_ERR_NUMERIC);
    check_unchanged(o, v, &before);
    tl_optimizer_free(o);
    tl_variable_free(v);
}

START_TEST(sum_of_squares_overflows)
{
    refused_at(tl_adagrad((tl_adagrad_options){ 0 }), 1, TL_IS_DOUBLE ? (tl_real)0.9e154 : (tl_real)1.2e19, 3,
               0);
    refused_at(tl_ftrl((tl_ftrl_options){ 0 }), 0, TL_IS_DOUBLE ? (tl_real)0.9e154 : (tl_real)1.2e19, 3, 0);
}
END_TEST

START_TEST(momentum_overflows)
{
    refused_at(tl_sgd((tl_sgd_options){ .learning_rate = 1e-3, .momentum = 0.9 }), 1, largest / 2, 3, 0);
    refused_at(tl_sgd((tl_sgd_options){ .learning_rate = 1e-3, .momentum = 0.9, .nesterov = true }), 1,
               largest / 3, 3, 0);
}
END_TEST

/* a = 0.99 a + 1 from a tenth of the largest number on: w has fallen below the least after 11 steps. */
START_TEST(momentum_carries_weight_to_overflow)
{
    refused_at(tl_sgd((tl_sgd_options){ .learning_rate = 1, .momentum = 0.99 }), 0, largest / 10, 11, 1);
}
END_TEST

START_TEST(weight_overflows)
{
    refused_at(tl_sgd((tl_sgd_options){ .learning_rate = 10 }), 1, largest / 2, 1, 0);
    refused_at(tl_sgd((tl_sgd_options){ .learning_rate = 1 }), 0, largest / 2, 3, 0);
    refused_at(tl_sgd((tl_sgd_options){ .learning_rate = 3, .weight_decay = 1, .decoupled = true }), largest,
               0, 1, 0);
}
END_TEST

START_TEST(weight_decay_overflows)
{
    refused_at(tl_adam((tl_adam_options){ .weight_decay = 0.5 }), 10 * huge, 1, 1, 0);
    refused_at(tl_sgd((tl_sgd_options){ .weight_decay = 10 }), largest, 1, 1, 0);
    refused_at(tl_rmsprop((tl_rmsprop_options){ .weight_decay = 0.5 }), -10 * huge, 0, 1, 0);
}
END_TEST

/* Feeds gradients that grow up to `top` and stay there, then small ones. Checks that what is stored stays
 * finite, and that a step is refused. */
static void check_mean(tl_optimizer *o, tl_real top, tl_real small)
{
    enum { GROWS = 80, STAYS = 100, FALLS = 400 };
    tl_variable *v = tl_variable_dense("v", TL_SHAPE());
    tl_real g = top / (tl_real)pow(1.1, GROWS);
    tl_status status = TL_OK;
    for (int k = 0; k < GROWS + STAYS + FALLS && status == TL_OK; k++) {
        const tl_real now = k < GROWS + STAYS ? g : small;
        status = feed(o, v, 1, &now, NULL, 0);
        g = k < GROWS ? g * (tl_real)1.1 : g;
        const state s = state_of(o, v);
        ck_assert_msg(isfinite(s.w[0]) && isfinite(s.slot[0][0]) && isfinite(s.slot[1][0]),
                      "step %d stores w %g, slots %g and %g", k, (double)s.w[0], (double)s.slot[0][0],
                      (double)s.slot[1][0]);
    }
    ck_assert_int_eq(status, TL_ERR_NUMERIC);
    tl_optimizer_free(o);
    tl_variable_free(v);
}

/* Centered RMSprop squares g - m. */
START_TEST(square_of_mean_overflows)
{
    check_mean(tl_rmsprop((tl_rmsprop_options){ .rho = 0.5, .centered = true }), 3 * edge, 1);
}
END_TEST

/* Adam divides m by epsilon once the squares have faded. */
START_TEST(quotient_of_mean_overflows)
{
    check_mean(tl_adam((tl_adam_options){
                   .beta1 = 0.99999, .beta2 = 0.01, .epsilon = TL_IS_DOUBLE ? 1e-200 : 1e-30 }),
               edge / 4, 0);
}
END_TEST

/* Rows of which one has a weight that weight decay makes too large. */
START_TEST(weight_decay_overflows_in_rows)
{
    static const int32_t rows[] = { 1, 3 };
    const tl_real ones[] = { 1, 1, 1, 1 };
    tl_variable *v = tl_test_dense("v", TL_SHAPE(4, 2), 2);
    tl_optimizer *o = tl_adam((tl_adam_options){ .weight_decay = 0.5, .rows = TL_ROWS_LAZY });
    tl_variable_data(v)[4] = 10 * huge; /* in another row, which stays */
    ck_assert_ok(feed(o, v, 4, ones, rows, 2));
    tl_variable_data(v)[7] = 10 * huge;
    const state before = state_of(o, v);
    ck_assert_status(feed(o, v, 4, ones, rows, 2), TL_ERR_NUMERIC,
                     "adam: the update of v[row 3, 1] is not finite: its gradient is 1");
    check_unchanged(o, v, &before);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

/* A large slot is not forgotten while steps reach other rows only. */
START_TEST(momentum_overflows_in_rows)
{
    static const int32_t first = 0, second = 1;
    const tl_real big[] = { largest / 10, largest / 10 }, ones[] = { 1, 1 };
    tl_variable *v = tl_test_dense("v", TL_SHAPE(4, 2), 2);
    tl_optimizer *o = tl_sgd(
        (tl_sgd_options){ .learning_rate = 1, .momentum = 0.99, .rows = (tl_rows_policy)_i });
    tl_status status = feed(o, v, 2, big, &first, 1);
    ck_assert_ok(status);
    for (int k = 0; k < 20 && status == TL_OK; k++) {
        status = feed(o, v, 2, ones, &second, 1);
        if (status == TL_OK)
            status = feed(o, v, 2, ones, &first, 1);
    }
    ck_assert_int_eq(status, TL_ERR_NUMERIC);
    for (int k = 0; k < 8; k++)
        ck_assert(isfinite(tl_variable_data(v)[k]));
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

/* .. but it is once it has become small. */
START_TEST(momentum_of_rows_is_bounded_again)
{
    const tl_real big[] = { largest / 10, largest / 10 }, ones[] = { 1, 1 };
    tl_variable *v = tl_test_dense("v", TL_SHAPE(4, 2), 2);
    tl_optimizer *o = tl_sgd((tl_sgd_options){ .learning_rate = 1e-9, .momentum = 0.5 });
    int32_t row = 0;
    ck_assert_ok(feed(o, v, 2, big, &row, 1));
    ck_assert(tl_slots_find(o, v)->large);
    for (int k = 0; k < 100; k++) {
        row = 1 + k % 3;
        ck_assert_ok(feed(o, v, 2, ones, &row, 1));
    }
    ck_assert(!tl_slots_find(o, v)->large);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

static double jump(int64_t step, double rate, const void *to)
{
    return step <= 2 ? rate : *(const double *)to;
}

/* ---- Exact rows: the step is refused for the rows that it does not name, too ---- */

static const double late_rate = TL_IS_DOUBLE ? 1e300 : 1e33;

static tl_optimizer *make_for_others(int which)
{
    tl_optimizer *o;
    switch (which) {
    case 0: return tl_adam((tl_adam_options){ .weight_decay = 0.5 });
    case 1: return tl_rmsprop((tl_rmsprop_options){ .weight_decay = 0.5, .momentum = 0.5 });
    case 2: return tl_ftrl((tl_ftrl_options){ .weight_decay = 0.5 });
    case 3: return tl_ftrl((tl_ftrl_options){ .weight_decay = 0.5, .power = -0.75 });
    case 4: return tl_adagrad((tl_adagrad_options){ .weight_decay = 0.5 });
    case 5: return tl_sgd((tl_sgd_options){ .learning_rate = 1, .weight_decay = 10 });
    case 6: return tl_sgd((tl_sgd_options){ .learning_rate = 3, .weight_decay = 2, .decoupled = true });
    case 7: return tl_sgd((tl_sgd_options){ .learning_rate = 1, .momentum = 0.99 });
    default:
        o = tl_sgd((tl_sgd_options){ .learning_rate = 1, .momentum = 0.9 });
        tl_optimizer_set_schedule(o, jump, &late_rate);
        return o;
    }
}

/* What makes a weight of row 0 too large: the program, at the start or later, with a finite number or not;
 * another optimizer; or a gradient. */
static void enlarge(int way, int step, tl_optimizer *o, tl_optimizer *other, tl_variable *v)
{
    static const int32_t row = 0;
    const tl_real down[] = { largest / 10, largest / 10 };
    if (way < 2 && step == 3 * way)
        tl_variable_data(v)[1] = -largest / 10;
    if (way == 2 && step == 3)
        tl_variable_data(v)[1] = (tl_real)INFINITY;
    if (way == 3 && step == 3)
        ck_assert_ok(feed(other, v, 2, down, &row, 1));
    if (way == 4 && step == 1)
        feed(o, v, 2, down, &row, 1); /* refused, except by momentum */
}

START_TEST(others_overflow)
{
    enum { WAYS = 5, STEPS = 400 };
    for (int way = 0; way < WAYS; way++) {
        tl_variable *v[2];
        tl_optimizer *o[2], *other = tl_sgd((tl_sgd_options){ .learning_rate = 1 });
        int refused = 0;
        for (int k = 0; k < 2; k++) {
            v[k] = tl_test_dense("v", TL_SHAPE(4, 2), 2);
            o[k] = make_for_others(_i);
        }
        for (int step = 0; step < STEPS; step++) {
            const int32_t row = 1 + step % 2;
            const tl_real ones[] = { 1, 1 };
            tl_real dense[8] = { 0 };
            dense[2 * row] = dense[2 * row + 1] = 1;
            for (int k = 0; k < 2; k++)
                enlarge(way, step, o[k], other, v[k]);
            const tl_status rows = feed(o[0], v[0], 2, ones, &row, 1),
                            all = feed(o[1], v[1], 8, dense, NULL, 0);
            ck_assert_msg(rows == all, "optimizer %d, way %d, step %d: status %d, dense %d", _i, way, step,
                          (int)rows, (int)all);
            refused += all != TL_OK;
        }
        ck_assert(refused > 0 || way == 2 || way == 4 || _i >= 7);
        const state by_rows = state_of(o[0], v[0]), dense = state_of(o[1], v[1]);
        for (int k = 0; k < 8; k++) {
            ck_assert(by_rows.w[k] == dense.w[k] || isnan(dense.w[k]));
            for (int i = 0; i < TL_MAX_SLOTS; i++)
                ck_assert(by_rows.slot[i][k] == dense.slot[i][k] || tl_optimizer_slot(o[0], v[0], i) == NULL);
        }
        for (int k = 0; k < 2; k++) {
            tl_optimizer_free(o[k]);
            tl_variable_free(v[k]);
        }
        tl_optimizer_free(other);
    }
}
END_TEST

/* The message names the row, and its gradient of 0. */
START_TEST(message_names_the_other_row)
{
    static const int32_t rows[] = { 0, 3 };
    const tl_real ones[] = { 1, 1, 1, 1 };
    tl_variable *v = tl_test_dense("v", TL_SHAPE(4, 2), 2);
    tl_optimizer *o = tl_adam((tl_adam_options){ .weight_decay = 0.5 });
    ck_assert_ok(feed(o, v, 4, ones, rows, 2));
    tl_variable_data(v)[5] = 10 * huge;
    const state before = state_of(o, v);
    ck_assert_status(feed(o, v, 4, ones, rows, 2), TL_ERR_NUMERIC,
                     "adam: the update of v[row 2, 1] is not finite: its gradient is 0");
    check_unchanged(o, v, &before);
    tl_variable_data(v)[5] = 1;
    ck_assert_ok(feed(o, v, 4, ones, rows, 2));
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

/* ---- Rates ---- */

/* Refuses a step without a gradient whose rate is too large for the averages of two steps, or for itself. */
static void refused_rate(tl_optimizer *o, tl_real gradient, double rate)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(2));
    const tl_real g[] = { gradient, 0 }, zeros[] = { 0, 0 };
    tl_optimizer_set_schedule(o, jump, &rate);
    for (int k = 0; k < 2; k++)
        ck_assert_ok(feed(o, v, 2, g, NULL, 0));
    const state before = state_of(o, v);
    ck_assert_int_eq(feed(o, v, 2, zeros, NULL, 0), TL_ERR_NUMERIC);
    check_unchanged(o, v, &before);
    tl_optimizer_free(o);
    tl_variable_free(v);
}

START_TEST(rate_overflows)
{
    const double rate = (double)largest / 1.1;
    refused_rate(tl_adam((tl_adam_options){ 0 }), 0, rate);
    refused_rate(tl_adam((tl_adam_options){ 0 }), 10, rate);
    refused_rate(tl_sgd((tl_sgd_options){ .momentum = 0.9 }), 10, rate);
    refused_rate(tl_sgd((tl_sgd_options){ .momentum = 0.9 }), largest / (tl_real)1e9, 1e10);
    refused_rate(tl_rmsprop((tl_rmsprop_options){ .momentum = 0.9 }), 10, rate);
    refused_rate(
        tl_sgd((tl_sgd_options){ .weight_decay = rate, .decoupled = true, .learning_rate = 0.1 / rate }), 0,
        10);
}
END_TEST

/* FTRL divides by the rate before it multiplies by a weight, here of 0. */
START_TEST(quotient_by_rate_overflows)
{
    const double rate = TL_IS_DOUBLE ? 1e-306 : 1e-37;
    refused_at(tl_ftrl((tl_ftrl_options){ .learning_rate = rate }), 0, 1000, 1, 0);
    refused_at(tl_ftrl((tl_ftrl_options){ .learning_rate = rate, .power = -0.9 }), 0, 1000, 1, 0);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("finite_sums");
    TCase *c = tl_test_case(s, "sums");
    tcase_add_test(c, sum_of_squares_overflows);
    tcase_add_test(c, momentum_overflows);
    tcase_add_test(c, momentum_carries_weight_to_overflow);
    tcase_add_test(c, weight_overflows);
    tcase_add_test(c, weight_decay_overflows);
    tcase_add_test(c, square_of_mean_overflows);
    tcase_add_test(c, quotient_of_mean_overflows);
    tcase_add_test(c, weight_decay_overflows_in_rows);
    tcase_add_loop_test(c, momentum_overflows_in_rows, TL_ROWS_EXACT, TL_ROWS_LAZY + 1);
    tcase_add_test(c, momentum_of_rows_is_bounded_again);
    tcase_add_loop_test(c, others_overflow, 0, 9);
    tcase_add_test(c, message_names_the_other_row);
    tcase_add_test(c, rate_overflows);
    tcase_add_test(c, quotient_by_rate_overflows);
    return s;
}
