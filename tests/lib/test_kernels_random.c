/* Random words of every table that this CPU supports. */
#include "tests/lib/tables.h"

/* The blocks of tl_philox, also where the counter carries into its upper half and where it wraps; and no
 * write past the end. */
START_TEST(random_blocks)
{
    enum { MAX_BLOCKS = 70 };
    const uint64_t counter[] = { 0, 12345, UINT32_MAX - 20, UINT64_MAX - 20 }, key = 0x0123456789ABCDEF;
    if (!supported(_i))
        return;
    for (int c = 0; c < 4; c++)
        for (int64_t n = 0; n < MAX_BLOCKS; n++) {
            uint32_t word[4 * MAX_BLOCKS], expected[4 * MAX_BLOCKS];
            memset(word, 7, sizeof word);
            memset(expected, 7, sizeof expected);
            t->philox(key, counter[c], n, word);
            for (int64_t k = 0; k < n; k++)
                tl_philox(key, 0, counter[c] + (uint64_t)k, expected + 4 * k);
            ck_assert_mem_eq(word, expected, sizeof word);
        }
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("kernels_random");
    TCase *c = tl_test_case(s, "kernels_random");
    tcase_add_loop_test(c, random_blocks, 0, TABLES);
    return s;
}
