/* Every way in which a CSV file, its options and its columns can be wrong. */
#include "tests/lib/csv_files.h"
#include "tests/lib/memory_limit.h"

#include <errno.h>

#define ASSERT_BAD(text, why)                                                                                \
    do {                                                                                                     \
        tl_csv bad_ = { .rows = 7 };                                                                         \
        ck_assert_status(load(text, NULL, &bad_), TL_ERR_FORMAT, error(why));                                \
        assert_zeroed(&bad_);                                                                                \
    } while (0)

START_TEST(wrong_records)
{
    ASSERT_BAD("a,b\n1,2\n\n3\n", "line 4: found 1 field, expected 2");
    ASSERT_BAD("a,b\n1,2,\n", "line 2: found 3 fields, expected 2");
    ASSERT_BAD("a\n\"x\"y\n", "line 2: column 1: found \"y\", expected a separator after the closing quote");
    ASSERT_BAD("a,b\n1,\"x\" ,3\n",
               "line 2: column 2: found \" ,3\", expected a separator after the closing quote");
    ASSERT_BAD(
        "a,b\n1,x\"y\"\n",
        "line 2: column 2: found \"x\"y\"\", expected no quote within a field that does not begin with one");
    ASSERT_BAD("a,b\n1,2\n3,\"x\n\n\n", "line 3: column 2: found no closing quote up to the end of the file");
    ASSERT_BAD("a\n\"", "line 2: column 1: found no closing quote up to the end of the file");
    ASSERT_BAD("\"a\n\"\"", "line 1: column 1: found no closing quote up to the end of the file");
}
END_TEST

START_TEST(wrong_fields)
{
    ASSERT_BAD("a\n1\n2x\n",
               "line 3: column 1 (a): found \"2x\", expected a number as before (TL_CSV_ID reads texts)");
    ASSERT_BAD("a\n1\n1 2\n",
               "line 3: column 1 (a): found \"1 2\", expected a number as before (TL_CSV_ID reads texts)");
    ASSERT_BAD("a\n1\n0x10\n",
               "line 3: column 1 (a): found \"0x10\", expected a number as before (TL_CSV_ID reads texts)");
    ASSERT_BAD("a,b\n1,1\n\" \",\"a\n\x01\"\n",
               "line 4: column 1 (a): found \" \", expected a number as before (TL_CSV_ID reads texts)");
    ASSERT_BAD("a\n1e999\n",
               "line 2: column 1 (a): found \"1e999\", expected a number that tl_real can hold");
    ASSERT_BAD("a\n1\n12345678901234567890x\n", "line 3: column 1 (a): found \"12345678901234567890...\", "
                                                "expected a number as before (TL_CSV_ID reads texts)");
    ASSERT_BAD(",b\n1,x\n,\n", "line 3: column 1: found an empty field, expected a value");
    tl_csv_options o = { .no_header = true,
                         .n_choices = 1,
                         .choices = &(tl_csv_choice){ "1", TL_CSV_NUMBER } };
    tl_csv a;
    ck_assert_status(load("x\n", &o, &a), TL_ERR_FORMAT,
                     error("line 1: column 1: found \"x\", expected a number"));
    static const unsigned char zero[] = "a\nx\0y\n";
    put(path, zero, sizeof zero - 1);
    ck_assert_status(tl_csv_read(path, NULL, &a), TL_ERR_FORMAT,
                     error("line 2: column 1 (a): found a zero byte, expected text"));
}
END_TEST

START_TEST(wrong_options)
{
    tl_csv a;
    tl_csv_options o = { 0 };
#define REFUSED(setting, text)                                                                               \
    do {                                                                                                     \
        o = (tl_csv_options){ setting };                                                                     \
        a.rows = 7;                                                                                          \
        ck_assert_status(load("a,b\n1,2\n", &o, &a), TL_ERR_ARGUMENT, text);                                 \
        assert_zeroed(&a);                                                                                   \
    } while (0)
    a = (tl_csv){ 0 };
    REFUSED(.separator = 'e', "csv_read: separator 0x65 is a letter, digit, space, quote, sign or point");
    REFUSED(.separator = '"', "csv_read: separator 0x22 is a letter, digit, space, quote, sign or point");
    REFUSED(.separator = '\n', "csv_read: separator 0x0a is a letter, digit, space, quote, sign or point");
    REFUSED(.missing = (tl_csv_missing)3, "csv_read: missing 3 is not a tl_csv_missing");
    REFUSED(.n_choices = 1, "csv_read: choices is NULL");
    tl_csv_choice choice = { "c", TL_CSV_ID };
    o = (tl_csv_options){ .n_choices = -1, .choices = &choice };
    ck_assert_status(load("", &o, &a), TL_ERR_ARGUMENT, "csv_read: n_choices is negative");
    o.n_choices = 1;
    ck_assert_status(load("a,b\n", &o, &a), TL_ERR_ARGUMENT, error("no column is called c"));
    ck_assert_status(load("", &o, &a), TL_ERR_ARGUMENT, error("no column is called c"));
    choice = (tl_csv_choice){ "a", (tl_csv_kind)4 };
    ck_assert_status(load("a,b\n", &o, &a), TL_ERR_ARGUMENT,
                     "csv_read: choices[0]: its kind is not a tl_csv_kind");
    choice = (tl_csv_choice){ NULL, TL_CSV_ID };
    ck_assert_status(load("a,b\n", &o, &a), TL_ERR_ARGUMENT, "csv_read: choices[0]: its name is NULL");
    o = (tl_csv_options){ .reserved4 = 1 };
    ck_assert_int_eq(load("a,b\n", &o, &a), TL_ERR_ARGUMENT);
    ck_assert_status(tl_csv_read(path, NULL, NULL), TL_ERR_ARGUMENT, "csv_read: out is NULL");
    ck_assert_status(tl_csv_read(NULL, NULL, &a), TL_ERR_ARGUMENT, "csv_read: path is NULL");
    ck_assert_null(tl_csv_open(NULL, NULL), "csv_open: path is NULL");
    ck_assert_ptr_null(tl_csv_find(NULL, "a"));
    tl_csv_free(NULL);
}
END_TEST

START_TEST(system_errors)
{
    tl_csv a;
    unlink(path);
    ck_assert_status(tl_csv_read(path, NULL, &a), TL_ERR_IO, error(strerror(ENOENT)));
    assert_zeroed(&a);
}
END_TEST

START_TEST(wrong_columns)
{
    tl_real number[] = { 1, 2 };
    int32_t id[] = { 0, 1 };
    const char *const texts[] = { "a", NULL };
    tl_csv_column c[] = { { .name = "x", .kind = TL_CSV_NUMBER, .number = number }, { 0 } };
    tl_csv a = { .rows = 2, .n_columns = 2, .column = c };
#define BAD(status, text, ...)                                                                               \
    do {                                                                                                     \
        c[1] = (tl_csv_column){ __VA_ARGS__ };                                                               \
        put(path, (const unsigned char *)"old", 3);                                                          \
        ck_assert_status(tl_csv_write(path, NULL, &a), status, "csv_write: " text);                          \
        assert_text("old");                                                                                  \
    } while (0)
    BAD(TL_ERR_ARGUMENT, "the name of column 2 is NULL", .kind = TL_CSV_NUMBER, .number = number);
    BAD(TL_ERR_ARGUMENT, "column 2 is neither of numbers nor of ids", .name = "y");
    BAD(TL_ERR_ARGUMENT, "column 2 has no numbers", .name = "y", .kind = TL_CSV_NUMBER);
    BAD(TL_ERR_ARGUMENT, "column 2 has no ids", .name = "y", .kind = TL_CSV_ID);
    BAD(TL_ERR_ARGUMENT, "column 2 has no texts", .name = "y", .kind = TL_CSV_ID, .id = id, .n_ids = 2);
    BAD(TL_ERR_ARGUMENT, "column 2: text[1] is NULL", .name = "y", .kind = TL_CSV_ID, .id = id, .n_ids = 2,
        .text = texts);
    BAD(TL_ERR_INDEX, "column 2: id[1] = 1, there are 1 texts", .name = "y", .kind = TL_CSV_ID, .id = id,
        .n_ids = 1, .text = texts);
    id[1] = -2;
    BAD(TL_ERR_INDEX, "column 2: id[1] = -2, there are 1 texts", .name = "y", .kind = TL_CSV_ID, .id = id,
        .n_ids = 1, .text = texts);
    id[1] = -1;
    a = (tl_csv){ .rows = 2, .n_columns = 1, .column = c + 1 };
    ck_assert_status(tl_csv_write(path, NULL, &a), TL_ERR_ARGUMENT,
                     "csv_write: id[1] of the only column is missing: a blank line is no row");
    assert_text("old");
    ck_assert_status(tl_csv_write(NULL, NULL, &a), TL_ERR_ARGUMENT, "csv_write: path is NULL");
    ck_assert_status(tl_csv_write(path, NULL, NULL), TL_ERR_ARGUMENT, "csv_write: a is NULL");
    ck_assert_status(tl_csv_write(path, NULL, &(tl_csv){ .rows = -1 }), TL_ERR_ARGUMENT,
                     "csv_write: rows is negative");
    ck_assert_status(tl_csv_write(path, NULL, &(tl_csv){ .n_columns = 1 }), TL_ERR_ARGUMENT,
                     "csv_write: column is NULL");
    ck_assert_status(tl_csv_write(path, NULL, &(tl_csv){ .rows = 1 }), TL_ERR_ARGUMENT,
                     "csv_write: there are rows, but no columns");
}
END_TEST

/* The columns of a short row take little memory, as numbers and as texts. */
START_TEST(many_columns)
{
    const int columns = _i == 0 ? 400000 : 100000;
    const size_t size = 4 * (size_t)columns;
    char *text = malloc(size);
    ck_assert_ptr_nonnull(text);
    memset(text, ',', size);
    for (int k = 0; k < 2 * columns; k++)
        text[2 * k] = k < columns || _i == 1 ? 'x' : '1';
    text[size / 2 - 1] = text[size - 1] = '\n';
    put(path, (const unsigned char *)text, size);
    free(text);
    tl_csv a;
    const rlim_t before = limit_memory((rlim_t)400 << 20);
    ck_assert_ok(tl_csv_read(path, NULL, &a));
    limit_memory(before);
    ck_assert_int_eq(a.n_columns, columns);
    ck_assert_int_eq(a.rows, 1);
    tl_csv_free(&a);
}
END_TEST

/* Every allocation fails once: the error is clear and nothing leaks. */
START_TEST(short_of_memory)
{
    char *text = malloc(100000);
    ck_assert_ptr_nonnull(text);
    size_t n = (size_t)sprintf(text, "a,b,c\n");
    for (int k = 0; k < 600; k++)
        n += (size_t)sprintf(text + n, "t%d,%d,%s\n", k, k, k < 5 ? "" : "\"x\ny\"");
    put(path, (const unsigned char *)text, n);
    free(text);
    const int64_t live = tl_test_live_blocks();
    const tl_csv_options o = { .missing = TL_CSV_MISSING_NAN };
    tl_status status = TL_ERR_MEMORY;
    for (int k = 1; status != TL_OK; k++) {
        tl_csv a = { 0 }, b = { 0 };
        tl_test_fail_allocation(k);
        status = tl_csv_read(path, &o, &a);
        tl_csv_stream *s = status == TL_OK ? tl_csv_open(path, &o) : NULL;
        if (status == TL_OK)
            status = s ? tl_csv_next(s, 300, &b) : TL_ERR_MEMORY;
        if (status != TL_OK) {
            ck_assert_str_eq(tl_error(), "out of memory");
            assert_zeroed(&b);
        }
        ck_assert(status == TL_OK || status == TL_ERR_MEMORY);
        tl_csv_free(&a);
        tl_csv_free(&b);
        tl_csv_close(s);
        ck_assert_int_eq(tl_test_live_blocks(), live);
    }
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("csv_errors");
    TCase *c = tl_test_case(s, "csv_errors");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, wrong_records);
    tcase_add_test(c, wrong_fields);
    tcase_add_test(c, wrong_options);
    tcase_add_test(c, system_errors);
    tcase_add_test(c, wrong_columns);
    tcase_add_loop_test(c, many_columns, 0, 2);
    tcase_add_test(c, short_of_memory);
    return s;
}
