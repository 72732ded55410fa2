/* mask_gradients: it selects, for every kind of gradient; and it masks gradients, not updates. */
#include "tests/testing.h"

#include <math.h>
#include <string.h>

/* ---- Selection ---- */

enum { SIZE = 6 };

static const uint8_t keep_three[SIZE] = { 1, 0, 1, 0, 0, 1 };

/* Poison where nothing may get through. */
static const tl_real poisoned[SIZE] = { 1, (tl_real)NAN, 3, (tl_real)INFINITY, (tl_real)-INFINITY, 6 };

/* Off the mask +0, on it the same bits. */
static void check_selected(const tl_real *now)
{
    const tl_real expected[SIZE] = { 1, 0, 3, 0, 0, 6 };
    ck_assert_same(now, expected, SIZE);
}

static tl_status mask_one(const tl_gradient_mask *mask, tl_gradient *pair, int32_t n)
{
    tl_gradients g = { .pair = pair, .n = n };
    return tl_mask_gradients(&g, &(tl_gradient_masks){ .mask = mask, .n = 1 });
}

START_TEST(dense)
{
    static const struct {
        tl_shape shape;
        int64_t rows, cols;
    } table[] = { { { 2, { 2, 3 } }, 2, 3 }, { { 1, { 6 } }, 1, 6 }, { { 3, { 3, 1, 2 } }, 3, 2 } };
    for (int i = 0; i < 3; i++) {
        tl_variable *v = tl_variable_dense("v", table[i].shape);
        tl_pattern *p = tl_pattern_from_mask(table[i].rows, table[i].cols, keep_three);
        tl_real g[SIZE];
        memcpy(g, poisoned, sizeof g);
        ck_assert_ok(mask_one(&(tl_gradient_mask){ v, p }, &(tl_gradient){ .variable = v, .values = g }, 1));
        check_selected(g);
        tl_pattern_release(p);
        tl_variable_free(v);
    }
}
END_TEST

/* The variable's pattern and the mask overlap in part: of the entries (0,0) (0,2) (1,0) (2,1) (2,2) those
 * that the mask has, (0,2) and (2,2), stay; its (1,1) and (2,0) are no entries of the variable. */
START_TEST(sparse)
{
    const uint8_t own[] = { 1, 0, 1, 1, 0, 0, 0, 1, 1 }, keep[] = { 0, 0, 1, 0, 1, 0, 1, 0, 1 };
    tl_pattern *p = tl_pattern_from_mask(3, 3, own), *q = tl_pattern_from_mask(3, 3, keep);
    tl_variable *v = tl_variable_sparse("v", p);
    tl_real g[] = { (tl_real)NAN, 2, (tl_real)INFINITY, (tl_real)-INFINITY, 5 };
    const tl_real expected[] = { 0, 2, 0, 0, 5 };
    ck_assert_ok(mask_one(&(tl_gradient_mask){ v, q }, &(tl_gradient){ .variable = v, .values = g }, 1));
    ck_assert_same(g, expected, 5);
    tl_pattern_release(p);
    tl_pattern_release(q);
    tl_variable_free(v);
}
END_TEST

/* Rows 1 and 3 of 5; in rank 3 a row of the table is several of the mask. */
START_TEST(row_sparse)
{
    static const struct {
        tl_shape shape;
        int64_t rows, cols;
    } table[] = { { { 2, { 5, 3 } }, 5, 3 }, { { 3, { 5, 3, 1 } }, 15, 1 }, { { 3, { 5, 1, 3 } }, 5, 3 } };
    for (int i = 0; i < 3; i++) {
        uint8_t keep[15];
        memset(keep, 1, sizeof keep);
        memcpy(keep + 3, keep_three, 3);
        memcpy(keep + 9, keep_three + 3, 3);
        tl_variable *v = tl_variable_dense("v", table[i].shape);
        tl_pattern *p = tl_pattern_from_mask(table[i].rows, table[i].cols, keep);
        tl_real g[SIZE];
        const int32_t rows[] = { 1, 3 };
        memcpy(g, poisoned, sizeof g);
        ck_assert_ok(mask_one(&(tl_gradient_mask){ v, p },
                              &(tl_gradient){ .variable = v, .values = g, .rows = rows, .n_rows = 2 }, 1));
        check_selected(g);
        tl_pattern_release(p);
        tl_variable_free(v);
    }
}
END_TEST

/* Only the named variables; absent pairs and variables that are not in the list are no matter. */
START_TEST(named_variables_only)
{
    tl_variable *v[] = { tl_variable_dense("a", TL_SHAPE(2, 3)), tl_variable_dense("b", TL_SHAPE(2, 3)),
                         tl_variable_dense("c", TL_SHAPE(2, 3)), tl_variable_dense("d", TL_SHAPE(2, 3)) };
    tl_pattern *p = tl_pattern_from_mask(2, 3, keep_three);
    tl_real a[SIZE] = { 1, 2, 3, 4, 5, 6 }, b[SIZE] = { 1, 2, 3, 4, 5, 6 };
    tl_gradient pair[] = { { .variable = v[0], .values = a },
                           { .variable = v[1], .values = b },
                           { .variable = v[2] } };
    const tl_gradient_mask mask[] = { { v[3], p }, { v[2], p }, { v[1], p } };
    tl_gradients g = { .pair = pair, .n = 3 };
    ck_assert_ok(tl_mask_gradients(&g, &(tl_gradient_masks){ .mask = mask, .n = 3 }));
    ck_assert_values(a, SIZE, 0, 1, 2, 3, 4, 5, 6);
    check_selected(b);
    ck_assert_ptr_null(pair[2].values);
    ck_assert_ok(tl_mask_gradients(&g, &(tl_gradient_masks){ 0 }));
    ck_assert_values(a, SIZE, 0, 1, 2, 3, 4, 5, 6);
    tl_pattern_release(p);
    for (int k = 0; k < 4; k++)
        tl_variable_free(v[k]);
}
END_TEST

/* All masks are looked at before any is used. */
START_TEST(refusals)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(2, 3));
    tl_pattern *p = tl_pattern_from_mask(2, 3, keep_three),
               *transposed = tl_pattern_from_mask(3, 2, keep_three);
    const struct {
        tl_gradient_mask mask[2];
        tl_status status;
        const char *text;
    } table[] = {
        { { { v, p }, { v, transposed } },
          TL_ERR_SHAPE,
          "mask_gradients: a pattern of 3x2 for v, which is 2x3" },
        { { { v, p }, { v, NULL } }, TL_ERR_ARGUMENT, "mask_gradients: the pattern of mask 1 is NULL" },
        { { { NULL, p }, { v, p } }, TL_ERR_ARGUMENT, "mask_gradients: the variable of mask 0 is NULL" },
    };
    tl_real values[SIZE] = { 1, 2, 3, 4, 5, 6 };
    tl_gradient pair = { .variable = v, .values = values };
    tl_gradients g = { .pair = &pair, .n = 1 };
    for (int i = 0; i < 3; i++) {
        tl_gradient_masks masks = { .mask = table[i].mask, .n = 2 };
        ck_assert_status(tl_mask_gradients(&g, &masks), table[i].status, table[i].text);
    }
    const char *text = "mask_gradients: the context is not a tl_gradient_masks";
    ck_assert_status(tl_mask_gradients(&g, NULL), TL_ERR_ARGUMENT, text);
    ck_assert_status(tl_mask_gradients(&g, &(tl_gradient_masks){ .n = 1 }), TL_ERR_ARGUMENT, text);
    ck_assert_values(values, SIZE, 0, 1, 2, 3, 4, 5, 6);
    tl_pattern_release(p);
    tl_pattern_release(transposed);
    tl_variable_free(v);
}
END_TEST

/* ---- The drift that its doc comment warns of ---- */

/* Two weights that are trained for `before` steps with a gradient of 1; then weight 0 is set to 0 and its
 * gradient masked, or it is removed by a mask, for `after` steps more. Returns where it ends. */
static double prune(tl_optimizer *o, bool for_good, int before, int after)
{
    const uint8_t keep[] = { 0, 1 };
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(2));
    tl_pattern *p = tl_pattern_from_mask(1, 2, keep);
    const tl_gradient_mask mask = { v, p };
    tl_gradient_masks masks = { .mask = &mask, .n = 0 };
    ck_assert_ok(tl_optimizer_add_transform(o, tl_mask_gradients, &masks));
    for (int t = 0; t < before + after; t++, tl_graph_reset(g)) {
        if (t == before && for_good)
            ck_assert_ok(tl_variable_set_mask(v, p));
        else if (t == before)
            tl_variable_data(v)[0] = 0, masks.n = 1;
        ck_assert_ok(tl_minimize(o, tl_reduce_sum(tl_use(g, v), TL_ALL_AXES)));
    }
    const tl_real end = tl_variable_data(v)[0], zero = 0;
    if (for_good)
        ck_assert_same(&end, &zero, 1);
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
    tl_pattern_release(p);
    return (double)end;
}

/* The old buffer a fades as mu a, mu^2 a, ...: the weight moves by lr a (mu + mu^2 + ..) = lr a mu / (1 -
 * mu). After 20 steps with a gradient of 1, a = (1 - mu^20) / (1 - mu). PyTorch 1.13 ends there too:
 * -7.9058101 with lr 0.1. */
START_TEST(heavy_ball_drifts)
{
    const double mu = 0.9, lr = 0.1, a = (1 - pow(mu, 20)) / (1 - mu);
    tl_sgd_options o = { .learning_rate = lr, .momentum = mu };
    double end = prune(tl_sgd(o), false, 20, 400); /* mu^400 is 5e-19 */
    ck_assert_double_eq_tol(end, -lr * a * mu / (1 - mu), 10 * TL_NEAR);
    ck_assert_double_eq_tol(end, -7.9058101, 1e-4);
    prune(tl_sgd(o), true, 20, 400);
}
END_TEST

/* Long after the start, m = g and v = g^2 under a steady gradient g; then k masked steps leave b1^k g and
 * b2^k g^2, so that the weight moves by lr (r + r^2 + ..) = lr r / (1 - r), r = b1 / sqrt(b2): by 9.045 lr
 * whatever g was. After 10000 steps v falls short of g^2 by b2^10000 = 5e-5. */
START_TEST(adam_drifts)
{
    const double r = 0.9 / sqrt(0.999), lr = 0.001;
    tl_adam_options o = { .learning_rate = lr };
    double end = prune(tl_adam(o), false, 10000, 300); /* r^300 is 2e-14 */
    ck_assert_double_eq_tol(end / lr, -r / (1 - r), 1e-3);
    ck_assert_double_eq_tol(end / lr, -9.045, 2e-3);
    prune(tl_adam(o), true, 10000, 300);
}
END_TEST

/* After 20 steps only, PyTorch 1.13 (lr 0.001, 200 masked steps) ends at -0.0101615; decay moves what is
 * not 0. */
START_TEST(drift_after_few_steps)
{
    tl_adam_options o = { .learning_rate = 0.001 };
    double end = prune(tl_adam(o), false, 20, 200);
    ck_assert_double_eq_tol(end / -0.010161507783519033, 1, TL_NEAR);
    prune(tl_adam(o), true, 20, 200);
    o.weight_decay = 0.1, o.decoupled = true;
    prune(tl_adam(o), true, 20, 200);
    o.decoupled = false, o.amsgrad = true;
    prune(tl_adam(o), true, 20, 200);
    prune(tl_sgd((tl_sgd_options){ .momentum = 0.9, .nesterov = true, .weight_decay = 0.1 }), true, 20, 200);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("mask_gradients");
    TCase *c = tl_test_case(s, "selection");
    tcase_add_test(c, dense);
    tcase_add_test(c, sparse);
    tcase_add_test(c, row_sparse);
    tcase_add_test(c, named_variables_only);
    tcase_add_test(c, refusals);
    c = tl_test_case(s, "drift");
    tcase_add_test(c, heavy_ball_drifts);
    tcase_add_test(c, adam_drifts);
    tcase_add_test(c, drift_after_few_steps);
    return s;
}
