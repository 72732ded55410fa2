/* The n largest of each m neighbours of a column, against the definition, for dense, masked and sparse
 * variables. */
#include "tests/testing.h"

#include <math.h>
#include <string.h>

enum { ROWS = 11, COLS = 6, KINDS = 3 };

static const char *const kind_name[KINDS] = { "dense", "masked", "sparse" };

/* Values with many ties of magnitude, both zeros, and what is not finite; row-major in `value`, and where
 * they exist. */
static tl_variable *make(int kind, tl_real value[ROWS][COLS], bool exists[ROWS][COLS])
{
    const tl_real choice[] = { 0, -0.0f, 1, -1, 2, -2, 0.5f, 1e-30f, -INFINITY, INFINITY, NAN, -NAN };
    tl_random r = { .seed = 6 };
    tl_pattern *p = tl_pattern_random(ROWS, COLS, 0.6, 1);
    tl_variable *v = kind == 2 ? tl_variable_sparse("v", p) : tl_variable_dense("v", TL_SHAPE(ROWS, COLS));
    if (kind == 1)
        ck_assert_ok(tl_variable_set_mask(v, p));
    tl_real *data = tl_variable_data(v);
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLS; j++) {
            const int64_t e = tl_pattern_find(p, i, j);
            value[i][j] = choice[tl_random_integer(&r, 12)];
            exists[i][j] = kind == 0 || e >= 0;
            if (exists[i][j])
                data[kind == 2 ? e : i * COLS + j] = value[i][j];
        }
    tl_pattern_release(p);
    return v;
}

/* Returns whether a sorts before b by magnitude: a NaN is the largest. */
static bool larger(tl_real a, tl_real b)
{
    return isnan(a) ? !isnan(b) : fabs((double)a) > fabs((double)b);
}

/* The definition: a connection stays if fewer than n of its group are larger, or equal and before it. */
static bool stays(tl_real value[ROWS][COLS], bool exists[ROWS][COLS], int i, int j, int n, int m)
{
    int ahead = 0;
    for (int k = i / m * m; k < (i / m + 1) * m && k < ROWS; k++)
        ahead += exists[k][j] &&
                 (larger(value[k][j], value[i][j]) || (k < i && !larger(value[i][j], value[k][j])));
    return exists[i][j] && ahead < n;
}

START_TEST(every_group)
{
    tl_real value[ROWS][COLS];
    bool exists[ROWS][COLS];
    tl_variable *v = make(_i, value, exists);
    for (int m = 1; m <= ROWS + 2; m++)
        for (int n = 0; n <= m; n++) {
            tl_pattern *p = tl_pattern_n_of_m(v, n, m);
            ck_assert_msg(p != NULL, "%s", tl_error());
            ck_assert_ok(tl_pattern_print(p, NULL, 0));
            ck_assert(tl_pattern_rows(p) == ROWS && tl_pattern_cols(p) == COLS);
            for (int i = 0; i < ROWS; i++)
                for (int j = 0; j < COLS; j++)
                    ck_assert_msg((tl_pattern_find(p, i, j) >= 0) == stays(value, exists, i, j, n, m),
                                  "%s, %d of %d: (%d, %d)", kind_name[_i], n, m, i, j);
            tl_pattern_release(p);
        }
    tl_variable_free(v);
}
END_TEST

/* The example of the documents: 2 of 4, then only those train. */
START_TEST(two_of_four)
{
    tl_variable *v = tl_variable_dense("w", TL_SHAPE(8, 1));
    const tl_real values[] = { 1, -4, 3, 2, 0, 0, -5, 0 };
    memcpy(tl_variable_data(v), values, sizeof values);
    tl_pattern *p = tl_pattern_n_of_m(v, 2, 4);
    ck_assert_ok(tl_variable_set_mask(v, p));
    ck_assert_values(tl_variable_values(v), 8, 0, 0, -4, 3, 0, 0, 0, -5, 0);
    const bool kept[] = { false, true, true, false, true, false, true, false };
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(tl_pattern_find(p, i, 0) >= 0, kept[i]);
    tl_pattern_release(p);
    tl_variable_free(v);
}
END_TEST

/* Scalars, vectors, tensors of rank 3 as matrices, and no values at all. */
START_TEST(shapes)
{
    const struct {
        tl_shape shape;
        int64_t rows, cols, nnz; /* of 1 of 2 */
    } as[] = { { TL_SHAPE(), 1, 1, 1 },
               { TL_SHAPE(5), 1, 5, 5 },
               { TL_SHAPE(3, 2, 5), 6, 5, 15 },
               { TL_SHAPE(0, 5), 0, 5, 0 },
               { TL_SHAPE(5, 0), 5, 0, 0 } };
    for (int k = 0; k < 5; k++) {
        tl_variable *v = tl_test_dense("v", as[k].shape, 1);
        tl_pattern *p = tl_pattern_n_of_m(v, 1, 2);
        ck_assert_msg(p != NULL, "%s", tl_error());
        ck_assert_int_eq(tl_pattern_rows(p), as[k].rows);
        ck_assert_int_eq(tl_pattern_cols(p), as[k].cols);
        ck_assert_int_eq(tl_pattern_nnz(p), as[k].nnz);
        tl_pattern_release(p);
        tl_variable_free(v);
    }
}
END_TEST

/* 100000 x 100000 with few entries: memory follows these. */
START_TEST(few_entries_in_many_cells)
{
    const int64_t side = 100000;
    tl_variable *v = tl_test_sparse("v", tl_pattern_random(side, side, 1e-5, 1), 1);
    tl_pattern *p = tl_pattern_n_of_m(v, 1, INT64_MAX);
    const tl_pattern *columns = tl_pattern_transpose(p, NULL),
                     *of_v = tl_pattern_transpose(tl_variable_pattern(v), NULL);
    for (int64_t j = 0; j < side; j++) {
        const int64_t *all = tl_pattern_row_ptr(of_v) + j, *kept = tl_pattern_row_ptr(columns) + j;
        ck_assert_int_eq(kept[1] - kept[0], all[1] > all[0]);
    }
    tl_pattern_release(p);
    tl_variable_free(v);
}
END_TEST

START_TEST(refused)
{
    tl_variable *v = tl_test_dense("w", TL_SHAPE(4, 2), 1);
    ck_assert_null(tl_pattern_n_of_m(NULL, 2, 4), "pattern_n_of_m: the variable is NULL");
    ck_assert_null(tl_pattern_n_of_m(v, 5, 4),
                   "pattern_n_of_m: n 5 for w is not in 0..4, the number of neighbours");
    ck_assert_null(tl_pattern_n_of_m(v, -1, 4),
                   "pattern_n_of_m: n -1 for w is not in 0..4, the number of neighbours");
    ck_assert_null(tl_pattern_n_of_m(v, 0, 0), "pattern_n_of_m: m 0 for w must be >= 1");
    tl_variable_free(v);
}
END_TEST

/* Each allocation in turn fails: nothing leaks. The transpose, once cached, is not allocated again. */
START_TEST(failing_allocations)
{
    tl_real value[ROWS][COLS];
    bool exists[ROWS][COLS];
    for (int64_t k = 1, failed = 1; failed; k++) {
        tl_variable *v = make(_i, value, exists);
        tl_test_fail_allocation(k);
        tl_pattern *p = tl_pattern_n_of_m(v, 2, 4);
        failed = !p;
        tl_test_fail_allocation(0);
        if (failed)
            ck_assert_str_eq(tl_error(), "out of memory");
        else
            ck_assert_int_ge(k, 6);
        tl_pattern_release(p);
        tl_variable_free(v);
    }
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("n_of_m");
    TCase *c = tl_test_case(s, "n_of_m");
    tcase_add_loop_test(c, every_group, 0, KINDS);
    tcase_add_test(c, two_of_four);
    tcase_add_test(c, shapes);
    tcase_add_test(c, few_entries_in_many_cells);
    tcase_add_test(c, refused);
    tcase_add_loop_test(c, failing_allocations, 0, KINDS);
    return s;
}
