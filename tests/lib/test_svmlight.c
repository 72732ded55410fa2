/* svmlight files: every freedom of the text, bases, batches, and writing. */
#include "tests/lib/text_files.h"

#include <inttypes.h>
#include <math.h>

static void assert_zeroed(const tl_svmlight *d)
{
    ck_assert(d->rows == 0 && d->features == 0 && d->base == 0);
    ck_assert(!d->pattern && !d->values && !d->labels && !d->qid);
}

/* Checks one row: its label, qid, and entries as a list of columns and values. */
typedef struct entry {
    int32_t col;
    double value;
} entry;
static void assert_row(const tl_svmlight *d, int64_t row, double label, int64_t qid, int n,
                       const entry *expected)
{
    const tl_csr p = tl_pattern_csr(d->pattern);
    ck_assert((double)d->labels[row] == label);
    ck_assert_int_eq(d->qid ? d->qid[row] : 0, qid);
    ck_assert_int_eq(p.row_ptr[row + 1] - p.row_ptr[row], n);
    for (int k = 0; k < n; k++) {
        ck_assert_int_eq(p.col[p.row_ptr[row] + k], expected[k].col);
        ck_assert(d->values[p.row_ptr[row] + k] == (tl_real)expected[k].value);
    }
}
#define ROW(d, row, label, qid, ...)                                                                         \
    assert_row(d, row, label, qid, (int)(sizeof((entry[]){ __VA_ARGS__ }) / sizeof(entry)),                  \
               (entry[]){ __VA_ARGS__ })
#define EMPTY_ROW(d, row, label, qid) assert_row(d, row, label, qid, 0, NULL)

static void assert_sizes(const tl_svmlight *d, int64_t rows, int64_t features, int32_t base)
{
    ck_assert_int_eq(d->rows, rows);
    ck_assert_int_eq(d->features, features);
    ck_assert_int_eq(d->base, base);
    ck_assert_int_eq(tl_pattern_rows(d->pattern), rows);
    ck_assert_int_eq(tl_pattern_cols(d->pattern), features);
    ck_assert_ok(tl_pattern_print(d->pattern, NULL, 0)); /* checks its rules */
}

START_TEST(plain)
{
    tl_svmlight d;
    put_text(_i, "1 1:0.5 3:-2e1\n-1\n+0.5 2:7 4:.25\n");
    ck_assert_ok(tl_svmlight_read(path, NULL, &d));
    assert_sizes(&d, 3, 4, 1);
    ck_assert_ptr_null(d.qid);
    ROW(&d, 0, 1, 0, { 0, 0.5 }, { 2, -20 });
    EMPTY_ROW(&d, 1, -1, 0);
    ROW(&d, 2, 0.5, 0, { 1, 7 }, { 3, 0.25 });
    tl_svmlight_free(&d);
    assert_zeroed(&d);
    tl_svmlight_free(NULL);
}
END_TEST

START_TEST(freedoms)
{
    tl_svmlight d;
    put_text(
        _i,
        "# a comment\r\n\r\n  \t\n 3 qid:-5\t1:1   9:2 # 7:7\r\n#\n2 qid:9223372036854775807# no entries\n"
        "1e0 qid:0 00009:0 +4:1 2:3 1:-0#x\n  # last");
    ck_assert_ok(tl_svmlight_read(path, NULL, &d));
    assert_sizes(&d, 3, 9, 1);
    ROW(&d, 0, 3, -5, { 0, 1 }, { 8, 2 });
    EMPTY_ROW(&d, 1, 2, INT64_MAX);
    ROW(&d, 2, 1, 0, { 0, 0 }, { 1, 3 }, { 3, 1 }, { 8, 0 }); /* sorted; zeros are entries */
    tl_svmlight_free(&d);
}
END_TEST

START_TEST(bases)
{
    tl_svmlight d;
    put_text(_i, "1 3:1 5:1\n1 0:4\n");
    ck_assert_ok(tl_svmlight_read(path, NULL, &d));
    assert_sizes(&d, 2, 6, 0);
    ROW(&d, 0, 1, 0, { 3, 1 }, { 5, 1 });
    tl_svmlight_free(&d);
    put_text(_i, "1 3:1 5:1\n");
    ck_assert_ok(tl_svmlight_read(path, &(tl_svmlight_options){ .base = TL_SVMLIGHT_FROM_0 }, &d));
    assert_sizes(&d, 1, 6, 0);
    ROW(&d, 0, 1, 0, { 3, 1 }, { 5, 1 });
    tl_svmlight_free(&d);
    ck_assert_ok(
        tl_svmlight_read(path, &(tl_svmlight_options){ .base = TL_SVMLIGHT_FROM_1, .features = 8 }, &d));
    assert_sizes(&d, 1, 8, 1);
    ROW(&d, 0, 1, 0, { 2, 1 }, { 4, 1 });
    tl_svmlight_free(&d);
    ck_assert_ok(tl_svmlight_read(path, &(tl_svmlight_options){ .features = 5 }, &d));
    assert_sizes(&d, 1, 5, 1);
    tl_svmlight_free(&d);
}
END_TEST

START_TEST(few_rows)
{
    tl_svmlight d;
    put_text(_i, "");
    ck_assert_ok(tl_svmlight_read(path, NULL, &d));
    assert_sizes(&d, 0, 0, 1);
    tl_svmlight_free(&d);
    put_text(_i, "7\n8");
    ck_assert_ok(tl_svmlight_read(path, &(tl_svmlight_options){ .features = 3 }, &d));
    assert_sizes(&d, 2, 3, 1);
    EMPTY_ROW(&d, 1, 8, 0);
    tl_svmlight_free(&d);
    put_text(_i, "7 2147483647:1\n"); /* columns take no memory */
    ck_assert_ok(tl_svmlight_read(path, NULL, &d));
    assert_sizes(&d, 1, INT32_MAX, 1);
    tl_svmlight_free(&d);
}
END_TEST

/* 1000 rows of 0 to 40 entries, in any order; `first_id` is the smallest. */
static void put_rows(int first_id)
{
    tl_random r = { .seed = 4 };
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    for (int i = 0; i < 1000; i++) {
        fprintf(f, "%d qid:%d", i % 7, i / 10);
        int left = (int)tl_random_integer(&r, 41);
        for (int id = 99; id >= 0; id--)
            if (left > 0 && tl_random_integer(&r, id + 1) < left--)
                fprintf(f, " %d:%d.5", (id * 37) % 100 + first_id, i);
            else
                left += left > 0; /* it was not taken */
        fprintf(f, "\n");
    }
    fclose(f);
}

/* Batches are the rows of the whole file, in its order. */
START_TEST(batches)
{
    static const int64_t sizes[] = { 1, 7, 64, 1000, 5000 };
    const int64_t n = sizes[_i];
    put_rows(0);
    const tl_svmlight_options options = { .features = 100, .base = TL_SVMLIGHT_FROM_0 };
    tl_svmlight whole, batch = { 0 };
    ck_assert_ok(tl_svmlight_read(path, &options, &whole));
    assert_sizes(&whole, 1000, 100, 0);
    const tl_csr p = tl_pattern_csr(whole.pattern);
    tl_svmlight_stream *s = tl_svmlight_open(path, &options);
    ck_assert_ptr_nonnull(s);
    for (int64_t row = 0; row < 1000; row += batch.rows) {
        ck_assert_ok(tl_svmlight_next(s, n, &batch));
        assert_sizes(&batch, n < 1000 - row ? n : 1000 - row, 100, 0);
        const tl_csr part = tl_pattern_csr(batch.pattern);
        const int64_t at = p.row_ptr[row];
        for (int64_t i = 0; i <= batch.rows; i++)
            ck_assert_int_eq(part.row_ptr[i], p.row_ptr[row + i] - at);
        if (part.nnz > 0)
            ck_assert_mem_eq(part.col, p.col + at, (size_t)part.nnz * sizeof *p.col);
        ck_assert_same(batch.values, whole.values + at, part.nnz);
        ck_assert_same(batch.labels, whole.labels + row, batch.rows);
        ck_assert_mem_eq(batch.qid, whole.qid + row, (size_t)batch.rows * sizeof *batch.qid);
    }
    for (int k = 0; k < 2; k++) {
        ck_assert_ok(tl_svmlight_next(s, n, &batch));
        assert_zeroed(&batch);
    }
    tl_svmlight_close(s);
    tl_svmlight_close(NULL);
    tl_svmlight_free(&whole);
}
END_TEST

/* What the first batch shows holds for all. */
START_TEST(first_batch)
{
    tl_svmlight batch = { 0 };
    put_text(_i, "1 1:1 4:1\n1\n2 2:1\n3 3:1 4:2\n");
    tl_svmlight_stream *s = tl_svmlight_open(path, NULL);
    for (int k = 0; k < 4; k++) {
        ck_assert_ok(tl_svmlight_next(s, 1, &batch));
        assert_sizes(&batch, 1, 4, 1);
    }
    ROW(&batch, 0, 3, 0, { 2, 1 }, { 3, 2 });
    tl_svmlight_close(s);
    put_text(_i, "1\n1 0:1\n2 4:1\n"); /* the first batch has no id */
    s = tl_svmlight_open(path, &(tl_svmlight_options){ .features = 5 });
    for (int k = 0; k < 3; k++)
        ck_assert_ok(tl_svmlight_next(s, 1, &batch));
    assert_sizes(&batch, 1, 5, 0);
    ROW(&batch, 0, 2, 0, { 4, 1 });
    tl_svmlight_close(s);
    tl_svmlight_free(&batch);
}
END_TEST

/* The stream is closed before its end, and the batch lives on. */
START_TEST(closed_early)
{
    put_rows(1);
    char name[sizeof path];
    strcpy(name, path);
    tl_svmlight batch = { 0 };
    tl_svmlight_stream *s = tl_svmlight_open(name, NULL);
    memset(name, 'x', sizeof name); /* the stream has a copy */
    ck_assert_ok(tl_svmlight_next(s, 900, &batch));
    tl_svmlight_close(s);
    assert_sizes(&batch, 900, 100, 1);
    tl_svmlight_free(&batch);
}
END_TEST

START_TEST(written)
{
    const int64_t row_ptr[] = { 0, 2, 2, 3 };
    const int32_t col[] = { 0, 3, 1 };
    tl_real values[] = { (tl_real)0.1, -3, 0 }, labels[] = { 1, -1, (tl_real)2.5 };
    int64_t qid[] = { 1, 1, -2 };
    tl_pattern *p = tl_pattern_from_csr(3, 4, row_ptr, col);
    tl_svmlight d = { p, values, 3, 4, labels, NULL, 1 };
    ck_assert_ok(tl_svmlight_write(path, &d));
    assert_written("1 1:0.1 4:-3\n-1\n2.5 2:0\n");
    d.base = 0;
    d.qid = qid;
    d.values = NULL;
    ck_assert_ok(tl_svmlight_write(path, &d));
    assert_written("1 qid:1 0:1 3:1\n-1 qid:1\n2.5 qid:-2 1:1\n");
    tl_svmlight back;
    ck_assert_ok(tl_svmlight_read(path, &(tl_svmlight_options){ .features = 4 }, &back));
    ck_assert(tl_pattern_equal(back.pattern, p));
    ck_assert_same(back.labels, labels, 3);
    ck_assert_mem_eq(back.qid, qid, sizeof qid);
    ck_assert_int_eq(back.base, 0);
    tl_svmlight_free(&back);
    tl_pattern_release(p);
}
END_TEST

/* Any numbers come back as they were. */
START_TEST(round_trip)
{
    enum { ROWS = 50, FEATURES = 60 };
    tl_pattern *p = tl_pattern_random(ROWS, FEATURES, 0.2, 5);
    const int64_t nnz = tl_pattern_nnz(p);
    tl_real *values = malloc((size_t)nnz * sizeof *values), labels[ROWS];
    tl_test_fill(values, nnz, 6);
    tl_test_fill(labels, ROWS, 7);
    labels[0] = INFINITY;
    values[0] = -INFINITY;
    const tl_svmlight d = { p, values, ROWS, FEATURES, labels, NULL, 1 };
    tl_svmlight back;
    ck_assert_ok(tl_svmlight_write(path, &d));
    ck_assert_ok(
        tl_svmlight_read(path, &(tl_svmlight_options){ FEATURES, TL_SVMLIGHT_FROM_1, 0, 0, 0, 0 }, &back));
    ck_assert(tl_pattern_equal(back.pattern, p));
    ck_assert_same(back.values, values, nnz);
    ck_assert_same(back.labels, labels, ROWS);
    tl_svmlight_free(&back);
    tl_pattern_release(p);
    free(values);
}
END_TEST

/* The mushrooms of agaricus, where the data is at hand: sizes as its README states them. */
START_TEST(agaricus)
{
    static const struct {
        const char *file;
        int rows, features; /* the last feature is in neither file */
    } parts[] = { { "agaricus/agaricus.train.svm", 6513, 126 }, { "agaricus/agaricus.test.svm", 1611, 126 } };
    char file[1024];
    tl_svmlight d;
    if (!find_data(file, sizeof file, parts[_i].file))
        return;
    ck_assert_ok(tl_svmlight_read(file, NULL, &d));
    assert_sizes(&d, parts[_i].rows, parts[_i].features, 1);
    ck_assert_int_eq(tl_pattern_nnz(d.pattern), INT64_C(22) * parts[_i].rows);
    for (int64_t i = 0; i < d.rows; i++)
        ck_assert(d.labels[i] == 0 || d.labels[i] == 1);
    tl_svmlight_free(&d);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("svmlight");
    TCase *c = tl_test_case(s, "svmlight");
    tcase_add_unchecked_fixture(c, make_file, remove_file);
    tcase_add_loop_test(c, plain, 0, PACKINGS);
    tcase_add_loop_test(c, freedoms, 0, PACKINGS);
    tcase_add_loop_test(c, bases, 0, PACKINGS);
    tcase_add_loop_test(c, few_rows, 0, PACKINGS);
    tcase_add_loop_test(c, batches, 0, 5);
    tcase_add_loop_test(c, first_batch, 0, PACKINGS);
    tcase_add_test(c, closed_early);
    tcase_add_test(c, written);
    tcase_add_test(c, round_trip);
    tcase_add_loop_test(c, agaricus, 0, 2);
    return s;
}
