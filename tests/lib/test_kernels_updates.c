/* The steps of optimizers of every table that this CPU supports: each against its reference, to the bit, for
 * any number of weights, split anywhere. */
#include "tests/lib/tables.h"

enum { SGD, MOMENTUM, NESTEROV, ADAGRAD, RMSPROP, ADAM, FTRL, KINDS, SLOTS = 3 };

static tl_update_kernel *kernel_of(int kind, const bool *slot)
{
    const tl_updates *u = t->updates;
    tl_update_kernel *const kernel[KINDS] = { u->sgd,
                                              u->momentum,
                                              u->nesterov,
                                              u->adagrad,
                                              u->rmsprop[slot[1]][slot[2]],
                                              slot[2] ? u->amsgrad : u->adam,
                                              u->ftrl };
    return kernel[kind];
}

static tl_ref_update *const reference_of[KINDS] = { tl_ref_sgd,     tl_ref_momentum, tl_ref_nesterov,
                                                    tl_ref_adagrad, tl_ref_rmsprop,  tl_ref_adam,
                                                    tl_ref_ftrl };

/* Every kernel with every choice of slots that it has. */
static const struct {
    const char *name;
    int kind;
    bool slot[SLOTS];
} step[] = {
    { "sgd", SGD, { 0, 0, 0 } },
    { "momentum", MOMENTUM, { 1, 0, 0 } },
    { "nesterov", NESTEROV, { 1, 0, 0 } },
    { "adagrad", ADAGRAD, { 1, 0, 0 } },
    { "rmsprop", RMSPROP, { 1, 0, 0 } },
    { "rmsprop, centered", RMSPROP, { 1, 1, 0 } },
    { "rmsprop with momentum", RMSPROP, { 1, 0, 1 } },
    { "rmsprop, centered, with momentum", RMSPROP, { 1, 1, 1 } },
    { "adam", ADAM, { 1, 1, 0 } },
    { "amsgrad", ADAM, { 1, 1, 1 } },
    { "ftrl", FTRL, { 1, 1, 0 } },
};
enum { STEPS = sizeof step / sizeof *step };

/* All different, so that using the wrong one shows. Tests may change them. */
static tl_real constants[7];

static void set_constants(void)
{
    const tl_real different[] = { (tl_real)0.01, (tl_real)0.9,  (tl_real)0.95, (tl_real)0.07,
                                  (tl_real)0.8,  (tl_real)0.97, (tl_real)0.03 };
    memcpy(constants, different, sizeof constants);
}

/* ---- weights, gradients and slots ---- */

/* PLAIN: slots of either sign, whose roots may be NaN; POSITIVE: as optimizers have them. */
enum { PLAIN, POSITIVE, ODD, VALUES };

typedef struct weights {
    int64_t n, shift;
    operand g, w, s[SLOTS];
} weights;

static weights weights_new(int64_t n, int64_t shift, int values)
{
    operand (*const make)(int64_t, int64_t, uint64_t) = values == ODD ? odd_values : random_values;
    weights r = { .n = n, .shift = shift, .g = make(n, shift, 1), .w = make(n, shift, 2) };
    for (int k = 0; k < SLOTS; k++) {
        r.s[k] = make(n, shift, (uint64_t)(3 + k));
        if (values == POSITIVE)
            for (int64_t l = 0; l < n; l++)
                r.s[k].at[l] = (tl_real)fabs((double)r.s[k].at[l]);
    }
    return r;
}

static void weights_free(weights *r)
{
    free(r->g.block);
    free(r->w.block);
    for (int k = 0; k < SLOTS; k++)
        free(r->s[k].block);
}

/* Updates weights begin .. end-1 by the reference. */
static void update_by_reference(const weights *r, int number, int64_t begin, int64_t end)
{
    tl_real *slot[SLOTS];
    for (int k = 0; k < SLOTS; k++)
        slot[k] = step[number].slot[k] ? r->s[k].at + begin : NULL;
    reference_of[step[number].kind](fuses(), end - begin, constants, r->g.at + begin, r->w.at + begin, slot);
}

/* Updates rows of `width` weights from `begin` by the kernel, with their gradients at g[]. */
static void update_rows(const weights *r, int number, int64_t begin, int64_t n, int64_t width,
                        const int32_t *row, const tl_real *const *g)
{
    tl_update_args args = {
        .n = n, .width = width, .row = row, .g = g, .w = r->w.at + begin, .constant = constants
    };
    for (int k = 0, has = 0; k < SLOTS; k++)
        if (step[number].slot[k])
            args.slot[has++] = r->s[k].at + begin;
    kernel_of(step[number].kind, step[number].slot)(&args);
}

static void update(const weights *r, int number, int64_t begin, int64_t end)
{
    const tl_real *g = r->g.at + begin;
    update_rows(r, number, begin, 1, end - begin, NULL, &g);
}

/* Compares all of the memory, including what a step must leave alone. */
static void check_weights(const weights *actual, const weights *expected, const char *name)
{
    const int64_t n = actual->n + actual->shift;
    check_reference(name, actual->g.block, expected->g.block, n);
    check_reference(name, actual->w.block, expected->w.block, n);
    for (int k = 0; k < SLOTS; k++)
        check_reference(name, actual->s[k].block, expected->s[k].block, n);
}

/* ---- tests ---- */

/* In one call (the split at 0) and in two. The second half comes first: otherwise it would hide what the
 * first one writes past its end. */
START_TEST(updates)
{
    const int64_t size[] = { 0, 1, 3, 17, 63, 65, 130 };
    if (!supported(_i))
        return;
    for (int c = 0; c < STEPS * 7 * VALUES * 2; c++) {
        const int number = c % STEPS, values = c / STEPS % VALUES;
        const int64_t shift = c / STEPS / VALUES % 2, n = size[c / STEPS / VALUES / 2];
        weights expected = weights_new(n, shift, values);
        update_by_reference(&expected, number, 0, n);
        for (int64_t split = 0; split <= n; split++) {
            weights actual = weights_new(n, shift, values);
            update(&actual, number, split, n);
            update(&actual, number, 0, split);
            check_weights(&actual, &expected, step[number].name);
            weights_free(&actual);
        }
        weights_free(&expected);
    }
}
END_TEST

/* An epsilon beside which subnormal averages count (c1 of rmsprop, c2 of adam): they are kept. */
START_TEST(small_epsilon)
{
    if (!supported(_i))
        return;
    constants[1] = constants[2] = TL_IS_DOUBLE ? (tl_real)1e-200 : (tl_real)1e-30;
    for (int c = 0; c < STEPS * VALUES; c++) {
        const int number = c % STEPS, values = c / STEPS;
        weights expected = weights_new(130, 1, values), actual = weights_new(130, 1, values);
        for (int k = 0; k < 130; k++) {
            const tl_real least = TL_IS_DOUBLE ? (tl_real)DBL_MIN : (tl_real)FLT_MIN;
            expected.s[k % SLOTS].at[k] = actual.s[k % SLOTS].at[k] = least / (tl_real)(1 + k);
            expected.g.at[k] = actual.g.at[k] *= k % 3 ? 1 : least;
        }
        update_by_reference(&expected, number, 0, 130);
        update(&actual, number, 0, 130);
        check_weights(&actual, &expected, step[number].name);
        weights_free(&actual);
        weights_free(&expected);
    }
}
END_TEST

/* Some rows of a table, in any order, with gradients stored in the opposite order; the other rows are left
 * alone. Without a list, the first rows. */
START_TEST(rows_of_a_table)
{
    enum { ROWS = 40, NAMED = 17 };
    const int64_t width[] = { 1, 3, 16, 65 };
    if (!supported(_i))
        return;
    for (int c = 0; c < STEPS * 4 * 2; c++) {
        const int number = c % STEPS;
        const int64_t w = width[c / STEPS % 4], n = ROWS * w;
        const bool listed = c / STEPS / 4;
        weights expected = weights_new(n, 0, POSITIVE), actual = weights_new(n, 0, POSITIVE);
        const tl_real *g[NAMED];
        int32_t row[NAMED];
        for (int k = 0; k < NAMED; k++) {
            row[k] = listed ? k * 23 % ROWS : k;
            const int64_t from = (ROWS - 1 - row[k]) * w, to = row[k] * w;
            g[k] = actual.g.at + from;
            memcpy(expected.g.at + to, g[k], (size_t)w * sizeof **g);
            update_by_reference(&expected, number, to, to + w);
        }
        update_rows(&actual, number, 0, NAMED, w, listed ? row : NULL, g);
        memcpy(expected.g.at, actual.g.at, (size_t)n * sizeof **g); /* undoes the copies above */
        check_weights(&actual, &expected, step[number].name);
        weights_free(&expected);
        weights_free(&actual);
    }
}
END_TEST

/* ---- several steps with a gradient of 0 ---- */

enum { MOST_STEPS = 2000, MOST_WEIGHTS = 130 };
static tl_real past[MOST_STEPS * TL_STEP_CONSTANTS];

/* Each step has constants of its own, some a rate of 0. */
static void set_past(void)
{
    for (int64_t k = 0; k < MOST_STEPS * TL_STEP_CONSTANTS; k++) {
        const int64_t c = k % TL_STEP_CONSTANTS, number = k / TL_STEP_CONSTANTS;
        const double base = c < TL_DECAY_CONSTANT ? (double)constants[c] : 0.999;
        past[k] = c == 0 && number % 7 == 3 ? 0 : (tl_real)(base * (1 - 0.0001 * (double)(number % 50)));
    }
}

/* Replays on both. own: weights begin at a step of their own, otherwise all at the first. */
static void check_replay(int number, weights *actual, weights *expected, int64_t n, int64_t steps,
                         tl_decay decay, bool own)
{
    tl_lane first[MOST_WEIGHTS];
    tl_update_args args = {
        .n = steps,
        .width = n,
        .w = actual->w.at,
        .constant = past,
        .decay = decay,
        .first = own ? first : NULL,
    };
    for (int k = 0, has = 0; k < SLOTS; k++)
        if (step[number].slot[k])
            args.slot[has++] = actual->s[k].at;
    for (int64_t k = 0; k < n; k++) {
        tl_real *slot[SLOTS];
        first[k] = (tl_lane)(k / 3 * steps / 30);
        for (int i = 0; i < SLOTS; i++)
            slot[i] = step[number].slot[i] ? expected->s[i].at + k : NULL;
        tl_ref_replay(reference_of[step[number].kind], fuses(), own ? first[k] : 0, steps, decay, 1, past,
                      expected->w.at + k, slot);
    }
    kernel_of(step[number].kind, step[number].slot)(&args);
    check_weights(actual, expected, step[number].name);
}

/* Enough steps that averages come to rest. */
START_TEST(replays)
{
    const int64_t size[] = { 1, 3, 16, 17, 63, 64, 65, MOST_WEIGHTS }, steps[] = { 0, 1, 5, 40, MOST_STEPS };
    if (!supported(_i))
        return;
    set_past();
    for (int c = 0; c < STEPS * 8 * VALUES * 5 * 3 * 2; c++) {
        const int values = c / STEPS % VALUES, of_steps = c / STEPS / VALUES % 5;
        const int64_t n = size[c / STEPS / VALUES / 5 % 8];
        const tl_decay decay = (tl_decay)(c / STEPS / VALUES / 5 / 8 % 3);
        if (steps[of_steps] == MOST_STEPS && n > 17)
            continue;
        weights expected = weights_new(n, 1, values), actual = weights_new(n, 1, values);
        check_replay(c % STEPS, &actual, &expected, n, steps[of_steps], decay,
                     c / STEPS / VALUES / 5 / 8 / 3);
        weights_free(&expected);
        weights_free(&actual);
    }
}
END_TEST

/* As in small_epsilon: averages stay subnormal, or become -0 and then +0, which moves a weight of -0. */
START_TEST(replays_small_epsilon)
{
    const int64_t steps[] = { 1, 2, 3, 40 };
    const tl_real least = TL_SMALLEST;
    if (!supported(_i))
        return;
    constants[1] = constants[2] = TL_IS_DOUBLE ? (tl_real)1e-200 : (tl_real)1e-30;
    set_past();
    for (int c = 0; c < STEPS * 4 * 2 * 3 * 4; c++) {
        const int64_t n = c / STEPS / 4 % 2 ? MOST_WEIGHTS : 1;
        const int start = c / STEPS / 4 / 2 / 3;
        weights expected = weights_new(n, 1, 0), actual = weights_new(n, 1, 0);
        for (int64_t k = 0; k < n; k++) {
            const tl_real average[] = { least, -least / (tl_real)(2 + k), (tl_real)-0.0, 0 };
            expected.s[0].at[k] = actual.s[0].at[k] = average[start];
            expected.s[1].at[k] = actual.s[1].at[k] = least / (tl_real)(1 + k);
            if (k % 2 == 0)
                expected.w.at[k] = actual.w.at[k] = (tl_real)-0.0;
        }
        check_replay(c % STEPS, &actual, &expected, n, steps[c / STEPS % 4],
                     (tl_decay)(c / STEPS / 4 / 2 % 3), c % 5 == 0);
        weights_free(&expected);
        weights_free(&actual);
    }
}
END_TEST

/* A rate of 0, which is a divisor: nothing changes. */
START_TEST(ftrl_at_rate_0)
{
    if (!supported(_i))
        return;
    const tl_real at_rest[7] = { 0, (tl_real)0.9, (tl_real)0.95 };
    weights expected = weights_new(17, 0, POSITIVE), actual = weights_new(17, 0, POSITIVE);
    const tl_real *g = actual.g.at;
    tl_ref_ftrl(fuses(), 17, at_rest, expected.g.at, expected.w.at,
                (tl_real *[]){ expected.s[0].at, expected.s[1].at });
    t->updates->ftrl(&(tl_update_args){ .n = 1,
                                        .width = 17,
                                        .g = &g,
                                        .w = actual.w.at,
                                        .constant = at_rest,
                                        .slot = { actual.s[0].at, actual.s[1].at } });
    check_weights(&actual, &expected, "ftrl");
    weights untouched = weights_new(17, 0, POSITIVE);
    check_weights(&actual, &untouched, "ftrl");
    weights_free(&expected);
    weights_free(&actual);
    weights_free(&untouched);
}
END_TEST

/* Without gradients, averages decay to 0 and stay there; before that they are never subnormal. */
START_TEST(averages_decay)
{
    if (!supported(_i))
        return;
    const double least = TL_IS_DOUBLE ? DBL_MIN : (double)FLT_MIN;
    for (int number = 0; number < STEPS; number++) {
        weights r = weights_new(17, 0, POSITIVE);
        memset(r.g.at, 0, 17 * sizeof *r.g.at);
        for (int k = 0; k < 50000; k++) /* 0.97^50000 is 0 in double, too */
            update(&r, number, 0, 17);
        for (int k = 0; k < SLOTS; k++) {
            const int kind = step[number].kind;
            const bool decays = step[number].slot[k] && kind != ADAGRAD && kind != FTRL &&
                                !(kind == ADAM && k == 2);
            for (int l = 0; l < 17; l++)
                ck_assert_msg(decays ? r.s[k].at[l] == 0 : (double)r.s[k].at[l] >= least,
                              "%s, %s: slot %d is %g", t->name, step[number].name, k, (double)r.s[k].at[l]);
        }
        weights_free(&r);
    }
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("kernels_updates");
    TCase *c = tl_test_case(s, "kernels_updates");
    tcase_add_checked_fixture(c, set_constants, NULL);
    tcase_add_loop_test(c, updates, 0, TABLES);
    tcase_add_loop_test(c, small_epsilon, 0, TABLES);
    tcase_add_loop_test(c, rows_of_a_table, 0, TABLES);
    tcase_add_loop_test(c, replays, 0, TABLES);
    tcase_add_loop_test(c, replays_small_epsilon, 0, TABLES);
    tcase_add_loop_test(c, ftrl_at_rate_0, 0, TABLES);
    tcase_add_loop_test(c, averages_decay, 0, TABLES);
    return s;
}
