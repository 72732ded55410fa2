/* Checkpoints that are not saved or not loaded: impossible lists, and every difference between a run and a
 * file; the run is then as it was. */
#include "tests/graph/checkpoint_fails.h"
#include "tests/graph/training.h"

#include <math.h>

/* ---- The list ---- */

START_TEST(impossible_objects)
{
    tl_random r = { 0 };
    int64_t i = 0;
    double x = 0;
    tl_variable *v = tl_test_dense("v", TL_SHAPE(2), 1);
    tl_checkpoint *c = tl_checkpoint_new();
    ck_assert_status(tl_checkpoint_add_variable(NULL, v), TL_ERR_ARGUMENT,
                     "checkpoint_add_variable: the checkpoint is NULL");
    ck_assert_status(tl_checkpoint_add_variable(c, NULL), TL_ERR_ARGUMENT,
                     "checkpoint_add_variable: the object is NULL");
    ck_assert_status(tl_checkpoint_add_optimizer(c, "o", NULL), TL_ERR_ARGUMENT,
                     "checkpoint_add_optimizer: the object is NULL");
    ck_assert_status(tl_checkpoint_add_random(c, NULL, &r), TL_ERR_ARGUMENT,
                     "checkpoint_add_random: the name is NULL");
    ck_assert_status(tl_checkpoint_add_integer(c, "", &i), TL_ERR_ARGUMENT,
                     "checkpoint_add_integer: the name is empty");
    ck_assert_status(tl_checkpoint_add_number(c, "\xff", &x), TL_ERR_ARGUMENT,
                     "checkpoint_add_number: the name is not UTF-8");
    ck_assert_ok(tl_checkpoint_add_variable(c, v));
    ck_assert_status(tl_checkpoint_add_variable(c, v), TL_ERR_ARGUMENT,
                     "checkpoint_add_variable: v is in the list already");
    ck_assert_status(tl_checkpoint_save(NULL, path), TL_ERR_ARGUMENT,
                     "checkpoint_save: the checkpoint is NULL");
    ck_assert_status(tl_checkpoint_save(c, NULL), TL_ERR_ARGUMENT, "checkpoint_save: the path is NULL");
    ck_assert_status(tl_checkpoint_load(NULL, path), TL_ERR_ARGUMENT,
                     "checkpoint_load: the checkpoint is NULL");
    ck_assert_status(tl_checkpoint_load(c, NULL), TL_ERR_ARGUMENT, "checkpoint_load: the path is NULL");
    tl_checkpoint_free(c);
    tl_variable_free(v);
}
END_TEST

START_TEST(names)
{
    static const char *const name[] = { NULL, "a", "b", "a", "", "w.crow_indices", "b", "\xff", "ema/0/a" };
    enum { N = sizeof name / sizeof *name };
    tl_variable *v[N];
    tl_checkpoint *c = tl_checkpoint_new();
    for (int k = 0; k < N; k++) {
        v[k] = tl_variable_dense(name[k], TL_SHAPE(2));
        ck_assert_ok(tl_checkpoint_add_variable(c, v[k]));
    }
    assert_save_fails(
        c, TL_ERR_ARGUMENT,
        "names that are empty, not UTF-8, begin with optimizer/ or ema/, or end in .crow_indices or "
        ".col_indices: number 1 of the list, number 5 of the list, number 6 of the list, w.crow_indices, "
        "number 8 of the list, number 9 of the list, ema/0/a");
    tl_checkpoint_free(c);
    c = tl_checkpoint_new();
    for (int k = 0; k < N; k++)
        if (k == 1 || k == 2 || k == 3 || k == 6)
            ck_assert_ok(tl_checkpoint_add_variable(c, v[k]));
    assert_save_fails(c, TL_ERR_ARGUMENT, "repeated names: a, b");
    ck_assert_status(tl_checkpoint_load(c, path), TL_ERR_ARGUMENT, "checkpoint_load: repeated names: a, b");
    tl_checkpoint_free(c);
    for (int k = 0; k < N; k++)
        tl_variable_free(v[k]);
}
END_TEST

/* Names that are fine alone, but not beside each other. */
START_TEST(names_of_tensors)
{
    tl_variable *w = tl_test_sparse("w", tl_pattern_random(2, 2, 1, 1), 1),
                *v = tl_test_dense("w.values", TL_SHAPE(2), 1);
    tl_checkpoint *c = tl_checkpoint_new();
    ck_assert_ok(tl_checkpoint_add_variable(c, w));
    ck_assert_ok(tl_checkpoint_add_variable(c, v));
    char whole[600];
    snprintf(whole, sizeof whole, "%s: w.values is the name of two", path);
    assert_save_fails(c, TL_ERR_ARGUMENT, whole);
    tl_checkpoint_free(c);
    tl_variable_free(w);
    tl_variable_free(v);
}
END_TEST

/* optimizer/a/b/c/slot0 would be of variable b/c in a, and of c in a/b. */
START_TEST(nested_optimizers)
{
    tl_variable *v = tl_test_dense("b/c", TL_SHAPE(2), 1), *w = tl_test_dense("c", TL_SHAPE(2), 1);
    tl_optimizer *o[3];
    static const char *const name[] = { "a/b", "a", "a-b" };
    tl_checkpoint *c = tl_checkpoint_new();
    ck_assert_ok(tl_checkpoint_add_variable(c, v));
    ck_assert_ok(tl_checkpoint_add_variable(c, w));
    for (int k = 0; k < 3; k++) {
        o[k] = tl_adam((tl_adam_options){ 0 });
        ck_assert_ok(tl_checkpoint_add_optimizer(c, name[k], o[k]));
    }
    assert_save_fails(c, TL_ERR_ARGUMENT,
                      "optimizers whose names begin with that of another and a slash: a/b");
    tl_checkpoint_free(c);
    for (int k = 0; k < 3; k++)
        tl_optimizer_free(o[k]);
    tl_variable_free(v);
    tl_variable_free(w);
}
END_TEST

START_TEST(incomplete_lists)
{
    training t;
    training_begin(&t, 5, TL_ROWS_EXACT, 1);
    training_run(&t, 2);
    tl_checkpoint *c = tl_checkpoint_new();
    ck_assert_ok(tl_checkpoint_add_optimizer(c, "main", t.main));
    ck_assert_ok(tl_checkpoint_add_variable(c, t.masked));
    assert_save_fails(c, TL_ERR_ARGUMENT,
                      "variables of an optimizer that are not in the list: table, bias \"b\"");
    tl_checkpoint_free(c);
    ck_assert_ok(tl_checkpoint_save(t.list, path));
    ck_assert_ok(tl_ema_swap(t.ema));
    assert_save_fails(t.list, TL_ERR_ARGUMENT, "averages are swapped in: hidden/sparse, masked, bias \"b\"");
    ck_assert_status(tl_checkpoint_load(t.list, path), TL_ERR_ARGUMENT,
                     "checkpoint_load: averages are swapped in: hidden/sparse, masked, bias \"b\"");
    ck_assert_ok(tl_ema_swap(t.ema));
    ck_assert_ok(tl_checkpoint_load(t.list, path));
    training_end(&t);
}
END_TEST

/* ---- Differences ---- */

/* Adds `n` variables to a new checkpoint. */
static tl_checkpoint *list_of(tl_variable *const *v, int n)
{
    tl_checkpoint *c = tl_checkpoint_new();
    for (int k = 0; k < n; k++)
        ck_assert_ok(tl_checkpoint_add_variable(c, v[k]));
    return c;
}

START_TEST(variables_and_numbers_differ)
{
    tl_pattern *p = tl_pattern_random(3, 4, 0.5, 1), *q = tl_pattern_random(4, 4, 0.5, 1);
    tl_variable *v[] = { tl_test_dense("a", TL_SHAPE(3, 4), 1), tl_test_sparse("b", tl_pattern_retain(p), 1),
                         tl_test_sparse("c", p, 1), tl_test_dense("d", TL_SHAPE(2), 1) };
    tl_variable *w[] = { tl_test_dense("a", TL_SHAPE(4, 3), 1), tl_test_dense("b", TL_SHAPE(3, 4), 1),
                         tl_test_sparse("c", q, 1), tl_test_dense("e", TL_SHAPE(2), 1) };
    tl_optimizer *o = tl_adam((tl_adam_options){ 0 }), *s = tl_sgd((tl_sgd_options){ 0 });
    tl_random r = { 0 };
    int64_t i = 1, j = 2;
    double x = 3;
    tl_checkpoint *saved = list_of(v, 4), *c = list_of(w, 4);
    ck_assert_ok(tl_checkpoint_add_optimizer(saved, "o", o));
    ck_assert_ok(tl_checkpoint_add_optimizer(saved, "s", s));
    ck_assert_ok(tl_checkpoint_add_integer(saved, "i", &i));
    ck_assert_ok(tl_checkpoint_save(saved, path));
    ck_assert_ok(tl_checkpoint_add_integer(c, "j", &j));
    ck_assert_ok(tl_checkpoint_add_number(c, "x", &x));
    ck_assert_ok(tl_checkpoint_add_random(c, "r", &r));
    assert_load_fails(
        c, TL_ERR_ARGUMENT,
        "a is 3x4 in the file and 4x3 here; b is sparse in the file and dense here; "
        "c is 3x4 in the file and 4x4 here; e is not in the file; integer j is not in the file; "
        "number x is not in the file; random r is not in the file; d is in the file only; and 3 more");
    tl_checkpoint_free(c);
    tl_checkpoint_free(saved);
    for (int k = 0; k < 4; k++) {
        tl_variable_free(v[k]);
        tl_variable_free(w[k]);
    }
    tl_optimizer_free(o);
    tl_optimizer_free(s);
}
END_TEST

START_TEST(optimizers_differ)
{
    tl_variable *v = tl_test_dense("a", TL_SHAPE(3, 4), 1);
    tl_optimizer *o = tl_adam((tl_adam_options){ .beta1 = 0.8, .weight_decay = 0.5 }),
                 *s = tl_sgd((tl_sgd_options){ 0 }),
                 *other = tl_adam(
                     (tl_adam_options){ .amsgrad = true, .learning_rate = 0.5, .rows = TL_ROWS_LAZY });
    int64_t i = 1;
    tl_checkpoint *saved = list_of(&v, 1), *c = list_of(&v, 1);
    ck_assert_ok(tl_checkpoint_add_optimizer(saved, "o", o));
    ck_assert_ok(tl_checkpoint_add_optimizer(saved, "s", s));
    ck_assert_ok(tl_checkpoint_add_integer(saved, "i", &i));
    ck_assert_ok(tl_checkpoint_save(saved, path));
    ck_assert_ok(tl_checkpoint_add_optimizer(c, "o", other));
    assert_load_fails(c, TL_ERR_ARGUMENT,
                      "o: weight_decay is 0.5 in the file and 0 here; o: rows is 0 in the file and 1 here; "
                      "o: beta1 is 0.8 in the file and 0.9 here; o: amsgrad is 0 in the file and 1 here; "
                      "integer/i is in the file only; optimizer/s is in the file only");
    tl_checkpoint_free(c);
    c = list_of(&v, 1);
    ck_assert_ok(tl_checkpoint_add_optimizer(c, "s", o));
    ck_assert_ok(tl_checkpoint_add_optimizer(c, "t", s));
    ck_assert_ok(tl_checkpoint_add_integer(c, "i", &i));
    assert_load_fails(
        c, TL_ERR_ARGUMENT,
        "optimizer s is of class sgd in the file and adam here; optimizer t is not in the file; "
        "optimizer/o is in the file only");
    tl_checkpoint_free(c);
    tl_checkpoint_free(saved);
    tl_optimizer_free(o);
    tl_optimizer_free(s);
    tl_optimizer_free(other);
    tl_variable_free(v);
}
END_TEST

START_TEST(averages_differ)
{
    tl_variable *v = tl_test_dense("v", TL_SHAPE(2), 1), *w = tl_test_dense("v", TL_SHAPE(2), 1);
    tl_ema *e = tl_ema_new((tl_ema_options){ .decay = 0.5 }),
           *f = tl_ema_new((tl_ema_options){ .bias_correction = true });
    tl_checkpoint *c = tl_checkpoint_new(), *d = tl_checkpoint_new();
    ck_assert_ok(tl_checkpoint_add_variable(c, v));
    ck_assert_ok(tl_checkpoint_add_variable(d, w));
    ck_assert_ok(tl_ema_add(e, v));
    ck_assert_ok(tl_checkpoint_save(c, path));
    assert_load_fails(d, TL_ERR_ARGUMENT, "an average of v is in the file only");
    ck_assert_ok(tl_ema_add(f, w));
    assert_load_fails(d, TL_ERR_ARGUMENT,
                      "the average of v has decay 0.5 in the file and 0.999 here; the average of v "
                      "has bias_correction 0 in the file and 1 here");
    tl_ema_free(e);
    ck_assert_ok(tl_checkpoint_save(c, path));
    assert_load_fails(d, TL_ERR_ARGUMENT, "an average of v is not in the file");
    tl_ema_free(f);
    ck_assert_ok(tl_checkpoint_load(d, path));
    tl_checkpoint_free(c);
    tl_checkpoint_free(d);
    tl_variable_free(v);
    tl_variable_free(w);
}
END_TEST

/* Numbers that differ in their last digits are told apart. */
START_TEST(close_numbers)
{
    const double a = 0.3, b = nextafter(a, 1);
    tl_variable *v = tl_test_dense("v", TL_SHAPE(2), 1), *w = tl_test_dense("v", TL_SHAPE(2), 1);
    tl_optimizer *o = tl_sgd((tl_sgd_options){ .momentum = a }),
                 *s = tl_sgd((tl_sgd_options){ .momentum = b });
    tl_ema *e = tl_ema_new((tl_ema_options){ .decay = a }), *f = tl_ema_new((tl_ema_options){ .decay = b });
    tl_checkpoint *c = tl_checkpoint_new(), *d = tl_checkpoint_new();
    ck_assert_ok(tl_ema_add(e, v));
    ck_assert_ok(tl_ema_add(f, w));
    ck_assert_ok(tl_checkpoint_add_variable(c, v));
    ck_assert_ok(tl_checkpoint_add_variable(d, w));
    ck_assert_ok(tl_checkpoint_add_optimizer(c, "o", o));
    ck_assert_ok(tl_checkpoint_add_optimizer(d, "o", s));
    ck_assert_ok(tl_checkpoint_save(c, path));
    assert_load_fails(d, TL_ERR_ARGUMENT,
                      "the average of v has decay 0.3 in the file and 0.30000000000000004 here; "
                      "o: momentum is 0.3 in the file and 0.30000000000000004 here");
    tl_checkpoint_free(c);
    tl_checkpoint_free(d);
    tl_ema_free(e);
    tl_ema_free(f);
    tl_optimizer_free(o);
    tl_optimizer_free(s);
    tl_variable_free(v);
    tl_variable_free(w);
}
END_TEST

/* More differences than fit. */
START_TEST(many_differences)
{
    int64_t x[30];
    tl_checkpoint *none = tl_checkpoint_new(), *c = tl_checkpoint_new();
    ck_assert_ok(tl_checkpoint_save(none, path));
    for (int k = 0; k < 30; k++) {
        char name[80];
        snprintf(name, sizeof name, "%d of a name that is far from short, and then some", k);
        ck_assert_ok(tl_checkpoint_add_integer(c, name, &x[k]));
    }
    ck_assert_int_eq(tl_checkpoint_load(c, path), TL_ERR_ARGUMENT);
    const char *end = strrchr(tl_error(), ';');
    int more = 0, shown = 0;
    ck_assert_int_eq(sscanf(end, "; and %d more", &more), 1);
    for (const char *at = tl_error(); (at = strstr(at, "integer ")); at++)
        shown++;
    ck_assert_int_eq(shown + more, 30);
    ck_assert_int_ge(shown, 4);
    tl_checkpoint_free(c);
    tl_checkpoint_free(none);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("checkpoint_errors");
    TCase *c = tl_test_case(s, "checkpoint_errors");
    tcase_add_unchecked_fixture(c, setup, teardown);
    tcase_add_test(c, impossible_objects);
    tcase_add_test(c, names);
    tcase_add_test(c, names_of_tensors);
    tcase_add_test(c, nested_optimizers);
    tcase_add_test(c, incomplete_lists);
    tcase_add_test(c, variables_and_numbers_differ);
    tcase_add_test(c, optimizers_differ);
    tcase_add_test(c, averages_differ);
    tcase_add_test(c, close_numbers);
    tcase_add_test(c, many_differences);
    return s;
}
