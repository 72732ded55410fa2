/* Moving averages of weights: their values, and that they follow their variable wherever it goes. */
#include "tests/testing.h"

#include <math.h>
#include <string.h>

/* An average that starts at {1, 10} and sees {3, 10} and {5, 20}. */
static tl_ema *two_updates(tl_variable *v, tl_ema_options o)
{
    tl_ema *e = tl_ema_new(o);
    tl_real *w = tl_variable_data(v);
    w[0] = 1;
    w[1] = 10;
    ck_assert_ok(tl_ema_add(e, v));
    w[0] = 3;
    ck_assert_ok(tl_ema_update(e));
    w[0] = 5;
    w[1] = 20;
    ck_assert_ok(tl_ema_update(e));
    return e;
}

/* By hand: 1, then (1 + 3) / 2 = 2, then (2 + 5) / 2. */
START_TEST(plain)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(2));
    tl_ema *e = two_updates(v, (tl_ema_options){ .decay = 0.5 });
    ck_assert_values(tl_ema_values(e, v), 2, 0, 3.5, 15.0);
    ck_assert_int_eq(tl_ema_steps(e), 2);
    ck_assert_int_eq(tl_ema_bytes(e), 2 * sizeof(tl_real));
    tl_ema_free(e);
    tl_variable_free(v);
}
END_TEST

/* By hand: (1/4 3 + 1/2 5) / (3/4), without a share of the 1 that was there before. */
START_TEST(bias_correction)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(2));
    tl_ema *e = two_updates(v, (tl_ema_options){ .decay = 0.5, .bias_correction = true });
    ck_assert_values(tl_ema_values(e, v), 2, TL_NEAR, 13.0 / 3, 50.0 / 3);
    tl_ema_free(e);
    tl_variable_free(v);
}
END_TEST

/* The first update leaves nothing of what was there, not even a NaN or what is too large to be subtracted. */
START_TEST(bias_correction_forgets_the_start)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(3));
    tl_ema *e = tl_ema_new((tl_ema_options){ .bias_correction = true });
    const tl_real start[] = { NAN, INFINITY, (tl_real)1e30 }, w[] = { 1, 2, 3 };
    memcpy(tl_variable_data(v), start, sizeof start);
    ck_assert_ok(tl_ema_add(e, v));
    memcpy(tl_variable_data(v), w, sizeof w);
    ck_assert_ok(tl_ema_update(e));
    ck_assert_same(tl_ema_values(e, v), w, 3);
    tl_ema_free(e);
    tl_variable_free(v);
}
END_TEST

/* By hand, as above: updates before a variable was added do not count for its correction. */
START_TEST(bias_correction_of_a_variable_added_later)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(1)), *late = tl_variable_dense("late", TL_SHAPE(1));
    tl_ema *e = tl_ema_new((tl_ema_options){ .decay = 0.5, .bias_correction = true });
    ck_assert_ok(tl_ema_add(e, v));
    for (int k = 0; k < 5; k++)
        ck_assert_ok(tl_ema_update(e));
    tl_variable_data(late)[0] = 100;
    ck_assert_ok(tl_ema_add(e, late));
    tl_variable_data(late)[0] = 3;
    ck_assert_ok(tl_ema_update(e));
    tl_variable_data(late)[0] = 5;
    ck_assert_ok(tl_ema_update(e));
    ck_assert_values(tl_ema_values(e, late), 1, TL_NEAR, 13.0 / 3);
    ck_assert_int_eq(tl_ema_steps(e), 7);
    tl_ema_free(e);
    tl_variable_free(v);
    tl_variable_free(late);
}
END_TEST

START_TEST(default_decay)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(2));
    tl_ema *e = tl_ema_new((tl_ema_options){ 0 });
    ck_assert_ok(tl_ema_add(e, v));
    tl_variable_data(v)[0] = 1000;
    ck_assert_ok(tl_ema_update(e));
    ck_assert_values(tl_ema_values(e, v), 2, TL_NEAR, 1.0, 0.0);
    tl_ema_free(e);
    tl_variable_free(v);
}
END_TEST

START_TEST(swapped_in_and_out)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(2));
    tl_ema *e = two_updates(v, (tl_ema_options){ .decay = 0.5 });
    const tl_real *w = tl_variable_data(v);
    ck_assert(!tl_ema_is_swapped(e));
    ck_assert_ok(tl_ema_swap(e));
    ck_assert(tl_ema_is_swapped(e));
    ck_assert_ptr_eq(tl_variable_data(v), w);
    ck_assert_values(w, 2, 0, 3.5, 15.0);
    ck_assert_values(tl_ema_values(e, v), 2, 0, 5.0, 20.0);
    ck_assert_status(tl_ema_update(e), TL_ERR_ARGUMENT, "ema_update: the averages are swapped in");
    ck_assert_status(tl_ema_add(e, v), TL_ERR_ARGUMENT, "ema_add: the averages are swapped in");
    ck_assert_ok(tl_ema_swap(e));
    ck_assert_values(w, 2, 0, 5.0, 20.0);
    ck_assert_values(tl_ema_values(e, v), 2, 0, 3.5, 15.0);
    ck_assert_ok(tl_ema_swap(e));
    tl_ema_free(e); /* puts the weights back */
    ck_assert_values(w, 2, 0, 5.0, 20.0);
    tl_variable_free(v);
}
END_TEST

/* Two averages of one variable: the second is neither swapped in nor started nor updated from the first. */
START_TEST(another_average_is_swapped_in)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(2)), *u = tl_variable_dense("u", TL_SHAPE(1));
    tl_ema *e = two_updates(v, (tl_ema_options){ .decay = 0.5 }), *late = tl_ema_new((tl_ema_options){ 0 });
    tl_ema *other = tl_ema_new((tl_ema_options){ .decay = 0.5 });
    ck_assert_ok(tl_ema_add(other, v));
    ck_assert_ok(tl_ema_add(other, u));
    tl_variable_data(u)[0] = 7;
    ck_assert_ok(tl_ema_swap(e));
    ck_assert_status(tl_ema_swap(other), TL_ERR_ARGUMENT,
                     "ema_swap: an average of another tl_ema is swapped into v");
    ck_assert(!tl_ema_is_swapped(other));
    ck_assert_values(tl_variable_data(u), 1, 0, 7.0);
    ck_assert_status(tl_ema_update(other), TL_ERR_ARGUMENT,
                     "ema_update: an average of another tl_ema is swapped into v");
    ck_assert_int_eq(tl_ema_steps(other), 0);
    ck_assert_status(tl_ema_add(late, v), TL_ERR_ARGUMENT,
                     "ema_add: an average of another tl_ema is swapped into v");
    tl_ema_free(e); /* puts the weights back */
    ck_assert_values(tl_variable_data(v), 2, 0, 5.0, 20.0);
    ck_assert_ok(tl_ema_swap(other));
    ck_assert_ok(tl_ema_swap(other));
    ck_assert_values(tl_variable_data(v), 2, 0, 5.0, 20.0);
    tl_ema_free(other);
    tl_ema_free(late);
    tl_variable_free(v);
    tl_variable_free(u);
}
END_TEST

/* Entries (0, 0), (0, 1), (1, 2) with weights 1, 2, 3; then (0, 1), (1, 0), (1, 2). */
START_TEST(follows_a_pattern)
{
    tl_pattern *p = tl_pattern_from_mask(2, 3, (uint8_t[]){ 1, 1, 0, 0, 0, 1 });
    tl_pattern *q = tl_pattern_from_mask(2, 3, (uint8_t[]){ 0, 1, 0, 1, 0, 1 });
    tl_variable *v = tl_variable_sparse("v", p);
    memcpy(tl_variable_data(v), (tl_real[]){ 1, 2, 3 }, 3 * sizeof(tl_real));
    tl_ema *e = tl_ema_new((tl_ema_options){ .decay = 0.5 });
    ck_assert_ok(tl_ema_add(e, v));
    memcpy(tl_variable_data(v), (tl_real[]){ 3, 4, 5 }, 3 * sizeof(tl_real));
    ck_assert_ok(tl_ema_update(e));
    ck_assert_ok(tl_variable_set_pattern(v, q));
    ck_assert_values(tl_variable_data(v), 3, 0, 4.0, 0.0, 5.0);
    ck_assert_values(tl_ema_values(e, v), 3, 0, 3.0, 0.0, 4.0);
    ck_assert_ok(tl_variable_prune_by_magnitude(v, 1));
    ck_assert_values(tl_ema_values(e, v), 1, 0, 4.0);
    tl_ema_free(e);
    tl_variable_free(v);
    tl_pattern_release(p);
    tl_pattern_release(q);
}
END_TEST

static tl_real seven(void *context, int64_t row, int64_t col)
{
    (void)context, (void)row, (void)col;
    return 7;
}

/* An average that started at 0 would be far from a weight that was never anything but 7. */
START_TEST(grown_connections_start_at_their_value)
{
    tl_pattern *p = tl_pattern_from_mask(1, 3, (uint8_t[]){ 1, 0, 0 });
    tl_pattern *q = tl_pattern_from_mask(1, 3, (uint8_t[]){ 1, 0, 1 });
    tl_variable *v = tl_variable_sparse("v", p);
    tl_variable_data(v)[0] = 1;
    tl_ema *e = tl_ema_new((tl_ema_options){ .decay = 0.5 });
    ck_assert_ok(tl_ema_add(e, v));
    ck_assert_ok(tl_variable_grow(v, q, seven, NULL));
    ck_assert_values(tl_ema_values(e, v), 2, 0, 1.0, 7.0);
    ck_assert_ok(tl_ema_update(e));
    ck_assert_values(tl_ema_values(e, v), 2, 0, 1.0, 7.0);
    tl_ema_free(e);
    tl_variable_free(v);
    tl_pattern_release(p);
    tl_pattern_release(q);
}
END_TEST

/* Off the mask averages are +0, whatever a program wrote there. */
START_TEST(follows_a_mask)
{
    tl_pattern *keep = tl_pattern_from_mask(1, 3, (uint8_t[]){ 1, 0, 1 });
    tl_variable *v = tl_test_dense("v", TL_SHAPE(3), 1);
    tl_ema *e = tl_ema_new((tl_ema_options){ .decay = 0.5 });
    ck_assert_ok(tl_ema_add(e, v));
    ck_assert_ok(tl_variable_set_mask(v, keep));
    const tl_real zero = 0;
    ck_assert_same(tl_ema_values(e, v) + 1, &zero, 1);
    tl_variable_data(v)[1] = 9;
    ck_assert_ok(tl_ema_update(e));
    ck_assert_same(tl_ema_values(e, v) + 1, &zero, 1);
    ck_assert(tl_ema_values(e, v)[0] != 0);
    tl_ema_free(e);
    tl_variable_free(v);
    tl_pattern_release(keep);
}
END_TEST

/* Rows that a step skipped are up to date when they enter the average: the same bits as with dense
 * gradients. */
START_TEST(sees_pending_rows)
{
    enum { ROWS = 6, WIDTH = 3 };
    tl_real average[2][ROWS * WIDTH];
    for (int dense = 0; dense < 2; dense++) {
        tl_variable *v = tl_test_dense("v", TL_SHAPE(ROWS, WIDTH), 1);
        tl_optimizer *o = tl_adam((tl_adam_options){ .learning_rate = 0.1, .weight_decay = 0.01 });
        tl_ema *e = tl_ema_new((tl_ema_options){ .decay = 0.5 });
        tl_graph *g = tl_graph_new();
        ck_assert_ok(tl_ema_add(e, v));
        for (int32_t step = 0; step < 5; step++, tl_graph_reset(g)) {
            const int32_t row = step % 2;
            tl_real values[ROWS * WIDTH] = { 0 };
            for (int k = 0; k < WIDTH; k++)
                values[(dense ? row * WIDTH : 0) + k] = 1;
            tl_gradient pair = { .variable = v, .values = values };
            if (!dense) {
                pair.rows = &row;
                pair.n_rows = 1;
            }
            tl_gradients all = { &pair, 1, g };
            ck_assert_ok(tl_apply_gradients(o, &all));
            ck_assert_ok(tl_ema_update(e));
        }
        memcpy(average[dense], tl_ema_values(e, v), sizeof average[dense]);
        tl_graph_free(g);
        tl_ema_free(e);
        tl_optimizer_free(o);
        tl_variable_free(v);
    }
    ck_assert_same(average[0], average[1], ROWS * WIDTH);
}
END_TEST

START_TEST(either_is_freed_first)
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(3), 1), *w = tl_test_dense("w", TL_SHAPE(2), 1);
    tl_ema *e = tl_ema_new((tl_ema_options){ 0 }), *other = tl_ema_new((tl_ema_options){ 0 });
    ck_assert_ok(tl_ema_add(e, v));
    ck_assert_ok(tl_ema_add(e, w));
    ck_assert_ok(tl_ema_add(other, v));
    tl_variable_free(v);
    ck_assert_ok(tl_ema_update(e));
    ck_assert_int_eq(tl_ema_bytes(other), 0);
    ck_assert_int_eq(tl_ema_bytes(e), 2 * sizeof(tl_real));
    tl_ema_free(e);
    tl_variable_free(w);
    tl_ema_free(other);
}
END_TEST

START_TEST(refusals)
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(3), 1);
    tl_ema *e = tl_ema_new((tl_ema_options){ 0 });
    ck_assert_null(tl_ema_new((tl_ema_options){ .decay = 1 }), "ema_new: decay 1 is not in (0, 1)");
    ck_assert_null(tl_ema_new((tl_ema_options){ .reserved2 = 1 }),
                   "ema_new: a reserved field is not 0: an option that version " TL_VERSION_STRING
                   " does not have");
    ck_assert_null(tl_ema_new((tl_ema_options){ .decay = -0.5 }), "ema_new: decay -0.5 is not in (0, 1)");
    ck_assert_status(tl_ema_add(NULL, v), TL_ERR_ARGUMENT, "ema_add: the averages are NULL");
    ck_assert_status(tl_ema_add(e, NULL), TL_ERR_ARGUMENT, "ema_add: the variable is NULL");
    ck_assert_ok(tl_ema_add(e, v));
    ck_assert_status(tl_ema_add(e, v), TL_ERR_ARGUMENT, "ema_add: v was added before");
    ck_assert_status(tl_ema_update(NULL), TL_ERR_ARGUMENT, "ema_update: the averages are NULL");
    ck_assert_status(tl_ema_swap(NULL), TL_ERR_ARGUMENT, "ema_swap: the averages are NULL");
    ck_assert(!tl_ema_is_swapped(NULL));
    ck_assert_ptr_null(tl_ema_values(NULL, v));
    ck_assert_ptr_null(tl_ema_values(e, NULL));
    ck_assert_int_eq(tl_ema_steps(NULL), 0);
    ck_assert_int_eq(tl_ema_bytes(NULL), 0);
    tl_ema_free(NULL);
    tl_ema_free(e);
    tl_variable_free(v);
}
END_TEST

/* Every allocation of a new average and of a pattern's change fails once; then nothing has changed. */
START_TEST(short_of_memory)
{
    tl_pattern *p = tl_test_pattern(4, 5, 0.5, 1), *q = tl_test_pattern(4, 5, 0.5, 2);
    tl_variable *v = tl_test_sparse("v", tl_pattern_retain(p), 3);
    const int64_t size = tl_variable_size(v);
    tl_real before[20];
    memcpy(before, tl_variable_data(v), (size_t)size * sizeof *before);
    tl_ema *e = NULL;
    int64_t k = 0;
    do {
        tl_test_fail_allocation(++k);
    } while (!(e = tl_ema_new((tl_ema_options){ 0 })));
    ck_assert_int_eq(k, 2);
    for (k = 1; tl_test_fail_allocation(k), tl_ema_add(e, v) != TL_OK; k++)
        ck_assert_ptr_null(tl_ema_values(e, v));
    ck_assert_int_eq(k, 3);
    for (k = 1; tl_test_fail_allocation(k), tl_variable_set_pattern(v, q) != TL_OK; k++) {
        ck_assert_ptr_eq(tl_variable_pattern(v), p);
        ck_assert_same(tl_variable_data(v), before, size);
        ck_assert_same(tl_ema_values(e, v), before, size);
    }
    ck_assert_int_gt(k, 4);
    tl_test_fail_allocation(0);
    tl_ema_free(e);
    tl_variable_free(v);
    tl_pattern_release(p);
    tl_pattern_release(q);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("ema");
    TCase *c = tl_test_case(s, "ema");
    tcase_add_test(c, plain);
    tcase_add_test(c, bias_correction);
    tcase_add_test(c, bias_correction_forgets_the_start);
    tcase_add_test(c, bias_correction_of_a_variable_added_later);
    tcase_add_test(c, default_decay);
    tcase_add_test(c, swapped_in_and_out);
    tcase_add_test(c, another_average_is_swapped_in);
    tcase_add_test(c, follows_a_pattern);
    tcase_add_test(c, grown_connections_start_at_their_value);
    tcase_add_test(c, follows_a_mask);
    tcase_add_test(c, sees_pending_rows);
    tcase_add_test(c, either_is_freed_first);
    tcase_add_test(c, refusals);
    tcase_add_test(c, short_of_memory);
    return s;
}
