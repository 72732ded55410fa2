/* Gradients that are not finite, and what the policies of an optimizer make of them. */
#include "tests/graph/one_pair.h"

#include <math.h>
#include <stdio.h>

enum { BEFORE = 2 }; /* good steps before the bad one */

typedef struct world {
    tl_optimizer *o;
    tl_variable *good, *bad;
    tl_real w[2][8], slot[2][8]; /* before the bad step */
} world;

/* Two variables of a few weights each, a few steps into training. */
static world begin(tl_non_finite policy, tl_variable *bad)
{
    world x = { .o = tl_sgd((tl_sgd_options){ .momentum = 0.5, .non_finite = policy }), .bad = bad };
    x.good = tl_test_dense("good", TL_SHAPE(2), 1);
    tl_variable *v[] = { x.good, x.bad };
    tl_real g[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    for (int k = 0; k < 2; k++) {
        for (int t = 0; t < BEFORE; t++)
            ck_assert_ok(feed(x.o, (tl_gradient){ .variable = v[k], .values = g }, NULL));
        size_t bytes = (size_t)tl_variable_size(v[k]) * sizeof g[0];
        memcpy(x.w[k], tl_variable_data(v[k]), bytes);
        memcpy(x.slot[k], tl_optimizer_slot(x.o, v[k], 0), bytes);
    }
    return x;
}

/* The bad step, whose variable comes after the good one in the list; then the checks, and the cleanup. */
static void check_bad_step(tl_non_finite policy, tl_variable *bad, tl_gradient pair, const char *text)
{
    world x = begin(policy, bad);
    tl_graph *g = tl_graph_new();
    tl_real one[] = { 1, 1 };
    tl_gradient pairs[] = { { .variable = x.good, .values = one }, pair };
    tl_gradients list = { .pair = pairs, .n = 2, .graph = g };
    pairs[1].variable = bad;
    if (policy == TL_NON_FINITE_ERROR) {
        ck_assert_status(tl_apply_gradients(x.o, &list), TL_ERR_NUMERIC, text);
        ck_assert_str_eq(tl_graph_error(g), text);
    } else {
        ck_assert_ok(tl_apply_gradients(x.o, &list));
        ck_assert_str_eq(tl_graph_error(g), "");
    }
    tl_variable *v[] = { x.good, x.bad };
    for (int k = 0; k < 2; k++) {
        ck_assert_same(tl_variable_data(v[k]), x.w[k], tl_variable_size(v[k]));
        ck_assert_same(tl_optimizer_slot(x.o, v[k], 0), x.slot[k], tl_variable_size(v[k]));
        ck_assert_int_eq(tl_optimizer_steps(x.o, v[k]), BEFORE);
    }
    tl_graph_free(g);
    tl_optimizer_free(x.o);
    tl_variable_free(x.good);
    tl_variable_free(bad);
}

static const tl_non_finite refusing[] = { TL_NON_FINITE_ERROR, TL_NON_FINITE_SKIP_STEP };

START_TEST(not_finite_dense)
{
    tl_real g[6] = { 1, 2, 3, (tl_real)NAN, 5, (tl_real)INFINITY };
    check_bad_step(refusing[_i], tl_test_dense("w", TL_SHAPE(2, 3), 1), (tl_gradient){ .values = g },
                   "sgd: the gradient of w[3] is nan");
}
END_TEST

START_TEST(not_finite_sparse)
{
    tl_real g[6] = { 1, 2, (tl_real)-INFINITY, 4, 5, 6 };
    check_bad_step(refusing[_i], tl_test_sparse("s", tl_test_pattern(3, 4, 1, 1), 1),
                   (tl_gradient){ .values = g }, "sgd: the gradient of s[2] is -inf");
}
END_TEST

START_TEST(not_finite_rows)
{
    tl_real g[4] = { 1, 2, 3, (tl_real)INFINITY };
    const int32_t rows[] = { 0, 3 };
    check_bad_step(refusing[_i], tl_test_dense("t", TL_SHAPE(4, 2), 1),
                   (tl_gradient){ .values = g, .rows = rows, .n_rows = 2 },
                   "sgd: the gradient of t[row 3, 1] is inf");
}
END_TEST

/* Of two in a large gradient, wherever they are, the first is named, whichever thread finds its own first. */
START_TEST(not_finite_first)
{
    enum { N = 20000, PLACES = 5 };
    static const int at[PLACES] = { 0, 4095, 4096, 13000, N - 1 };
    static tl_real g[N];
    char error[200], text[200];
    tl_optimizer *o = tl_sgd((tl_sgd_options){ 0 });
    tl_variable *v = tl_test_dense("w", TL_SHAPE(N), 1);
    ck_assert_ok(tl_set_num_threads(_i));
    for (int a = 0; a < PLACES; a++)
        for (int b = a; b < PLACES; b++) {
            g[at[b]] = (tl_real)INFINITY;
            g[at[a]] = (tl_real)NAN;
            snprintf(text, sizeof text, "sgd: the gradient of w[%d] is nan", at[a]);
            ck_assert_int_eq(feed(o, (tl_gradient){ .variable = v, .values = g }, error), TL_ERR_NUMERIC);
            ck_assert_str_eq(error, text);
            g[at[a]] = g[at[b]] = 0;
        }
    ck_assert_ok(feed(o, (tl_gradient){ .variable = v, .values = g }, NULL));
    tl_set_num_threads(1);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

/* PROPAGATE: a gradient that is NaN makes that weight NaN, and no other. */
START_TEST(not_finite_is_used)
{
    tl_real g[2] = { (tl_real)NAN, 1 };
    world x = begin(TL_NON_FINITE_PROPAGATE, tl_test_dense("w", TL_SHAPE(2), 1));
    ck_assert_ok(feed(x.o, (tl_gradient){ .variable = x.bad, .values = g }, NULL));
    ck_assert(isnan(tl_variable_data(x.bad)[0]) && isfinite(tl_variable_data(x.bad)[1]));
    ck_assert(tl_variable_data(x.bad)[1] != x.w[1][1]);
    ck_assert_int_eq(tl_optimizer_steps(x.o, x.bad), BEFORE + 1);
    tl_optimizer_free(x.o);
    tl_variable_free(x.good);
    tl_variable_free(x.bad);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("not_finite");
    TCase *c = tl_test_case(s, "not_finite");
    tcase_add_loop_test(c, not_finite_dense, 0, 2);
    tcase_add_loop_test(c, not_finite_sparse, 0, 2);
    tcase_add_loop_test(c, not_finite_rows, 0, 2);
    tcase_add_loop_test(c, not_finite_first, 1, 4);
    tcase_add_test(c, not_finite_is_used);
    return s;
}
