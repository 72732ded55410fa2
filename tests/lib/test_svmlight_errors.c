/* Every way in which an svmlight file, or a call, can be wrong. */
#include "tests/lib/text_files.h"

#include <errno.h>
#include <sys/stat.h>

static bool is_zeroed(const tl_svmlight *d)
{
    return d->rows == 0 && d->features == 0 && !d->pattern && !d->values && !d->labels && !d->qid &&
           d->base == 0;
}

static void assert_bad_with(const char *text, const tl_svmlight_options *options, const char *why)
{
    tl_svmlight d = { .rows = 7, .features = 7, .base = 7 };
    put_text(PLAIN, text);
    ck_assert_status(tl_svmlight_read(path, options, &d), TL_ERR_FORMAT,
                     error_of("svmlight_read", "%s", why));
    ck_assert(is_zeroed(&d));
}

static void assert_bad(const char *text, const char *why)
{
    assert_bad_with(text, NULL, why);
}

START_TEST(rows)
{
    assert_bad("x 1:1\n", "line 1: found \"x\", expected a number");
    assert_bad("1\n# 2\n\n1:1 2:2\n", "line 4: found \":1\", expected a blank");
    assert_bad("1,2 1:1\n", "line 1: found \",2\", expected a blank");
    assert_bad("1 1:1 2\n", "line 1: found \"2\", expected id:value");
    assert_bad("1 1 2:1\n", "line 1: found \"1\", expected id:value");
    assert_bad("1 1:\n", "line 1: found the end of the line, expected a number");
    assert_bad("1 1: 2\n", "line 1: found a blank, expected a number");
    assert_bad("1 :2\n", "line 1: found \":2\", expected an id in 0..2147483647");
    assert_bad("1 1.5:2\n", "line 1: found \"1.5:2\", expected id:value");
    assert_bad("1 a:2\n", "line 1: found \"a:2\", expected an id in 0..2147483647");
    assert_bad("1 -1:2\n", "line 1: found \"-1:2\", expected an id in 0..2147483647");
    assert_bad("1 2147483648:2\n", "line 1: found \"2147483648:2\", expected an id in 0..2147483647");
    assert_bad("1 99999999999999999999:2\n",
               "line 1: found \"99999999999999999999...\", expected an id in 0..2147483647");
    assert_bad("1 1:2x\n", "line 1: found \"x\", expected a blank");
    assert_bad("1 1:0x2\n", "line 1: found \"x2\", expected a blank");
    assert_bad("1 1:1e999\n",
               TL_IS_DOUBLE
                   ? "line 1: found \"1e999\", expected a magnitude of at most 1.7976931348623157e+308"
                   : "line 1: found \"1e999\", expected a magnitude of at most 3.4028235e+38");
    assert_bad("1 1:1,2:1\n", "line 1: found \",2:1\", expected a blank");
    assert_bad("1 2:1 qid:5\n", "line 1: found \"qid:5\", expected an id in 0..2147483647");
}
END_TEST

START_TEST(qids)
{
    assert_bad("1 qid:1 2:1\n1 2:1\n", "line 2: found \"2:1\", expected a qid, as in the rows before");
    assert_bad("1 qid:1 2:1\n1\n",
               "line 2: found the end of the line, expected a qid, as in the rows before");
    assert_bad("1 2:1\n1 qid:2 2:1\n", "line 2: found \"qid:2\", expected no qid, as in the rows before");
    assert_bad("1 qid:x\n",
               "line 1: found \"x\", expected a qid in -9223372036854775808..9223372036854775807");
    assert_bad("1 qid:1.5\n", "line 1: found \".5\", expected a blank");
    assert_bad("1 qid: 5\n",
               "line 1: found a blank, expected a qid in -9223372036854775808..9223372036854775807");
}
END_TEST

START_TEST(ids)
{
    assert_bad("1 1:1\n2 3:1 3:1\n", "line 2: found id 3 twice, expected different ids");
    assert_bad("1 1:1\n#\n2 3:1 4:1 3:2\n", "line 3: found id 3 twice, expected different ids");
    assert_bad("1 0:1 5:1\n2 3:1 4:1 3:2\n", "line 2: found id 3 twice, expected different ids");
    assert_bad("1 0:1\n2 2147483647:1\n", "line 2: found id 2147483647, expected 0..2147483646");
    const tl_svmlight_options five = { .features = 5 }, from_1 = { .base = TL_SVMLIGHT_FROM_1 },
                              five_from_0 = { .features = 5, .base = TL_SVMLIGHT_FROM_0 };
    assert_bad_with("1 1:1\n2 6:1 7:1\n1 7:1\n", &five, "line 2: found id 7, expected 1..5");
    assert_bad_with("1 5:1\n2 0:1\n", &five, "line 1: found id 5, expected 0..4");
    assert_bad_with("1 5:1\n2 1:1\n", &five_from_0, "line 1: found id 5, expected 0..4");
    assert_bad_with("1 5:1\n2 0:1\n", &from_1, "line 2: found id 0, expected ids from 1");
}
END_TEST

/* A batch that fails, and those after it. */
static void assert_batch_fails(const char *text, int good, const char *why)
{
    tl_svmlight batch = { 0 };
    put_text(PLAIN, text);
    tl_svmlight_stream *s = tl_svmlight_open(path, NULL);
    for (int k = 0; k < good; k++)
        ck_assert_ok(tl_svmlight_next(s, 1, &batch));
    for (int k = 0; k < 2; k++) {
        ck_assert_status(tl_svmlight_next(s, 1, &batch), TL_ERR_FORMAT, error_of("svmlight_next", "%s", why));
        ck_assert(is_zeroed(&batch));
        tl_fail(TL_ERR_SHAPE, "another error");
    }
    tl_svmlight_close(s);
}

START_TEST(batches)
{
    assert_batch_fails(
        "1 2:1\n1 1:1\n1 3:1\n1 2:1", 2,
        "line 3: found id 3, expected 1..2, as in the first batch: an option can say otherwise");
    assert_batch_fails(
        "1 2:1\n1 0:1\n", 1,
        "line 2: found id 0, expected ids from 1, as in the first batch: an option can say otherwise");
    assert_batch_fails(
        "1\n1 1:1\n", 1,
        "line 2: found id 1, expected 1..0, as in the first batch: an option can say otherwise");
    assert_batch_fails("1 2:1\n1 qid:1\n", 1,
                       "line 2: found \"qid:1\", expected no qid, as in the rows before");
    assert_batch_fails("1 2:1\n1 2:1 2:1\n", 1, "line 2: found id 2 twice, expected different ids");
}
END_TEST

START_TEST(arguments)
{
    tl_svmlight d = { .rows = 7 };
    ck_assert_status(tl_svmlight_read(NULL, NULL, &d), TL_ERR_ARGUMENT, "svmlight_read: path is NULL");
    ck_assert(is_zeroed(&d));
    ck_assert_status(tl_svmlight_read(path, NULL, NULL), TL_ERR_ARGUMENT, "svmlight_read: out is NULL");
    ck_assert_status(tl_svmlight_read(path, &(tl_svmlight_options){ .features = -1 }, &d), TL_ERR_ARGUMENT,
                     "svmlight_read: features -1 is not in 0..2147483647");
    ck_assert_status(tl_svmlight_read(path, &(tl_svmlight_options){ .base = (tl_svmlight_base)3 }, &d),
                     TL_ERR_ARGUMENT, "svmlight_read: base 3 is not a tl_svmlight_base");
    ck_assert_status(tl_svmlight_read(path, &(tl_svmlight_options){ .reserved2 = 1 }, &d), TL_ERR_ARGUMENT,
                     "svmlight_read: a reserved field is not 0: an option that version " TL_VERSION_STRING
                     " does not have");
    ck_assert_null(tl_svmlight_open(NULL, NULL), "svmlight_open: path is NULL");
    ck_assert_null(tl_svmlight_open(path, &(tl_svmlight_options){ .features = INT64_C(1) << 31 }),
                   "svmlight_open: features 2147483648 is not in 0..2147483647");
    ck_assert_status(tl_svmlight_next(NULL, 1, &d), TL_ERR_ARGUMENT,
                     "svmlight_open: features 2147483648 is not in 0..2147483647"); /* the reason stays */
    put_text(PLAIN, "1 1:1\n");
    tl_svmlight_stream *s = tl_svmlight_open(path, NULL);
    ck_assert_status(tl_svmlight_next(s, 1, NULL), TL_ERR_ARGUMENT, "svmlight_next: batch is NULL");
    ck_assert_status(tl_svmlight_next(s, 0, &d), TL_ERR_ARGUMENT,
                     "svmlight_next: n 0 is not in 1..2147483647");
    ck_assert_ok(tl_svmlight_next(s, 1, &d));
    tl_svmlight_close(s);
    ck_assert_status(tl_svmlight_write(NULL, &d), TL_ERR_ARGUMENT, "svmlight_write: path is NULL");
    ck_assert_status(tl_svmlight_write(path, NULL), TL_ERR_ARGUMENT, "svmlight_write: data is NULL");
    tl_svmlight bad = d;
    bad.labels = NULL;
    ck_assert_status(tl_svmlight_write(path, &bad), TL_ERR_ARGUMENT, "svmlight_write: labels is NULL");
    bad = d;
    bad.pattern = NULL;
    ck_assert_status(tl_svmlight_write(path, &bad), TL_ERR_ARGUMENT, "svmlight_write: pattern is NULL");
    bad = d;
    bad.base = 2;
    ck_assert_status(tl_svmlight_write(path, &bad), TL_ERR_ARGUMENT,
                     "svmlight_write: base 2 is neither 0 nor 1");
    bad = d;
    bad.features = 3;
    ck_assert_status(tl_svmlight_write(path, &bad), TL_ERR_SHAPE,
                     "svmlight_write: 1 rows of 3 features have a 1x1 pattern");
    tl_svmlight_free(&d);
}
END_TEST

START_TEST(system_errors)
{
    tl_svmlight d = { .rows = 7 };
    unlink(path);
    ck_assert_status(tl_svmlight_read(path, NULL, &d), TL_ERR_IO,
                     error_of("svmlight_read", "%s", strerror(ENOENT)));
    ck_assert(is_zeroed(&d));
    ck_assert_null(tl_svmlight_open(path, NULL), error_of("svmlight_open", "%s", strerror(ENOENT)));
    ck_assert_int_eq(mkdir(path, 0700), 0);
    const tl_status status = tl_svmlight_read(path, NULL, &d);
    rmdir(path);
    ck_assert_status(status, TL_ERR_IO, error_of("svmlight_read", "%s", strerror(EISDIR)));
}
END_TEST

/* Every allocation fails once: the error is clear, nothing leaks, and the output is zeroed. */
START_TEST(short_of_memory)
{
    FILE *f = fopen(path, "w");
    for (int k = 0; k < 600; k++)
        fprintf(f, "1 qid:%d 5:1 %d:1 2:1\n", k, k % 50 + 10);
    fclose(f);
    for (int k = 1;; k++) {
        tl_svmlight d = { .rows = 7 }, batch = { 0 };
        tl_test_fail_allocation(k);
        tl_status status = tl_svmlight_read(path, NULL, &d);
        if (status == TL_OK) {
            tl_svmlight_stream *s = tl_svmlight_open(path, &(tl_svmlight_options){ .features = 100 });
            status = s ? TL_OK : TL_ERR_MEMORY;
            for (int n = 0; n < 3 && status == TL_OK; n++)
                status = tl_svmlight_next(s, 250, &batch);
            tl_svmlight_close(s);
        }
        tl_test_fail_allocation(0);
        ck_assert(status == TL_OK || is_zeroed(&batch));
        tl_svmlight_free(&d);
        tl_svmlight_free(&batch);
        if (status == TL_OK) {
            ck_assert_int_gt(k, 20);
            break;
        }
        ck_assert_status(status, TL_ERR_MEMORY, "out of memory");
    }
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("svmlight_errors");
    TCase *c = tl_test_case(s, "svmlight_errors");
    tcase_add_unchecked_fixture(c, make_file, remove_file);
    tcase_add_test(c, rows);
    tcase_add_test(c, qids);
    tcase_add_test(c, ids);
    tcase_add_test(c, batches);
    tcase_add_test(c, arguments);
    tcase_add_test(c, system_errors);
    tcase_add_test(c, short_of_memory);
    return s;
}
