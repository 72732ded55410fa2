/* Transforms: what a user's may do and may not, and noise in a step that fails. */
#include "tests/graph/transformed.h"

#include <math.h>

/* ---- The user's own ---- */

/* Appends its letter to a text. */
typedef struct note {
    char letter, *text;
} note;

static tl_status write_note(tl_gradients *g, void *context)
{
    const note *n = context;
    (void)g;
    n->text[strlen(n->text)] = n->letter;
    return TL_OK;
}

START_TEST(order_of_registration)
{
    world *w = begin();
    char text[16] = "";
    note notes[7];
    for (int k = 0; k < 7; k++) {
        notes[k] = (note){ (char)('a' + k), text };
        ck_assert_ok(tl_optimizer_add_transform(w->o, write_note, &notes[k]));
    }
    ck_assert_ok(tl_apply_gradients(w->o, &w->list));
    ck_assert_str_eq(text, "abcdefg");
    end(w);
}
END_TEST

/* What a transform did: 0 looks at the whole list, 1 doubles, 2 drops the first, 3 drops all, .. */
static struct {
    int what;
    int32_t seen;
} now;

static const int32_t other_rows[] = { 0, 1, 2 };

static tl_status meddle(tl_gradients *g, void *context)
{
    world *w = context;
    static tl_gradient more[PAIRS + 1];
    now.seen = g->n;
    memcpy(more, g->pair, PAIRS * sizeof *more);
    switch (now.what) {
    case 1:
        for (int32_t i = 0; i < g->n; i++)
            for (int64_t k = 0; k < tl_gradient_size(&g->pair[i]); k++)
                g->pair[i].values[k] *= 2;
        break;
    case 2: memmove(g->pair, g->pair + 1, (size_t)--g->n * sizeof *g->pair); break;
    case 3: g->n = 0; break;
    case 4: g->pair[1].values = NULL; break;
    case 5: g->pair[0] = more[1], g->pair[1] = more[0]; break;
    case 6: g->pair[1] = g->pair[0]; break;
    case 7: g->pair[1].variable = NULL; break;
    case 8: more[PAIRS] = more[0], g->pair = more, g->n++; break;
    case 9: g->n = -1; break;
    case 10: g->pair = NULL; break;
    case 11: g->graph = NULL; break;
    case 12: g->pair[2].rows = other_rows; break;
    case 13: g->pair[2].n_rows = 1; break;
    case 14: g->pair[2].rows = NULL, g->pair[2].n_rows = 0; break;
    case 15: g->pair[0].rows = all_rows; break;
    case 16: return tl_fail(TL_ERR_NUMERIC, "not today");
    case 18: g->pair[0].variable = more[1].variable, g->n = 1; break;
    case 19: g->pair[0].values = w->values[1]; break;
    case 17: w->pair[0].values[1] = (tl_real)NAN; break;
    default: break;
    }
    return TL_OK;
}

START_TEST(allowed_changes)
{
    static const struct {
        int what;
        double first[PAIRS]; /* the first weight of each variable after the step */
    } table[] = { { 0, { -1, -1, -1 } }, { 1, { -2, -2, -2 } }, { 2, { 0, -1, -1 } }, { 4, { -1, 0, -1 } } };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        world *w = begin();
        now.what = table[i].what;
        ck_assert_ok(tl_optimizer_add_transform(w->o, meddle, w));
        ck_assert_ok(tl_apply_gradients(w->o, &w->list));
        ck_assert_int_eq(now.seen, PAIRS); /* the whole list */
        for (int k = 0; k < PAIRS; k++) {
            ck_assert_values(tl_variable_data(w->v[k]), 1, 0, table[i].first[k]);
            ck_assert_int_eq(tl_optimizer_steps(w->o, w->v[k]), table[i].first[k] != 0);
            ck_assert_int_eq(tl_optimizer_slot(w->o, w->v[k], 0) != NULL, table[i].first[k] != 0);
        }
        ck_assert_int_eq(w->list.n, PAIRS); /* the caller's head of the list is as it was */
        end(w);
    }
}
END_TEST

/* Everything else is found out, named by the transform's number, and changes nothing. */
START_TEST(refused_changes)
{
    const char *otherwise = "sgd: transform 1 may change values and drop pairs, nothing else";
    const char *rows = "sgd: transform 1 changed the rows of the gradient of t";
    const struct {
        int what;
        tl_status status;
        const char *text;
    } table[] = {
        { 3, TL_ERR_ARGUMENT, "sgd: there is no gradient to apply" },
        { 5, TL_ERR_ARGUMENT, "sgd: transform 1 added or reordered a pair, at 1" },
        { 6, TL_ERR_ARGUMENT, "sgd: transform 1 added or reordered a pair, at 1" },
        { 7, TL_ERR_ARGUMENT, "sgd: transform 1 added or reordered a pair, at 1" },
        { 8, TL_ERR_ARGUMENT, otherwise },
        { 9, TL_ERR_ARGUMENT, otherwise },
        { 10, TL_ERR_ARGUMENT, otherwise },
        { 11, TL_ERR_ARGUMENT, otherwise },
        { 12, TL_ERR_ARGUMENT, rows },
        { 13, TL_ERR_ARGUMENT, rows },
        { 14, TL_ERR_ARGUMENT, rows },
        { 15, TL_ERR_ARGUMENT, "sgd: transform 1 changed the rows of the gradient of d" },
        { 18, TL_ERR_ARGUMENT,
          "sgd: transform 1 gave s another array of values, and may only change those in its own" },
        { 19, TL_ERR_ARGUMENT,
          "sgd: transform 1 gave d another array of values, and may only change those in its own" },
        { 16, TL_ERR_NUMERIC, "sgd: not today" },
        { 17, TL_ERR_NUMERIC, "sgd: the gradient of d[1] is nan" },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char text[4] = "";
        note first = { 'a', text }, last = { 'c', text };
        world *w = begin();
        now.what = table[i].what;
        ck_assert_ok(tl_optimizer_add_transform(w->o, write_note, &first));
        ck_assert_ok(tl_optimizer_add_transform(w->o, meddle, w));
        if (now.what != 3 && now.what != 17)
            ck_assert_ok(tl_optimizer_add_transform(w->o, write_note, &last));
        ck_assert_status(tl_apply_gradients(w->o, &w->list), table[i].status, table[i].text);
        ck_assert_str_eq(tl_graph_error(w->g), table[i].text);
        ck_assert_str_eq(text, "a"); /* the later ones did not run */
        check_unmoved(w);
        end(w);
    }
}
END_TEST

/* A pair without values may not gain some. */
static tl_status give_values(tl_gradients *g, void *context)
{
    g->pair[1].values = context;
    return TL_OK;
}

START_TEST(absent_pairs_stay_absent)
{
    world *w = begin();
    w->pair[1].values = NULL;
    ck_assert_ok(tl_optimizer_add_transform(w->o, give_values, w->values[1]));
    ck_assert_status(tl_apply_gradients(w->o, &w->list), TL_ERR_ARGUMENT,
                     "sgd: transform 0 changed the rows of the gradient of s");
    check_unmoved(w);
    end(w);
}
END_TEST

/* Before the transforms and after them: what a transform sees, and what it leaves, is 0 off a mask. */
static tl_status check_and_spoil(tl_gradients *g, void *context)
{
    tl_real *d = g->pair[0].values;
    *(bool *)context = d[0] == 1 && d[1] == 0 && d[5] == 0;
    d[1] = (tl_real)NAN, d[5] = 7;
    return TL_OK;
}

START_TEST(masks_around_transforms)
{
    const uint8_t keep[SIZE] = { 1, 0, 1, 1, 1, 0 };
    bool restricted = false;
    world *w = begin();
    tl_pattern *p = tl_pattern_from_mask(2, 3, keep);
    ck_assert_ok(tl_variable_set_mask(w->v[0], p));
    tl_pattern_release(p);
    w->values[0][1] = (tl_real)INFINITY;
    ck_assert_ok(tl_optimizer_add_transform(w->o, check_and_spoil, &restricted));
    ck_assert_ok(tl_apply_gradients(w->o, &w->list));
    ck_assert(restricted);
    ck_assert_values(tl_variable_data(w->v[0]), SIZE, 0, -1, 0, -3, -4, -5, 0);
    end(w);
}
END_TEST

START_TEST(masked_between_transforms)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(2, 2));
    tl_pattern *keep = tl_pattern_random(2, 2, 0.25, 1);
    tl_optimizer *o = tl_sgd((tl_sgd_options){ .learning_rate = 1 });
    tl_graph *g = tl_graph_new();
    tl_noise noise = { .deviation = 100, .r = { .seed = 1 } };
    tl_clip clip = { .max_norm = 1e9 };
    tl_real values[4] = { 0 };
    ck_assert_ok(tl_variable_set_mask(v, keep));
    ck_assert_ok(tl_optimizer_add_transform(o, tl_add_noise, &noise));
    ck_assert_ok(tl_optimizer_add_transform(o, tl_clip_by_global_norm, &clip));
    ck_assert_ok(tl_apply_gradients(o, &(tl_gradients){ &(tl_gradient){ v, values, NULL, 0 }, 1, g }));
    double sum = 0; /* the step was the gradient: of one weight */
    for (int k = 0; k < 4; k++)
        sum += fabs((double)tl_variable_data(v)[k]);
    ck_assert_double_eq_tol(clip.norm, sum, 1e-3);
    ck_assert_double_gt(sum, 0);
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
    tl_pattern_release(keep);
}
END_TEST

START_TEST(short_of_memory)
{
    world *w = begin();
    tl_test_fail_allocation(1);
    ck_assert_status(tl_optimizer_add_transform(w->o, write_note, NULL), TL_ERR_MEMORY, "out of memory");
    ck_assert_ok(tl_apply_gradients(w->o, &w->list)); /* it was not registered */
    end(w);
}
END_TEST

/* ---- Noise in a step that fails ---- */

/* A step that fails after the noise, or is skipped, draws the same numbers when it is tried again. */
static tl_status fail_or_spoil(tl_gradients *g, void *context)
{
    const int *what = context;
    if (*what == 1)
        g->pair[0].values[0] = NAN;
    return *what == 0 ? tl_fail(TL_ERR_NUMERIC, "not today") : TL_OK;
}

START_TEST(noise_of_a_failed_step)
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(3), 1);
    tl_graph *g = tl_graph_new();
    tl_optimizer *o = tl_sgd((tl_sgd_options){ .learning_rate = 1, .non_finite = TL_NON_FINITE_SKIP_STEP });
    tl_noise noise[] = { { .deviation = 1, .r = { .seed = 1, .position = 5 } }, { .deviation = 1 } };
    int what;
    for (int k = 0; k < 3; k++) /* one generator twice */
        ck_assert_ok(tl_optimizer_add_transform(o, tl_add_noise, &noise[k % 2]));
    ck_assert_ok(tl_optimizer_add_transform(o, fail_or_spoil, &what));
    for (what = 0; what < 3; what++, tl_graph_reset(g)) {
        ck_assert_int_eq(tl_minimize(o, tl_reduce_sum(tl_use(g, v), TL_ALL_AXES)),
                         what == 0 ? TL_ERR_NUMERIC : TL_OK);
        ck_assert_int_eq((int64_t)noise[0].r.position, what < 2 ? 5 : 11);
        ck_assert_int_eq((int64_t)noise[1].r.position, what < 2 ? 0 : 3);
    }
    tl_optimizer_free(o);
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

/* A step within the step: of another optimizer, on the same graph. */
static tl_status step_of_another(tl_gradients *g, void *context)
{
    return tl_apply_gradients(context, g);
}

START_TEST(noise_of_a_failed_step_around_another)
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(3), 1);
    tl_graph *g = tl_graph_new();
    tl_optimizer *o = tl_sgd((tl_sgd_options){ .learning_rate = 1 }),
                 *inner = tl_sgd((tl_sgd_options){ .learning_rate = 1 });
    tl_noise noise[] = { { .deviation = 1, .r = { .seed = 1, .position = 5 } }, { .deviation = 1 } };
    int what = 0;
    ck_assert_ok(tl_optimizer_add_transform(inner, tl_add_noise, &noise[1]));
    ck_assert_ok(tl_optimizer_add_transform(o, tl_add_noise, &noise[0]));
    ck_assert_ok(tl_optimizer_add_transform(o, step_of_another, inner));
    ck_assert_ok(tl_optimizer_add_transform(o, fail_or_spoil, &what));
    ck_assert_int_eq(tl_minimize(o, tl_reduce_sum(tl_use(g, v), TL_ALL_AXES)), TL_ERR_NUMERIC);
    ck_assert_int_eq((int64_t)noise[0].r.position, 5); /* not applied */
    ck_assert_int_eq((int64_t)noise[1].r.position, 3); /* applied */
    tl_optimizer_free(o);
    tl_optimizer_free(inner);
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("transform");
    TCase *c = tl_test_case(s, "the user's own");
    tcase_add_test(c, order_of_registration);
    tcase_add_test(c, allowed_changes);
    tcase_add_test(c, refused_changes);
    tcase_add_test(c, absent_pairs_stay_absent);
    tcase_add_test(c, masks_around_transforms);
    tcase_add_test(c, masked_between_transforms);
    tcase_add_test(c, short_of_memory);
    c = tl_test_case(s, "noise");
    tcase_add_test(c, noise_of_a_failed_step);
    tcase_add_test(c, noise_of_a_failed_step_around_another);
    return s;
}
