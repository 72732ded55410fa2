/* Heap blocks, and the arena that is built from them. */
#include "tests/testing.h"

#include <stdio.h>
#include <string.h>

#include "lib/arena.h"

#define ck_assert_aligned(p) ck_assert_uint_eq((uintptr_t)(p) % TL_ALIGN, 0)

/* Requests for more memory than any machine has; some products wrap to 0 or to something small. */
static const struct {
    int64_t n;
    size_t size;
} too_much[] = { { -1, 1 },
                 { -1, 0 },
                 { -1, 4 },
                 { INT64_MIN, 1 },
                 { INT64_MAX, 1 },
                 { INT64_MAX, 8 },
                 { 1, SIZE_MAX },
                 { 1, (size_t)PTRDIFF_MAX },
                 { 1, (size_t)PTRDIFF_MAX + 1 },
                 { INT64_MAX, SIZE_MAX },
                 { (int64_t)1 << 32, (size_t)1 << 32 },
                 { (int64_t)1 << 61, 8 },
                 { ((int64_t)1 << 61) + 1, 8 } };
enum { TOO_MUCH = sizeof too_much / sizeof *too_much };

/* Returns whether each of n bytes is `value`. (An assertion per byte would be slow: each makes a system
 * call.) */
static bool all_are(const unsigned char *p, size_t n, int value)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != value)
            return false;
    return true;
}

/* ---- memory ---- */

START_TEST(blocks)
{
    const int64_t n[] = { 0, 1, 3, 63, 64, 65, 4097, 100000 };
    unsigned char *p[8];
    for (int k = 0; k < 8; k++) {
        p[k] = tl_alloc(n[k], 3);
        ck_assert_ptr_nonnull(p[k]);
        ck_assert_aligned(p[k]);
        memset(p[k], k, (size_t)n[k] * 3);
    }
    for (int k = 0; k < 8; k++) {
        ck_assert(all_are(p[k], 3 * (size_t)n[k], k));
        tl_free(p[k]);
    }
}
END_TEST

/* The memory was in use before. */
START_TEST(zeroed_blocks)
{
    for (int64_t n = 0; n < 5000; n += 617) {
        void *used = tl_alloc(n, 1);
        memset(used, 0xff, (size_t)n);
        tl_free(used);
        unsigned char *p = tl_alloc_zero(n, 1);
        ck_assert_ptr_nonnull(p);
        ck_assert(all_are(p, (size_t)n, 0));
        tl_free(p);
    }
}
END_TEST

START_TEST(too_large_blocks)
{
    int64_t alive = tl_test_live_blocks();
    for (int k = 0; k < TOO_MUCH; k++) {
        ck_assert_ptr_null(tl_alloc(too_much[k].n, too_much[k].size));
        ck_assert_ptr_null(tl_alloc_zero(too_much[k].n, too_much[k].size));
    }
    ck_assert_int_eq(tl_test_live_blocks(), alive);
}
END_TEST

START_TEST(empty_blocks)
{
    void *none = tl_alloc(0, 8), *no_size = tl_alloc(INT64_MAX, 0), *zero = tl_alloc_zero(0, 0);
    ck_assert(none && no_size && zero && none != no_size && none != zero && no_size != zero);
    tl_free(none);
    tl_free(no_size);
    tl_free(zero);
    int64_t alive = tl_test_live_blocks();
    tl_free(NULL);
    ck_assert_int_eq(tl_test_live_blocks(), alive);
}
END_TEST

/* The hooks that the other tests rely on. */
START_TEST(failures_on_demand)
{
    int64_t asked = tl_test_allocations(), alive = tl_test_live_blocks();
    tl_test_fail_allocation(2);
    void *first = tl_alloc(1, 1), *second = tl_alloc(1, 1), *third = tl_alloc_zero(1, 1);
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_null(second);
    ck_assert_ptr_nonnull(third);
    ck_assert_int_eq(tl_test_allocations(), asked + 3);
    ck_assert_int_eq(tl_test_live_blocks(), alive + 2);
    tl_test_fail_allocation(1);
    tl_test_fail_allocation(0);
    void *fourth = tl_alloc(1, 1);
    ck_assert_ptr_nonnull(fourth);
    tl_free(first);
    tl_free(third);
    tl_free(fourth);
    ck_assert_int_eq(tl_test_live_blocks(), alive);
}
END_TEST

/* ---- arena ---- */

enum { REQUESTS = 400 };

/* Request k: up to 5000 elements of 1 to 8 bytes, sometimes none, and a few times more than the arena's first
 * blocks hold. */
static int64_t request_n(int k)
{
    return k % 9 == 0 ? 0 : k % 61 == 60 ? 40000 : k * 7919 % 5000;
}

static size_t request_size(int k)
{
    return (size_t)1 << (k % 4);
}

static void request(tl_arena *a, unsigned char **p, int n)
{
    for (int k = 0; k < n; k++) {
        p[k] = tl_arena_alloc(a, request_n(k), request_size(k));
        ck_assert_ptr_nonnull(p[k]);
        ck_assert_aligned(p[k]);
        memset(p[k], k % 251, (size_t)request_n(k) * request_size(k));
    }
}

static void check_contents(unsigned char *const *p, int n)
{
    for (int k = 0; k < n; k++)
        ck_assert_msg(all_are(p[k], (size_t)request_n(k) * request_size(k), k % 251),
                      "allocation %d was overwritten", k);
}

START_TEST(allocations)
{
    tl_arena a = { 0 };
    unsigned char *p[REQUESTS];
    for (int round = 0; round < 3; round++, tl_arena_reset(&a)) {
        request(&a, p, REQUESTS);
        check_contents(p, REQUESTS);
    }
    tl_arena_free(&a);
}
END_TEST

/* An arena holds its allocations from their first byte to their last, until the reset, and none of another
 * arena. */
START_TEST(what_it_holds)
{
    tl_arena a = { 0 }, other = { 0 };
    unsigned char *p[REQUESTS], *q = tl_arena_alloc(&other, 10, 1);
    ck_assert(!tl_arena_holds(&a, q));
    request(&a, p, REQUESTS);
    for (int k = 0; k < REQUESTS; k++)
        if (request_n(k) > 0) {
            ck_assert(tl_arena_holds(&a, p[k]));
            ck_assert(tl_arena_holds(&a, p[k] + request_n(k) * (int64_t)request_size(k) - 1));
        }
    ck_assert(tl_arena_holds(&other, q) && !tl_arena_holds(&a, q) && !tl_arena_holds(&other, p[1]));
    ck_assert(!tl_arena_holds(&a, &a) && !tl_arena_holds(&a, NULL));
    unsigned char *last = tl_arena_alloc(&a, TL_ALIGN, 1);
    ck_assert(tl_arena_holds(&a, last) && !tl_arena_holds(&a, last + TL_ALIGN));
    tl_arena_reset(&a);
    for (int k = 0; k < REQUESTS; k++)
        ck_assert(!tl_arena_holds(&a, p[k]));
    tl_arena_free(&a);
    tl_arena_free(&other);
}
END_TEST

START_TEST(zeroed_allocations)
{
    tl_arena a = { 0 };
    unsigned char *p[REQUESTS];
    request(&a, p, REQUESTS);
    tl_arena_reset(&a);
    for (int k = 0; k < REQUESTS; k++) {
        const unsigned char *zero = tl_arena_alloc_zero(&a, request_n(k), request_size(k));
        ck_assert_ptr_nonnull(zero);
        ck_assert(all_are(zero, (size_t)request_n(k) * request_size(k), 0));
    }
    tl_arena_free(&a);
}
END_TEST

START_TEST(too_large_allocations)
{
    tl_arena a = { 0 };
    unsigned char *p[20];
    for (int k = 0; k < TOO_MUCH; k++)
        ck_assert_ptr_null(tl_arena_alloc(&a, too_much[k].n, too_much[k].size));
    ck_assert_int_eq(tl_arena_bytes(&a), 0);
    request(&a, p, 20);
    int64_t held = tl_arena_bytes(&a);
    for (int k = 0; k < TOO_MUCH; k++)
        ck_assert_ptr_null(tl_arena_alloc_zero(&a, too_much[k].n, too_much[k].size));
    ck_assert_int_eq(tl_arena_bytes(&a), held);
    check_contents(p, 20);
    ck_assert_ptr_nonnull(tl_arena_alloc(&a, 1, 1));
    tl_arena_free(&a);
}
END_TEST

START_TEST(empty_allocations)
{
    tl_arena a = { 0 };
    ck_assert_ptr_nonnull(tl_arena_alloc(&a, 0, 8));
    ck_assert_ptr_nonnull(tl_arena_alloc(&a, INT64_MAX, 0));
    ck_assert_aligned(tl_arena_alloc_zero(&a, 0, 0));
    unsigned char *one = tl_arena_alloc_zero(&a, 1, 1);
    ck_assert_uint_eq(*one, 0);
    tl_arena_free(&a);
}
END_TEST

#ifndef TL_HEAP_ARENA
START_TEST(equal_steps_allocate_nothing)
{
    tl_arena a = { 0 };
    unsigned char *p[REQUESTS];
    request(&a, p, REQUESTS);
    int64_t asked = tl_test_allocations(), held = tl_arena_bytes(&a);
    for (int step = 0; step < 3; step++) {
        tl_arena_reset(&a);
        request(&a, p, REQUESTS);
    }
    ck_assert_int_eq(tl_test_allocations(), asked);
    ck_assert_int_eq(tl_arena_bytes(&a), held);

    /* another order may need more, once */
    tl_arena_reset(&a);
    ck_assert_ptr_nonnull(tl_arena_alloc(&a, 3000000, 1));
    request(&a, p, REQUESTS);
    asked = tl_test_allocations();
    tl_arena_reset(&a);
    ck_assert_ptr_nonnull(tl_arena_alloc(&a, 3000000, 1));
    request(&a, p, REQUESTS);
    ck_assert_int_eq(tl_test_allocations(), asked);
    tl_arena_free(&a);
}
END_TEST

/* Every block is at least half as large as all before it together: 10 MB from 64 KB take log(160) / log(1.5)
 * blocks, and the arena holds at most half as much again as was requested. */
START_TEST(growth_is_geometric)
{
    tl_arena a = { 0 };
    int64_t asked = tl_test_allocations(), total = 0;
    for (; total < 10 << 20; total += 1024)
        ck_assert_ptr_nonnull(tl_arena_alloc(&a, 1024, 1));
    ck_assert_int_le(tl_test_allocations() - asked, 13);
    ck_assert_int_ge(tl_arena_bytes(&a), total);
    ck_assert_int_le(tl_arena_bytes(&a), total + total / 2 + (1 << 16));
    tl_arena_free(&a);
}
END_TEST
#endif

/* A failure leaves the other allocations alone, and the arena can still be used. */
START_TEST(failing_allocations)
{
    int64_t failures = 0;
    for (bool refused = true; refused;) {
        tl_arena a = { 0 };
        unsigned char *p[REQUESTS];
        refused = false;
        tl_test_fail_allocation(failures + 1);
        for (int k = 0; k < REQUESTS; k++) {
            p[k] = tl_arena_alloc(&a, request_n(k), request_size(k));
            if (!p[k]) {
                ck_assert(!refused);
                refused = true;
                failures++;
                p[k] = tl_arena_alloc(&a, request_n(k), request_size(k));
            }
            ck_assert_ptr_nonnull(p[k]);
            memset(p[k], k % 251, (size_t)request_n(k) * request_size(k));
        }
        check_contents(p, REQUESTS);
        tl_test_fail_allocation(0);
        tl_arena_free(&a);
    }
    ck_assert_int_ge(failures, 5); /* over 2 MB in all: at least five blocks */
}
END_TEST

START_TEST(bytes_and_free)
{
    tl_arena a = { 0 };
    ck_assert_int_eq(tl_arena_bytes(&a), 0);
    tl_arena_reset(&a); /* of an empty arena */
    for (int round = 0; round < 2; round++) {
        int64_t alive = tl_test_live_blocks();
        ck_assert_ptr_nonnull(tl_arena_alloc(&a, 1000, 4));
        ck_assert_ptr_nonnull(tl_arena_alloc(&a, 1000000, 4));
        ck_assert_int_ge(tl_arena_bytes(&a), 4004000);
        ck_assert_int_gt(tl_test_live_blocks(), alive);
        tl_arena_free(&a);
        ck_assert_int_eq(tl_arena_bytes(&a), 0);
        ck_assert_int_eq(tl_test_live_blocks(), alive);
        tl_arena_free(&a); /* a second time does nothing */
    }
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("arena");
    TCase *memory = tl_test_case(s, "memory"), *arena = tl_test_case(s, "arena");
    tcase_add_test(memory, blocks);
    tcase_add_test(memory, zeroed_blocks);
    tcase_add_test(memory, too_large_blocks);
    tcase_add_test(memory, empty_blocks);
    tcase_add_test(memory, failures_on_demand);
    tcase_add_test(arena, allocations);
    tcase_add_test(arena, what_it_holds);
    tcase_add_test(arena, zeroed_allocations);
    tcase_add_test(arena, too_large_allocations);
    tcase_add_test(arena, empty_allocations);
#ifdef TL_HEAP_ARENA
    puts("arena: reuse and growth are not tested: every allocation is a heap block of its own in this build");
#else
    tcase_add_test(arena, equal_steps_allocate_nothing);
    tcase_add_test(arena, growth_is_geometric);
#endif
    tcase_add_test(arena, failing_allocations);
    tcase_add_test(arena, bytes_and_free);
    return s;
}
