/* Tools for lookups: refusals, rows that are placed, extremes of bags and segments. */
#include "tests/testing.h"
#include "lookup.h"

#include <math.h>

static const tl_real table[] = { 1, 2, 3, 4, 5, 6, 7, 8 }; /* 4x2 */

START_TEST(refusals)
{
    tl_graph *g = tl_graph_new();
    tl_node *leaf = tl_input(g, TL_SHAPE(4, 2), table);
    ck_assert_status(tl_shape_lookup(NULL, TL_SHAPE(1)), TL_ERR_ARGUMENT, "shape_lookup: the node is NULL");
    ck_assert_status(tl_shape_lookup(leaf, TL_SHAPE(1)), TL_ERR_ARGUMENT, "shape_lookup: the node is a leaf");
    ck_assert_int_eq(tl_lookup_width(leaf), 2);
    ck_assert_int_eq(tl_lookup_width(tl_input(g, TL_SHAPE(2, 0, 3), NULL)), 0);
    ck_assert_int_eq(tl_lookup_width(tl_input(g, TL_SHAPE(8), table)), 1);
    tl_graph_free(g);
}
END_TEST

/* Rows that none is placed in stay; of nothing, no array is looked at. */
START_TEST(placed)
{
    tl_real y[] = { -1, -1, -1, -1, -1, -1 };
    tl_place_rows(2, 2, (const int32_t[]){ 3, 0 }, (const int32_t[]){ 0, 2 }, table, y);
    ck_assert_values(y, 6, 0, 7, 8, -1, -1, 1, 2);
    tl_place_rows(0, 2, NULL, NULL, NULL, NULL);
    tl_place_rows(2, 0, (const int32_t[]){ 3, 0 }, (const int32_t[]){ 0, 1 }, NULL, NULL);
}
END_TEST

/* More rows than a thread prefetches, or is given at once. */
START_TEST(many_placed)
{
    enum { N = 5000, WIDTH = 7 };
    static int32_t rows[N], to[N];
    tl_real *x = tl_test_filled(N * WIDTH, 1), *y = tl_test_unset(N * WIDTH);
    for (int32_t k = 0; k < N; k++) {
        rows[k] = k * 7 % N / 3;
        to[k] = N - 1 - k;
    }
    tl_place_rows(N, WIDTH, rows, to, x, y);
    for (int64_t k = 0; k < N; k++)
        ck_assert_same(y + to[k] * WIDTH, x + rows[k] * WIDTH, WIDTH);
    ck_assert(isnan(y[N * WIDTH]));
    free(x);
    free(y);
}
END_TEST

static void check_from(const int64_t *from, const int64_t *expected)
{
    for (int k = 0; k < 6; k++)
        ck_assert_int_eq(from[k], expected[k]);
}

/* Bags {3, 0}, {} and {1}; segments of rows 0 and 1, of none, and of row 2. */
START_TEST(extremes)
{
    const int64_t ptr[] = { 0, 2, 2, 3 };
    const int32_t row[] = { 3, 0, 1 };
    tl_row_extremes r = { .n = 3, .width = 2, .ptr = ptr, .row = row };
    tl_real y[6];
    int64_t from[6];
    tl_extreme_rows(&r, table, y, from);
    ck_assert_values(y, 6, 0, 7, 8, 0, 0, 3, 4);
    check_from(from, (const int64_t[]){ 0, 1, -1, -1, 4, 5 });
    r.smallest = true;
    tl_extreme_rows(&r, table, y, from);
    ck_assert_values(y, 6, 0, 1, 2, 0, 0, 3, 4);
    check_from(from, (const int64_t[]){ 2, 3, -1, -1, 4, 5 });
    r.row = NULL;
    tl_extreme_rows(&r, table, y, from);
    ck_assert_values(y, 6, 0, 1, 2, 0, 0, 5, 6);
    check_from(from, (const int64_t[]){ 0, 1, -1, -1, 4, 5 });
    tl_extreme_rows(&(tl_row_extremes){ .ptr = ptr, .width = 2 }, NULL, NULL, NULL);
    tl_extreme_rows(&(tl_row_extremes){ .ptr = ptr, .n = 3 }, NULL, NULL, NULL);
}
END_TEST

/* The first stays: of equals, of zeros of either sign, and of NaN, which is beyond infinity. */
START_TEST(first_of_equals)
{
    const tl_real x[] = { -0.0, 1, INFINITY, 0, 1, NAN, 0, 1, NAN };
    const int64_t ptr[] = { 0, 3 };
    tl_row_extremes r = { .n = 1, .width = 3, .ptr = ptr };
    for (int k = 0; k < 2; k++) {
        tl_real y[3];
        int64_t from[3];
        r.smallest = k == 1;
        tl_extreme_rows(&r, x, y, from);
        ck_assert_values(y, 3, 0, -0.0, 1, NAN);
        ck_assert_int_eq(from[0], 0);
        ck_assert_int_eq(from[1], 1);
        ck_assert_int_eq(from[2], 5);
    }
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("lookup");
    TCase *c = tl_test_case(s, "lookup");
    tcase_add_test(c, refusals);
    tcase_add_test(c, placed);
    tcase_add_test(c, many_placed);
    tcase_add_test(c, extremes);
    tcase_add_test(c, first_of_equals);
    return s;
}
