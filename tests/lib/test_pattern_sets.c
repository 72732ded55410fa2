/* Union, intersection and difference against cells looked up one by one. */
#include "tests/testing.h"

enum { UNION, INTERSECTION, DIFFERENCE, OPERATIONS };

static tl_pattern *(*const operation[])(tl_pattern *, tl_pattern *) = { tl_pattern_union,
                                                                        tl_pattern_intersection,
                                                                        tl_pattern_difference };
static const char *const name[] = { "pattern_union", "pattern_intersection", "pattern_difference" };

static bool belongs(int which, bool in_a, bool in_b)
{
    return which == UNION ? in_a || in_b : which == INTERSECTION ? in_a && in_b : in_a && !in_b;
}

/* Computes the result and checks every cell of it. Returns it. */
static tl_pattern *checked(int which, tl_pattern *a, tl_pattern *b)
{
    tl_pattern *p = operation[which](a, b);
    ck_assert_msg(p != NULL, "%s", tl_error());
    ck_assert_ok(tl_pattern_print(p, NULL, 0));
    ck_assert_int_eq(tl_pattern_rows(p), tl_pattern_rows(a));
    ck_assert_int_eq(tl_pattern_cols(p), tl_pattern_cols(a));
    int64_t nnz = 0;
    for (int64_t i = 0; i < tl_pattern_rows(a); i++)
        for (int32_t j = 0; j < tl_pattern_cols(a); j++) {
            const bool in = belongs(which, tl_pattern_find(a, i, j) >= 0, tl_pattern_find(b, i, j) >= 0);
            ck_assert_int_eq(tl_pattern_find(p, i, j), in ? nnz : -1);
            nnz += in;
        }
    ck_assert_int_eq(tl_pattern_nnz(p), nnz);
    return p;
}

START_TEST(every_cell)
{
    const int64_t size[][2] = { { 1, 1 }, { 1, 9 }, { 9, 1 }, { 7, 13 }, { 20, 6 } };
    for (int k = 0; k < 5; k++)
        for (int da = 0; da <= 4; da++)
            for (int db = 0; db <= 4; db++)
                for (int which = 0; which < OPERATIONS; which++) {
                    tl_pattern *a = tl_pattern_random(size[k][0], size[k][1], 0.25 * da, 1);
                    tl_pattern *b = tl_pattern_random(size[k][0], size[k][1], 0.25 * db, 2);
                    tl_pattern_release(checked(which, a, b));
                    tl_pattern_release(a);
                    tl_pattern_release(b);
                }
}
END_TEST

START_TEST(of_itself)
{
    tl_pattern *a = tl_pattern_random(5, 6, 0.4, 1), *same = tl_pattern_random(5, 6, 0.4, 1);
    for (int which = 0; which < OPERATIONS; which++) {
        tl_pattern_release(checked(which, a, a));
        tl_pattern_release(checked(which, a, same));
    }
    tl_pattern_release(a);
    tl_pattern_release(same);
}
END_TEST

/* No rows, no columns, no entries. */
START_TEST(nothing)
{
    const int64_t size[][2] = { { 0, 0 }, { 0, 5 }, { 4, 0 }, { 3, 4 } };
    for (int k = 0; k < 4; k++)
        for (int which = 0; which < OPERATIONS; which++) {
            tl_pattern *a = tl_pattern_random(size[k][0], size[k][1], 0, 1);
            tl_pattern *b = tl_pattern_random(size[k][0], size[k][1], 0, 1);
            tl_pattern *p = checked(which, a, b);
            tl_pattern_release(a);
            tl_pattern_release(b);
            ck_assert_int_eq(tl_pattern_nnz(p), 0);
            tl_pattern_release(p);
        }
}
END_TEST

/* A result that equals an operand shares its memory, and outlives it. */
START_TEST(shares_what_is_equal)
{
    tl_pattern *all = tl_pattern_random(6, 7, 1, 1), *some = tl_pattern_random(6, 7, 0.5, 1);
    tl_pattern *shared[] = { tl_pattern_union(some, all), tl_pattern_union(all, some),
                             tl_pattern_intersection(some, all), tl_pattern_intersection(all, some) };
    ck_assert(shared[0] == all && shared[1] == all && shared[2] == some && shared[3] == some);
    tl_pattern *rest = tl_pattern_difference(all, some); /* half of the cells, as are in `some` */
    ck_assert_int_eq(tl_pattern_nnz(rest), tl_pattern_nnz(some));
    ck_assert_ptr_ne(rest, some);
    tl_pattern *same = tl_pattern_difference(rest, some);
    ck_assert_ptr_eq(same, rest);
    tl_pattern_release(all);
    tl_pattern_release(some);
    for (int k = 0; k < 4; k++)
        tl_pattern_release(shared[k]);
    ck_assert_ok(tl_pattern_print(same, NULL, 0));
    tl_pattern_release(same);
    tl_pattern_release(rest);
}
END_TEST

/* The widest and the tallest matrix. */
START_TEST(largest_shapes)
{
    const int32_t zero[] = { 0, 0 }, ends[] = { 0, INT32_MAX - 1 };
    tl_pattern *a = tl_pattern_from_coo(1, INT32_MAX, 2, zero, ends);
    tl_pattern *b = tl_pattern_from_coo(1, INT32_MAX, 1, zero, ends + 1);
    tl_pattern *rest = tl_pattern_difference(a, b), *both = tl_pattern_intersection(a, b);
    ck_assert_int_eq(tl_pattern_nnz(rest), 1);
    ck_assert_int_eq(tl_pattern_find(rest, 0, 0), 0);
    ck_assert_int_eq(tl_pattern_find(both, 0, INT32_MAX - 1), 0);
    tl_pattern_release(a);
    tl_pattern_release(b);
    tl_pattern_release(rest);
    tl_pattern_release(both);
}
END_TEST

/* 100000 x 100000: time and memory follow the entries. */
START_TEST(few_entries_in_many_cells)
{
    const int64_t n = 100000;
    tl_pattern *a = tl_pattern_random(n, n, 1e-5, 1), *b = tl_pattern_random(n, n, 1e-5, 2);
    tl_pattern *all = tl_pattern_union(a, b), *both = tl_pattern_intersection(a, b),
               *rest = tl_pattern_difference(a, b);
    ck_assert_int_eq(tl_pattern_nnz(all), tl_pattern_nnz(rest) + tl_pattern_nnz(b));
    ck_assert_int_eq(tl_pattern_nnz(both), tl_pattern_nnz(a) - tl_pattern_nnz(rest));
    tl_pattern *again = tl_pattern_union(rest, both), *none = tl_pattern_intersection(rest, b);
    ck_assert(tl_pattern_equal(again, a));
    ck_assert_int_eq(tl_pattern_nnz(none), 0);
    ck_assert_int_le(tl_pattern_bytes(all), 8 * (n + 1) + 4 * 200000 + 200);
    tl_pattern *made[] = { a, b, all, both, rest, again, none };
    for (int k = 0; k < 7; k++)
        tl_pattern_release(made[k]);
}
END_TEST

START_TEST(refused)
{
    tl_pattern *a = tl_pattern_random(2, 3, 0.5, 1), *b = tl_pattern_random(3, 2, 0.5, 1);
    for (int which = 0; which < OPERATIONS; which++) {
        char text[200];
        snprintf(text, sizeof text, "%s: 2x3 and 3x2 differ in shape", name[which]);
        ck_assert_null(operation[which](a, b), text);
        snprintf(text, sizeof text, "%s: the first pattern is NULL", name[which]);
        ck_assert_null(operation[which](NULL, b), text);
        snprintf(text, sizeof text, "%s: the second pattern is NULL", name[which]);
        ck_assert_null(operation[which](a, NULL), text);
    }
    tl_pattern_release(a);
    tl_pattern_release(b);
}
END_TEST

/* Each allocation in turn fails: nothing leaks, and the operands are as before. */
START_TEST(failing_allocations)
{
    tl_pattern *a = tl_pattern_random(6, 7, 0.4, 1), *b = tl_pattern_random(6, 7, 0.4, 2);
    for (int which = 0; which < OPERATIONS; which++) {
        const int64_t asked = tl_test_allocations();
        tl_pattern *p = operation[which](a, b);
        const int64_t count = tl_test_allocations() - asked;
        ck_assert_int_eq(count, 3);
        for (int64_t k = 1; k <= count; k++) {
            tl_test_fail_allocation(k);
            ck_assert_null(operation[which](a, b), "out of memory");
        }
        tl_test_fail_allocation(0);
        tl_pattern_release(checked(which, a, b));
        tl_pattern_release(p);
    }
    tl_pattern_release(a);
    tl_pattern_release(b);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("pattern_sets");
    TCase *c = tl_test_case(s, "pattern_sets");
    tcase_add_test(c, every_cell);
    tcase_add_test(c, of_itself);
    tcase_add_test(c, nothing);
    tcase_add_test(c, shares_what_is_equal);
    tcase_add_test(c, largest_shapes);
    tcase_add_test(c, few_entries_in_many_cells);
    tcase_add_test(c, refused);
    tcase_add_test(c, failing_allocations);
    return s;
}
