/* What a pattern builds once and keeps, its transpose and its blocks of columns; and patterns that threads
 * share. */
#include "testing.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "pattern_private.h"

/*     . . x . x
 *     . . . . .
 *     x . x x x
 *     . . . x .  */
static tl_pattern *some_pattern(void)
{
    return tl_pattern_from_csr(4, 5, (const int64_t[]){ 0, 2, 2, 6, 7 },
                               (const int32_t[]){ 2, 4, 0, 2, 3, 4, 3 });
}

/* Against looking every cell up. */
START_TEST(transpose)
{
    for (int k = 0; k < 12; k++) {
        int64_t rows = 1 + 7 * k % 23, cols = 1 + 5 * k % 19;
        tl_pattern *p = tl_test_pattern(rows, cols, 0.1 * (k % 11), (uint64_t)k);
        const int32_t *order = NULL;
        const tl_pattern *t = tl_pattern_transpose(p, &order);
        ck_assert_ok(tl_pattern_print(t, NULL, 0));
        ck_assert_int_eq(tl_pattern_rows(t), cols);
        ck_assert_int_eq(tl_pattern_cols(t), rows);
        int64_t e = 0;
        for (int64_t j = 0; j < cols; j++)
            for (int32_t i = 0; i < rows; i++)
                if (tl_pattern_find(p, i, (int32_t)j) >= 0) {
                    ck_assert_int_eq(tl_pattern_find(t, j, i), e);
                    ck_assert_int_eq(order[e++], tl_pattern_find(p, i, (int32_t)j));
                }
        ck_assert_int_eq(tl_pattern_nnz(t), e);
        tl_pattern_release(p);
    }
}
END_TEST

START_TEST(transpose_is_cached)
{
    tl_pattern *p = some_pattern();
    const int32_t *order = NULL, *again = NULL;
    const tl_pattern *t = tl_pattern_transpose(p, NULL);
    int64_t asked = tl_test_allocations();
    ck_assert_ptr_eq(tl_pattern_transpose(p, &order), t);
    ck_assert_ptr_eq(tl_pattern_transpose(p, &again), t);
    ck_assert_ptr_eq(order, again);
    ck_assert_int_eq(tl_test_allocations(), asked);
    ck_assert(tl_pattern_equal(tl_pattern_transpose(t, NULL), p));

    tl_pattern *kept = tl_pattern_retain((tl_pattern *)t); /* it may outlive what it was made from */
    tl_pattern_release(p);
    ck_assert_ok(tl_pattern_print(kept, NULL, 0));
    ck_assert_int_eq(tl_pattern_find(kept, 4, 2), 6);
    tl_pattern_release(kept);
}
END_TEST

START_TEST(transpose_without_memory)
{
    const int32_t here = 0;
    int64_t failures = 0;
    for (const tl_pattern *t = NULL; !t; failures++) {
        tl_pattern *p = some_pattern();
        const int32_t *order = &here;
        tl_test_fail_allocation(failures + 1);
        t = tl_pattern_transpose(p, &order);
        tl_test_fail_allocation(0);
        if (!t) {
            ck_assert_str_eq(tl_error(), "out of memory");
            ck_assert_ptr_eq(order, &here);
            ck_assert_ptr_nonnull(tl_pattern_transpose(p, &order)); /* the next one succeeds */
        }
        ck_assert_int_eq(order[0], 2);
        tl_pattern_release(p);
    }
    ck_assert_int_ge(failures, 5);
}
END_TEST

/* ---- blocks of columns ---- */

/* The entries of each row and block lie one after the other, and their columns in the block. */
START_TEST(blocks)
{
    const int64_t block[] = { 1, 3, 7, 19, 20, INT32_MAX };
    for (int k = 0; k < 6 * 4; k++) {
        const int64_t rows = 17, cols = 19, width = block[k / 4], n = (cols + width - 1) / width;
        tl_pattern *p = tl_test_pattern(rows, cols, (k % 4) / 3.0, (uint64_t)k);
        const int64_t *row_ptr = tl_pattern_row_ptr(p), before = tl_pattern_bytes(p);
        const int32_t *start = tl_pattern_blocks(p, width);
        ck_assert_ptr_nonnull(start);
        for (int64_t i = 0; i < rows; i++) {
            ck_assert_int_eq(start[i], row_ptr[i]);
            ck_assert_int_eq(start[n * rows + i], row_ptr[i + 1]);
            for (int64_t b = 0; b < n; b++)
                for (int64_t e = start[b * rows + i]; e < start[(b + 1) * rows + i]; e++)
                    ck_assert_int_eq(tl_pattern_col(p)[e] / width, b);
        }
        ck_assert_int_ge(tl_pattern_bytes(p), before + (n + 1) * rows * 4);
        int64_t asked = tl_test_allocations();
        ck_assert_ptr_eq(tl_pattern_blocks(p, width), start);
        ck_assert_int_eq(tl_test_allocations(), asked);
        tl_pattern_release(p);
    }
}
END_TEST

START_TEST(blocks_without_memory)
{
    tl_pattern *p = some_pattern();
    tl_test_fail_allocation(1);
    ck_assert_null(tl_pattern_blocks(p, 2), "out of memory");
    ck_assert_ptr_nonnull(tl_pattern_blocks(p, 2));
    tl_pattern_release(p);
}
END_TEST

START_TEST(blocks_of_nothing)
{
    const int64_t zeros[5] = { 0 };
    tl_pattern *no_rows = tl_pattern_from_csr(0, 5, zeros, NULL),
               *no_cols = tl_pattern_from_csr(4, 0, zeros, NULL);
    ck_assert_ptr_nonnull(tl_pattern_blocks(no_rows, 2));
    ck_assert_mem_eq(tl_pattern_blocks(no_cols, 2), zeros, 4 * sizeof(int32_t));
    tl_pattern_release(no_rows);
    tl_pattern_release(no_cols);
}
END_TEST

/* ---- sharing ---- */

enum { THREADS = 8 };

static struct {
    tl_pattern *pattern;
    const tl_pattern *transpose[THREADS];
    const int32_t *order[THREADS], *blocks[THREADS];
    atomic_int ready;
} shared;

static void wait_for_all(void)
{
    atomic_fetch_add(&shared.ready, 1);
    while (atomic_load(&shared.ready) < THREADS)
        sched_yield();
}

static void in_threads(void *(*body)(void *))
{
    pthread_t id[THREADS];
    atomic_store(&shared.ready, 0);
    for (intptr_t k = 0; k < THREADS; k++)
        ck_assert_int_eq(pthread_create(&id[k], NULL, body, (void *)k), 0);
    for (int k = 0; k < THREADS; k++)
        pthread_join(id[k], NULL);
}

static void *build_both(void *which)
{
    intptr_t k = (intptr_t)which;
    wait_for_all();
    for (int turn = 0; turn < 2; turn++) /* half of the threads begin with the one, half with the other */
        if ((k + turn) % 2)
            shared.blocks[k] = tl_pattern_blocks(shared.pattern, 7);
        else
            shared.transpose[k] = tl_pattern_transpose(shared.pattern, &shared.order[k]);
    return NULL;
}

START_TEST(built_by_many_threads)
{
    for (int round = 0; round < 40; round++) {
        int64_t alive = tl_test_live_blocks();
        shared.pattern = tl_pattern_random(600, 500, 0.5, 1); /* takes long enough that several build it */
        in_threads(build_both);
        ck_assert(shared.transpose[0] && shared.blocks[0]);
        for (int k = 1; k < THREADS; k++) {
            ck_assert_ptr_eq(shared.transpose[k], shared.transpose[0]);
            ck_assert_ptr_eq(shared.order[k], shared.order[0]);
            ck_assert_ptr_eq(shared.blocks[k], shared.blocks[0]);
        }
        tl_pattern_release(shared.pattern);
        ck_assert_int_eq(tl_test_live_blocks(), alive);
    }
}
END_TEST

/* Each thread holds one reference more and less many times, then gives up one that was taken for it. */
static void *retain_and_release(void *unused)
{
    (void)unused;
    wait_for_all();
    for (int k = 0; k < 2000; k++) {
        tl_pattern *mine = tl_pattern_retain(shared.pattern);
        if (tl_pattern_nnz(mine) == 7)
            tl_pattern_release(mine);
    }
    tl_pattern_release(shared.pattern);
    return NULL;
}

START_TEST(references)
{
    int64_t alive = tl_test_live_blocks();
    for (int survives = 0; survives < 2; survives++) {
        shared.pattern =
            some_pattern(); /* the reference of the last thread, or, if one more is taken, the test's */
        for (int k = !survives; k < THREADS; k++)
            ck_assert_ptr_eq(tl_pattern_retain(shared.pattern), shared.pattern);
        in_threads(retain_and_release);
        if (survives) {
            ck_assert_ok(tl_pattern_print(shared.pattern, NULL, 0));
            ck_assert_int_eq(tl_pattern_nnz(shared.pattern), 7);
            ck_assert_int_gt(tl_test_live_blocks(), alive);
            tl_pattern_release(shared.pattern);
        }
        ck_assert_int_eq(tl_test_live_blocks(), alive);
    }
    ck_assert_ptr_null(tl_pattern_retain(NULL));
    tl_pattern_release(NULL);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("pattern_transpose");
    TCase *c = tl_test_case(s, "pattern_transpose");
    tcase_add_test(c, transpose);
    tcase_add_test(c, transpose_is_cached);
    tcase_add_test(c, transpose_without_memory);
    tcase_add_test(c, blocks);
    tcase_add_test(c, blocks_without_memory);
    tcase_add_test(c, blocks_of_nothing);
    tcase_add_test(c, built_by_many_threads);
    tcase_add_test(c, references);
    return s;
}
