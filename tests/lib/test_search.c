/* tl_lower_bound against a linear search. */
#include "tests/testing.h"

#include "lib/search.h"

static int64_t linear(const int32_t *sorted, int64_t low, int64_t high, int64_t x)
{
    while (low < high && sorted[low] < x)
        low++;
    return low;
}

START_TEST(lower_bound)
{
    enum { N = 9 };
    const int32_t sorted[N] = { INT32_MIN, -3, 0, 1, 1, 1, 4, 7, INT32_MAX };
    const int64_t x[] = { INT64_MIN, INT32_MIN, -4, -3, -2, 0, 1, 2, 4, 5, 7, 8, INT32_MAX, INT64_MAX };
    for (int64_t low = 0; low <= N; low++)
        for (int64_t high = low; high <= N; high++)
            for (size_t k = 0; k < sizeof x / sizeof *x; k++)
                ck_assert_int_eq(tl_lower_bound(sorted, low, high, x[k]), linear(sorted, low, high, x[k]));
}
END_TEST

START_TEST(nothing_to_search)
{
    ck_assert_int_eq(tl_lower_bound(NULL, 0, 0, 1), 0);
    ck_assert_int_eq(tl_lower_bound(NULL, 5, 5, 1), 5);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("search");
    TCase *c = tl_test_case(s, "search");
    tcase_add_test(c, lower_bound);
    tcase_add_test(c, nothing_to_search);
    return s;
}
