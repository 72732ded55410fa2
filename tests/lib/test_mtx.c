/* Matrix Market files: every kind of matrix, every freedom of the text, and writing. */
#include "tests/lib/text_files.h"

#include <inttypes.h>
#include <math.h>

static void load(int packing, const char *text, tl_mtx *m)
{
    put_text(packing, text);
    ck_assert_ok(tl_mtx_read(path, m));
}

/* Checks that the file is a matrix with these rows of values, entries where they are not `no`, and frees
 * it. */
enum { no = -99 };
static void assert_matrix(int packing, const char *text, bool sparse, int64_t rows, int64_t cols,
                          const double *expected)
{
    tl_mtx m;
    load(packing, text, &m);
    ck_assert_int_eq(m.rows, rows);
    ck_assert_int_eq(m.cols, cols);
    ck_assert_int_eq(m.pattern != NULL, sparse);
    ck_assert_ptr_nonnull(m.values);
    if (sparse) {
        ck_assert_int_eq(tl_pattern_rows(m.pattern), rows);
        ck_assert_int_eq(tl_pattern_cols(m.pattern), cols);
        ck_assert_ok(tl_pattern_print(m.pattern, NULL, 0)); /* checks its rules */
    }
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            const int64_t e = sparse ? tl_pattern_find(m.pattern, i, (int32_t)j) : i * cols + j;
            const double x = e < 0 ? no : (double)m.values[e];
            ck_assert_msg(x == expected[i * cols + j], "%s\n(%d, %d) is %g", text, (int)i, (int)j, x);
        }
    tl_mtx_free(&m);
    ck_assert(m.rows == 0 && m.cols == 0 && !m.pattern && !m.values);
}
#define SPARSE(text, rows, cols, ...)                                                                        \
    assert_matrix(_i, text, true, rows, cols, (const double[rows * cols + 1]){ __VA_ARGS__ })
#define DENSE(text, rows, cols, ...)                                                                         \
    assert_matrix(_i, text, false, rows, cols, (const double[rows * cols + 1]){ __VA_ARGS__ })

#define REAL "%%MatrixMarket matrix coordinate real general\n"

START_TEST(coordinates)
{
    SPARSE(REAL "2 3 3\n1 1 0.5\n2 3 -4e2\n1 3 7\n", 2, 3, 0.5, no, 7, no, no, -400);
    SPARSE("%%MatrixMarket matrix coordinate integer general\n2 2 2\n2 2 +3\n1 2 -4\n", 2, 2, no, -4, no, 3);
    SPARSE("%%MatrixMarket matrix coordinate unsigned-integer general\n1 1 1\n1 1 4\n", 1, 1, 4);
    SPARSE("%%MatrixMarket matrix coordinate double general\n1 1 1\n1 1 4\n", 1, 1, 4);
    SPARSE("%%MatrixMarket matrix coordinate pattern general\n2 2 2\n2 2\n1 2\n", 2, 2, no, 1, no, 1);
    SPARSE(REAL "2 2 2\n1 1 0\n2 2 -0\n", 2, 2, 0, no, no, 0); /* zeros are entries */
}
END_TEST

START_TEST(symmetries)
{
    SPARSE("%%MatrixMarket matrix coordinate real symmetric\n3 3 3\n2 1 5\n3 3 6\n3 1 7\n", 3, 3, no, 5, 7, 5,
           no, no, 7, no, 6);
    SPARSE("%%MatrixMarket matrix coordinate pattern symmetric\n2 2 2\n1 2\n2 2\n", 2, 2, no, 1, 1, 1);
    SPARSE("%%MatrixMarket matrix coordinate integer skew-symmetric\n3 3 3\n2 1 5\n3 2 -6\n3 3 0\n", 3, 3, no,
           -5, no, 5, no, 6, no, -6, 0);
    /* a diagonal, which is not skew-symmetric, as one of the files has that SciPy's own tests read */
    SPARSE("%%MatrixMarket matrix coordinate integer skew-symmetric\n2 2 2\n1 1 5\n1 2 6\n", 2, 2, 5, 6, -6,
           no);
    /* entries in both triangles, but each of them once */
    SPARSE("%%MatrixMarket matrix coordinate real symmetric\n3 3 2\n2 1 5\n1 3 6\n", 3, 3, no, 5, 6, 5, no,
           no, 6, no, no);
}
END_TEST

/* As SciPy 1.10 does: mmread(path).tocsr(). */
START_TEST(repeats)
{
    SPARSE(REAL "2 2 5\n1 1 1\n2 1 8\n1 1 2\n1 2 7\n1 1 4\n", 2, 2, 7, 7, 8, no);
    SPARSE("%%MatrixMarket matrix coordinate pattern general\n1 1 3\n1 1\n1 1\n1 1\n", 1, 1, 3);
    SPARSE("%%MatrixMarket matrix coordinate real symmetric\n2 2 3\n2 1 1\n2 1 2\n1 1 4\n", 2, 2, 4, 3, 3,
           no);
    SPARSE("%%MatrixMarket matrix coordinate real symmetric\n2 2 4\n2 1 1\n1 1 4\n1 1 5\n2 2 1\n", 2, 2, 9, 1,
           1, 1);
}
END_TEST

START_TEST(arrays)
{
    DENSE("%%MatrixMarket matrix array real general\n2 3\n1\n2\n3\n4\n5\n6\n", 2, 3, 1, 3, 5, 2, 4, 6);
    DENSE("%%MatrixMarket matrix array integer symmetric\n3 3\n1\n2\n3\n4\n5\n6\n", 3, 3, 1, 2, 3, 2, 4, 5, 3,
          5, 6);
    DENSE("%%MatrixMarket matrix array real skew-symmetric\n3 3\n1\n2\n3\n", 3, 3, 0, -1, -2, 1, 0, -3, 2, 3,
          0);
    DENSE("%%MatrixMarket matrix array real skew-symmetric\n1 1\n", 1, 1, 0);
    DENSE("%%MatrixMarket matrix array real general\n0 3\n", 0, 3, 0);
    DENSE("%%MatrixMarket matrix array real general\n0 2147483647\n", 0, INT32_MAX, 0);
    DENSE("%%MatrixMarket matrix array real symmetric\n0 0\n", 0, 0, 0);
}
END_TEST

START_TEST(vectors)
{
    SPARSE("%%MatrixMarket vector coordinate real general\n3 2\n3 4\n1 5\n", 3, 1, 5, no, 4);
    SPARSE("%%MatrixMarket vector coordinate pattern\n3 1\n2\n", 3, 1, no, 1, no);
    DENSE("%%MatrixMarket vector array integer\n3\n3\n4\n5\n", 3, 1, 3, 4, 5);
}
END_TEST

START_TEST(freedoms)
{
    SPARSE("%%matrixmarket MATRIX Coordinate REAL General\r\n%\r\n\r\n 2 2 2 \r\n\t1\t1  5\r\n\r\n% more\r\n "
           " %\r\n2 2 6\r\n\r\n",
           2, 2, 5, no, no, 6);
    SPARSE("  %%MatrixMarket   matrix\tcoordinate real general  \n2 2 1 % sizes\n1 2 3 % an entry\n% the end",
           2, 2, no, 3, no, no);
    SPARSE("\xef\xbb\xbf" REAL "1 1 1\n1 1 5", 1, 1, 5); /* a byte order mark, and no newline at the end */
    SPARSE(REAL "1 1 1\n001 +1 1.e0\n", 1, 1, 1);
    SPARSE(REAL "2 2 0\n", 2, 2, no, no, no, no);
    SPARSE(REAL "0 0 0\n", 0, 0, no);
    DENSE("%%MatrixMarket matrix array real general\n%\n2 1\n\n% a\n  7\n\n%b\n 8\n%", 2, 1, 7, 8);
}
END_TEST

START_TEST(special_values)
{
    tl_mtx m;
    load(_i, REAL "1 5 5\n1 1 nan\n1 2 -Inf\n1 3 16777217\n1 4 0.1\n1 5 1e-400\n", &m);
    ck_assert(isnan(m.values[0]));
    ck_assert((double)m.values[1] == -INFINITY);
    ck_assert((double)m.values[2] == (TL_IS_DOUBLE ? 16777217 : 16777216));
    ck_assert(m.values[3] == (tl_real)0.1);
    ck_assert(m.values[4] == 0);
    tl_mtx_free(&m);
    load(
        _i,
        "%%MatrixMarket matrix coordinate integer general\n1 2 2\n1 1 9223372036854775808\n1 2 -2147483649\n",
        &m);
    ck_assert((double)m.values[0] == 0x1p63); /* beyond 64 and 32 bits */
    ck_assert((double)m.values[1] == (TL_IS_DOUBLE ? -2147483649.0 : -2147483648.0));
    tl_mtx_free(&m);
}
END_TEST

/* Random entries in three orders are the same matrix: as tl_coo_to_csr makes it. */
START_TEST(orders)
{
    enum { N = 20000, ROWS = 5000, COLS = 300000 };
    static int32_t row[N], col[N];
    static int64_t position[N];
    tl_random r = { .seed = 3 };
    for (int k = 0; k < N; k++) {
        row[k] = (int32_t)tl_random_integer(&r, ROWS);
        col[k] = (int32_t)tl_random_integer(&r, _i == 0 ? COLS : 8);
    }
    tl_pattern *p = tl_coo_to_csr(ROWS, COLS, N, row, col, TL_REPEATS_SUM, position);
    tl_real *expected = calloc(N, sizeof *expected);
    ck_assert(p && expected);
    FILE *f = fopen(path, "w");
    fprintf(f, "%s%d %d %d\n", REAL, ROWS, COLS, N);
    for (int k = 0; k < N; k++) {
        fprintf(f, "%d %d %d\n", row[k] + 1, col[k] + 1, k);
        expected[position[k]] += (tl_real)k;
    }
    fclose(f);
    tl_mtx m;
    ck_assert_ok(tl_mtx_read(path, &m));
    ck_assert(tl_pattern_equal(m.pattern, p));
    ck_assert_same(m.values, expected, tl_pattern_nnz(p));
    ck_assert_ok(tl_mtx_write(path, &m)); /* by row */
    tl_mtx again;
    ck_assert_ok(tl_mtx_read(path, &again));
    ck_assert(tl_pattern_equal(again.pattern, p));
    ck_assert_same(again.values, expected, tl_pattern_nnz(p));
    tl_mtx_free(&again);
    const int32_t *perm;
    tl_csr t = tl_pattern_csr(tl_pattern_transpose(p, &perm));
    f = fopen(path, "w"); /* by column */
    fprintf(f, "%s%d %d %" PRId64 "\n", REAL, ROWS, COLS, t.nnz);
    for (int64_t j = 0; j < t.rows; j++)
        for (int64_t e = t.row_ptr[j]; e < t.row_ptr[j + 1]; e++)
            fprintf(f, "%d %d %d\n", t.col[e] + 1, (int)j + 1, (int)expected[perm[e]]);
    fclose(f);
    ck_assert_ok(tl_mtx_read(path, &again));
    ck_assert(tl_pattern_equal(again.pattern, p));
    ck_assert_same(again.values, expected, tl_pattern_nnz(p));
    tl_mtx_free(&again);
    tl_mtx_free(&m);
    tl_pattern_release(p);
    free(expected);
}
END_TEST

START_TEST(written)
{
    const int64_t row_ptr[] = { 0, 1, 1, 3 };
    const int32_t col[] = { 1, 0, 1 };
    tl_real values[] = { (tl_real)0.1, -3, (tl_real)1e-7, 0, INFINITY, NAN };
    tl_mtx m = { 3, 2, tl_pattern_from_csr(3, 2, row_ptr, col), values };
    ck_assert_ok(tl_mtx_write(path, &m));
    assert_written(REAL "3 2 3\n1 2 0.1\n3 1 -3\n3 2 1e-07\n");
    m.values = NULL;
    ck_assert_ok(tl_mtx_write(path, &m));
    assert_written("%%MatrixMarket matrix coordinate pattern general\n3 2 3\n1 2\n3 1\n3 2\n");
    tl_pattern_release(m.pattern);
    m.pattern = NULL;
    m.values = values;
    ck_assert_ok(tl_mtx_write(path, &m));
    assert_written("%%MatrixMarket matrix array real general\n3 2\n0.1\n1e-07\ninf\n-3\n0\nnan\n");
    const tl_mtx empty = { 0, 4, NULL, NULL };
    ck_assert_ok(tl_mtx_write(path, &empty));
    DENSE("%%MatrixMarket matrix array real general\n0 4\n", 0, 4, 0);
    tl_mtx_free(NULL);
    m = (tl_mtx){ 0 };
    tl_mtx_free(&m);
}
END_TEST

/* Cora's graph and features, where the data is at hand: sizes and counts as its README states them. */
START_TEST(cora)
{
    tl_mtx m;
    char file[1024];
    if (!find_data(file, sizeof file, "cora/adjacency.mtx"))
        return;
    ck_assert_ok(tl_mtx_read(file, &m));
    ck_assert_int_eq(m.rows, 2708);
    ck_assert_int_eq(tl_pattern_nnz(m.pattern), 2 * 5278);
    ck_assert(tl_pattern_equal(m.pattern, tl_pattern_transpose(m.pattern, NULL)));
    tl_mtx_free(&m);
    if (!find_data(file, sizeof file, "cora/features.mtx"))
        return;
    ck_assert_ok(tl_mtx_read(file, &m));
    ck_assert_int_eq(m.cols, 1433);
    ck_assert_int_eq(tl_pattern_nnz(m.pattern), 49216);
    tl_mtx_free(&m);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("mtx");
    TCase *c = tl_test_case(s, "mtx");
    tcase_add_unchecked_fixture(c, make_file, remove_file);
    tcase_add_loop_test(c, coordinates, 0, PACKINGS);
    tcase_add_loop_test(c, symmetries, 0, PACKINGS);
    tcase_add_loop_test(c, repeats, 0, PACKINGS);
    tcase_add_loop_test(c, arrays, 0, PACKINGS);
    tcase_add_loop_test(c, vectors, 0, PACKINGS);
    tcase_add_loop_test(c, freedoms, 0, PACKINGS);
    tcase_add_loop_test(c, special_values, 0, PACKINGS);
    tcase_add_loop_test(c, orders, 0, 2);
    tcase_add_loop_test(c, written, 0, 1);
    tcase_add_test(c, cora);
    return s;
}
