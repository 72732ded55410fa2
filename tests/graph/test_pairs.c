/* Pairs of the user's own making, and old ones: what does not fit the variable is refused before anything is
 * written. */
#include "tests/testing.h"

#include <string.h>

enum { ROWS = 4, WIDTH = 3 };

/* The pair given to an optimizer, and to a sum: the same words from both. */
static void check_refused(tl_gradient pair, tl_status status, const char *text)
{
    char expected[200];
    tl_optimizer *o = tl_sgd((tl_sgd_options){ .momentum = 0.5 });
    tl_graph *g = tl_graph_new(), *total = tl_graph_new();
    tl_gradients all = { &pair, 1, g };
    snprintf(expected, sizeof expected, "sgd: %s", text);
    ck_assert_status(tl_apply_gradients(o, &all), status, expected);
    ck_assert_str_eq(tl_graph_error(g), expected);
    ck_assert_ptr_null(tl_optimizer_slot(o, pair.variable, 0));
    snprintf(expected, sizeof expected, "gradients_add: %s", text);
    ck_assert_status(tl_gradients_add(total, &all, 1), status, expected);
    ck_assert_str_eq(tl_graph_error(total), expected);
    tl_graph_free(g);
    tl_graph_free(total);
    tl_optimizer_free(o);
}

START_TEST(rows)
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(ROWS, WIDTH), 1);
    tl_real values[3 * WIDTH] = { 1 }, before[ROWS * WIDTH];
    memcpy(before, tl_variable_data(v), sizeof before);
    const struct {
        int32_t rows[3];
        tl_status status;
        const char *text;
    } cases[] = {
        { { 0, 2, ROWS }, TL_ERR_INDEX, "the gradient of v: rows[2] = 4, v has 4 rows" },
        { { -1, 2, 3 }, TL_ERR_INDEX, "the gradient of v: rows[0] = -1, v has 4 rows" },
        { { 2, 1, 3 }, TL_ERR_ARGUMENT, "the gradient of v: rows[1] = 1 comes after 2" },
        { { 1, 3, 3 }, TL_ERR_ARGUMENT, "the gradient of v: rows[2] = 3 comes after 3" },
    };
    for (int k = 0; k < 4; k++)
        check_refused((tl_gradient){ v, values, cases[k].rows, 3 }, cases[k].status, cases[k].text);
    ck_assert_same(tl_variable_data(v), before, ROWS * WIDTH);
    tl_variable_free(v);
}
END_TEST

START_TEST(variables_without_rows)
{
    tl_variable *s = tl_test_sparse("s", tl_pattern_random(ROWS, WIDTH, 0.5, 1), 1);
    tl_variable *scalar = tl_test_dense("scalar", TL_SHAPE(), 1);
    tl_real values[WIDTH] = { 1 };
    check_refused((tl_gradient){ s, values, (int32_t[]){ 0 }, 1 }, TL_ERR_KIND,
                  "s has a row-sparse gradient but is sparse");
    check_refused((tl_gradient){ scalar, values, (int32_t[]){ 0 }, 1 }, TL_ERR_KIND,
                  "scalar has a row-sparse gradient but is a scalar");
    tl_variable_free(s);
    tl_variable_free(scalar);
}
END_TEST

/* What is absent is not looked at; a vector's rows are its elements; all rows and none are fine. */
START_TEST(what_fits)
{
    tl_variable *v = tl_variable_dense("v", TL_SHAPE(ROWS));
    tl_optimizer *o = tl_sgd((tl_sgd_options){ .learning_rate = 1 });
    tl_graph *g = tl_graph_new();
    tl_real ones[ROWS] = { 1, 1, 1, 1 };
    tl_gradient absent = { .variable = v, .rows = (int32_t[]){ 9 }, .n_rows = 1 };
    ck_assert_status(tl_apply_gradients(o, &(tl_gradients){ &absent, 1, g }), TL_ERR_ARGUMENT,
                     "sgd: there is no gradient to apply");
    tl_graph_reset(g);
    tl_gradient pairs[] = { { v, ones, (int32_t[]){ 0, 1, 2, 3 }, 4 },
                            { v, ones, (int32_t[]){ 1 }, 1 },
                            { v, ones, (int32_t[]){ 1 }, 0 } };
    for (int k = 0; k < 3; k++)
        ck_assert_ok(tl_apply_gradients(o, &(tl_gradients){ &pairs[k], 1, g }));
    ck_assert_values(tl_variable_data(v), ROWS, 0, -1, -2, -1, -1);
    ck_assert_int_eq(tl_optimizer_steps(o, v), 3);
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
}
END_TEST

static tl_gradients gradient_of(tl_graph *g, tl_variable *s)
{
    tl_gradients out;
    tl_graph_reset(g);
    ck_assert_ok(tl_backward(tl_reduce_sum(tl_sparse_to_dense(tl_use(g, s), NULL), TL_ALL_AXES), &out));
    return out;
}

/* A sparse variable whose pattern changes while its gradient, or its sum, waits. */
START_TEST(patterns_that_change)
{
    tl_pattern *few = tl_pattern_random(4, 4, 0.2, 1), *many = tl_pattern_random(4, 4, 0.9, 2);
    tl_variable *s = tl_test_sparse("s", tl_pattern_retain(few), 1);
    tl_graph *total = tl_graph_new(), *g = tl_graph_new();
    tl_optimizer *o = tl_sgd((tl_sgd_options){ 0 });
    const char *text = "gradients_add: the pattern of s has changed since its gradient was computed";
    tl_gradients part = gradient_of(g, s), sum;
    ck_assert_ok(tl_variable_set_pattern(s, many));
    ck_assert_status(tl_gradients_add(total, &part, 1), TL_ERR_ARGUMENT, text);
    tl_graph_reset(total);

    part = gradient_of(g, s);
    ck_assert_ok(tl_gradients_add(total, &part, 1));
    ck_assert_ok(tl_variable_set_pattern(s, few));
    part = gradient_of(g, s);
    text = "gradients_add: the pattern of s has changed since the sum was started";
    ck_assert_status(tl_gradients_add(total, &part, 1), TL_ERR_ARGUMENT, text);
    tl_graph_reset(total);

    ck_assert_ok(tl_gradients_add(total, &part, 1));
    ck_assert_ok(tl_gradients_total(total, &sum));
    ck_assert_ok(tl_variable_set_pattern(s, many));
    ck_assert_status(tl_apply_gradients(o, &sum), TL_ERR_ARGUMENT,
                     "sgd: the pattern of s has changed since its gradient was computed");
    tl_optimizer_free(o);
    tl_graph_free(g);
    tl_graph_free(total);
    tl_variable_free(s);
    tl_pattern_release(few);
    tl_pattern_release(many);
}
END_TEST

/* It would take two steps. */
START_TEST(the_same_variable_twice)
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(2), 1), *u = tl_test_dense("u", TL_SHAPE(2), 2);
    tl_optimizer *o = tl_sgd((tl_sgd_options){ .learning_rate = 1 });
    tl_graph *g = tl_graph_new();
    tl_real values[2] = { 1, 1 }, before[2];
    memcpy(before, tl_variable_data(v), sizeof before);
    tl_gradient pair[] = { { .variable = v, .values = values },
                           { .variable = u, .values = values },
                           { .variable = v, .values = values } };
    ck_assert_status(tl_apply_gradients(o, &(tl_gradients){ pair, 3, g }), TL_ERR_ARGUMENT,
                     "sgd: v is listed twice, in pairs 0 and 2");
    ck_assert_same(tl_variable_data(v), before, 2);
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
    tl_variable_free(u);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("pairs");
    TCase *c = tl_test_case(s, "pairs");
    tcase_add_test(c, rows);
    tcase_add_test(c, variables_without_rows);
    tcase_add_test(c, what_fits);
    tcase_add_test(c, the_same_variable_twice);
    tcase_add_test(c, patterns_that_change);
    return s;
}
