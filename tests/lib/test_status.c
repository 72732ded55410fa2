/* The last error of a thread. */
#include "tests/testing.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "lib/status_private.h"

START_TEST(text)
{
    ck_assert_str_eq(tl_error(), "");
    ck_assert_status(tl_fail(TL_ERR_SHAPE, "%s times %d", "3x4", 5), TL_ERR_SHAPE, "3x4 times 5");
    ck_assert_status(tl_fail(TL_ERR_INDEX, "op: %s", tl_error()), TL_ERR_INDEX, "op: 3x4 times 5");
}
END_TEST

START_TEST(long_text_is_cut)
{
    char longer[2000];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    tl_fail(TL_ERR_IO, "%s", longer);
    ck_assert_uint_eq(strlen(tl_error()), 511);
}
END_TEST

#if TL_VERSION < TL_VERSION_OF(0, 2, 0) ||                                                                   \
    TL_VERSION >= TL_VERSION_OF(TL_VERSION_MAJOR, TL_VERSION_MINOR + 1, 0)
#error "TL_VERSION does not compare"
#endif
START_TEST(version)
{
    char expected[40];
    snprintf(expected, sizeof expected, "%d.%d.%d", TL_VERSION_MAJOR, TL_VERSION_MINOR, TL_VERSION_PATCH);
    ck_assert_str_eq(TL_VERSION_STRING, expected);
    ck_assert_str_eq(tl_version(), expected);
}
END_TEST

static void *fail_elsewhere(void *seen)
{
    *(bool *)seen = tl_error()[0] == '\0' && tl_last_status() == TL_OK;
    tl_fail(TL_ERR_IO, "elsewhere");
    return NULL;
}

START_TEST(threads_have_their_own)
{
    pthread_t other;
    bool empty = false;
    tl_fail(TL_ERR_SHAPE, "here");
    ck_assert_int_eq(pthread_create(&other, NULL, fail_elsewhere, &empty), 0);
    pthread_join(other, NULL);
    ck_assert(empty);
    ck_assert_str_eq(tl_error(), "here");
    ck_assert_int_eq(tl_last_status(), TL_ERR_SHAPE);
}
END_TEST

START_TEST(last_status)
{
    tl_fail(TL_ERR_NUMERIC, "first");
    ck_assert_int_eq(tl_last_status(), TL_ERR_NUMERIC);
    ck_assert_status(tl_fail_memory(), TL_ERR_MEMORY, "out of memory");
    ck_assert_int_eq(tl_last_status(), TL_ERR_MEMORY);
}
END_TEST

/* A user's function may return a status without recording a text. */
START_TEST(failures_without_a_text)
{
    tl_fail(TL_ERR_IO, "something else, long ago");
    uint64_t before = tl_error_count();
    ck_assert_int_eq(tl_fail_default(TL_OK, before), TL_OK);
    ck_assert_str_eq(tl_error(), "something else, long ago");
    ck_assert_status(tl_fail_default(TL_ERR_NUMERIC, before), TL_ERR_NUMERIC, "TL_ERR_NUMERIC");
    ck_assert_uint_eq(tl_error_count(), before + 1);
    tl_fail(TL_ERR_KIND, "with a word");
    ck_assert_status(tl_fail_default(TL_ERR_KIND, before), TL_ERR_KIND, "with a word");
}
END_TEST

START_TEST(names)
{
    const struct {
        tl_status status;
        const char *name;
    } as[] = { { TL_OK, "TL_OK" },
               { TL_ERR_MEMORY, "TL_ERR_MEMORY" },
               { TL_ERR_SHAPE, "TL_ERR_SHAPE" },
               { TL_ERR_KIND, "TL_ERR_KIND" },
               { TL_ERR_INDEX, "TL_ERR_INDEX" },
               { TL_ERR_ARGUMENT, "TL_ERR_ARGUMENT" },
               { TL_ERR_NUMERIC, "TL_ERR_NUMERIC" },
               { TL_ERR_IO, "TL_ERR_IO" },
               { TL_ERR_FORMAT, "TL_ERR_FORMAT" },
               { TL_ERR_PEER, "TL_ERR_PEER" },
               { (tl_status)(TL_ERR_PEER + 1), "unknown tl_status" },
               { (tl_status)-1, "unknown tl_status" } };
    for (size_t k = 0; k < sizeof as / sizeof *as; k++)
        ck_assert_str_eq(tl_status_name(as[k].status), as[k].name);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("status");
    TCase *c = tl_test_case(s, "status");
    tcase_add_test(c, text);
    tcase_add_test(c, long_text_is_cut);
    tcase_add_test(c, threads_have_their_own);
    tcase_add_test(c, last_status);
    tcase_add_test(c, failures_without_a_text);
    tcase_add_test(c, names);
    tcase_add_test(c, version);
    return s;
}
