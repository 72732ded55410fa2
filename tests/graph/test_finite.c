/* Steps whose gradient is finite, and what they would store is not: refused or skipped, with nothing
 * changed. */
#include "tests/testing.h"

#include "graph/optim/slots.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A gradient whose square overflows, and one whose square does not but twice that does. */
static const tl_real huge = TL_IS_DOUBLE ? (tl_real)1e180 : (tl_real)1e21,
                     edge = TL_IS_DOUBLE ? (tl_real)1.2e154 : (tl_real)1.6e19,
                     largest = TL_IS_DOUBLE ? (tl_real)1.79e308 : (tl_real)3.4e38;

enum { OPTIMIZERS = 10 };

static tl_optimizer *make(int which, tl_non_finite policy)
{
    switch (which) {
    case 0: return tl_adam((tl_adam_options){ .non_finite = policy });
    case 1: return tl_adam((tl_adam_options){ .non_finite = policy, .amsgrad = true });
    case 2: return tl_adagrad((tl_adagrad_options){ .non_finite = policy });
    case 3: return tl_rmsprop((tl_rmsprop_options){ .non_finite = policy });
    case 4: return tl_rmsprop((tl_rmsprop_options){ .non_finite = policy, .momentum = 0.9 });
    case 5: return tl_rmsprop((tl_rmsprop_options){ .non_finite = policy, .centered = true });
    case 6: return tl_adam((tl_adam_options){ .non_finite = policy, .weight_decay = 0.1 });
    case 7: return tl_adam((tl_adam_options){ .non_finite = policy, .per_weight_age = true });
    case 8: return tl_ftrl((tl_ftrl_options){ .non_finite = policy, .power = -0.75 });
    default: return tl_ftrl((tl_ftrl_options){ .non_finite = policy });
    }
}

static const char *name_of(int which)
{
    return which < 2 ? "adam" : which == 2 ? "adagrad" : which < 6 ? "rmsprop" : which < 8 ? "adam" : "ftrl";
}

static tl_status feed(tl_optimizer *o, tl_variable *v, int64_t n, const tl_real *values, const int32_t *rows,
                      int64_t n_rows)
{
    tl_real copy[64];
    memcpy(copy, values, (size_t)n * sizeof *copy);
    tl_gradient pair = { .variable = v, .values = copy, .rows = rows, .n_rows = n_rows };
    tl_graph *g = tl_graph_new();
    const tl_status status = tl_apply_gradients(o, &(tl_gradients){ .pair = &pair, .n = 1, .graph = g });
    tl_graph_free(g);
    return status;
}

/* Copies of the weights and slots. */
typedef struct state {
    tl_real w[64], slot[TL_MAX_SLOTS][64];
    int64_t steps;
} state;

static state state_of(const tl_optimizer *o, tl_variable *v)
{
    state s = { .steps = tl_optimizer_steps(o, v) };
    const size_t bytes = (size_t)tl_variable_size(v) * sizeof(tl_real);
    memcpy(s.w, tl_variable_data(v), bytes);
    for (int k = 0; k < TL_MAX_SLOTS && tl_optimizer_slot(o, v, k); k++)
        memcpy(s.slot[k], tl_optimizer_slot(o, v, k), bytes);
    return s;
}

static void check_unchanged(const tl_optimizer *o, tl_variable *v, const state *before)
{
    const state now = state_of(o, v);
    ck_assert_int_eq(now.steps, before->steps);
    ck_assert_same(now.w, before->w, 64);
    for (int k = 0; k < TL_MAX_SLOTS; k++)
        ck_assert_same(now.slot[k], before->slot[k], 64);
}

/* ---- Every optimizer with slots of squares, every kind of gradient ---- */

enum { DENSE, MASKED, SPARSE, ROWS, KINDS };

static tl_variable *variable_of(int kind)
{
    tl_pattern *p = tl_test_pattern(4, 3, 0.9, 1);
    tl_variable *v = kind == SPARSE ? tl_test_sparse("v", tl_pattern_retain(p), 2)
                                    : tl_test_dense("v", TL_SHAPE(4, 3), 2);
    if (kind == MASKED)
        ck_assert_ok(tl_variable_set_mask(v, p));
    tl_pattern_release(p);
    return v;
}

static void check_refused(int which, int kind, tl_non_finite policy, int steps)
{
    static const int32_t rows[] = { 0, 3 };
    tl_variable *v = variable_of(kind);
    tl_optimizer *o = make(which, policy);
    tl_real ones[12], bad[12];
    for (int k = 0; k < 12; k++)
        ones[k] = bad[k] = 1;
    const int64_t n = kind == ROWS ? 6 : tl_variable_size(v), at = kind == ROWS ? 3 : 0;
    bad[at] = bad[5] = -huge;
    for (int k = 0; k < steps; k++)
        ck_assert_ok(feed(o, v, n, ones, kind == ROWS ? rows : NULL, 2));
    const state before = state_of(o, v);
    const tl_status status = feed(o, v, n, bad, kind == ROWS ? rows : NULL, 2);
    if (policy == TL_NON_FINITE_ERROR) {
        char text[128];
        snprintf(text, sizeof text, "%s: the update of v%s is not finite: its gradient is %g", name_of(which),
                 kind == ROWS ? "[row 3, 0]" : "[0]", -(double)huge);
        ck_assert_int_eq(status, TL_ERR_NUMERIC);
        ck_assert_str_eq(tl_error(), text);
    } else {
        ck_assert_ok(status);
    }
    check_unchanged(o, v, &before);
    for (int k = 0; k < 20; k++)
        ck_assert_ok(feed(o, v, n, ones, kind == ROWS ? rows : NULL, 2));
    ck_assert_msg(tl_variable_data(v)[0] < before.w[0], "%s: the weight does not move", name_of(which));
    tl_optimizer_free(o);
    tl_variable_free(v);
}

START_TEST(square_overflows)
{
    for (int kind = 0; kind < KINDS; kind++)
        for (int steps = 0; steps < 4; steps += 3) {
            check_refused(_i, kind, TL_NON_FINITE_ERROR, steps);
            check_refused(_i, kind, TL_NON_FINITE_SKIP_STEP, steps);
        }
}
END_TEST

/* A bound that multiplies a weight by a weight decay of 0 would be NaN. (The last has a factor of -2.) */
START_TEST(square_overflows_beside_an_infinite_weight)
{
    const tl_real g[] = { 0, huge };
    tl_variable *v = tl_test_dense("v", TL_SHAPE(2), 2);
    tl_optimizer *o = _i < OPTIMIZERS ? make(_i, TL_NON_FINITE_ERROR)
                                      : tl_adam((tl_adam_options){
                                            .learning_rate = 1, .weight_decay = 3, .decoupled = true });
    tl_variable_data(v)[0] = INFINITY;
    const state before = state_of(o, v);
    ck_assert_int_eq(feed(o, v, 2, g, NULL, 0), TL_ERR_NUMERIC);
    check_unchanged(o, v, &before);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

/* The largest gradients that can be stored make the step that PROPAGATE makes. */
START_TEST(square_just_fits)
{
    tl_variable *a = variable_of(_i % KINDS), *b = variable_of(_i % KINDS);
    tl_optimizer *o = make(_i / KINDS, TL_NON_FINITE_ERROR), *p = make(_i / KINDS, TL_NON_FINITE_PROPAGATE);
    static const int32_t rows[] = { 0, 3 };
    const bool sliced = _i % KINDS == ROWS;
    const int64_t n = sliced ? 6 : tl_variable_size(a);
    tl_real big[12], small[12];
    for (int k = 0; k < 12; k++) {
        big[k] = _i / KINDS == 5 ? edge / 4
                                 : edge / (tl_real)1.2; /* centered: twice as large beside the mean */
        small[k] = (tl_real)0.5;
    }
    for (int k = 0; k < 4; k++) {
        ck_assert_ok(feed(o, a, n, k == 1 ? big : small, sliced ? rows : NULL, 2));
        ck_assert_ok(feed(p, b, n, k == 1 ? big : small, sliced ? rows : NULL, 2));
    }
    const state expected = state_of(p, b);
    check_unchanged(o, a, &expected);
    tl_optimizer_free(o);
    tl_optimizer_free(p);
    tl_variable_free(a);
    tl_variable_free(b);
}
END_TEST

/* tl_minimize leaves rows of the gradient where they are. */
START_TEST(square_overflows_by_reference)
{
    static const int32_t ids[] = { 2, 0, 2 };
    const tl_real dy[] = { 1, 1, 1, 1, 1, huge };
    tl_variable *v = tl_test_dense("v", TL_SHAPE(4, 2), 2);
    tl_optimizer *o = make(_i, TL_NON_FINITE_ERROR);
    tl_graph *g = tl_graph_new();
    tl_node *rows = tl_embedding_lookup(tl_use(g, v), ids, TL_SHAPE(3));
    const state before = state_of(o, v);
    char text[128];
    snprintf(text, sizeof text, "%s: the update of v[row 2, 1] is not finite: its gradient is %g",
             name_of(_i), (double)huge);
    ck_assert_status(
        tl_minimize(o, tl_reduce_sum(tl_mul(rows, tl_input(g, TL_SHAPE(3, 2), dy)), TL_ALL_AXES)),
        TL_ERR_NUMERIC, text);
    check_unchanged(o, v, &before);
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

/* ---- Sums that overflow after some steps ---- */

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

/* ---- Policies ---- */

START_TEST(propagates)
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(2), 1);
    tl_optimizer *o = tl_adagrad((tl_adagrad_options){ .non_finite = TL_NON_FINITE_PROPAGATE });
    const tl_real bad[] = { huge, 1 };
    ck_assert_ok(feed(o, v, 2, bad, NULL, 0));
    ck_assert(isinf(tl_optimizer_slot(o, v, 0)[0]) && tl_optimizer_slot(o, v, 0)[1] == 1);
    /* a slot that is infinite already is noticed once somebody asks */
    ck_assert_ok(tl_optimizer_set_options_for(o, v, (tl_optimizer_options){ .learning_rate = 1 }));
    ck_assert_int_eq(feed(o, v, 2, (const tl_real[]){ 1, 1 }, NULL, 0), TL_ERR_NUMERIC);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

/* Of two variables one refuses: the other, which came first, has no slots and no step either. */
START_TEST(nothing_of_the_step_is_kept)
{
    tl_variable *a = tl_test_dense("a", TL_SHAPE(2), 1), *b = tl_test_dense("b", TL_SHAPE(2), 2);
    tl_optimizer *o = tl_adam((tl_adam_options){ 0 });
    tl_real one[] = { 1, 1 }, bad[] = { 1, huge };
    tl_gradient pair[] = { { .variable = a, .values = one }, { .variable = b, .values = bad } };
    tl_graph *g = tl_graph_new();
    const state before = state_of(o, a);
    ck_assert_int_eq(tl_apply_gradients(o, &(tl_gradients){ .pair = pair, .n = 2, .graph = g }),
                     TL_ERR_NUMERIC);
    check_unchanged(o, a, &before);
    ck_assert_ptr_null(tl_optimizer_slot(o, a, 0));
    ck_assert_int_eq(tl_optimizer_bytes(o), 0);
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(a);
    tl_variable_free(b);
}
END_TEST

/* A class without a bound of its own: its step is tried where a square would overflow. */
static void cube(const tl_update *u)
{
    for (int64_t k = 0; k < u->n; k++) {
        u->slot[0][k] += u->g[k] * u->g[k];
        u->w[k] -= (tl_real)u->learning_rate * u->g[k];
    }
}

START_TEST(class_of_the_users_own)
{
    static const tl_optimizer_class class = { .name = "cube", .n_slots = 1, .update = cube };
    tl_variable *v = tl_test_dense("v", TL_SHAPE(), 1);
    tl_optimizer *o = tl_optimizer_new(&class, (tl_optimizer_options){ .learning_rate = 1 }, NULL, 0);
    ck_assert_int_eq(feed(o, v, 1, &huge, NULL, 0), TL_ERR_NUMERIC);
    ck_assert_ok(feed(o, v, 1, &edge, NULL, 0));
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("finite");
    TCase *c = tl_test_case(s, "squares");
    tcase_add_loop_test(c, square_overflows, 0, OPTIMIZERS);
    tcase_add_loop_test(c, square_overflows_beside_an_infinite_weight, 0, OPTIMIZERS + 1);
    tcase_add_loop_test(c, square_just_fits, 0, OPTIMIZERS * KINDS);
    tcase_add_loop_test(c, square_overflows_by_reference, 0, OPTIMIZERS);
    c = tl_test_case(s, "sums");
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
    c = tl_test_case(s, "policies");
    tcase_add_test(c, propagates);
    tcase_add_test(c, nothing_of_the_step_is_kept);
    tcase_add_test(c, class_of_the_users_own);
    return s;
}
