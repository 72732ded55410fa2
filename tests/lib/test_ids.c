/* The check of ids: which are accepted, and which the message names. */
#include "tests/testing.h"

#include "ids.h"

#include <stdio.h>

/* One bad id among many, at each place: with ids that are whole vectors and some more. */
START_TEST(one_bad_id)
{
    enum { N = 37, BOUND = 10 };
    const int32_t bad[] = { BOUND, -2, INT32_MAX, INT32_MIN }, padding = -1;
    for (int k = 0; k < 4 * N; k++) {
        int32_t id[N];
        char message[64];
        for (int i = 0; i < N; i++)
            id[i] = i % 5 > 0 ? i % BOUND : padding;
        ck_assert_ok(tl_check_ids("ids", id, N, BOUND, &padding, "table", "rows"));
        id[k / 4] = bad[k % 4];
        snprintf(message, sizeof message, "ids[%d] = %d, table has %d rows", k / 4, (int)bad[k % 4], BOUND);
        ck_assert_status(tl_check_ids("ids", id, N, BOUND, &padding, "table", "rows"), TL_ERR_INDEX, message);
    }
}
END_TEST

START_TEST(bounds_and_padding)
{
    const int32_t good[] = { 0, 9, 3 }, high[] = { 0, 9, 10 }, low[] = { 0, -1, 12 };
    ck_assert_ok(tl_check_ids("ids", good, 3, 10, NULL, "table", "rows"));
    ck_assert_ok(tl_check_ids("ids", NULL, 0, 10, NULL, "table", "rows"));
    ck_assert_ok(tl_check_ids("ids", high, 2, 10, NULL, "table", "rows"));
    ck_assert_status(tl_check_ids("ids", high, 3, 10, NULL, "table", "rows"), TL_ERR_INDEX,
                     "ids[2] = 10, table has 10 rows");
    ck_assert_status(tl_check_ids("labels", low, 3, 10, NULL, "logits", "columns"), TL_ERR_INDEX,
                     "labels[1] = -1, logits has 10 columns");
    ck_assert_ok(tl_check_ids("ids", low, 2, 10, &low[1], "table", "rows"));
    ck_assert_status(tl_check_ids("ids", low, 3, 10, &low[1], "table", "rows"), TL_ERR_INDEX,
                     "ids[2] = 12, table has 10 rows");
    ck_assert_status(tl_check_ids("ids", good, 1, -1, NULL, "table", "rows"), TL_ERR_INDEX,
                     "ids[0] = 0, table has -1 rows");
    ck_assert_status(tl_check_ids("ids", good, 1, 0, NULL, "table", "rows"), TL_ERR_INDEX,
                     "ids[0] = 0, table has 0 rows");
    ck_assert_ok(tl_check_ids("ids", good, 3, INT64_MAX, NULL, "table", "rows"));
    ck_assert_status(tl_check_ids("ids", low, 3, INT64_MAX, NULL, "table", "rows"), TL_ERR_INDEX,
                     "ids[1] = -1, table has 9223372036854775807 rows");
    ck_assert_status(tl_check_ids("ids", NULL, 1, 10, NULL, "table", "rows"), TL_ERR_ARGUMENT, "ids is NULL");
}
END_TEST

/* The first bad id is named, whatever follows. */
START_TEST(first_of_several)
{
    const int32_t id[] = { 4, 5, 10, 3, -7, 11 };
    ck_assert_status(tl_check_ids("ids", id, 6, 10, NULL, "table", "rows"), TL_ERR_INDEX,
                     "ids[2] = 10, table has 10 rows");
    ck_assert_status(tl_check_ids("ids", id + 3, 3, 10, NULL, "table", "rows"), TL_ERR_INDEX,
                     "ids[1] = -7, table has 10 rows");
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("ids");
    TCase *c = tl_test_case(s, "ids");
    tcase_add_test(c, bounds_and_padding);
    tcase_add_test(c, one_bad_id);
    tcase_add_test(c, first_of_several);
    return s;
}
