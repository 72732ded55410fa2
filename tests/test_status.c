/* The status room: the thread's last failure. */
#include "testing.h"

#include <pthread.h>
#include <string.h>

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

static void *fail_elsewhere(void *seen)
{
    *(bool *)seen = tl_error()[0] == '\0';
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
}
END_TEST

START_TEST(names)
{
    ck_assert_str_eq(tl_status_name(TL_OK), "TL_OK");
    ck_assert_str_eq(tl_status_name(TL_ERR_NUMERIC), "TL_ERR_NUMERIC");
    ck_assert_str_eq(tl_status_name(TL_ERR_FORMAT), "TL_ERR_FORMAT");
    ck_assert_str_eq(tl_status_name((tl_status)99), "unknown tl_status");
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("status");
    TCase *c = tl_test_case(s, "status");
    tcase_add_test(c, text);
    tcase_add_test(c, long_text_is_cut);
    tcase_add_test(c, threads_have_their_own);
    tcase_add_test(c, names);
    return s;
}
