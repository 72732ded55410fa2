/* CSV: numbers and ids, quotes, missing fields, streams, writing. */
#include "tests/lib/csv_files.h"

START_TEST(numbers_and_ids)
{
    static const char *const texts[] = {
        "user,film,rating\n7,Brazil,4.5\n8,Alien,3\n7,Alien,-1e-3\n",
        "user,film,rating\r\n7,Brazil,4.5\r\n8,Alien,3\r\n7,Alien,-1e-3",
        "\n\xef\xbb\xbfuser,film,rating\n\n\"7\",\"Brazil\", 4.5 \n8,Alien,3\n\n7,Alien,\t-1e-3\n\n"
    };
    /* the byte order mark is at the start of a file */
    const char *text = _i == 2 ? texts[2] + 1 : texts[_i];
    tl_csv_options o = { .n_choices = 1, .choices = &(tl_csv_choice){ "user", TL_CSV_ID } };
    tl_csv a;
    ck_assert_ok(load(text, &o, &a));
    ck_assert_int_eq(a.rows, 3);
    ck_assert_int_eq(a.n_columns, 3);
    ck_assert_str_eq(a.column[2].name, "rating");
    ck_assert_int_eq(a.column[0].kind, TL_CSV_ID);
    ck_assert_int_eq(a.column[1].kind, TL_CSV_ID);
    ck_assert_int_eq(a.column[2].kind, TL_CSV_NUMBER);
    ck_assert_ids(&a.column[0], 3, 0, 1, 0);
    ck_assert_ids(&a.column[1], 3, 0, 1, 1);
    ck_assert_values(a.column[2].number, 3, 0, 4.5, 3, (double)(tl_real)-1e-3);
    ck_assert_int_eq(a.column[0].n_ids, 2);
    ck_assert_str_eq(a.column[0].text[1], "8");
    ck_assert_str_eq(a.column[1].text[0], "Brazil");
    ck_assert_ptr_eq(tl_csv_find(&a, "film"), &a.column[1]);
    ck_assert_ptr_null(tl_csv_find(&a, "films"));
    tl_csv_free(&a);
    assert_zeroed(&a);
}
END_TEST

START_TEST(without_header)
{
    tl_csv_options o = {
        .separator = '\t', .no_header = true, .n_choices = 1, .choices = &(tl_csv_choice){ "2", TL_CSV_SKIP }
    };
    tl_csv a;
    ck_assert_ok(load("1\tx,\t2\n3\ty\t4\n", &(tl_csv_options){ .separator = ';', .no_header = true }, &a));
    tl_csv_free(&a); /* one column: the other separators are text */
    ck_assert_ok(load("1\tx\t2\n3\ty\t4\n", &o, &a));
    ck_assert_int_eq(a.n_columns, 2);
    ck_assert_str_eq(a.column[1].name, "3");
    ck_assert_values(a.column[0].number, 2, 0, 1, 3);
    ck_assert_values(a.column[1].number, 2, 0, 2, 4);
    tl_csv_free(&a);
    o = (tl_csv_options){ .no_header = true,
                          .only_chosen = true,
                          .n_choices = 2,
                          .choices = (tl_csv_choice[]){ { "3", TL_CSV_AUTO }, { "1", TL_CSV_NUMBER } } };
    ck_assert_ok(load("1,x,2\n", &o, &a));
    ck_assert_int_eq(a.n_columns, 2);
    ck_assert_str_eq(a.column[0].name, "1"); /* in the order of the file */
    tl_csv_free(&a);
}
END_TEST

START_TEST(empty)
{
    static const char *const texts[] = { "", "\n\n", "a,b\n", "a,b" };
    tl_csv a;
    ck_assert_ok(load(texts[_i], NULL, &a));
    ck_assert_int_eq(a.rows, 0);
    ck_assert_int_eq(a.n_columns, _i < 2 ? 0 : 2);
    tl_csv_free(&a);
}
END_TEST

/* RFC 4180, 2.5 to 2.7. */
START_TEST(quotes)
{
    tl_csv a;
    ck_assert_ok(load("\"na\"\"me\",b\n\"a,b\",1\n\"\",2\n\"x\"\"y\"\"\"\"\","
                      "3\n\"one\n\"\"two\"\"\r\n\nthree\",4\n\"\n\",5\nplain,6\n"
                      "\"end\",7",
                      NULL, &a));
    static const char *const expected[] = { "a,b", "",      "x\"y\"\"", "one\n\"two\"\r\n\nthree",
                                            "\n",  "plain", "end" };
    ck_assert_str_eq(a.column[0].name, "na\"me");
    ck_assert_int_eq(a.rows, 7);
    ck_assert_int_eq(a.column[0].n_ids, 7);
    for (int k = 0; k < 7; k++)
        ck_assert_str_eq(a.column[0].text[k], expected[k]);
    ck_assert_values(a.column[1].number, 7, 0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0);
    tl_csv_free(&a);
}
END_TEST

/* A quoted field that is longer than the buffer of the lines, twice. */
START_TEST(long_fields)
{
    enum { LONG = 300000 };
    char *text = malloc(3 * LONG);
    ck_assert_ptr_nonnull(text);
    size_t n = (size_t)sprintf(text, "a,b\n1,\"");
    for (int k = 0; k < LONG; k++)
        text[n++] = k % 100 == 99 ? '\n' : k % 7 == 0 ? ',' : 'x';
    n += (size_t)sprintf(text + n, "\"\n2,\"");
    memset(text + n, '"', LONG); /* half as many quotes */
    n += LONG;
    n += (size_t)sprintf(text + n, "\"\n");
    put_packed(_i, (const unsigned char *)text, n);
    tl_csv a;
    ck_assert_ok(tl_csv_read(path, NULL, &a));
    ck_assert_int_eq(a.rows, 2);
    ck_assert_uint_eq(strlen(a.column[1].text[0]), LONG);
    ck_assert_uint_eq(strlen(a.column[1].text[1]), LONG / 2);
    ck_assert_int_eq(a.column[1].text[0][LONG - 1], '\n');
    tl_csv_free(&a);
    free(text);
}
END_TEST

START_TEST(missing)
{
    static const char text[] = "id,x\na,1\n,2\nNA,NA\n\"\",3\n\"NA\",\"\"\nb,nan\n";
    tl_csv_options o = { .missing = TL_CSV_MISSING_NAN, .missing_text = "NA" };
    tl_csv a;
    ck_assert_ok(load(text, &o, &a));
    ck_assert_int_eq(a.rows, 6);
    ck_assert_ids(&a.column[0], 6, 0, -1, -1, 1, 2, 3);
    ck_assert_str_eq(a.column[0].text[1], "");
    ck_assert_str_eq(a.column[0].text[2], "NA");
    ck_assert_values(a.column[1].number, 6, 0, 1.0, 2.0, NAN, 3.0, NAN, NAN);
    tl_csv_free(&a);
    o.missing = TL_CSV_MISSING_SKIP; /* what is left out gets no id */
    ck_assert_ok(load("id,x\na,1\nz,\n,2\nNA,NA\n\"\",3\n\"NA\",\"\"\nb,nan\n", &o, &a));
    ck_assert_int_eq(a.rows, 3);
    ck_assert_ids(&a.column[0], 3, 0, 1, 2);
    ck_assert_str_eq(a.column[0].text[2], "b");
    ck_assert_values(a.column[1].number, 3, 0, 1, 3, NAN);
    tl_csv_free(&a);
    ck_assert_status(load(text, NULL, &a), TL_ERR_FORMAT,
                     error("line 3: column 1 (id): found an empty field, expected a text"));
    o.missing = TL_CSV_MISSING_ERROR;
    ck_assert_status(load("x\nNA\n", &o, &a), TL_ERR_FORMAT,
                     error("line 2: column 1 (x): found \"NA\", expected a value"));
}
END_TEST

/* A column is decided by its first field that is not missing. */
START_TEST(decided_late)
{
    tl_csv_options o = { .missing = TL_CSV_MISSING_NAN };
    tl_csv a;
    ck_assert_ok(load("a,b,c\n,,\n,,\nx,1,\n", &o, &a));
    ck_assert_int_eq(a.column[0].kind, TL_CSV_ID);
    ck_assert_ids(&a.column[0], 3, -1, -1, 0);
    ck_assert_values(a.column[1].number, 3, 0, NAN, NAN, 1);
    ck_assert_int_eq(a.column[2].kind, TL_CSV_NUMBER);
    tl_csv_free(&a);
}
END_TEST

/* More rows and texts than any first capacity. */
START_TEST(many)
{
    enum { ROWS = 20000 };
    char *text = malloc(40 * ROWS);
    ck_assert_ptr_nonnull(text);
    size_t n = (size_t)sprintf(text, "name,x\n");
    for (int k = 0; k < ROWS; k++)
        n += (size_t)sprintf(text + n, "n%d,%d\n", k * 7 % 5003, k);
    put_packed(_i, (const unsigned char *)text, n);
    free(text);
    tl_csv a;
    ck_assert_ok(tl_csv_read(path, NULL, &a));
    ck_assert_int_eq(a.rows, ROWS);
    ck_assert_int_eq(a.column[0].n_ids, 5003);
    for (int k = 0; k < ROWS; k++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", k * 7 % 5003);
        ck_assert_int_eq(a.column[0].id[k], k % 5003);
        ck_assert_str_eq(a.column[0].text[k % 5003], name);
        ck_assert(a.column[1].number[k] == (tl_real)k);
    }
    tl_csv_free(&a);
}
END_TEST

/* ---- Streams ---- */

START_TEST(stream)
{
    put(path, (const unsigned char *)"a,b\nx,1\ny,2\n\nx,3\nz,4\n", strlen("a,b\nx,1\ny,2\n\nx,3\nz,4\n"));
    static const int id[] = { 0, 1, 0, 2 }, seen[] = { 1, 2, 2, 3 };
    static const char *const text[] = { "x", "y", "z" };
    for (int most = 1; most <= 5; most++) {
        tl_csv_stream *s = tl_csv_open(path, NULL);
        ck_assert_msg(s != NULL, "%s", tl_error());
        tl_csv a = { 0 };
        int row = 0;
        do {
            ck_assert_ok(tl_csv_next(s, most, &a));
            ck_assert_int_eq(a.rows, 4 - row < most ? 4 - row : most);
            ck_assert_int_eq(a.n_columns, 2);
            for (int k = 0; k < a.rows; k++, row++) {
                ck_assert_int_eq(a.column[0].id[k], id[row]);
                ck_assert(a.column[1].number[k] == (tl_real)(row + 1));
            }
            ck_assert_int_eq(a.column[0].n_ids, row == 0 ? 0 : seen[row - 1]);
            for (int k = 0; k < a.column[0].n_ids; k++)
                ck_assert_str_eq(a.column[0].text[k], text[k]);
        } while (row < 4);
        for (int again = 0; again < 2; again++) {
            ck_assert_ok(tl_csv_next(s, most, &a));
            ck_assert_int_eq(a.rows, 0);
            ck_assert_int_eq(a.column[0].kind, TL_CSV_ID);
            ck_assert_int_eq(a.column[0].n_ids, 3);
        }
        tl_csv_close(s);
        tl_csv_free(&a);
    }
}
END_TEST

/* A column keeps its kind, and an error stays. */
START_TEST(stream_errors)
{
    tl_csv none = { 0 };
    if (!*tl_error()) /* unless tests share a process: the reason why an open failed would stay */
        ck_assert_status(tl_csv_next(NULL, 1, &none), TL_ERR_ARGUMENT, "csv_next: s is NULL");
    put(path, (const unsigned char *)"a\n1\n2\nx\n3\n", strlen("a\n1\n2\nx\n3\n"));
    tl_csv_stream *s = tl_csv_open(path, NULL);
    tl_csv a = { 0 };
    ck_assert_ok(tl_csv_next(s, 2, &a));
    const char *text = error_of(
        "csv_next", "line 4: column 1 (a): found \"x\", expected a number as before (TL_CSV_ID reads texts)");
    for (int k = 0; k < 2; k++) {
        ck_assert_status(tl_csv_next(s, 2, &a), TL_ERR_FORMAT, text);
        assert_zeroed(&a);
        tl_fail(TL_ERR_SHAPE, "another error");
    }
    ck_assert_status(tl_csv_next(s, 0, &a), TL_ERR_ARGUMENT, "csv_next: n 0 is not > 0");
    ck_assert_status(tl_csv_next(s, 1, NULL), TL_ERR_ARGUMENT, "csv_next: batch is NULL");
    ck_assert_ptr_null(tl_csv_open(NULL, NULL));
    ck_assert_status(tl_csv_next(NULL, 1, &a), TL_ERR_ARGUMENT,
                     "csv_open: path is NULL"); /* the reason stays */
    tl_csv_close(s);
    tl_csv_close(NULL);
}
END_TEST

/* ---- Writing ---- */

START_TEST(written)
{
    tl_real numbers[] = { (tl_real)0.1, -3, (tl_real)1e20, (tl_real)NAN };
    int32_t ids[] = { 1, 0, -1, 2 };
    const char *const texts[] = { "", "a,b", "q\"\r\n" };
    tl_csv_column column[] = {
        { .name = "x", .kind = TL_CSV_NUMBER, .number = numbers },
        { .name = "te\txt", .kind = TL_CSV_ID, .id = ids, .n_ids = 3, .text = texts }
    };
    tl_csv a = { .rows = 4, .n_columns = 2, .column = column };
    ck_assert_ok(tl_csv_write(path, NULL, &a));
    assert_text("x,te\txt\n0.1,\"a,b\"\n-3,\"\"\n1e+20,\nnan,\"q\"\"\r\n\"\n");
    ck_assert_ok(tl_csv_write(path, &(tl_csv_options){ .separator = '\t', .missing_text = "a,b" }, &a));
    assert_text("x\t\"te\txt\"\n0.1\t\"a,b\"\n-3\t\"\"\n1e+20\t\nnan\t\"q\"\"\r\n\"\n");
    ck_assert_ok(tl_csv_write(path, &(tl_csv_options){ .separator = '\t', .no_header = true }, &a));
    assert_text("0.1\ta,b\n-3\t\"\"\n1e+20\t\nnan\t\"q\"\"\r\n\"\n");
    ck_assert_ok(tl_csv_write(path, NULL, &(tl_csv){ 0 }));
    assert_text("");
    column[0].name = "\xef\xbb\xbfx"; /* not the file's byte order mark */
    ck_assert_ok(tl_csv_write(path, NULL, &(tl_csv){ .n_columns = 1, .column = column }));
    assert_text("\"\xef\xbb\xbfx\"\n");
}
END_TEST

/* What is read is what was written. */
START_TEST(round_trip)
{
    tl_real numbers[100];
    int32_t ids[100];
    char text[100][8];
    const char *texts[100];
    static const char bytes[] = "a\",;\n\r \xc3";
    tl_test_fill(numbers, 100, 1);
    for (int k = 0; k < 100; k++) {
        ids[k] = k == 50 ? -1 : k < 50 ? k : k - 1;
        for (int b = 0, n = k; b < 7; b++, n /= 2)
            text[k][b] = b < k % 7 ? bytes[(n + b) % 8] : '\0';
        snprintf(text[k] + k % 7, 8 - (size_t)(k % 7), "%c", 'A' + k % 26);
        text[k][7] = '\0';
        texts[k] = text[k];
    }
    tl_csv_column column[] = { { .name = "\n", .kind = TL_CSV_ID, .id = ids, .n_ids = 100, .text = texts },
                               { .name = "", .kind = TL_CSV_NUMBER, .number = numbers } };
    const tl_csv_options o = { .separator = ';', .missing = TL_CSV_MISSING_NAN };
    tl_csv b;
    ck_assert_ok(tl_csv_write(path, &o, &(tl_csv){ .rows = 100, .n_columns = 2, .column = column }));
    ck_assert_ok(tl_csv_read(path, &o, &b));
    ck_assert_int_eq(b.rows, 100);
    ck_assert_str_eq(b.column[0].name, "\n");
    ck_assert_str_eq(b.column[1].name, "");
    ck_assert_same(b.column[1].number, numbers, 100);
    for (int k = 0; k < 100; k++)
        if (k == 50)
            ck_assert_int_eq(b.column[0].id[k], -1);
        else
            ck_assert_str_eq(b.column[0].text[b.column[0].id[k]], texts[ids[k]]);
    tl_csv_free(&b);
}
END_TEST

/* Numbers and texts that would stand for a missing field, or that look like numbers. */
START_TEST(round_trip_of_missing_texts)
{
    tl_real numbers[] = { -1, 5, (tl_real)NAN };
    int32_t ids[] = { 1, 0, 0 };
    const char *const texts[] = { "007", "-1" };
    tl_csv_column column[] = { { .name = "x", .kind = TL_CSV_NUMBER, .number = numbers },
                               { .name = "-1", .kind = TL_CSV_ID, .id = ids, .n_ids = 2, .text = texts } };
    const tl_csv_options o = { .missing_text = _i == 0 ? "-1" : "nan",
                               .n_choices = 1,
                               .choices = &(tl_csv_choice){ "-1", TL_CSV_ID } };
    tl_csv b;
    ck_assert_ok(tl_csv_write(path, &o, &(tl_csv){ .rows = 3, .n_columns = 2, .column = column }));
    assert_text(_i == 0 ? "x,\"-1\"\n\"-1\",\"-1\"\n5,007\nnan,007\n" : "x,-1\n-1,-1\n5,007\n\"nan\",007\n");
    ck_assert_ok(tl_csv_read(path, &o, &b));
    ck_assert_int_eq(b.rows, 3);
    ck_assert_double_eq((double)b.column[0].number[0], -1);
    ck_assert_double_eq((double)b.column[0].number[1], 5);
    ck_assert(isnan(b.column[0].number[2]));
    ck_assert_ids(&b.column[1], 3, 0, 1, 1);
    ck_assert_str_eq(b.column[1].text[0], "-1");
    ck_assert_str_eq(b.column[1].text[1], "007");
    tl_csv_free(&b);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("csv");
    TCase *c = tl_test_case(s, "csv");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, numbers_and_ids, 0, 3);
    tcase_add_test(c, without_header);
    tcase_add_loop_test(c, empty, 0, 4);
    tcase_add_test(c, quotes);
    tcase_add_loop_test(c, long_fields, 0, PACKINGS);
    tcase_add_test(c, missing);
    tcase_add_test(c, decided_late);
    tcase_add_loop_test(c, many, 0, PACKINGS);
    tcase_add_test(c, stream);
    tcase_add_test(c, stream_errors);
    tcase_add_test(c, written);
    tcase_add_test(c, round_trip);
    tcase_add_loop_test(c, round_trip_of_missing_texts, 0, 2);
    return s;
}
