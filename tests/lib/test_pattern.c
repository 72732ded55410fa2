/* Patterns from compressed rows and masks: construction, invalid input, accessors, printing. Coordinates and
 * random patterns are in test_pattern_coo.c, the cached transpose and threads in test_pattern_transpose.c. */
#include "tests/testing.h"

#include <stdio.h>
#include <string.h>

/* The matrix of most tests; row 1 and column 1 are empty.
 *     . . x . x
 *     . . . . .
 *     x . x x x
 *     . . . x . */
static const int64_t some_row_ptr[] = { 0, 2, 2, 6, 7 };
static const int32_t some_col[] = { 2, 4, 0, 2, 3, 4, 3 };

static tl_pattern *some_pattern(void)
{
    return tl_pattern_from_csr(4, 5, some_row_ptr, some_col);
}

static void ck_assert_pattern(const tl_pattern *p, int64_t rows, int64_t cols, const int64_t *row_ptr,
                              const int32_t *col)
{
    ck_assert_msg(p != NULL, "%s", tl_error());
    ck_assert_int_eq(tl_pattern_rows(p), rows);
    ck_assert_int_eq(tl_pattern_cols(p), cols);
    ck_assert_int_eq(tl_pattern_nnz(p), row_ptr[rows]);
    const tl_csr s = tl_pattern_csr(p);
    ck_assert(s.rows == rows && s.cols == cols && s.nnz == row_ptr[rows]);
    ck_assert(s.row_ptr == tl_pattern_row_ptr(p) && s.col == tl_pattern_col(p));
    for (int64_t i = 0; i <= rows; i++)
        ck_assert_int_eq(tl_pattern_row_ptr(p)[i], row_ptr[i]);
    for (int64_t e = 0; e < row_ptr[rows]; e++)
        ck_assert_int_eq(tl_pattern_col(p)[e], col[e]);
}

/* ---- construction ---- */

/* The arrays are copied. */
START_TEST(from_csr)
{
    int64_t row_ptr[5];
    int32_t col[7];
    memcpy(row_ptr, some_row_ptr, sizeof row_ptr);
    memcpy(col, some_col, sizeof col);
    tl_pattern *p = tl_pattern_from_csr(4, 5, row_ptr, col);
    memset(row_ptr, 0xff, sizeof row_ptr);
    memset(col, 0xff, sizeof col);
    ck_assert_pattern(p, 4, 5, some_row_ptr, some_col);
    tl_pattern_release(p);
}
END_TEST

START_TEST(from_mask)
{
    const uint8_t keep[] = { 0, 0, 1, 0, 255, 0, 0, 0, 0, 0, 2, 0, 128, 1, 1, 0, 0, 0, 7, 0 };
    tl_pattern *p = tl_pattern_from_mask(4, 5, keep);
    ck_assert_pattern(p, 4, 5, some_row_ptr, some_col);
    tl_pattern_release(p);
}
END_TEST

/* No rows, no columns, no entries; the other arrays may then be NULL. */
START_TEST(nothing)
{
    const int64_t zeros[5] = { 0 };
    const int64_t size[][2] = { { 0, 0 }, { 0, 5 }, { 4, 0 }, { 4, 5 }, { 4, INT32_MAX } };
    for (int k = 0; k < 5; k++) {
        tl_pattern *p = tl_pattern_from_csr(size[k][0], size[k][1], zeros, NULL);
        ck_assert_pattern(p, size[k][0], size[k][1], zeros, NULL);
        ck_assert_ok(tl_pattern_print(p, NULL, 0));
        tl_pattern_release(p);
    }
    for (int k = 0; k < 3; k++) {
        tl_pattern *p = tl_pattern_from_mask(size[k][0], size[k][1], NULL);
        ck_assert_pattern(p, size[k][0], size[k][1], zeros, NULL);
        const int32_t *order = NULL;
        const tl_pattern *t = tl_pattern_transpose(p, &order);
        ck_assert_pattern(t, size[k][1], size[k][0], (const int64_t[6]){ 0 }, NULL);
        ck_assert_ptr_nonnull(order);
        tl_pattern_release(p);
    }
    tl_pattern *p = tl_pattern_from_mask(2, 2, (const uint8_t[4]){ 0 });
    ck_assert_pattern(p, 2, 2, zeros, NULL);
    tl_pattern_release(p);
}
END_TEST

/* The last column of the widest matrix. */
START_TEST(widest)
{
    const int32_t col[] = { 0, INT32_MAX - 1 };
    tl_pattern *p = tl_pattern_from_csr(1, INT32_MAX, (const int64_t[]){ 0, 2 }, col);
    ck_assert_pattern(p, 1, INT32_MAX, (const int64_t[]){ 0, 2 }, col);
    ck_assert_int_eq(tl_pattern_find(p, 0, INT32_MAX - 1), 1);
    ck_assert_int_eq(tl_pattern_find(p, 0, INT32_MAX), -1);
    tl_pattern_release(p);
}
END_TEST

START_TEST(refused_rows)
{
#define PTR(...)                                                                                             \
    (const int64_t[])                                                                                        \
    {                                                                                                        \
        __VA_ARGS__                                                                                          \
    }
#define COL(...)                                                                                             \
    (const int32_t[])                                                                                        \
    {                                                                                                        \
        __VA_ARGS__                                                                                          \
    }
    const struct {
        int64_t rows, cols;
        const int64_t *row_ptr;
        const int32_t *col;
        const char *text;
    } wrong[] = {
        { 2, 3, NULL, COL(0), "row_ptr is NULL" },
        { -1, 3, PTR(0), NULL, "-1x3 has a size that is not in 0..2147483647" },
        { 3, -1, PTR(0, 0, 0, 0), NULL, "3x-1 has a size that is not in 0..2147483647" },
        { 2147483648, 3, PTR(0), NULL, "2147483648x3 has a size that is not in 0..2147483647" },
        { 0, 2147483648, PTR(0), NULL, "0x2147483648 has a size that is not in 0..2147483647" },
        { 2, 3, PTR(1, 1, 1), COL(0), "row_ptr[0] is 1 and must be 0" },
        { 0, 3, PTR(-1), COL(0), "row_ptr[0] is -1 and must be 0" },
        { 3, 3, PTR(0, 2, 1, 3), COL(0, 1, 2), "row 1 ends at 1, before its start 2" },
        { 1, 3, PTR(0, -1), COL(0), "row 0 ends at -1, before its start 0" },
        { 1, 3, PTR(0, 2147483648), COL(0), "nnz 2147483648 is not in 0..2147483647" },
        { 1, 3, PTR(0, INT64_MAX), COL(0), "nnz 9223372036854775807 is not in 0..2147483647" },
        { 1, 3, PTR(0, 1), NULL, "col is NULL" },
        { 2, 3, PTR(0, 1, 3), COL(0, 0, 3), "row 1, entry 2: column 3 is not in [0, 3)" },
        { 2, 3, PTR(0, 1, 2), COL(0, -1), "row 1, entry 1: column -1 is not in [0, 3)" },
        { 1, 0, PTR(0, 1), COL(0), "row 0, entry 0: column 0 is not in [0, 0)" },
        { 3, 3, PTR(0, 0, 0, 3), COL(0, 2, 1), "row 2, entry 2: column 1 comes after 2" },
        { 2, 3, PTR(0, 2, 4), COL(0, 2, 1, 1), "row 1, entry 3: column 1 repeats 1" },
    };
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        char text[200];
        snprintf(text, sizeof text, "pattern_from_csr: %s", wrong[k].text);
        ck_assert_null(tl_pattern_from_csr(wrong[k].rows, wrong[k].cols, wrong[k].row_ptr, wrong[k].col),
                       text);
    }
}
END_TEST

START_TEST(refused_masks)
{
    const uint8_t keep[1] = { 1 };
    ck_assert_null(tl_pattern_from_mask(-1, 3, keep),
                   "pattern_from_mask: -1x3 has a size that is not in 0..2147483647");
    ck_assert_null(tl_pattern_from_mask(0, 2147483648, keep),
                   "pattern_from_mask: 0x2147483648 has a size that is not in 0..2147483647");
    ck_assert_null(tl_pattern_from_mask(1, 1, NULL), "pattern_from_mask: keep is NULL");
}
END_TEST

static tl_pattern *some_mask(void)
{
    return tl_pattern_from_mask(2, 2, (const uint8_t[]){ 1, 0, 1, 1 });
}

/* Each allocation in turn fails: nothing leaks (the fixture checks). */
START_TEST(failing_allocations)
{
    tl_pattern *(*const make[])(void) = { some_pattern, some_mask };
    for (int m = 0; m < 2; m++) {
        int64_t asked = tl_test_allocations(), alive = tl_test_live_blocks();
        tl_pattern *p = make[m]();
        int64_t count = tl_test_allocations() - asked;
        ck_assert_int_ge(count, 3);
        for (int64_t k = 1; k <= count; k++) {
            tl_test_fail_allocation(k);
            ck_assert_null(make[m](), "out of memory");
        }
        tl_test_fail_allocation(count + 1);
        tl_pattern *again = make[m]();
        ck_assert(tl_pattern_equal(again, p));
        tl_pattern_release(again);
        tl_pattern_release(p);
        tl_test_fail_allocation(0);
        ck_assert_int_eq(tl_test_live_blocks(), alive);
    }
}
END_TEST

/* ---- accessors ---- */

START_TEST(find)
{
    tl_pattern *p = some_pattern();
    for (int64_t i = 0; i < 4; i++)
        for (int32_t j = -1; j <= 5; j++) {
            int64_t expected = -1;
            for (int64_t e = some_row_ptr[i]; e < some_row_ptr[i + 1]; e++)
                expected = some_col[e] == j ? e : expected;
            ck_assert_int_eq(tl_pattern_find(p, i, j), expected);
        }
    tl_pattern_release(p);
}
END_TEST

START_TEST(equal)
{
    tl_pattern *p = some_pattern(), *same = some_pattern();
    int32_t moved[7];
    memcpy(moved, some_col, sizeof moved);
    moved[6] = 4;
    tl_pattern *others[] = {
        tl_pattern_from_csr(4, 5, some_row_ptr, moved),
        tl_pattern_from_csr(4, 6, some_row_ptr, some_col),
        tl_pattern_from_csr(4, 5, (const int64_t[]){ 0, 2, 2, 6, 6 }, some_col),
        tl_pattern_from_csr(4, 5, (const int64_t[]){ 0, 1, 2, 6, 7 }, some_col),
        tl_pattern_from_csr(5, 5, (const int64_t[]){ 0, 2, 2, 6, 7, 7 }, some_col),
        tl_pattern_from_csr(4, 5, (const int64_t[]){ 0, 0, 0, 0, 0 }, some_col),
    };
    ck_assert(tl_pattern_equal(p, p) && tl_pattern_equal(p, same) && tl_pattern_equal(same, p));
    for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
        ck_assert_ptr_nonnull(others[k]);
        ck_assert_msg(!tl_pattern_equal(p, others[k]) && !tl_pattern_equal(others[k], p),
                      "pattern %zu is equal", k);
        tl_pattern_release(others[k]);
    }
    tl_pattern_release(p);
    tl_pattern_release(same);
}
END_TEST

/* 8 bytes per row, 4 per entry, and some for the object; the transpose counts once it exists. */
START_TEST(bytes)
{
    const int64_t zeros[5] = { 0 };
    tl_pattern *p = some_pattern(), *empty = tl_pattern_from_csr(4, 5, zeros, NULL);
    tl_pattern *none = tl_pattern_from_csr(0, 5, zeros, NULL);
    int64_t before = tl_pattern_bytes(p);
    ck_assert_int_ge(tl_pattern_bytes(none), 8);
    ck_assert_int_eq(tl_pattern_bytes(empty), tl_pattern_bytes(none) + 4 * 8);
    ck_assert_int_eq(before, tl_pattern_bytes(empty) + 7 * 4);
    const tl_pattern *t = tl_pattern_transpose(p, NULL);
    ck_assert_int_eq(tl_pattern_bytes(t), before + 8); /* one row more */
    ck_assert_int_ge(tl_pattern_bytes(p), before + tl_pattern_bytes(t) + 7 * 4);
    tl_pattern_release(p);
    tl_pattern_release(empty);
    tl_pattern_release(none);
}
END_TEST

static void ck_assert_printed(const tl_pattern *p, int64_t most, const char *expected)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    ck_assert_ok(tl_pattern_print(p, out, most));
    fclose(out);
    ck_assert_str_eq(text, expected);
    free(text);
}

START_TEST(print)
{
    tl_pattern *p = some_pattern(), *none = tl_pattern_from_mask(0, 3, NULL);
    ck_assert_printed(p, 0, "pattern 4x5, 7 entries\n");
    ck_assert_printed(p, 3, "pattern 4x5, 7 entries\n  0: (0, 2)\n  1: (0, 4)\n  2: (2, 0)\n  and 4 more\n");
    const char *all =
        "pattern 4x5, 7 entries\n  0: (0, 2)\n  1: (0, 4)\n  2: (2, 0)\n  3: (2, 2)\n  4: (2, 3)\n"
        "  5: (2, 4)\n  6: (3, 3)\n";
    ck_assert_printed(p, 7, all);
    ck_assert_printed(p, INT64_MAX, all);
    ck_assert_printed(none, 9, "pattern 0x3, 0 entries\n");
    ck_assert_ok(tl_pattern_print(p, NULL, 9));
    ck_assert_status(tl_pattern_print(NULL, NULL, 0), TL_ERR_ARGUMENT, "pattern_print: the pattern is NULL");
    tl_pattern_release(p);
    tl_pattern_release(none);
}
END_TEST

/* On Linux, writing to /dev/full fails. */
START_TEST(print_to_a_full_disk)
{
    FILE *full = fopen("/dev/full", "w");
    tl_pattern *p = some_pattern();
    if (full) {
        ck_assert_status(tl_pattern_print(p, full, 3), TL_ERR_IO, "pattern_print: No space left on device");
        fclose(full);
    }
    tl_pattern_release(p);
}
END_TEST

/* The printer checks every rule: it detects a pattern that was overwritten. */
START_TEST(print_checks)
{
    tl_pattern *p = some_pattern();
    int32_t *col = (int32_t *)tl_pattern_col(p);
    col[4] = 1;
    ck_assert_status(tl_pattern_print(p, NULL, 0), TL_ERR_ARGUMENT,
                     "pattern_print: row 2, entry 4: column 1 comes after 2");
    col[4] = 7;
    ck_assert_status(tl_pattern_print(p, NULL, 0), TL_ERR_INDEX,
                     "pattern_print: row 2, entry 4: column 7 is not in [0, 5)");
    tl_pattern_release(p);
}
END_TEST

START_TEST(no_pattern)
{
    tl_pattern *p = tl_pattern_random(2, 3, 0.5, 1);
    ck_assert_int_eq(tl_pattern_rows(NULL), 0);
    ck_assert_int_eq(tl_pattern_cols(NULL), 0);
    ck_assert_int_eq(tl_pattern_nnz(NULL), 0);
    ck_assert_int_eq(tl_pattern_bytes(NULL), 0);
    ck_assert_int_eq(tl_pattern_find(NULL, 0, 0), -1);
    ck_assert_int_eq(tl_pattern_find(p, 2, 0), -1);
    ck_assert_ptr_null(tl_pattern_row_ptr(NULL));
    const tl_csr none = tl_pattern_csr(NULL);
    ck_assert(none.rows == 0 && none.cols == 0 && none.nnz == 0 && !none.row_ptr && !none.col);
    ck_assert_ptr_null(tl_pattern_col(NULL));
    ck_assert(!tl_pattern_equal(p, NULL) && !tl_pattern_equal(NULL, p) && tl_pattern_equal(NULL, NULL));
    ck_assert_null(tl_pattern_transpose(NULL, NULL), "pattern_transpose: the pattern is NULL");
    tl_pattern_release(p);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("pattern");
    TCase *c = tl_test_case(s, "pattern");
    tcase_add_test(c, from_csr);
    tcase_add_test(c, from_mask);
    tcase_add_test(c, nothing);
    tcase_add_test(c, widest);
    tcase_add_test(c, refused_rows);
    tcase_add_test(c, refused_masks);
    tcase_add_test(c, failing_allocations);
    tcase_add_test(c, find);
    tcase_add_test(c, equal);
    tcase_add_test(c, bytes);
    tcase_add_test(c, print);
    tcase_add_test(c, print_to_a_full_disk);
    tcase_add_test(c, no_pattern);
    tcase_add_test(c, print_checks);
    return s;
}
