/* Sums over parts against a tree that is written down as it is defined. */
#include "tests/testing.h"

#include <string.h>

enum { MOST_PARTS = 17, ROWS = 6, WIDTH = 3, SIZE = ROWS * WIDTH };

/* ---- The definition ---- */

/* What a part, or a block of parts, has of each element. */
typedef struct terms {
    tl_real value[SIZE];
    bool present[SIZE];
} terms;

static terms add_terms(terms a, terms b)
{
    for (int e = 0; e < SIZE; e++) {
        a.value[e] = a.present[e] && b.present[e] ? a.value[e] + b.value[e]
                     : a.present[e]               ? a.value[e]
                                                  : b.value[e];
        a.present[e] |= b.present[e];
    }
    return a;
}

/* The block of n parts, n a power of two, that begins at `first`; parts from `parts` on are absent. */
static terms block(const terms *part, int parts, int first, int n)
{
    if (first >= parts)
        return (terms){ .present = { false } };
    if (n == 1)
        return part[first];
    return add_terms(block(part, parts, first, n / 2), block(part, parts, first + n / 2, n / 2));
}

/* ---- Parts ---- */

typedef enum kind { DENSE, SPARSE, MASKED, BY_ROWS, EITHER, KINDS } kind; /* EITHER: by rows, or dense */

typedef struct part {
    tl_gradient pair;
    tl_real values[SIZE];
    int32_t rows[ROWS];
    double weight;
    bool absent;
} part;

static tl_variable *variable_of(kind k)
{
    if (k == SPARSE)
        return tl_test_sparse("s", tl_pattern_random(SIZE, 2, 0.5, 1), 1);
    tl_variable *v = tl_test_dense("v", TL_SHAPE(ROWS, WIDTH), 1);
    if (k == MASKED) {
        tl_pattern *p = tl_pattern_random(ROWS, WIDTH, 0.5, 1);
        ck_assert_ok(tl_variable_set_mask(v, p));
        tl_pattern_release(p);
    }
    return v;
}

/* Fills in a part, and its terms. A third of the parts have no gradient, and half of the rows are absent.
 * Large values often cancel: the order of the sum decides what is left. */
static void make_part(tl_random *r, kind k, tl_variable *v, part *p, terms *t)
{
    *t = (terms){ .present = { false } };
    *p = (part){ .weight = tl_random_integer(r, 4) > 0 ? 1 : tl_random_normal(r),
                 .absent = tl_random_integer(r, 3) == 0 };
    p->pair = (tl_gradient){ .variable = v, .values = p->absent ? NULL : p->values };
    const bool rows = k == BY_ROWS || (k == EITHER && tl_random_integer(r, 4) > 0);
    int64_t n = 0;
    for (int32_t i = 0; i < ROWS; i++) {
        if (rows && tl_random_integer(r, 2) == 0)
            continue;
        p->rows[n] = i;
        for (int j = 0; j < WIDTH; j++) {
            const tl_real large = tl_random_integer(r, 2) == 0 ? (tl_real)0x1p54 : -(tl_real)0x1p54;
            const tl_real x = tl_random_integer(r, 2) == 0 ? large : (tl_real)tl_random_normal(r);
            p->values[n * WIDTH + j] = x;
            t->value[i * WIDTH + j] = (tl_real)(p->weight * (double)x);
            t->present[i * WIDTH + j] = !p->absent;
        }
        n++;
    }
    if (rows && !p->absent) {
        p->pair.rows = p->rows;
        p->pair.n_rows = n;
    }
}

/* One of the ways to say that a part has nothing. */
static void add_part(tl_graph *total, part *p, int number)
{
    tl_gradients g = { &p->pair, 1, NULL };
    if (p->absent && number % 3 == 1)
        g.n = 0;
    ck_assert_ok(tl_gradients_add(total, p->absent && number % 3 == 2 ? NULL : &g, p->weight));
}

/* The total, element by element; a row that no part has must not be there. */
static void check_total(tl_graph *total, const terms *expected, bool present)
{
    tl_gradients out;
    ck_assert_ok(tl_gradients_total(total, &out));
    ck_assert_int_eq(out.n, present);
    if (!present)
        return;
    const tl_gradient *pair = out.pair;
    int64_t n = 0;
    for (int32_t i = 0; i < ROWS; i++) {
        if (pair->rows && !expected->present[i * WIDTH])
            continue;
        ck_assert(!pair->rows || (n < pair->n_rows && pair->rows[n] == i));
        for (int j = 0; j < WIDTH; j++) {
            ck_assert_mem_eq(&pair->values[n * WIDTH + j], &expected->value[i * WIDTH + j], sizeof(tl_real));
        }
        n++;
    }
    ck_assert(!pair->rows || n == pair->n_rows);
}

/* For each number of parts; the total is asked for after each, or at the end only. */
START_TEST(the_tree)
{
    const kind k = (kind)(_i % KINDS);
    const bool each = _i / KINDS % 2;
    tl_random r = { .seed = (uint64_t)_i };
    tl_variable *v = variable_of(k);
    tl_graph *total = tl_graph_new();
    for (int parts = 1; parts <= MOST_PARTS; parts++, tl_graph_reset(total)) {
        static part p[MOST_PARTS];
        static terms t[MOST_PARTS];
        bool present = false;
        for (int i = 0; i < parts; i++) {
            make_part(&r, k, v, &p[i], &t[i]);
            add_part(total, &p[i], i);
            present |= !p[i].absent;
            if (!each && i + 1 < parts)
                continue;
            const terms expected = block(t, i + 1, 0, 32);
            check_total(total, &expected, present);
        }
    }
    tl_graph_free(total);
    tl_variable_free(v);
}
END_TEST

/* Where the order shows: (1 + tiny) + (-1 + tiny) and not ((1 + tiny) - 1) + tiny. */
START_TEST(not_from_left_to_right)
{
    const tl_real tiny = TL_IS_DOUBLE ? (tl_real)0x1p-53
                                      : (tl_real)0x1p-24; /* 1 + tiny is 1, 1 - tiny is not */
    tl_variable *v = tl_test_dense("v", TL_SHAPE(), 1);
    tl_graph *total = tl_graph_new();
    tl_real value[4] = { 1, tiny, -1, tiny };
    tl_gradients out;
    for (int k = 0; k < 4; k++) {
        tl_gradient pair = { .variable = v, .values = &value[k] };
        ck_assert_ok(tl_gradients_add(total, &(tl_gradients){ &pair, 1, NULL }, 1));
    }
    ck_assert_ok(tl_gradients_total(total, &out));
    ck_assert_double_eq((double)out.pair[0].values[0], (double)tiny);
    tl_graph_reset(total);
    for (int k = 0; k < 5; k++) { /* x + nothing = x: 1 and tiny do not meet before -1 and tiny have */
        tl_gradient pair = { .variable = v, .values = k == 1 ? NULL : &value[k - (k > 1)] };
        ck_assert_ok(tl_gradients_add(total, &(tl_gradients){ &pair, 1, NULL }, 1));
    }
    ck_assert_ok(tl_gradients_total(total, &out)); /* ((1) + (tiny - 1)) + tiny */
    ck_assert_double_eq((double)out.pair[0].values[0], 2 * (double)tiny);
    tl_graph_free(total);
    tl_variable_free(v);
}
END_TEST

/* ---- Threads, memory ---- */

enum { LARGE_ROWS = 3000, LARGE_WIDTH = 40, LARGE = LARGE_ROWS * LARGE_WIDTH, LARGE_PARTS = 11 };

/* Sums parts of a large table, some of which are by rows, and of rows only. */
static void sum_large(tl_graph *total, tl_variable *v, bool rows_only, tl_gradients *out)
{
    static tl_real values[LARGE];
    static int32_t rows[LARGE_ROWS];
    for (int p = 0; p < LARGE_PARTS; p++) {
        tl_gradient pair = { .variable = v, .values = values };
        tl_test_fill(values, LARGE, (uint64_t)p);
        if (rows_only || p % 3 == 1) {
            for (int32_t i = p % 2; i < LARGE_ROWS; i += 1 + p % 4)
                rows[pair.n_rows++] = i;
            pair.rows = rows;
        }
        ck_assert_ok(tl_gradients_add(total, &(tl_gradients){ &pair, 1, NULL }, 1.0 / 3));
    }
    ck_assert_ok(tl_gradients_total(total, out));
}

START_TEST(threads)
{
    static tl_real one[LARGE];
    tl_variable *v = tl_test_dense("v", TL_SHAPE(LARGE_ROWS, LARGE_WIDTH), 1);
    tl_graph *total = tl_graph_new();
    for (int rows_only = 0; rows_only < 2; rows_only++)
        for (int k = 0; k < 3; k++, tl_graph_reset(total)) {
            tl_gradients out;
            ck_assert_ok(tl_set_num_threads(((int[]){ 1, 2, 7 })[k]));
            sum_large(total, v, rows_only, &out);
            ck_assert_int_eq(out.pair[0].rows != NULL, rows_only);
            ck_assert_int_eq(tl_gradient_size(out.pair), LARGE);
            if (k == 0)
                memcpy(one, out.pair[0].values, sizeof one);
            ck_assert_same(out.pair[0].values, one, LARGE);
        }
    ck_assert_ok(tl_set_num_threads(1));
    tl_graph_free(total);
    tl_variable_free(v);
}
END_TEST

/* A sum takes the place of one that is gone: of 127 parts there are 1 + log2 128 sums, and not one per leaf
 * of the tree. (Twice as much, as the blocks of the arena grow by steps.) */
START_TEST(memory)
{
#ifdef TL_HEAP_ARENA
    printf("skipped: every allocation of a step is a heap block of its own in this build\n");
#else
    enum { PARTS = 128, LEVELS = 8 };
    static tl_real values[LARGE];
    static int32_t rows[LARGE_ROWS];
    for (int32_t i = 0; i < LARGE_ROWS; i++)
        rows[i] = i;
    for (int by_rows = 0; by_rows < 2; by_rows++) {
        tl_variable *v = tl_test_dense("v", TL_SHAPE(LARGE_ROWS, LARGE_WIDTH), 1);
        tl_graph *total = tl_graph_new();
        tl_gradient pair = { v, values, by_rows ? rows : NULL, by_rows ? LARGE_ROWS : 0 };
        for (int p = 0; p < PARTS - 1; p++)
            ck_assert_ok(tl_gradients_add(total, &(tl_gradients){ &pair, 1, NULL }, 1));
        const int64_t one = by_rows ? (1 << 17) + (1 << 12) : LARGE; /* values; rows: a power of two */
        ck_assert_int_le(tl_graph_bytes(total), 2 * LEVELS * one * (int64_t)sizeof(tl_real));
        tl_graph_free(total);
        tl_variable_free(v);
    }
#endif
}
END_TEST

/* Whatever fails: the next sum in the same graph has the right bits, and the parts are as they were. */
START_TEST(failed_allocations)
{
    enum { N = 7 };
    const kind k = (kind)_i;
    static part p[N], before[N];
    static terms t[N];
    tl_random r = { .seed = 5 };
    tl_variable *v = variable_of(k);
    bool present = false;
    for (int i = 0; i < N; i++) {
        make_part(&r, k, v, &p[i], &t[i]);
        present |= !p[i].absent;
    }
    memcpy(before, p, sizeof p);
    const terms expected = block(t, N, 0, 8);
    const int64_t blocks = tl_test_live_blocks();
    tl_status status = TL_ERR_MEMORY;
    int64_t failing = 0;
    while (status != TL_OK) {
        tl_graph *total = tl_graph_new();
        tl_gradients out;
        tl_test_fail_allocation(++failing);
        for (int i = 0; i < N; i++)
            status = tl_gradients_add(total, &(tl_gradients){ &p[i].pair, 1, NULL }, p[i].weight);
        if (status == TL_OK)
            status = tl_gradients_total(total, &out);
        tl_test_fail_allocation(0);
        ck_assert(status == TL_OK || status == TL_ERR_MEMORY);
        ck_assert_int_eq(tl_graph_status(total), status);
        ck_assert_mem_eq(before, p, sizeof p);
        tl_graph_reset(total);
        for (int i = 0; i < N; i++)
            ck_assert_ok(tl_gradients_add(total, &(tl_gradients){ &p[i].pair, 1, NULL }, p[i].weight));
        check_total(total, &expected, present);
        tl_graph_free(total);
        ck_assert_int_eq(tl_test_live_blocks(), blocks);
    }
    ck_assert_int_gt(failing, 1);
    tl_variable_free(v);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("part_sums");
    TCase *c = tl_test_case(s, "part_sums");
    tcase_add_loop_test(c, the_tree, 0, 8 * KINDS);
    tcase_add_test(c, not_from_left_to_right);
    tcase_add_test(c, threads);
    tcase_add_test(c, memory);
    tcase_add_loop_test(c, failed_allocations, 0, KINDS);
    return s;
}
