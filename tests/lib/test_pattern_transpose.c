/* What a pattern caches, its transpose and its block schedules; and patterns that threads share. */
#include "tests/testing.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "lib/matrix/blocks.h"
#include "lib/pattern/pattern_private.h"
#include "lib/prefetch.h"

/*     . . x . x
 *     . . . . .
 *     x . x x x
 *     . . . x .  */
static tl_pattern *some_pattern(void)
{
    return tl_pattern_from_csr(4, 5, (const int64_t[]){ 0, 2, 2, 6, 7 },
                               (const int32_t[]){ 2, 4, 0, 2, 3, 4, 3 });
}

/* Every cell of the transpose is looked up in the pattern. */
START_TEST(transpose)
{
    for (int k = 0; k < 12; k++) {
        int64_t rows = 1 + 7 * k % 23, cols = 1 + 5 * k % 19;
        tl_pattern *p = tl_test_pattern(rows, cols, 0.1 * (k % 11), (uint64_t)k);
        const int32_t *perm = NULL;
        const tl_pattern *t = tl_pattern_transpose(p, &perm);
        ck_assert_ok(tl_pattern_print(t, NULL, 0));
        ck_assert_int_eq(tl_pattern_rows(t), cols);
        ck_assert_int_eq(tl_pattern_cols(t), rows);
        int64_t e = 0;
        for (int64_t j = 0; j < cols; j++)
            for (int32_t i = 0; i < rows; i++)
                if (tl_pattern_find(p, i, (int32_t)j) >= 0) {
                    ck_assert_int_eq(tl_pattern_find(t, j, i), e);
                    ck_assert_int_eq(perm[e++], tl_pattern_find(p, i, (int32_t)j));
                }
        ck_assert_int_eq(tl_pattern_nnz(t), e);
        tl_pattern_release(p);
    }
}
END_TEST

START_TEST(transpose_is_cached)
{
    tl_pattern *p = some_pattern();
    const int32_t *perm = NULL, *again = NULL;
    const tl_pattern *t = tl_pattern_transpose(p, NULL);
    int64_t asked = tl_test_allocations();
    ck_assert_ptr_eq(tl_pattern_transpose(p, &perm), t);
    ck_assert_ptr_eq(tl_pattern_transpose(p, &again), t);
    ck_assert_ptr_eq(perm, again);
    ck_assert_int_eq(tl_test_allocations(), asked);
    ck_assert(tl_pattern_equal(tl_pattern_transpose(t, NULL), p));

    tl_pattern *retained = tl_pattern_retain((tl_pattern *)t); /* may outlive its original */
    tl_pattern_release(p);
    ck_assert_ok(tl_pattern_print(retained, NULL, 0));
    ck_assert_int_eq(tl_pattern_find(retained, 4, 2), 6);
    tl_pattern_release(retained);
}
END_TEST

START_TEST(transpose_without_memory)
{
    const int32_t here = 0;
    int64_t failures = 0;
    for (const tl_pattern *t = NULL; !t; failures++) {
        tl_pattern *p = some_pattern();
        const int32_t *perm = &here;
        tl_test_fail_allocation(failures + 1);
        t = tl_pattern_transpose(p, &perm);
        tl_test_fail_allocation(0);
        if (!t) {
            ck_assert_str_eq(tl_error(), "out of memory");
            ck_assert_ptr_eq(perm, &here);
            ck_assert_ptr_nonnull(tl_pattern_transpose(p, &perm)); /* the next one succeeds */
        }
        ck_assert_int_eq(perm[0], 2);
        tl_pattern_release(p);
    }
    ck_assert_int_ge(failures, 5);
}
END_TEST

/* ---- blocks of columns ---- */

/* The segments of a part: one per row in the first block, then one per row with entries. Rows ascend from
 * group to group, and among segments of equal length. A segment has all entries of its row in the block. */
static void check_part(const tl_pattern *p, const tl_blocks *k, const int32_t *perm, int64_t begin, int64_t b,
                       const tl_block_part *part)
{
    const int64_t *row_ptr = tl_pattern_row_ptr(p), j0 = b * k->block, j1 = j0 + k->block;
    const int32_t *col = tl_pattern_col(p);
    int64_t entry = part[0].entry;
    bool same = true; /* here and below: one assertion for all, as each is slow */
    for (int64_t q = part[0].segment; q < part[1].segment; q++) {
        const tl_segment *now = &k->segment[q], *before = q > part[0].segment ? now - 1 : NULL;
        const int64_t end = now->first + now->n, group = (now->row - begin) / TL_SORTED_ROWS,
                      last_group = before ? (before->row - begin) / TL_SORTED_ROWS : 0;
        ck_assert(b == 0 || now->n > 0);
        ck_assert(
            !before || group > last_group ||
            (group == last_group && (now->n < before->n || (now->n == before->n && now->row > before->row))));
        ck_assert(now->first >= row_ptr[now->row] && end <= row_ptr[now->row + 1]);
        ck_assert(now->first == row_ptr[now->row] || col[now->first - 1] < j0);
        ck_assert(end == row_ptr[now->row + 1] || col[end] >= j1);
        for (int64_t e = now->first; e < end; e++, entry++)
            same = same && k->col16[entry] + j0 == col[e] && (!perm || k->perm[entry] == perm[e]);
    }
    ck_assert(same);
    ck_assert_int_eq(entry, part[1].entry);
}

/* Checks the prefetch list of a part: it has each cache line that the part touches and the part before it
 * does not, once. */
static void check_prefetch_list(const tl_pattern *p, const tl_blocks *k, const tl_block_part *part)
{
    enum { BEFORE = 1, HERE = 2 };
    const int64_t before = part > k->part ? part[-1].segment : 0;
    char *seen = calloc((size_t)tl_pattern_nnz(p) / TL_CACHE_LINE + 1, 1);
    for (int64_t q = before, e = part > k->part ? part[-1].entry : 0; q < part[1].segment; q++)
        for (int64_t i = 0; i < k->segment[q].n; i++, e++)
            seen[(k->perm ? k->perm[e] : k->segment[q].first + i) / TL_CACHE_LINE] |= q < part[0].segment
                                                                                          ? BEFORE
                                                                                          : HERE;
    bool needed = true, all = true;
    for (int64_t l = part[0].prefetch; needed && l < part[1].prefetch; l++) {
        needed = seen[k->prefetch_list[l] / TL_CACHE_LINE] == HERE;
        seen[k->prefetch_list[l] / TL_CACHE_LINE] = 0;
    }
    for (int64_t l = 0; l <= tl_pattern_nnz(p) / TL_CACHE_LINE; l++)
        all = all && seen[l] != HERE;
    ck_assert(needed);
    ck_assert(all);
    free(seen);
}

static void check_blocks(const tl_pattern *p, const tl_blocks *k, const int32_t *perm)
{
    const int64_t rows = tl_pattern_rows(p), *row_ptr = tl_pattern_row_ptr(p), n = k->n_blocks;
    ck_assert_int_eq(n, (tl_pattern_cols(p) + k->block - 1) / k->block);
    ck_assert_ptr_eq(k->perm ? perm : NULL, perm);
    ck_assert_int_eq(k->part[0].segment, 0);
    for (int64_t r = 0; r < k->n_ranges; r++) {
        const int64_t begin = tl_pattern_range(row_ptr, rows, k->n_ranges, r),
                      end = tl_pattern_range(row_ptr, rows, k->n_ranges, r + 1);
        ck_assert_int_eq(k->part[r * n].entry, row_ptr[begin]);
        ck_assert_int_eq(k->part[r * n + 1].segment - k->part[r * n].segment, end - begin);
        for (int64_t b = 0; b < n; b++) {
            check_part(p, k, perm, begin, b, &k->part[r * n + b]);
            check_prefetch_list(p, k, &k->part[r * n + b]);
        }
    }
    const tl_block_part *last = &k->part[k->n_ranges * n];
    ck_assert_int_eq(last->entry, tl_pattern_nnz(p));
    ck_assert_int_eq(last[1].prefetch, last->prefetch);
    for (int64_t e = 0; e < TL_COLUMNS_AHEAD; e++)
        ck_assert_int_eq(k->col16[last->entry + e], 0);
    ck_assert_int_eq(k->segment[last->segment].row, 0);
}

static int64_t bytes_of(const tl_blocks *k)
{
    const int64_t parts = k->n_ranges * k->n_blocks;
    const tl_block_part *last = &k->part[parts];
    return (int64_t)sizeof(tl_cached_blocks) + (parts + 2) * (int64_t)sizeof(tl_block_part) +
           (last->segment + 1) * (int64_t)sizeof(tl_segment) + (last->entry + TL_COLUMNS_AHEAD) * 2 +
           (k->perm ? last->entry * 4 : 0) + last->prefetch * 4;
}

/* Blocks with a permutation and without: p caches both. */
static void check_both(tl_pattern *p, int64_t width)
{
    const int64_t nnz = tl_pattern_nnz(p), before = tl_pattern_bytes(p);
    int32_t *perm = malloc((size_t)(nnz + 1) * sizeof *perm);
    for (int64_t e = 0; e < nnz; e++)
        perm[e] = (int32_t)(nnz - 1 - e);
    const tl_blocks *plain = tl_pattern_blocks(p, width, NULL), *permuted = tl_pattern_blocks(p, width, perm);
    check_blocks(p, plain, NULL);
    check_blocks(p, permuted, perm);
    ck_assert_int_eq(plain->n_ranges > 1, nnz > 2000);
    ck_assert_int_eq(tl_pattern_bytes(p), before + bytes_of(plain) + bytes_of(permuted));
    const int64_t allocations = tl_test_allocations();
    ck_assert_ptr_eq(tl_pattern_blocks(p, width, NULL), plain);
    ck_assert_ptr_eq(tl_pattern_blocks(p, width, perm), permuted);
    ck_assert_int_eq(tl_test_allocations(), allocations);
    free(perm);
}

/* A range has 256 rows; if there would be fewer than 8 ranges it has fewer, but at least 2^17 products. */
START_TEST(ranges)
{
    enum { WORK = 1 << 17 };
    static const struct {
        int64_t rows;
        double work;
        int64_t n;
    } expected[] = {
        { 0, 0, 1 },           { 1, 0, 1 },
        { 3, 1e9, 3 }, /* a row is not cut */
        { 100, 1e9, 8 },       { 1024, 0, 4 },
        { 1024, 5 * WORK, 5 }, { 1024, 8 * WORK - 1, 7 },
        { 1024, 1e9, 8 },      { 1792, 1e9, 8 },
        { 1793, 0, 8 },        { 2049, 1e9, 9 },
        { 65536, 1e9, 256 },   { 1 << 20, 1e12, 256 },
    };
    for (size_t k = 0; k < sizeof expected / sizeof *expected; k++)
        ck_assert_int_eq(tl_pattern_ranges(expected[k].rows, expected[k].work), expected[k].n);
}
END_TEST

enum { UNEVEN_ROWS = 8 * TL_SORTED_ROWS, FULL_ROWS = 100 };

/* Some full rows, then many shorter ones, some of them empty. */
static tl_pattern *uneven_pattern(void)
{
    enum { COLS = 59 };
    uint8_t *keep = malloc(UNEVEN_ROWS * COLS);
    for (int i = 0; i < UNEVEN_ROWS; i++)
        for (int j = 0; j < COLS; j++)
            keep[i * COLS + j] = i < FULL_ROWS || (i % 50 > 0 && (i * i + j) % (2 + i % 50) == 0);
    tl_pattern *p = tl_pattern_from_mask(UNEVEN_ROWS, COLS, keep);
    free(keep);
    return p;
}

/* Checks that there is a range of few rows, and one of more rows than are sorted together. */
static void check_uneven(const tl_pattern *p, int64_t n_ranges)
{
    const int64_t *row_ptr = tl_pattern_row_ptr(p);
    ck_assert_int_lt(tl_pattern_range(row_ptr, UNEVEN_ROWS, n_ranges, 1), FULL_ROWS);
    ck_assert_int_gt(UNEVEN_ROWS - tl_pattern_range(row_ptr, UNEVEN_ROWS, n_ranges, n_ranges - 1),
                     TL_SORTED_ROWS);
}

/* Of one range and of several. */
START_TEST(blocks)
{
    const int64_t block[] = { 1, 3, 7, 59, 60, 1 << 16 };
    for (int k = 0; k < 6; k++) {
        for (int d = 0; d < 4; d++) {
            tl_pattern *p = tl_test_pattern(101, 59, d / 3.0, (uint64_t)(4 * k + d));
            check_both(p, block[k]);
            tl_pattern_release(p);
        }
        tl_pattern *uneven = uneven_pattern();
        check_both(uneven, block[k]);
        check_uneven(uneven, tl_pattern_blocks(uneven, block[k], NULL)->n_ranges);
        tl_pattern_release(uneven);
    }
}
END_TEST

START_TEST(blocks_without_memory)
{
    tl_pattern *p = some_pattern();
    const int32_t *perm = NULL;
    const tl_pattern *other = tl_pattern_transpose(p, &perm);
    const int64_t alive = tl_test_live_blocks();
    int failures = 0;
    for (; failures < 20; failures++) {
        tl_test_fail_allocation(failures + 1);
        if (tl_pattern_blocks(other, 2, perm))
            break;
        ck_assert_null(NULL, "out of memory");
        ck_assert_int_eq(tl_test_live_blocks(), alive);
    }
    tl_test_fail_allocation(0);
    ck_assert_int_eq(failures, 9);
    tl_pattern_release(p);
}
END_TEST

START_TEST(blocks_of_nothing)
{
    const int64_t zeros[5] = { 0 };
    tl_pattern *no_rows = tl_pattern_from_csr(0, 5, zeros, NULL),
               *no_cols = tl_pattern_from_csr(4, 0, zeros, NULL);
    const tl_blocks *k = tl_pattern_blocks(no_rows, 2, NULL);
    ck_assert_int_eq(k->part[k->n_ranges * k->n_blocks].segment, 0);
    k = tl_pattern_blocks(no_cols, 2, NULL); /* the rows of Y still have to be cleared */
    ck_assert_int_eq(k->n_blocks, 1);
    ck_assert_int_eq(k->part[k->n_ranges].segment, 4);
    tl_pattern_release(no_rows);
    tl_pattern_release(no_cols);
}
END_TEST

/* ---- sharing ---- */

enum { THREADS = 8 };

static struct {
    tl_pattern *pattern;
    const tl_pattern *transpose[THREADS];
    const int32_t *perm[THREADS];
    const tl_blocks *blocks[THREADS];
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
    for (int turn = 0; turn < 2; turn++) /* half of the threads begin with each */
        if ((k + turn) % 2)
            shared.blocks[k] = tl_pattern_blocks(shared.pattern, 7, NULL);
        else
            shared.transpose[k] = tl_pattern_transpose(shared.pattern, &shared.perm[k]);
    return NULL;
}

START_TEST(built_by_many_threads)
{
    for (int round = 0; round < 10; round++) {
        int64_t alive = tl_test_live_blocks();
        shared.pattern = tl_pattern_random(600, 500, 0.5, 1); /* large enough that several threads build it */
        in_threads(build_both);
        ck_assert(shared.transpose[0] && shared.blocks[0]);
        for (int k = 1; k < THREADS; k++) {
            ck_assert_ptr_eq(shared.transpose[k], shared.transpose[0]);
            ck_assert_ptr_eq(shared.perm[k], shared.perm[0]);
            ck_assert_ptr_eq(shared.blocks[k], shared.blocks[0]);
        }
        tl_pattern_release(shared.pattern);
        ck_assert_int_eq(tl_test_live_blocks(), alive);
    }
}
END_TEST

/* Each thread takes and drops a reference many times, then drops one that was taken for it. */
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
    tcase_add_test(c, ranges);
    tcase_add_test(c, blocks);
    tcase_add_test(c, blocks_without_memory);
    tcase_add_test(c, blocks_of_nothing);
    tcase_add_test(c, built_by_many_threads);
    tcase_add_test(c, references);
    return s;
}
