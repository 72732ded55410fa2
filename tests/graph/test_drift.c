/* What a permanent mask promises, against what masking gradients does, for every optimizer. */
#include "tests/testing.h"
#include "tests/graph/zoo.h"

#include "graph/variable/variable_private.h"

#include <math.h>
#include <string.h>

enum { ROWS = 6, COLS = 5, SIZE = ROWS * COLS, STEPS = 200, DENSE_STEPS = 20 };

/* The ways to give a variable a mask. */
typedef enum start {
    FROM_THE_START,
    FROZEN, /* non-zero under every weight, then masked before the first step */
    PRUNED  /* after dense steps */
} start;

/* The gradient of step t: smooth on the pattern, wild off it. */
static void gradient_at(const tl_pattern *keep, int t, bool wild, tl_real *g)
{
    tl_random r = { .seed = 7, .position = (uint64_t)t * SIZE };
    for (int k = 0; k < SIZE; k++) {
        const double x = tl_random_normal(&r);
        const bool kept = tl_pattern_find(keep, k / COLS, k % COLS) >= 0;
        g[k] = kept || !wild ? (tl_real)x : k % 3 == 0 ? NAN : k % 3 == 1 ? INFINITY : -INFINITY;
    }
}

static void apply(tl_optimizer *o, tl_variable *v, tl_real *values, tl_graph *g)
{
    tl_gradient pair = { .variable = v, .values = values };
    tl_gradients all = { &pair, 1, g };
    ck_assert_ok(tl_apply_gradients(o, &all));
    tl_graph_reset(g);
}

static bool is_plus_zero(tl_real x)
{
    return x == 0 && !signbit(x);
}

/* Every weight and slot off the pattern is +0, every weight on it is not. */
static void check_mask(const tl_optimizer *o, tl_variable *v, const tl_pattern *keep, const char *name)
{
    for (int k = 0; k < SIZE; k++) {
        const bool kept = tl_pattern_find(keep, k / COLS, k % COLS) >= 0;
        const tl_real w = tl_variable_data(v)[k];
        ck_assert_msg(kept ? isfinite(w) : is_plus_zero(w), "%s: weight %d is %g", name, k, (double)w);
        for (int32_t s = 0; !kept && tl_optimizer_slot(o, v, s); s++)
            ck_assert_msg(is_plus_zero(tl_optimizer_slot(o, v, s)[k]), "%s: slot %d of weight %d", name,
                          (int)s, k);
    }
}

/* A sparse variable of the same values takes the same steps: the same bits at every one of them. */
START_TEST(a_masked_weight_stays_zero)
{
    const char *name;
    const start how = (start)(_i / ZOO);
    tl_optimizer *o = zoo(_i % ZOO, TL_ROWS_EXACT, TL_NON_FINITE_PROPAGATE, &name),
                 *p = zoo(_i % ZOO, TL_ROWS_EXACT, TL_NON_FINITE_ERROR, &name);
    tl_pattern *keep = tl_pattern_random(ROWS, COLS, 0.4, 3), *all = tl_pattern_random(ROWS, COLS, 1, 1);
    tl_variable *v = how == FROM_THE_START ? tl_variable_dense("v", TL_SHAPE(ROWS, COLS))
                                           : tl_test_dense("v", TL_SHAPE(ROWS, COLS), 1);
    tl_variable *s = tl_test_sparse("s", all, 1);
    tl_graph *g = tl_graph_new();
    tl_real values[SIZE], on[SIZE];
    if (how == FROM_THE_START)
        memset(tl_variable_data(s), 0, SIZE * sizeof *values);
    for (int t = 0; how == PRUNED && t < DENSE_STEPS; t++) { /* the full pattern is the dense variable */
        gradient_at(keep, t, false, values);
        apply(o, v, memcpy(on, values, sizeof on), g);
        apply(p, s, values, g);
    }
    ck_assert_ok(tl_variable_set_mask(v, keep));
    ck_assert_ok(tl_variable_set_pattern(s, keep));
    for (int t = DENSE_STEPS; t < DENSE_STEPS + STEPS; t++) {
        gradient_at(keep, t, true, values);
        int n = 0;
        for (int k = 0; k < SIZE; k++)
            if (tl_pattern_find(keep, k / COLS, k % COLS) >= 0)
                on[n++] = values[k];
        apply(o, v, values, g);
        apply(p, s, on, g);
        for (int k = 0; k < SIZE; k++) {
            const int64_t e = tl_pattern_find(keep, k / COLS, k % COLS);
            if (e >= 0)
                ck_assert_same(&tl_variable_data(s)[e], &tl_variable_data(v)[k], 1);
        }
    }
    check_mask(o, v, keep, name);
    ck_assert_int_eq(tl_optimizer_bytes(p) % (tl_pattern_nnz(keep) * (int64_t)sizeof(tl_real)), 0);
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_optimizer_free(p);
    tl_variable_free(v);
    tl_variable_free(s);
    tl_pattern_release(keep);
}
END_TEST

/* One weight that is pruned to 0 after steps of gradient 1, then gets masked gradients: where it ends.
 * This is the published recipe, and what is wrong with it. */
static double drift(tl_optimizer *o, int steps, int masked)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(1, 1));
    tl_pattern *none = tl_pattern_random(1, 1, 0, 1);
    tl_gradient_masks masks = { &(tl_gradient_mask){ v, none }, 1 };
    tl_graph *g = tl_graph_new();
    tl_real values[1];
    for (int t = 0; t < steps; t++) {
        values[0] = 1;
        apply(o, v, values, g);
    }
    tl_variable_data(v)[0] = 0;
    ck_assert_ok(tl_optimizer_add_transform(o, tl_mask_gradients, &masks));
    for (int t = 0; t < masked; t++) {
        values[0] = 1;
        apply(o, v, values, g);
    }
    const double w = (double)tl_variable_data(v)[0];
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
    tl_pattern_release(none);
    return w;
}

START_TEST(masked_gradients_drift)
{
    const double lr = 0.01, mu = 0.9, tolerance = TL_IS_DOUBLE ? 1e-9 : 1e-5;
    /* After n steps of gradient 1 the buffer is a = (1 - mu^n) / (1 - mu); masked steps then add up to
     * -lr a (mu + mu^2 + ..) = -lr mu / (1 - mu) a. */
    const double a = (1 - pow(mu, DENSE_STEPS)) / (1 - mu);
    ck_assert_double_eq_tol(
        drift(tl_sgd((tl_sgd_options){ .learning_rate = lr, .momentum = mu }), DENSE_STEPS, 2000),
        -lr * mu / (1 - mu) * a, tolerance);
    /* Adam in its steady state: step k after the mask moves by lr 0.9^k / sqrt(0.999^k), whatever the
     * gradient was; with r = 0.9 / sqrt(0.999) that is lr r / (1 - r) = 9.045 lr in all. */
    const double r = 0.9 / sqrt(0.999);
    ck_assert_double_eq_tol(r / (1 - r), 9.045, 1e-3);
    ck_assert_double_eq_tol(drift(tl_adam((tl_adam_options){ .learning_rate = lr }), 20000, 1000),
                            -lr * r / (1 - r), lr * 1e-3);
    /* FTRL: the weight is a function of its slots, and so is back after one step. Gradient 1 from s = 0.1:
     * l = n - sum of w (sqrt(s') - sqrt(s)) / lr, w = -l lr / sqrt(s); the masked step has g = 0 and w =
     * 0. */
    double l = 0, sum = 0.1, w = 0;
    for (int t = 0; t < DENSE_STEPS; t++, sum += 1) {
        l += 1 - w * (sqrt(sum + 1) - sqrt(sum)) / 0.1;
        w = -l * 0.1 / sqrt(sum + 1);
    }
    ck_assert_double_lt(w, -0.5);
    ck_assert_double_eq_tol(drift(tl_ftrl((tl_ftrl_options){ .learning_rate = 0.1 }), DENSE_STEPS, 1), w,
                            tolerance);
    /* Plain SGD has no memory. */
    ck_assert_double_eq(drift(tl_sgd((tl_sgd_options){ .learning_rate = lr }), DENSE_STEPS, 2000), 0);
}
END_TEST

/* ---- What the program itself writes off a mask ---- */

static void write_off(tl_variable *v, const tl_pattern *keep)
{
    tl_real *w = tl_variable_data(v);
    for (int k = 0; k < SIZE; k++)
        if (tl_pattern_find(keep, k / COLS, k % COLS) < 0)
            w[k] = k % 3 == 0 ? NAN : k % 3 == 1 ? 5 : (tl_real)-0.0;
}

static int count_off(const tl_real *w, const tl_pattern *keep)
{
    int n = 0;
    for (int k = 0; k < SIZE; k++)
        n += tl_pattern_find(keep, k / COLS, k % COLS) < 0 && !is_plus_zero(w[k]);
    return n;
}

static tl_variable *masked(tl_pattern **keep)
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(ROWS, COLS), 1);
    *keep = tl_test_pattern(ROWS, COLS, 0.6, 1);
    ck_assert_ok(tl_variable_set_mask(v, *keep));
    return v;
}

/* It is +0 again from the next step on, under every optimizer, .. */
START_TEST(written_off_the_mask_before_a_step)
{
    const char *name;
    tl_optimizer *o = zoo(_i, TL_ROWS_EXACT, TL_NON_FINITE_ERROR, &name);
    tl_pattern *keep;
    tl_variable *v = masked(&keep);
    tl_graph *g = tl_graph_new();
    tl_real values[SIZE];
    for (int t = 0; t < 3; t++) {
        tl_real *w = tl_variable_data(v);
        gradient_at(keep, t, false, values);
        write_off(v, keep);
        apply(o, v, values, g);
        ck_assert_msg(count_off(w, keep) == 0, "%s", name);
    }
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
    tl_pattern_release(keep);
}
END_TEST

/* .. and from the next op that reads it: all of it, or the rows of a lookup only. The pointer stays good
 * until the next step, and so does the promise. */
START_TEST(written_off_the_mask_before_a_read)
{
    tl_pattern *keep, *same;
    tl_variable *v = masked(&keep), *before = masked(&same);
    tl_pattern_release(same);
    tl_graph *g = tl_graph_new();
    const tl_real *expected = tl_variable_data(before);
    static const int32_t ids[] = { 4, 0 };
    for (int t = 0; t < 3; t++) {
        write_off(v, keep);
        const tl_real *rows = tl_value(tl_embedding_lookup(tl_use(g, v), ids, TL_SHAPE(2)));
        ck_assert_same(rows, expected + 4 * COLS, COLS);
        ck_assert_same(rows + COLS, expected, COLS);
        ck_assert_int_gt(count_off(tl_variable_data(v), keep), 0); /* the cost of a lookup follows its rows */
        ck_assert_same(tl_value(tl_scale(tl_use(g, v), 1)), expected, SIZE);
        ck_assert_int_eq(count_off(tl_variable_data(v), keep), 0);
        tl_graph_reset(g);
    }
    write_off(v, keep);
    ck_assert_same(tl_value(tl_use(g, v)), expected, SIZE);
    tl_graph_free(g);
    write_off(v, keep);
    tl_ema *e = tl_ema_new((tl_ema_options){ 0 });
    ck_assert_ok(tl_ema_add(e, v));
    ck_assert_same(tl_ema_values(e, v), expected, SIZE);
    tl_ema_free(e);
    tl_variable_free(v);
    tl_variable_free(before);
    tl_pattern_release(keep);
}
END_TEST

/* .. and for who only looks: that costs later ops nothing. */
START_TEST(values_of_a_mask)
{
    tl_pattern *keep;
    tl_variable *v = masked(&keep);
    tl_before_write(v, NULL); /* as a step does */
    ck_assert_ptr_null(tl_variable_values(NULL));
    ck_assert_ptr_eq(tl_variable_values(v), v->data);
    ck_assert(!v->written);
    write_off(v, keep);
    ck_assert_int_eq(count_off(tl_variable_values(v), keep), 0);
    ck_assert(v->written); /* the pointer of tl_variable_data stays good */
    tl_variable_free(v);
    tl_pattern_release(keep);
}
END_TEST

/* Rows of a table of rank 1, 3 and 4 are not rows of its mask. */
START_TEST(written_off_a_mask_of_any_rank)
{
    static const tl_shape shapes[] = { { 1, { 6 } }, { 3, { 3, 2, 4 } }, { 4, { 2, 3, 2, 2 } } };
    const tl_shape shape = shapes[_i];
    const int64_t rows = tl_shape_rows(shape), cols = tl_shape_cols(shape), n = rows * cols,
                  width = n / shape.dim[0];
    tl_variable *v = tl_variable_dense("v", shape);
    tl_pattern *keep = tl_test_pattern(rows, cols, 0.5, 3);
    tl_real *kept = tl_test_expand(keep, NULL);
    ck_assert_ok(tl_variable_set_mask(v, keep));
    tl_graph *g = tl_graph_new();
    for (int32_t id = 0; id < shape.dim[0]; id++) {
        for (int64_t k = 0; k < n; k++)
            tl_variable_data(v)[k] = 1;
        ck_assert_same(tl_value(tl_embedding_lookup(tl_use(g, v), &id, TL_SHAPE())), kept + id * width,
                       width);
        tl_graph_reset(g);
    }
    ck_assert_same(tl_value(tl_use(g, v)), kept, n);
    tl_graph_free(g);
    tl_variable_free(v);
    tl_pattern_release(keep);
    free(kept);
}
END_TEST

static tl_node *squares(tl_graph *g, void *context)
{
    tl_node *a = tl_use(g, context);
    return tl_mul(a, a);
}

/* The gradient check leaves out what does not exist. */
START_TEST(gradient_check_of_a_mask)
{
    tl_pattern *keep;
    tl_variable *v = masked(&keep);
    ck_assert_gradient(squares, v, v);
    write_off(v, keep);
    ck_assert_gradient(squares, v, v);
    tl_variable_free(v);
    tl_pattern_release(keep);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("drift");
    TCase *c = tl_test_case(s, "drift");
    tcase_add_loop_test(c, a_masked_weight_stays_zero, 0, 3 * ZOO);
    tcase_add_test(c, masked_gradients_drift);
    tcase_add_loop_test(c, written_off_the_mask_before_a_step, 0, ZOO);
    tcase_add_test(c, written_off_the_mask_before_a_read);
    tcase_add_test(c, values_of_a_mask);
    tcase_add_loop_test(c, written_off_a_mask_of_any_rank, 0, 3);
    tcase_add_test(c, gradient_check_of_a_mask);
    return s;
}
