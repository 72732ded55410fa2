/* Sums of the rows of a table: the kernel of every table of kernels that this CPU supports against its
 * reference, to the bit; and bags, by the kernels that are chosen. */
#include "tests/lib/tables.h"

#include "lib/matrix/rows.h"

/* Runs table_rows in two parts and compares it with the reference. The table ends with its last row. */
static void check_table_rows(const tl_sparse *s, int64_t width, bool add, bool odd)
{
    operand x = (odd ? odd_values : random_values)(5 * width, 0, 2);
    operand y = random_values(4 * width, 0, 3), expected = random_values(4 * width, 0, 3);
    tl_ref_table_rows(fuses(), s, 0, s->rows, width, x.at, expected.at, add);
    t->table_rows(s, 1, s->rows, width, x.at, y.at, add);
    t->table_rows(s, 0, 1, width, x.at, y.at, add);
    check_reference("table_rows", y.at, expected.at, 4 * width);
    free(x.block);
    free(y.block);
    free(expected.block);
}

/* Columns in any order and repeated; rows of 3, 0, 1 and 2 entries, then any spans of the entries; at every
 * width up to one past two strips. */
START_TEST(table_rows)
{
    if (!supported(_i))
        return;
    const int64_t row_ptr[] = { 0, 3, 3, 4, 6 };
    const int32_t col[] = { 4, 0, 4, 2, 1, 0, 1, 3, 4 }, row_begin[] = { 4, 0, 2 }, row_end[] = { 9, 0, 4 };
    for (int64_t width = 0; width <= 8 * t->lanes + 1; width++)
        for (int c = 0; c < 8; c++) {
            operand values = random_values(9, 0, 1);
            tl_sparse s = {
                .rows = 4, .row_ptr = row_ptr, .col = col, .values = c / 2 % 2 ? values.at : NULL
            };
            check_table_rows(&s, width, c / 4, c % 2);
            s.rows = 3;
            s.row_begin = row_begin;
            s.row_end = row_end;
            check_table_rows(&s, width, c / 4, c % 2);
            free(values.block);
        }
}
END_TEST

/* 101 terms, of which the first swallows the others in a sum of floats. */
START_TEST(table_rows_in_double)
{
    if (!supported(_i))
        return;
    enum { N = 101, WIDTH = 70 };
    const int64_t row_ptr[] = { 0, N };
    int32_t col[N];
    tl_real ones[N], x[N * WIDTH], y[WIDTH];
    for (int k = 0; k < N; k++) {
        col[k] = k;
        ones[k] = 1;
        for (int j = 0; j < WIDTH; j++)
            x[k * WIDTH + j] = k == 0 ? 16777216 : 1;
    }
    const tl_sparse s = { .rows = 1, .row_ptr = row_ptr, .col = col, .values = ones };
    t->table_rows(&s, 0, 1, WIDTH, x, y, false);
    for (int j = 0; j < WIDTH; j++)
        ck_assert_double_eq((double)y[j], 16777316);
}
END_TEST

/* Bags as callers have them: columns in any order and repeated, an empty bag. With the chosen kernels, at
 * every width up to one past two tiles, from a table that ends with its last row. */
START_TEST(bags)
{
    t = tl_kernel_table();
    const int64_t row_ptr[] = { 0, 3, 3, 4, 9 };
    const int32_t col[] = { 4, 0, 4, 2, 1, 0, 1, 3, 4 };
    const int64_t tile = TL_TILE_VECS * t->lanes;
    for (int64_t width = 0; width <= 2 * tile + 1; width++)
        for (int add = 0; add < 2; add++) {
            operand values = random_values(9, 0, 1), x = random_values(5 * width, 0, 2),
                    y = random_values(4 * width, 0, 3);
            operand expected = random_values(4 * width, 0, 3);
            tl_sparse s = {
                .rows = 4, .row_ptr = row_ptr, .col = col, .values = values.at, .x_uncached = width % 2
            };
            tl_ref_spmm(fuses(), &s, 0, 4, width, (tl_dense){ x.at, width },
                        (tl_dense_out){ expected.at, width }, add);
            tl_sum_table_rows(&s, 2, 4, width, x.at, y.at, add);
            tl_sum_table_rows(&s, 0, 2, width, x.at, y.at, add);
            ck_assert_all_same(y.at, expected.at, 4 * width);
            free(values.block);
            free(x.block);
            free(y.block);
            free(expected.block);
        }
}
END_TEST

/* Rows that are any spans of the entries, in any order. */
START_TEST(bags_of_spans)
{
    t = tl_kernel_table();
    const int32_t row_begin[] = { 5, 0, 2 }, row_end[] = { 9, 0, 4 };
    const int64_t row_ptr[] = { 0, 4, 4, 6 }; /* the same rows, contiguous */
    const int32_t col[] = { 4, 0, 4, 2, 1, 0, 1, 3, 4 }, packed_col[] = { 0, 1, 3, 4, 4, 2 };
    for (int64_t width = 1; width <= TL_TILE_VECS * t->lanes + 1; width++) {
        operand values = random_values(9, 0, 1), x = random_values(5 * width, 0, 2);
        operand y = random_values(3 * width, 0, 3), expected = random_values(3 * width, 0, 3);
        tl_real packed[6];
        memcpy(packed, values.at + 5, 4 * sizeof *packed);
        memcpy(packed + 4, values.at + 2, 2 * sizeof *packed);
        const tl_sparse s = { .rows = 3,
                              .col = col,
                              .values = values.at,
                              .row_begin = row_begin,
                              .row_end = row_end },
                        plain = { .rows = 3, .row_ptr = row_ptr, .col = packed_col, .values = packed };
        tl_ref_spmm(fuses(), &plain, 0, 3, width, (tl_dense){ x.at, width },
                    (tl_dense_out){ expected.at, width }, false);
        tl_sum_table_rows(&s, 1, 3, width, x.at, y.at, false);
        tl_sum_table_rows(&s, 0, 1, width, x.at, y.at, false);
        ck_assert_all_same(y.at, expected.at, 3 * width);
        free(values.block);
        free(x.block);
        free(y.block);
        free(expected.block);
    }
}
END_TEST

START_TEST(grain_of_table_rows)
{
    ck_assert_int_ge(tl_table_rows_grain(0, 0, 0), 1);
    ck_assert_int_ge(tl_table_rows_grain(0, 0, INT32_MAX), 1);
    ck_assert_int_eq(tl_table_rows_grain(10, INT32_MAX, INT32_MAX), 1);
    /* tasks of the same work: half as many rows of twice the width */
    int64_t narrow = tl_table_rows_grain(1000, 9000, 99), wide = tl_table_rows_grain(1000, 9000, 199);
    ck_assert_int_ge(narrow, 2 * wide - 2);
    ck_assert_int_le(narrow, 2 * wide);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("kernels_rows");
    TCase *c = tl_test_case(s, "kernels_rows");
    tcase_add_loop_test(c, table_rows, 0, TABLES);
    tcase_add_loop_test(c, table_rows_in_double, 0, TABLES);
    tcase_add_test(c, bags);
    tcase_add_test(c, bags_of_spans);
    tcase_add_test(c, grain_of_table_rows);
    return s;
}
