/* Steps whose gradient is finite, and what they would store is not: refused or skipped, with nothing
 * changed. */
#include "tests/graph/finite.h"

#include <math.h>
#include <stdio.h>

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
    c = tl_test_case(s, "policies");
    tcase_add_test(c, propagates);
    tcase_add_test(c, nothing_of_the_step_is_kept);
    tcase_add_test(c, class_of_the_users_own);
    return s;
}
