/* Patterns that grow: by score, against a sort of all absent cells, and at random. */
#include "tests/testing.h"

#include <math.h>

/* ---- By score ---- */

/* Scores of all cells, and how often each was asked for. */
typedef struct scores {
    int64_t cols;
    const tl_real *score;
    int *asked;
} scores;

static tl_real look_up(void *context, int64_t i, int64_t j)
{
    const scores *s = context;
    s->asked[i * s->cols + j]++;
    return s->score[i * s->cols + j];
}

/* The definition: an absent cell is added if fewer than k others are larger, or equal and before it. */
static bool is_added(const tl_pattern *p, const tl_real *score, int64_t k, int64_t cell)
{
    const int64_t cols = tl_pattern_cols(p), cells = tl_pattern_rows(p) * cols;
    int64_t ahead = 0;
    for (int64_t c = 0; c < cells; c++)
        if (tl_pattern_find(p, c / cols, (int32_t)(c % cols)) < 0)
            ahead += score[c] > score[cell] || (score[c] == score[cell] && c < cell);
    return ahead < k;
}

static void check_best(int64_t rows, int64_t cols, double density)
{
    const tl_real choice[] = { 0, -0.0f, 1, -1, 2, 1e-30f, INFINITY, -INFINITY, -2, 0.5f };
    tl_real score[100];
    tl_random r = { .seed = 2 };
    for (int64_t c = 0; c < rows * cols; c++)
        score[c] = choice[tl_random_integer(&r, 10)];
    tl_pattern *p = tl_pattern_random(rows, cols, density, 1);
    for (int64_t k = 0; k <= rows * cols - tl_pattern_nnz(p); k++) {
        int asked[100] = { 0 };
        tl_pattern *q = tl_pattern_add(p, k, look_up, &(scores){ cols, score, asked });
        ck_assert_msg(q != NULL, "%s", tl_error());
        ck_assert_ok(tl_pattern_print(q, NULL, 0));
        ck_assert_int_eq(tl_pattern_nnz(q), tl_pattern_nnz(p) + k);
        for (int64_t c = 0; c < rows * cols; c++) {
            const bool was = tl_pattern_find(p, c / cols, (int32_t)(c % cols)) >= 0,
                       is = tl_pattern_find(q, c / cols, (int32_t)(c % cols)) >= 0;
            ck_assert_int_eq(asked[c], !was && k > 0);
            ck_assert_int_eq(is, was || is_added(p, score, k, c));
        }
        tl_pattern_release(q);
    }
    tl_pattern_release(p);
}

START_TEST(highest_scores)
{
    for (int d = 0; d <= 10; d += 2) {
        check_best(7, 9, 0.1 * d);
        check_best(1, 20, 0.1 * d);
        check_best(20, 1, 0.1 * d);
    }
}
END_TEST

static tl_real constant(void *context, int64_t i, int64_t j)
{
    (void)i, (void)j;
    return *(const tl_real *)context;
}

/* Among equals the first cells by row, then column. */
START_TEST(ties)
{
    tl_real c = 3;
    tl_pattern *p = tl_pattern_banded(3, 3, 0, 0), *q = tl_pattern_add(p, 3, constant, &c);
    for (int k = 0; k < 9; k++)
        ck_assert_int_eq(tl_pattern_find(q, k / 3, k % 3) >= 0, k < 5 || k == 8);
    tl_pattern_release(p);
    tl_pattern_release(q);
}
END_TEST

static tl_real nan_at_1_2(void *context, int64_t i, int64_t j)
{
    (void)context;
    return i == 1 && j == 2 ? (tl_real)NAN : 1;
}

START_TEST(a_score_that_is_not_a_number)
{
    tl_pattern *p = tl_pattern_banded(3, 3, 0, 0);
    ck_assert_null(tl_pattern_add(p, 1, nan_at_1_2, NULL), "pattern_add: the score of (1, 2) is NaN");
    tl_pattern_release(p);
}
END_TEST

/* ---- At random ---- */

START_TEST(random_cells)
{
    const int64_t size[][2] = { { 7, 9 }, { 1, 20 }, { 20, 1 }, { 50, 70 } };
    for (int s = 0; s < 4; s++)
        for (int d = 0; d <= 10; d++) {
            tl_pattern *p = tl_pattern_random(size[s][0], size[s][1], 0.1 * d, 1);
            const int64_t absent = size[s][0] * size[s][1] - tl_pattern_nnz(p);
            for (int64_t k = 0; k <= absent; k += 1 + absent / 7) {
                uint64_t seed = (uint64_t)k;
                tl_pattern *q = tl_pattern_add(p, k, NULL, &seed), *same = tl_pattern_add(p, k, NULL, &seed);
                ck_assert_msg(q != NULL, "%s", tl_error());
                ck_assert_ok(tl_pattern_print(q, NULL, 0));
                ck_assert_int_eq(tl_pattern_nnz(q), tl_pattern_nnz(p) + k);
                tl_pattern *both = tl_pattern_intersection(p, q);
                ck_assert(tl_pattern_equal(both, p) && tl_pattern_equal(q, same));
                ck_assert_uint_eq(seed, (uint64_t)k);
                tl_pattern_release(both);
                tl_pattern_release(q);
                tl_pattern_release(same);
            }
            tl_pattern_release(p);
        }
}
END_TEST

/* Every set of absent cells is equally likely, those of one cell, of two and of three out of four: 4, 6 and 4
 * sets. Chi-square of d degrees of freedom exceeds d + 2 sqrt(14 d) + 28 once in a million (Laurent and
 * Massart 2000, lemma 1); the seeds are fixed. */
START_TEST(every_set_is_equally_likely)
{
    enum { SEEDS = 6000 };
    const int sets[] = { 4, 6, 4 };
    tl_pattern *p = tl_pattern_from_mask(3, 3, (const uint8_t[]){ 1, 0, 1, 0, 0, 1, 1, 1, 0 });
    for (int k = 1; k <= 3; k++) {
        int count[1 << 9] = { 0 }, seen = 0;
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            tl_pattern *q = tl_pattern_add(p, k, NULL, &seed);
            int set = 0;
            for (int cell = 0; cell < 9; cell++)
                set |= (tl_pattern_find(q, cell / 3, cell % 3) >= 0) << cell;
            count[set]++;
            tl_pattern_release(q);
        }
        double chi2 = 0;
        const double expected = (double)SEEDS / sets[k - 1], d = sets[k - 1] - 1;
        for (int set = 0; set < 1 << 9; set++)
            if (count[set] > 0) {
                chi2 += (count[set] - expected) * (count[set] - expected) / expected;
                seen++;
            }
        ck_assert_int_eq(seen, sets[k - 1]);
        ck_assert_double_lt(chi2, d + 2 * sqrt(14 * d) + 28);
    }
    tl_pattern_release(p);
}
END_TEST

/* 100000 x 100000: time and memory follow the entries, and each tenth of the rows and of the columns gets its
 * share, to 5 standard deviations. */
START_TEST(few_entries_in_many_cells)
{
    enum { N = 100000, K = 50000 };
    uint64_t seed = 5;
    tl_pattern *p = tl_pattern_random(N, N, 1e-5, 1), *q = tl_pattern_add(p, K, NULL, &seed);
    ck_assert_msg(q != NULL, "%s", tl_error());
    ck_assert_ok(tl_pattern_print(q, NULL, 0));
    tl_pattern *added = tl_pattern_difference(q, p);
    ck_assert_int_eq(tl_pattern_nnz(added), K);
    int by_row[10] = { 0 }, by_col[10] = { 0 };
    for (int64_t i = 0; i < N; i++)
        for (int64_t e = tl_pattern_row_ptr(added)[i]; e < tl_pattern_row_ptr(added)[i + 1]; e++) {
            by_row[i / (N / 10)]++;
            by_col[tl_pattern_col(added)[e] / (N / 10)]++;
        }
    for (int t = 0; t < 10; t++) {
        ck_assert_double_lt(fabs(by_row[t] - K * 0.1), 5 * sqrt(K * 0.1 * 0.9));
        ck_assert_double_lt(fabs(by_col[t] - K * 0.1), 5 * sqrt(K * 0.1 * 0.9));
    }
    tl_pattern_release(p);
    tl_pattern_release(q);
    tl_pattern_release(added);
}
END_TEST

/* ---- Both ---- */

START_TEST(nothing_to_add)
{
    uint64_t seed = 1;
    tl_pattern *p = tl_pattern_random(4, 5, 0.5, 1), *all = tl_pattern_random(4, 5, 1, 1),
               *empty = tl_pattern_random(0, 5, 0, 1);
    tl_pattern *same[] = { tl_pattern_add(p, 0, NULL, &seed), tl_pattern_add(all, 0, nan_at_1_2, NULL),
                           tl_pattern_add(empty, 0, NULL, &seed) };
    ck_assert(same[0] == p && same[1] == all && same[2] == empty);
    for (int k = 0; k < 3; k++)
        tl_pattern_release(same[k]);
    tl_pattern_release(p);
    tl_pattern_release(all);
    tl_pattern_release(empty);
}
END_TEST

START_TEST(refused)
{
    uint64_t seed = 1;
    tl_pattern *p = tl_pattern_random(2, 3, 0.5, 1), *wide = tl_pattern_random(2, INT32_MAX, 1e-9, 1);
    ck_assert_null(tl_pattern_add(NULL, 1, NULL, &seed), "pattern_add: the pattern is NULL");
    ck_assert_null(tl_pattern_add(p, 1, NULL, NULL), "pattern_add: neither a score nor a seed is given");
    ck_assert_null(tl_pattern_add(p, 4, NULL, &seed),
                   "pattern_add: k 4 is not in 0..3, the number of absent cells of 2x3");
    ck_assert_null(tl_pattern_add(p, -1, nan_at_1_2, NULL),
                   "pattern_add: k -1 is not in 0..3, the number of absent cells of 2x3");
    ck_assert_int_eq(tl_pattern_nnz(wide), 4);
    ck_assert_null(tl_pattern_add(wide, INT32_MAX, NULL, &seed),
                   "pattern_add: nnz 2147483651 is not in 0..2147483647");
    tl_pattern_release(p);
    tl_pattern_release(wide);
}
END_TEST

static tl_pattern *make(tl_pattern *p, int which)
{
    uint64_t seed = 1;
    tl_real score = 1;
    return which == 0 ? tl_pattern_add(p, 5, constant, &score) : tl_pattern_add(p, 4 * which, NULL, &seed);
}

/* Each allocation in turn fails: nothing leaks. */
START_TEST(failing_allocations)
{
    tl_pattern *p = tl_pattern_random(4, 5, 0.5, 1);
    for (int which = 0; which < 3; which++) {
        const int64_t asked = tl_test_allocations();
        tl_pattern *q = make(p, which);
        const int64_t count = tl_test_allocations() - asked;
        ck_assert_int_ge(count, 5);
        for (int64_t k = 1; k <= count; k++) {
            tl_test_fail_allocation(k);
            ck_assert_null(make(p, which), "out of memory");
        }
        tl_test_fail_allocation(0);
        tl_pattern *again = make(p, which);
        ck_assert(tl_pattern_equal(again, q));
        tl_pattern_release(again);
        tl_pattern_release(q);
    }
    tl_pattern_release(p);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("pattern_add");
    TCase *c = tl_test_case(s, "pattern_add");
    tcase_add_test(c, highest_scores);
    tcase_add_test(c, ties);
    tcase_add_test(c, a_score_that_is_not_a_number);
    tcase_add_test(c, random_cells);
    tcase_add_test(c, every_set_is_equally_likely);
    tcase_add_test(c, few_entries_in_many_cells);
    tcase_add_test(c, nothing_to_add);
    tcase_add_test(c, refused);
    tcase_add_test(c, failing_allocations);
    return s;
}
