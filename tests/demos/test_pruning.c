/* The cubic schedule by which the demos remove connections. */
#include "demos/pruning.h"
#include "tests/testing.h"

static const pruning gradual = { .density = 0.1, .begin = 20, .end = 60, .every = 8 };

START_TEST(keeps_all_up_to_the_begin)
{
    ck_assert_double_eq(pruning_density(&gradual, 0), 1);
    ck_assert_double_eq(pruning_density(&gradual, 20), 1);
}
END_TEST

START_TEST(removes_seven_eighths_in_the_first_half)
{
    ck_assert_double_eq_tol(pruning_density(&gradual, 40), 0.1 + 0.9 / 8, 1e-15);
}
END_TEST

START_TEST(falls_with_each_step)
{
    for (int64_t k = 20; k < 60; k++)
        ck_assert_double_gt(pruning_density(&gradual, k), pruning_density(&gradual, k + 1));
}
END_TEST

START_TEST(keeps_the_density_from_the_end_on)
{
    ck_assert_double_eq(pruning_density(&gradual, 60), 0.1);
    ck_assert_double_eq(pruning_density(&gradual, 1000), 0.1);
}
END_TEST

START_TEST(is_due_every_few_steps_up_to_the_end)
{
    for (int64_t k = 0; k < 100; k++) {
        const bool due = k == 28 || k == 36 || k == 44 || k == 52 || k == 60;
        ck_assert_msg(pruning_is_due(&gradual, k) == due, "step %lld", (long long)k);
    }
}
END_TEST

START_TEST(is_due_at_an_end_that_is_no_multiple)
{
    const pruning p = { .density = 0.1, .begin = 20, .end = 25, .every = 3 };
    for (int64_t k = 0; k < 40; k++)
        ck_assert_msg(pruning_is_due(&p, k) == (k == 23 || k == 25), "step %lld", (long long)k);
}
END_TEST

START_TEST(removes_all_at_once_if_the_begin_is_the_end)
{
    const pruning p = { .density = 0.1, .begin = 20, .end = 20, .every = 1 };
    ck_assert_double_eq(pruning_density(&p, 19), 1);
    ck_assert_double_eq(pruning_density(&p, 20), 0.1);
    for (int64_t k = 0; k < 40; k++)
        ck_assert_msg(pruning_is_due(&p, k) == (k == 20), "step %lld", (long long)k);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("pruning");
    TCase *c = tl_test_case(s, "pruning");
    tcase_add_test(c, keeps_all_up_to_the_begin);
    tcase_add_test(c, removes_seven_eighths_in_the_first_half);
    tcase_add_test(c, falls_with_each_step);
    tcase_add_test(c, keeps_the_density_from_the_end_on);
    tcase_add_test(c, is_due_every_few_steps_up_to_the_end);
    tcase_add_test(c, is_due_at_an_end_that_is_no_multiple);
    tcase_add_test(c, removes_all_at_once_if_the_begin_is_the_end);
    return s;
}
