/* The steps of optimizers of every table that this chip can run: each against its loop in stated.c, to the
 * bit, for runs of any length, split anywhere. */
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

static tl_ref_update *const stated_of[KINDS] = { tl_ref_sgd,     tl_ref_momentum, tl_ref_nesterov,
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

/* All different, so that none can stand in for another. */
static const tl_real constants[] = { (tl_real)0.01, (tl_real)0.9,  (tl_real)0.95, (tl_real)0.07,
                                     (tl_real)0.8,  (tl_real)0.97, (tl_real)0.03 };

/* ---- a run of weights ---- */

/* PLAIN: slots of either sign, whose roots may be NaN; POSITIVE: as optimizers have them. */
enum { PLAIN, POSITIVE, ODD, VALUES };

typedef struct run {
    int64_t n, shift;
    operand g, w, s[SLOTS];
} run;

static run run_new(int64_t n, int64_t shift, int values)
{
    operand (*const make)(int64_t, int64_t, uint64_t) = values == ODD ? odd_values : random_values;
    run r = { .n = n, .shift = shift, .g = make(n, shift, 1), .w = make(n, shift, 2) };
    for (int k = 0; k < SLOTS; k++) {
        r.s[k] = make(n, shift, (uint64_t)(3 + k));
        for (int64_t l = 0; l < n && values == POSITIVE; l++)
            r.s[k].at[l] = (tl_real)fabs((double)r.s[k].at[l]);
    }
    return r;
}

static void run_free(run *r)
{
    free(r->g.block), free(r->w.block);
    for (int k = 0; k < SLOTS; k++)
        free(r->s[k].block);
}

/* Weights begin .. end-1 as stated. */
static void update_as_stated(const run *r, int number, int64_t begin, int64_t end)
{
    tl_real *slot[SLOTS];
    for (int k = 0; k < SLOTS; k++)
        slot[k] = step[number].slot[k] ? r->s[k].at + begin : NULL;
    stated_of[step[number].kind](fuses(), end - begin, constants, r->g.at + begin, r->w.at + begin, slot);
}

/* By the kernel: rows of `width` weights behind `begin`, whose gradients lie at g[]. */
static void update_rows(const run *r, int number, int64_t begin, int64_t n, int64_t width, const int32_t *row,
                        const tl_real *const *g)
{
    tl_update_args runs = {
        .n = n, .width = width, .row = row, .g = g, .w = r->w.at + begin, .constant = constants
    };
    for (int k = 0, has = 0; k < SLOTS; k++)
        if (step[number].slot[k])
            runs.slot[has++] = r->s[k].at + begin;
    kernel_of(step[number].kind, step[number].slot)(&runs);
}

static void update(const run *r, int number, int64_t begin, int64_t end)
{
    const tl_real *g = r->g.at + begin;
    update_rows(r, number, begin, 1, end - begin, NULL, &g);
}

/* All that is in memory, with what a step must leave alone. */
static void check_run(const run *actual, const run *stated, const char *name)
{
    const int64_t n = actual->n + actual->shift;
    check_stated(name, actual->g.block, stated->g.block, n);
    check_stated(name, actual->w.block, stated->w.block, n);
    for (int k = 0; k < SLOTS; k++)
        check_stated(name, actual->s[k].block, stated->s[k].block, n);
}

/* ---- tests ---- */

/* In one piece, which is the split at 0, and in two; the second first, or what the first one writes behind
 * its end would not show. */
START_TEST(updates)
{
    const int64_t size[] = { 0, 1, 3, 17, 63, 65, 130 };
    if (!runs(_i))
        return;
    for (int c = 0; c < STEPS * 7 * VALUES * 2; c++) {
        const int number = c % STEPS, values = c / STEPS % VALUES;
        const int64_t shift = c / STEPS / VALUES % 2, n = size[c / STEPS / VALUES / 2];
        run stated = run_new(n, shift, values);
        update_as_stated(&stated, number, 0, n);
        for (int64_t split = 0; split <= n; split++) {
            run actual = run_new(n, shift, values);
            update(&actual, number, split, n);
            update(&actual, number, 0, split);
            check_run(&actual, &stated, step[number].name);
            run_free(&actual);
        }
        run_free(&stated);
    }
}
END_TEST

/* Some rows of a table, in any order, with gradients that lie in the opposite one; those between are left
 * alone. Without a list, the first rows. */
START_TEST(rows_of_a_table)
{
    enum { ROWS = 40, NAMED = 17 };
    const int64_t width[] = { 1, 3, 16, 65 };
    if (!runs(_i))
        return;
    for (int c = 0; c < STEPS * 4 * 2; c++) {
        const int number = c % STEPS;
        const int64_t w = width[c / STEPS % 4], n = ROWS * w;
        const bool listed = c / STEPS / 4;
        run stated = run_new(n, 0, POSITIVE), actual = run_new(n, 0, POSITIVE);
        const tl_real *g[NAMED];
        int32_t row[NAMED];
        for (int k = 0; k < NAMED; k++) {
            row[k] = listed ? k * 23 % ROWS : k;
            const int64_t from = (ROWS - 1 - row[k]) * w, to = row[k] * w;
            g[k] = actual.g.at + from;
            memcpy(stated.g.at + to, g[k], (size_t)w * sizeof **g);
            update_as_stated(&stated, number, to, to + w);
        }
        update_rows(&actual, number, 0, NAMED, w, listed ? row : NULL, g);
        memcpy(stated.g.at, actual.g.at, (size_t)n * sizeof **g); /* where gradients only stood for others */
        check_run(&actual, &stated, step[number].name);
        run_free(&stated);
        run_free(&actual);
    }
}
END_TEST

/* A rate of 0, by which nothing can be divided: all stays as it is. */
START_TEST(ftrl_at_rate_0)
{
    if (!runs(_i))
        return;
    const tl_real at_rest[7] = { 0, (tl_real)0.9, (tl_real)0.95 };
    run stated = run_new(17, 0, POSITIVE), actual = run_new(17, 0, POSITIVE);
    const tl_real *g = actual.g.at;
    tl_ref_ftrl(fuses(), 17, at_rest, stated.g.at, stated.w.at,
                (tl_real *[]){ stated.s[0].at, stated.s[1].at });
    t->updates->ftrl(&(tl_update_args){ .n = 1,
                                        .width = 17,
                                        .g = &g,
                                        .w = actual.w.at,
                                        .constant = at_rest,
                                        .slot = { actual.s[0].at, actual.s[1].at } });
    check_run(&actual, &stated, "ftrl");
    run untouched = run_new(17, 0, POSITIVE);
    check_run(&actual, &untouched, "ftrl");
    run_free(&stated), run_free(&actual), run_free(&untouched);
}
END_TEST

/* Without gradients averages fade to 0 and stay there; in between they are never subnormal. */
START_TEST(averages_fade)
{
    if (!runs(_i))
        return;
    const double least = TL_IS_DOUBLE ? DBL_MIN : (double)FLT_MIN;
    for (int number = 0; number < STEPS; number++) {
        run r = run_new(17, 0, POSITIVE);
        memset(r.g.at, 0, 17 * sizeof *r.g.at);
        for (int k = 0; k < 50000; k++) /* 0.97^50000 is 0 in double, too */
            update(&r, number, 0, 17);
        for (int k = 0; k < SLOTS; k++) {
            const int kind = step[number].kind;
            const bool fades = step[number].slot[k] && kind != ADAGRAD && kind != FTRL &&
                               !(kind == ADAM && k == 2);
            for (int l = 0; l < 17; l++)
                ck_assert_msg(fades ? r.s[k].at[l] == 0 : (double)r.s[k].at[l] >= least,
                              "%s, %s: slot %d is %g", t->name, step[number].name, k, (double)r.s[k].at[l]);
        }
        run_free(&r);
    }
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("kernels_updates");
    TCase *c = tl_test_case(s, "kernels_updates");
    tcase_add_loop_test(c, updates, 0, LEVELS);
    tcase_add_loop_test(c, rows_of_a_table, 0, LEVELS);
    tcase_add_loop_test(c, ftrl_at_rate_0, 0, LEVELS);
    tcase_add_loop_test(c, averages_fade, 0, LEVELS);
    return s;
}
