/* .per_weight_age: a weight's first steps are as long as a new optimizer's, whenever it came. */
#include "tests/testing.h"

#include <math.h>
#include <string.h>

static void apply(tl_optimizer *o, tl_graph *g, tl_gradient pair)
{
    tl_gradients all = { &pair, 1, g };
    ck_assert_ok(tl_apply_gradients(o, &all));
    tl_graph_reset(g);
}

/* A step of gradient 1 everywhere. */
static void step(tl_optimizer *o, tl_graph *g, tl_variable *v)
{
    tl_real ones[16];
    for (int k = 0; k < 16; k++)
        ones[k] = 1;
    apply(o, g, (tl_gradient){ .variable = v, .values = ones });
}

/* Epsilon is no part of what is looked at here, and out of the way. */
static tl_optimizer *adam(bool ages, tl_rows_policy rows)
{
    return tl_adam(
        (tl_adam_options){ .learning_rate = 0.01, .epsilon = 1e-16, .rows = rows, .per_weight_age = ages });
}

/* Returns the distance, in units of lr, by which Adam moves a weight with zero moments at gradient 1 if it
 * counts the step as the t-th: m = 0.1, v = 0.001, so (0.1 / (1 - 0.9^t)) / sqrt(0.001 / (1 - 0.999^t)),
 * which is 1 for t = 1 and tends to 0.1 / sqrt(0.001) = 3.162. */
static double first_step(int t)
{
    return 0.1 / (1 - pow(0.9, t)) / sqrt(0.001 / (1 - pow(0.999, t)));
}

START_TEST(a_grown_weight)
{
    tl_pattern *from = tl_pattern_from_coo(1, 3, 1, (int32_t[]){ 0 }, (int32_t[]){ 1 }),
               *to = tl_pattern_from_coo(1, 3, 2, (int32_t[]){ 0, 0 }, (int32_t[]){ 1, 2 });
    const bool ages = _i == 0;
    tl_variable *v = tl_variable_sparse("v", from);
    tl_optimizer *o = adam(ages, TL_ROWS_EXACT);
    tl_graph *g = tl_graph_new();
    for (int t = 1; t < 10000; t++)
        step(o, g, v);
    ck_assert_ok(tl_variable_set_pattern(v, to));
    tl_real before = tl_variable_data(v)[0];
    step(o, g, v); /* number 10000 */
    const double by = -(double)tl_variable_data(v)[1] / 0.01;
    ck_assert_double_eq_tol(by, ages ? 1 : 0.1 / sqrt(0.001), 1e-4 * by);
    ck_assert_double_eq_tol(by, first_step(ages ? 1 : 10000), (TL_IS_DOUBLE ? 1e-9 : 1e-5) * by);
    /* the old weight goes on as it did: a steady gradient moves it by lr (float: 1e-2 from a weight near
     * -100) */
    ck_assert_double_eq_tol((double)(before - tl_variable_data(v)[0]), 0.01, TL_IS_DOUBLE ? 1e-8 : 1e-4);
    ck_assert_int_eq(tl_optimizer_steps(o, v), 10000);
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
    tl_pattern_release(from);
    tl_pattern_release(to);
}
END_TEST

/* TL_ROWS_LAZY: a row has the steps that named it. */
START_TEST(a_row_that_comes_late)
{
    const bool ages = _i == 0;
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(4, 2));
    tl_optimizer *o = adam(ages, TL_ROWS_LAZY);
    tl_graph *g = tl_graph_new();
    tl_real ones[4] = { 1, 1, 1, 1 };
    for (int t = 1; t < 500; t++)
        apply(o, g, (tl_gradient){ v, ones, (int32_t[]){ 1 }, 1 });
    ck_assert_values(tl_variable_data(v), 2, 0, 0, 0);
    apply(o, g, (tl_gradient){ v, ones, (int32_t[]){ 1, 3 }, 2 });
    const double by = 0.01 * (ages ? 1 : first_step(500));
    ck_assert_double_gt(first_step(500), 1.9);
    ck_assert_values(tl_variable_data(v), 2, 0, 0, 0);
    ck_assert_values(tl_variable_data(v) + 4, 4, TL_NEAR, 0, 0, -by, -by);
    apply(o, g, (tl_gradient){ v, ones, (int32_t[]){ 3 }, 1 }); /* and its second step is its second */
    ck_assert_values(tl_variable_data(v) + 6, 1, TL_NEAR,
                     -by - 0.01 * (ages ? 1 : 0.19 / sqrt(0.001999 / (1 - pow(0.999, 501)))));
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

/* TL_ROWS_EXACT: a step that leaves a row out is a step of the row; as under dense gradients. */
START_TEST(rows_that_are_left_out)
{
    enum { ROWS = 12, WIDTH = 2 };
    const tl_adam_options options = { .learning_rate = 0.01,
                                      .weight_decay = _i == 1 ? 0.1 : 0,
                                      .decoupled = true,
                                      .amsgrad = _i == 2,
                                      .per_weight_age = true };
    tl_variable *by_rows = tl_test_dense("rows", TL_SHAPE(ROWS, WIDTH), 1);
    tl_variable *dense = tl_test_dense("dense", TL_SHAPE(ROWS, WIDTH), 1);
    tl_optimizer *for_rows = tl_adam(options), *for_dense = tl_adam(options);
    tl_pattern *keep = tl_pattern_random(ROWS, WIDTH, 0.7, 1);
    tl_graph *g = tl_graph_new();
    tl_random r = { .seed = 1 };
    for (int t = 0; t < 300; t++) {
        const int32_t rows[2] = { (int32_t)tl_random_integer(&r, 3), 3 + (int32_t)tl_random_integer(&r, 9) };
        tl_real values[2 * WIDTH], all[ROWS * WIDTH] = { 0 };
        tl_test_fill(values, 2 * WIDTH, (uint64_t)t);
        for (int k = 0; k < 2 * WIDTH; k++)
            all[rows[k / WIDTH] * WIDTH + k % WIDTH] = values[k];
        if (t % 100 == 50) { /* from here some are masked, and young when the mask goes */
            ck_assert_ok(tl_variable_set_mask(by_rows, t == 150 ? NULL : keep));
            ck_assert_ok(tl_variable_set_mask(dense, t == 150 ? NULL : keep));
        }
        apply(for_rows, g, (tl_gradient){ by_rows, values, rows, 2 });
        apply(for_dense, g, (tl_gradient){ .variable = dense, .values = all });
    }
    ck_assert_same(tl_variable_data(by_rows), tl_variable_data(dense), ROWS * WIDTH);
    tl_graph_free(g);
    tl_optimizer_free(for_rows);
    tl_optimizer_free(for_dense);
    tl_variable_free(by_rows);
    tl_variable_free(dense);
    tl_pattern_release(keep);
}
END_TEST

/* Under a mask: what becomes part of it is new, though its memory was there all the time. */
START_TEST(a_wider_mask)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(1, 3));
    tl_pattern *one = tl_pattern_from_coo(1, 3, 1, (int32_t[]){ 0 }, (int32_t[]){ 0 }),
               *two = tl_pattern_from_coo(1, 3, 2, (int32_t[]){ 0, 0 }, (int32_t[]){ 0, 2 });
    tl_optimizer *o = adam(_i == 0, TL_ROWS_EXACT);
    tl_graph *g = tl_graph_new();
    for (int t = 1; t <= 3; t++) /* all have an age .. */
        step(o, g, v);
    ck_assert_ok(tl_variable_set_mask(v, one)); /* .. and lose it */
    for (int t = 4; t <= 200; t++)
        step(o, g, v);
    if (_i == 1) /* ages from now on, with the mask in place */
        ck_assert_ok(tl_optimizer_set_options_for(o, v, (tl_optimizer_options){ .per_weight_age = true }));
    step(o, g, v);
    ck_assert_ok(tl_variable_set_mask(v, two));
    tl_real before = tl_variable_data(v)[0];
    step(o, g, v);
    ck_assert_values(tl_variable_data(v) + 1, 2, TL_NEAR, 0, -0.01);
    /* the old one's steady gradient moves it by lr; float: from a weight near -2 */
    ck_assert_double_eq_tol((double)(before - tl_variable_data(v)[0]), 0.01, TL_IS_DOUBLE ? 1e-9 : 1e-6);
    step(o, g, v);
    ck_assert_ok(tl_variable_set_mask(v, NULL));
    step(o, g, v); /* the third of v[2], the first of v[1] */
    ck_assert_values(tl_variable_data(v) + 1, 2, TL_NEAR, -0.01, -0.03);
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
    tl_pattern_release(one);
    tl_pattern_release(two);
}
END_TEST

/* ---- Patterns that change all the time, against one scalar Adam a connection ---- */

enum { SIDE = 5, CELLS = SIDE * SIDE };

typedef struct connection {
    double w, m, v;
    int t;
} connection;

static void scalar_adam(connection *c, double g)
{
    c->t++;
    c->m = 0.9 * c->m + 0.1 * g;
    c->v = 0.999 * c->v + 0.001 * g * g;
    c->w -= 0.01 * (c->m / (1 - pow(0.9, c->t))) / (sqrt(c->v / (1 - pow(0.999, c->t))) + 1e-16);
}

/* A step of the connections of p; the others do not exist. */
static void step_all(tl_optimizer *o, tl_graph *g, tl_variable *v, const tl_pattern *p, connection *c,
                     tl_random *r)
{
    tl_real values[CELLS];
    int64_t at = 0;
    for (int k = 0; k < CELLS; k++) {
        const tl_real x = (tl_real)tl_random_normal(r);
        const bool exists = tl_pattern_find(p, k / SIDE, k % SIDE) >= 0;
        if (exists || !tl_variable_is_sparse(v))
            values[at++] = x;
        if (exists)
            scalar_adam(&c[k], (double)x);
        else
            c[k] = (connection){ 0 };
    }
    apply(o, g, (tl_gradient){ .variable = v, .values = values });
}

START_TEST(changing_patterns)
{
    tl_pattern *first = tl_pattern_random(SIDE, SIDE, 0.5, 100);
    tl_variable *v = _i == 0 ? tl_variable_sparse("v", first) : tl_variable_dense("v", TL_SHAPE(SIDE, SIDE));
    tl_optimizer *o = adam(true, TL_ROWS_EXACT);
    tl_graph *g = tl_graph_new();
    tl_random r = { .seed = 3 };
    connection c[CELLS] = { { 0 } };
    for (int t = 0; t < 400; t++) {
        tl_pattern *p = tl_pattern_random(SIDE, SIDE, 0.5, 100 + (uint64_t)t / 20);
        ck_assert_ok(_i == 0 ? tl_variable_set_pattern(v, p) : tl_variable_set_mask(v, p));
        step_all(o, g, v, p, c, &r);
        for (int k = 0; k < CELLS; k++) {
            const int64_t e = tl_pattern_find(p, k / SIDE, k % SIDE);
            if (e >= 0)
                ck_assert_double_eq_tol((double)tl_variable_data(v)[_i == 0 ? e : k], c[k].w, TL_NEAR);
        }
        tl_pattern_release(p);
    }
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
    tl_pattern_release(first);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("age");
    TCase *c = tl_test_case(s, "age");
    tcase_add_loop_test(c, a_grown_weight, 0, 2);
    tcase_add_loop_test(c, a_row_that_comes_late, 0, 2);
    tcase_add_loop_test(c, rows_that_are_left_out, 0, 3);
    tcase_add_loop_test(c, a_wider_mask, 0, 2);
    tcase_add_loop_test(c, changing_patterns, 0, 2);
    return s;
}
