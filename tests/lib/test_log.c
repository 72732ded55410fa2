/* Logs of runs: lines as JSON, a run that goes on, errors that stay. */
#include "tests/lib/files.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <signal.h>

static void setup(void)
{
    make_path(path, sizeof path);
}

static void teardown(void)
{
    unlink(path);
}

static void assert_text(const char *expected)
{
    static char text[1 << 17];
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    ck_assert_str_eq(text, expected);
}

static tl_log_file *open_log(void)
{
    tl_log_file *log = tl_log_open(path);
    ck_assert_msg(log != NULL, "%s", tl_error());
    return log;
}

START_TEST(lines)
{
    tl_log_file *log = open_log();
    ck_assert_ok(tl_log_integer(log, "step", INT64_MIN));
    ck_assert_ok(tl_log_number(log, "loss", 0.1));
    ck_assert_ok(tl_log_text(log, "phase", "train"));
    assert_text("");
    ck_assert_ok(tl_log_end(log));
    assert_text(
        "{\"step\":-9223372036854775808,\"loss\":0.1,\"phase\":\"train\"}\n"); /* before it is closed */
    ck_assert_ok(tl_log_end(log));
    ck_assert_ok(tl_log_integer(log, "step", 2));
    ck_assert_ok(tl_log_close(log)); /* ends the line */
    assert_text("{\"step\":-9223372036854775808,\"loss\":0.1,\"phase\":\"train\"}\n{}\n{\"step\":2}\n");
}
END_TEST

/* The shortest that reads back; those that JSON lacks as strings. */
START_TEST(numbers)
{
    tl_log_file *log = open_log();
    const double values[] = { 1, -0.0, 1e300, 0.1 + 0.2, 0x1p-1074, NAN, INFINITY, -INFINITY };
    const char *names[] = { "a", "b", "c", "d", "e", "f", "g", "h" };
    for (int k = 0; k < 8; k++)
        ck_assert_ok(tl_log_number(log, names[k], values[k]));
    ck_assert_ok(tl_log_close(log));
    assert_text("{\"a\":1,\"b\":-0,\"c\":1e+300,\"d\":0.30000000000000004,\"e\":5e-324,\"f\":\"NaN\","
                "\"g\":\"Infinity\",\"h\":\"-Infinity\"}\n");
}
END_TEST

/* A decimal comma in the program's locale does not reach the file. */
START_TEST(locale)
{
    const char *names[] = { "de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8", "fr_FR.utf8", "fr_FR" };
    bool found = false;
    for (size_t k = 0; k < sizeof names / sizeof *names && !found; k++)
        found = setlocale(LC_ALL, names[k]) != NULL;
    if (!found)
        printf("skipped: no locale with a decimal comma\n");
    tl_log_file *log = open_log();
    ck_assert_ok(tl_log_number(log, "loss", 1234567.5));
    ck_assert_ok(tl_log_close(log));
    setlocale(LC_ALL, "C");
    assert_text("{\"loss\":1234567.5}\n");
}
END_TEST

/* RFC 8259, 7: quotes, backslashes and control characters are escaped. RFC 3629: what is UTF-8. */
START_TEST(strings)
{
    static const struct {
        const char *text, *json;
    } cases[] = {
        { "", "" },
        { "a\"b\\c/", "a\\\"b\\\\c/" },
        { "\n\t\x01\x1f\x7f", "\\u000a\\u0009\\u0001\\u001f\x7f" },
        { "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80" },
        { "\xe9t\xe9", "\\ufffdt\\ufffd" },                       /* Latin-1 */
        { "\xc0\x80|\xc1\xbf", "\\ufffd\\ufffd|\\ufffd\\ufffd" }, /* overlong */
        { "\xe0\x9f\xbf", "\\ufffd\\ufffd\\ufffd" },
        { "\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd" }, /* a surrogate */
        { "\xf0\x8f\xbf\xbf", "\\ufffd\\ufffd\\ufffd\\ufffd" },
        { "\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd" }, /* beyond U+10FFFF */
        { "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },
        { "\xe2\x82", "\\ufffd\\ufffd" }, /* cut */
        { "\xff", "\\ufffd" },
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char expected[200];
        put(path, (const unsigned char *)"", 0);
        tl_log_file *log = open_log();
        ck_assert_ok(tl_log_text(log, cases[k].text, cases[k].text));
        ck_assert_ok(tl_log_close(log));
        snprintf(expected, sizeof expected, "{\"%s\":\"%s\"}\n", cases[k].json, cases[k].json);
        assert_text(expected);
    }
}
END_TEST

/* A line may be longer than its first buffer. */
START_TEST(long_line)
{
    enum { MANY = 3000 };
    static char expected[MANY * 20];
    tl_log_file *log = open_log();
    size_t n = 0;
    for (int k = 0; k < MANY; k++) {
        char name[16];
        snprintf(name, sizeof name, "x%d", k);
        ck_assert_ok(tl_log_integer(log, name, k));
        n += (size_t)sprintf(expected + n, "%c\"%s\":%d", k == 0 ? '{' : ',', name, k);
    }
    ck_assert_ok(tl_log_close(log));
    strcpy(expected + n, "}\n");
    assert_text(expected);
}
END_TEST

START_TEST(repeated_name)
{
    tl_log_file *log = open_log();
    ck_assert_ok(tl_log_integer(log, "a", 1));
    ck_assert_ok(tl_log_text(log, "b", "\",\"c\":\""));
    ck_assert_ok(tl_log_text(log, ",", "a"));
    ck_assert_ok(tl_log_text(log, "c", "v"));
    ck_assert_ok(tl_log_text(log, ":a", "\\"));
    ck_assert_ok(tl_log_text(log, "aa", ""));
    ck_assert_ok(tl_log_text(log, "\"", ""));
    ck_assert_ok(tl_log_end(log));
    ck_assert_ok(tl_log_integer(log, "a", 1)); /* another line */
    ck_assert_status(tl_log_number(log, "a", 1), TL_ERR_ARGUMENT, "log: the line has a already");
    ck_assert_int_eq(tl_log_close(log), TL_ERR_ARGUMENT);
    assert_text("{\"a\":1,\"b\":\"\\\",\\\"c\\\":\\\"\",\",\":\"a\",\"c\":\"v\",\":a\":\"\\\\\",\"aa\":\"\","
                "\"\\\"\":\"\"}\n");
}
END_TEST

/* ---- A run that goes on ---- */

START_TEST(appends)
{
    for (int k = 1; k <= 2; k++) {
        tl_log_file *log = open_log();
        ck_assert_ok(tl_log_integer(log, "step", k));
        ck_assert_ok(tl_log_close(log));
    }
    assert_text("{\"step\":1}\n{\"step\":2}\n");
}
END_TEST

/* A last line that was cut at any byte is removed, however long it is. */
START_TEST(unfinished_line)
{
    static char text[20000] = "{\"a\":1}\n{\"b\":\"";
    const size_t begin = strlen("{\"a\":1}\n");
    memset(text + strlen(text), 'x', sizeof text - 1 - strlen(text));
    const size_t ends[] = { begin + 1, begin + 5, 4096, 4097, 8192, 8192 + begin, sizeof text - 1 };
    for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
        put(path, (const unsigned char *)text, ends[k]);
        tl_log_file *log = open_log();
        ck_assert_ok(tl_log_integer(log, "c", 2));
        ck_assert_ok(tl_log_close(log));
        assert_text("{\"a\":1}\n{\"c\":2}\n");
    }
    put(path, (const unsigned char *)text + begin, 9000);
    ck_assert_ok(tl_log_close(open_log()));
    assert_text("");
}
END_TEST

START_TEST(another_file)
{
    char text[700];
    put(path, (const unsigned char *)"one\ntwo", 7);
    snprintf(text, sizeof text, "log_open: %s: byte 4: found 0x74, expected { as in JSON lines", path);
    ck_assert_null(tl_log_open(path), text);
    assert_text("one\ntwo");
}
END_TEST

#ifndef NO_THREADS_AFTER_FORK
/* A process that is killed leaves the lines that it has ended. */
START_TEST(killed)
{
    const pid_t child = fork();
    if (child == 0) {
        static tl_log_file *log; /* which valgrind then finds where it looks for leaks */
        log = tl_log_open(path);
        tl_log_integer(log, "step", 1);
        tl_log_end(log);
        tl_log_integer(log, "step", 2);
        kill(getpid(), SIGKILL);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
    assert_text("{\"step\":1}\n");
}
END_TEST
#endif

/* ---- Errors ---- */

/* A file may not grow beyond a limit: the first error stays, and nothing is written after it. */
START_TEST(full_disk)
{
    struct rlimit before, limit;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    limit = before;
    limit.rlim_cur = 15;
    char text[700];
    snprintf(text, sizeof text, "log: %s: %s", path, strerror(EFBIG));
    tl_log_file *log = open_log();
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    tl_log_integer(log, "step", 1);
    const tl_status first = tl_log_end(log);
    tl_log_integer(log, "step", 2);
    const tl_status second = tl_log_end(log);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    ck_assert_int_eq(first, TL_OK);
    ck_assert_status(second, TL_ERR_IO, text);
    tl_fail(TL_ERR_SHAPE, "another error");
    ck_assert_status(tl_log_integer(log, "step", 3), TL_ERR_IO, text);
    ck_assert_status(tl_log_end(log), TL_ERR_IO, text);
    tl_fail(TL_ERR_SHAPE, "another error");
    ck_assert_status(tl_log_close(log), TL_ERR_IO, text);
    assert_text("{\"step\":1}\n{\"st"); /* what the system took */
    ck_assert_ok(tl_log_close(open_log()));
    assert_text("{\"step\":1}\n");
}
END_TEST

START_TEST(refused)
{
    char text[700];
    if (!*tl_error()) /* unless tests share a process: the reason why an open failed would stay */
        ck_assert_status(tl_log_integer(NULL, "a", 1), TL_ERR_ARGUMENT, "log: log is NULL");
    ck_assert_null(tl_log_open(NULL), "log_open: path is NULL");
    snprintf(text, sizeof text, "log_open: %s/log: %s", path, strerror(ENOTDIR));
    char below[600];
    snprintf(below, sizeof below, "%s/log", path);
    ck_assert_null(tl_log_open(below), text);
    ck_assert_status(tl_log_integer(NULL, "a", 1), TL_ERR_IO, text); /* the reason stays */
    ck_assert_status(tl_log_end(NULL), TL_ERR_IO, text);
    ck_assert_status(tl_log_close(NULL), TL_ERR_IO, text);
    tl_log_file *log = open_log();
    ck_assert_status(tl_log_number(log, NULL, 1), TL_ERR_ARGUMENT, "log: name is NULL");
    ck_assert_int_eq(tl_log_close(log), TL_ERR_ARGUMENT);
    log = open_log();
    ck_assert_status(tl_log_text(log, "a", NULL), TL_ERR_ARGUMENT, "log: value is NULL");
    ck_assert_int_eq(tl_log_close(log), TL_ERR_ARGUMENT);
    assert_text("");
}
END_TEST

START_TEST(short_of_memory)
{
    static char name[2000];
    memset(name, 'n', sizeof name - 1);
    const int64_t live = tl_test_live_blocks();
    tl_status status = TL_ERR_MEMORY;
    for (int k = 1; status != TL_OK; k++) {
        tl_test_fail_allocation(k);
        tl_log_file *log = tl_log_open(path);
        status = log ? TL_OK : TL_ERR_MEMORY;
        if (log) {
            tl_log_integer(log, name, 1);
            status = tl_log_close(log);
        }
        if (status != TL_OK)
            ck_assert_str_eq(tl_error(), "out of memory");
        ck_assert(status == TL_OK || status == TL_ERR_MEMORY);
        ck_assert_int_eq(tl_test_live_blocks(), live);
    }
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("log");
    TCase *c = tl_test_case(s, "log");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, lines);
    tcase_add_test(c, numbers);
    tcase_add_test(c, locale);
    tcase_add_test(c, strings);
    tcase_add_test(c, long_line);
    tcase_add_test(c, repeated_name);
    tcase_add_test(c, appends);
    tcase_add_test(c, unfinished_line);
    tcase_add_test(c, another_file);
#ifndef NO_THREADS_AFTER_FORK
    tcase_add_test(c, killed);
#endif
    tcase_add_test(c, full_disk);
    tcase_add_test(c, refused);
    tcase_add_test(c, short_of_memory);
    return s;
}
