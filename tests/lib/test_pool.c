/* The pool against a list of what is taken, with every bound that it promises. */
#include "tests/testing.h"

#include <string.h>

#include "lib/pool.h"

#ifdef TL_HEAP_ARENA
enum { KEEPS = false };
#else
enum { KEEPS = true };
#endif

enum { MOST = 40, STEPS = 4000 };

static void check_bytes(const tl_pool *p)
{
    ck_assert_int_le(p->used, p->bytes);
    ck_assert_int_le(p->bytes, p->most);
    ck_assert(KEEPS || p->bytes == p->used);
}

/* Each allocation is filled with a number of its own and keeps it while others come and go. */
START_TEST(random_requests)
{
    tl_random r = { .seed = 1 };
    tl_pool p = { 0 };
    unsigned char *taken[MOST] = { NULL };
    int64_t size[MOST] = { 0 };
    for (int step = 0; step < STEPS; step++) {
        const int64_t k = tl_random_integer(&r, MOST);
        int64_t kept = 0;
        while (taken[k] && kept < size[k] && taken[k][kept] == (unsigned char)k)
            kept++;
        ck_assert(!taken[k] || kept == size[k]);
        if (taken[k]) {
            tl_pool_give(&p, taken[k]);
            taken[k] = NULL;
        } else {
            size[k] = tl_random_integer(&r, 3) * tl_random_integer(&r, 5000);
            taken[k] = tl_pool_take(&p, size[k], 1);
            ck_assert_ptr_nonnull(taken[k]);
            ck_assert_uint_eq((uintptr_t)taken[k] % TL_ALIGN, 0);
            memset(taken[k], (int)k, (size_t)size[k]);
        }
        check_bytes(&p);
        int64_t asked = 0;
        for (int i = 0; i < MOST; i++)
            asked += taken[i] ? size[i] : 0;
        ck_assert_int_le(asked, p.used);
        ck_assert_int_le(p.used, asked + asked / 4 + MOST * 3 * TL_ALIGN);
        if (step % 1000 == 500) {
            tl_pool_reset(&p);
            memset(taken, 0, sizeof taken);
            ck_assert_int_eq(p.used, 0);
        }
    }
    tl_pool_trim(&p, 0);
    ck_assert_int_eq(p.bytes, 0);
}
END_TEST

/* A chain of equal layers holds two, and allocates nothing the second time. */
START_TEST(reuses)
{
    tl_pool p = { 0 };
    int64_t asked = 0;
    for (int round = 0; round < 3; round++) {
        asked = tl_test_allocations();
        void *last = NULL;
        for (int layer = 0; layer < 10; layer++) {
            void *next = tl_pool_take(&p, 1000, 4);
            tl_pool_give(&p, last);
            last = next;
        }
        asked = tl_test_allocations() - asked;
        ck_assert_int_eq(asked, !KEEPS ? 10 : round == 0 ? 2 : 0);
        ck_assert_int_le(p.bytes, 2 * (4000 + 2 * TL_ALIGN));
        tl_pool_reset(&p);
    }
    tl_pool_trim(&p, 4100);
    ck_assert_int_le(p.bytes, 4100);
    ck_assert(!KEEPS || p.bytes > 4000);
    tl_pool_trim(&p, -1);
    ck_assert_int_eq(p.bytes, 0);
}
END_TEST

/* A block that no request fits is freed before more is held than ever was in use. */
START_TEST(of_different_sizes)
{
    tl_pool p = { 0 };
    for (int64_t size = 64; size < 1 << 20; size *= 2)
        tl_pool_give(&p, tl_pool_take(&p, size, 1));
    ck_assert_int_le(p.bytes, p.most);
    ck_assert_int_le(p.bytes, (1 << 19) + TL_ALIGN);
    tl_pool_trim(&p, 0);
}
END_TEST

START_TEST(links)
{
    tl_pool p = { 0 };
    char *a = tl_pool_take(&p, 1, 1), *b = tl_pool_take(&p, 0, 8);
    ck_assert_ptr_null(tl_pool_next(a));
    tl_pool_link(b, a);
    ck_assert_ptr_eq(tl_pool_next(b), a);
    tl_pool_give(&p, b);
    b = tl_pool_take(&p, 0, 8);
    ck_assert_ptr_null(tl_pool_next(b));
    tl_pool_trim(&p, 0);
}
END_TEST

START_TEST(refused)
{
    tl_pool p = { 0 };
    tl_pool_give(&p, NULL);
    ck_assert_ptr_null(tl_pool_take(&p, -1, 1));
    ck_assert_ptr_null(tl_pool_take(&p, INT64_MAX, 1));
    ck_assert_ptr_null(tl_pool_take(&p, INT64_MAX / 4, 8));
    tl_test_fail_allocation(1);
    ck_assert_ptr_null(tl_pool_take(&p, 10, 1));
    ck_assert(p.bytes == 0 && p.used == 0);
    void *a = tl_pool_take(&p, 10, 1);
    ck_assert_ptr_nonnull(a);
    tl_pool_trim(&p, 0);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("pool");
    TCase *c = tl_test_case(s, "pool");
    tcase_add_test(c, random_requests);
    tcase_add_test(c, reuses);
    tcase_add_test(c, of_different_sizes);
    tcase_add_test(c, links);
    tcase_add_test(c, refused);
    return s;
}
