/* Patterns from coordinates, with every policy for repeats, and random patterns. */
#include "tests/testing.h"

#include <math.h>
#include <stdio.h>

/* Coordinates that repeat: (2, 1) three times, (0, 3) twice. */
static const int32_t some_row[] = { 2, 0, 2, 1, 0, 2, 0 };
static const int32_t some_col[] = { 1, 3, 1, 0, 0, 1, 3 };

static tl_pattern *some_coo(tl_repeats policy, int64_t *position)
{
    return tl_coo_to_csr(3, 4, 7, some_row, some_col, policy, position);
}

static void ck_assert_entries(const tl_pattern *p, const char *text)
{
    char *got = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&got, &size);
    ck_assert_msg(p != NULL, "%s", tl_error());
    ck_assert_ok(tl_pattern_print(p, out, INT64_MAX));
    fclose(out);
    ck_assert_str_eq(got, text);
    free(got);
}

/* ---- coordinates ---- */

START_TEST(unordered)
{
    const int32_t row[] = { 3, 0, 1, 0, 3, 1 }, col[] = { 0, 4, 2, 1, 3, 0 };
    tl_pattern *p = tl_pattern_from_coo(4, 5, 6, row, col);
    ck_assert_entries(p, "pattern 4x5, 6 entries\n  0: (0, 1)\n  1: (0, 4)\n  2: (1, 0)\n  3: (1, 2)\n"
                         "  4: (3, 0)\n  5: (3, 3)\n");
    tl_pattern_release(p);
    int64_t position[6];
    p = tl_coo_to_csr(4, 5, 6, row, col, TL_REPEATS_ERROR, position);
    ck_assert_mem_eq(position, ((const int64_t[]){ 4, 1, 3, 0, 5, 2 }), sizeof position);
    tl_pattern_release(p);
}
END_TEST

START_TEST(nothing)
{
    const int64_t size[][2] = { { 0, 0 }, { 0, 4 }, { 4, 0 }, { 3, 4 } };
    for (int k = 0; k < 4; k++) {
        tl_pattern *p = tl_pattern_from_coo(size[k][0], size[k][1], 0, NULL, NULL);
        ck_assert_msg(p != NULL, "%s", tl_error());
        ck_assert_int_eq(tl_pattern_rows(p), size[k][0]);
        ck_assert_int_eq(tl_pattern_cols(p), size[k][1]);
        ck_assert_int_eq(tl_pattern_nnz(p), 0);
        ck_assert_ok(tl_pattern_print(p, NULL, 0));
        tl_pattern_release(p);
    }
}
END_TEST

/* The last columns of the widest matrix. */
START_TEST(widest)
{
    const int32_t row[] = { 1, 0, 0 }, col[] = { INT32_MAX - 1, INT32_MAX - 1, 0 };
    tl_pattern *p = tl_pattern_from_coo(2, INT32_MAX, 3, row, col);
    ck_assert_entries(
        p, "pattern 2x2147483647, 3 entries\n  0: (0, 0)\n  1: (0, 2147483646)\n  2: (1, 2147483646)\n");
    tl_pattern_release(p);
}
END_TEST

START_TEST(last_counts)
{
    int64_t position[7];
    tl_pattern *p = some_coo(TL_REPEATS_LAST, position);
    ck_assert_entries(p, "pattern 3x4, 4 entries\n  0: (0, 0)\n  1: (0, 3)\n  2: (1, 0)\n  3: (2, 1)\n");
    ck_assert_mem_eq(position, ((const int64_t[]){ -1, -1, -1, 2, 0, 3, 1 }), sizeof position);
    tl_pattern_release(p);
    p = some_coo(TL_REPEATS_LAST, NULL);
    ck_assert_int_eq(tl_pattern_nnz(p), 4);
    tl_pattern_release(p);
}
END_TEST

START_TEST(all_share)
{
    int64_t position[7];
    tl_pattern *p = some_coo(TL_REPEATS_SUM, position);
    ck_assert_entries(p, "pattern 3x4, 4 entries\n  0: (0, 0)\n  1: (0, 3)\n  2: (1, 0)\n  3: (2, 1)\n");
    ck_assert_mem_eq(position, ((const int64_t[]){ 3, 1, 3, 2, 0, 3, 1 }), sizeof position);
    tl_pattern_release(p);
}
END_TEST

enum { ROWS = 13, COLS = 11, MANY = 400 };

/* Converts values as the header says, and compares with a dense matrix that is written in order. With more
 * than 2048 columns the sort needs a second digit. */
static void check_policy(tl_repeats policy, int64_t spread)
{
    tl_random r = { .seed = 5 };
    int32_t row[MANY], col[MANY];
    int64_t position[MANY], value[ROWS][COLS] = { 0 }, csr[ROWS * COLS] = { 0 };
    bool there[ROWS][COLS] = { 0 };
    for (int k = 0; k < MANY; k++) {
        int64_t i = tl_random_integer(&r, ROWS), j = tl_random_integer(&r, COLS);
        value[i][j] = policy == TL_REPEATS_SUM ? value[i][j] + k : k;
        there[i][j] = true;
        row[k] = (int32_t)(i * spread), col[k] = (int32_t)(j * spread);
    }
    tl_pattern *p = tl_coo_to_csr(ROWS * spread, COLS * spread, MANY, row, col, policy, position);
    ck_assert_msg(p != NULL, "%s", tl_error());
    ck_assert_ok(tl_pattern_print(p, NULL, 0));
    for (int k = 0; k < MANY; k++)
        if (position[k] >= 0)
            csr[position[k]] += k;
    int64_t nnz = 0;
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLS; j++) {
            int64_t e = tl_pattern_find(p, i * spread, (int32_t)(j * spread));
            ck_assert_int_eq(e, there[i][j] ? nnz++ : -1);
            ck_assert(e < 0 || csr[e] == value[i][j]);
        }
    ck_assert_int_eq(tl_pattern_nnz(p), nnz);
    tl_pattern_release(p);
}

START_TEST(many_repeats)
{
    check_policy(TL_REPEATS_LAST, 1);
    check_policy(TL_REPEATS_SUM, 1);
    check_policy(TL_REPEATS_LAST, 100000);
    check_policy(TL_REPEATS_SUM, 100000);
}
END_TEST

START_TEST(refused_coordinates)
{
    const int32_t zero[] = { 0, 0, 0 }, row[] = { 1, 0, 1, 1, 0 }, col[] = { 2, 2, 0, 2, 1 };
    const struct {
        int64_t rows, cols, nnz;
        const int32_t *row, *col;
        const char *text;
    } wrong[] = {
        { -1, 3, 0, zero, zero, "-1x3 has a size that is not in 0..2147483647" },
        { 2147483648, 3, 0, zero, zero, "2147483648x3 has a size that is not in 0..2147483647" },
        { 3, 2147483648, 0, zero, zero, "3x2147483648 has a size that is not in 0..2147483647" },
        { 3, 3, -1, zero, zero, "nnz -1 is not in 0..2147483647" },
        { 3, 3, 2147483648, zero, zero, "nnz 2147483648 is not in 0..2147483647" },
        { 3, 3, 1, NULL, zero, "row is NULL" },
        { 3, 3, 1, zero, NULL, "col is NULL" },
        { 0, 0, 1, zero, zero, "entry 0 at (0, 0) is outside the 0x0 matrix" },
        { 3, 3, 2, (const int32_t[]){ 0, 3 }, zero, "entry 1 at (3, 0) is outside the 3x3 matrix" },
        { 3, 3, 2, (const int32_t[]){ 0, -1 }, zero, "entry 1 at (-1, 0) is outside the 3x3 matrix" },
        { 3, 4, 3, zero, (const int32_t[]){ 0, 1, 4 }, "entry 2 at (0, 4) is outside the 3x4 matrix" },
        { 3, 4, 3, zero, (const int32_t[]){ 0, 1, -2 }, "entry 2 at (0, -2) is outside the 3x4 matrix" },
        { 2, 3, 5, row, col, "entry 3 repeats entry 0 at (1, 2)" },
    };
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        char text[200];
        int64_t position[5] = { -7, -7, -7, -7, -7 };
        snprintf(text, sizeof text, "pattern_from_coo: %s", wrong[k].text);
        ck_assert_null(
            tl_pattern_from_coo(wrong[k].rows, wrong[k].cols, wrong[k].nnz, wrong[k].row, wrong[k].col),
            text);
        snprintf(text, sizeof text, "coo_to_csr: %s", wrong[k].text);
        ck_assert_null(tl_coo_to_csr(wrong[k].rows, wrong[k].cols, wrong[k].nnz, wrong[k].row, wrong[k].col,
                                     TL_REPEATS_ERROR, position),
                       text);
        for (int i = 0; i < 5; i++)
            ck_assert_int_eq(position[i], -7);
    }
    ck_assert_null(some_coo((tl_repeats)3, NULL), "coo_to_csr: 3 is not a tl_repeats");
    ck_assert_null(some_coo((tl_repeats)-1, NULL), "coo_to_csr: -1 is not a tl_repeats");
}
END_TEST

/* ---- random patterns ---- */

/* round(density rows cols) by hand. */
START_TEST(counts)
{
    const struct {
        int64_t rows, cols;
        double density;
        int64_t nnz;
    } as[] = {
        { 37, 53, 0, 0 },          { 37, 53, 0.1, 196 },      { 37, 53, 0.5, 981 }, { 37, 53, 0.9, 1765 },
        { 37, 53, 1, 1961 },       { 37, 53, -0.0, 0 },       { 1, 1, 0.49, 0 },    { 1, 1, 0.5, 1 },
        { 0, 53, 1, 0 },           { 37, 0, 0.5, 0 },         { 0, 0, 1, 0 },       { 3, 1, 0.7, 2 },
        { 500, 700, 0.25, 87500 }, { 2, INT32_MAX, 1e-8, 43 }
    };
    for (size_t k = 0; k < sizeof as / sizeof *as; k++) {
        tl_pattern *p = tl_pattern_random(as[k].rows, as[k].cols, as[k].density, k);
        ck_assert_msg(p != NULL, "%s", tl_error());
        ck_assert_int_eq(tl_pattern_rows(p), as[k].rows);
        ck_assert_int_eq(tl_pattern_cols(p), as[k].cols);
        ck_assert_int_eq(tl_pattern_nnz(p), as[k].nnz);
        ck_assert_ok(tl_pattern_print(p, NULL, 0));
        tl_pattern_release(p);
    }
}
END_TEST

START_TEST(seeds)
{
    for (int k = 1; k < 10; k++) {
        tl_pattern *p = tl_pattern_random(20, 30, 0.1 * k, 7), *same = tl_pattern_random(20, 30, 0.1 * k, 7);
        tl_pattern *other = tl_pattern_random(20, 30, 0.1 * k, 8);
        ck_assert(tl_pattern_equal(p, same));
        ck_assert(!tl_pattern_equal(p, other));
        tl_pattern_release(p);
        tl_pattern_release(same);
        tl_pattern_release(other);
    }
}
END_TEST

/* Every set of cells is equally likely, above and below one half: of 2 x 3 cells with 2, 3 and 4 kept,
 * each of the 15, 20, 15 sets. Chi-square of d degrees of freedom exceeds d + 2 sqrt(14 d) + 28 once in a
 * million (Laurent and Massart 2000, lemma 1); the seeds are fixed. */
START_TEST(every_set_is_equally_likely)
{
    enum { SEEDS = 6000 };
    const int sets[] = { 15, 20, 15 };
    for (int keep = 2; keep <= 4; keep++) {
        int count[64] = { 0 }, seen = 0;
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            tl_pattern *p = tl_pattern_random(2, 3, keep / 6.0, seed);
            int set = 0;
            for (int cell = 0; cell < 6; cell++)
                set |= (tl_pattern_find(p, cell / 3, cell % 3) >= 0) << cell;
            count[set]++;
            tl_pattern_release(p);
        }
        double chi2 = 0, expected = (double)SEEDS / sets[keep - 2], d = sets[keep - 2] - 1;
        for (int set = 0; set < 64; set++)
            if (count[set] > 0) {
                chi2 += (count[set] - expected) * (count[set] - expected) / expected;
                seen++;
            }
        ck_assert_int_eq(seen, sets[keep - 2]);
        ck_assert_double_lt(chi2, d + 2 * sqrt(14 * d) + 28);
    }
}
END_TEST

/* In a larger matrix each quarter of the rows, and of the columns, gets its share, to 5 standard deviations.
 * A count has less variance than that of independent draws, n p (1 - p). */
START_TEST(spread_evenly)
{
    for (int k = 1; k < 10; k += 2) {
        tl_pattern *p = tl_pattern_random(400, 600, 0.1 * k, 3);
        double by_row[4] = { 0 }, by_col[4] = { 0 };
        for (int i = 0; i < 400; i++)
            for (int64_t e = tl_pattern_row_ptr(p)[i]; e < tl_pattern_row_ptr(p)[i + 1]; e++) {
                by_row[i / 100]++;
                by_col[tl_pattern_col(p)[e] / 150]++;
            }
        for (int q = 0; q < 4; q++) {
            double n = 60000, most = 5 * sqrt(n * 0.1 * k * (1 - 0.1 * k));
            ck_assert_double_lt(fabs(by_row[q] - n * 0.1 * k), most);
            ck_assert_double_lt(fabs(by_col[q] - n * 0.1 * k), most);
        }
        tl_pattern_release(p);
    }
}
END_TEST

START_TEST(refused_random)
{
    const struct {
        int64_t rows, cols;
        double density;
        const char *text;
    } wrong[] = {
        { -1, 3, 0.5, "-1x3 has a size that is not in 0..2147483647" },
        { 3, 2147483648, 0.5, "3x2147483648 has a size that is not in 0..2147483647" },
        { 3, 3, -0.1, "density -0.1 is not in [0, 1]" },
        { 3, 3, 1.0000000000000002, "density 1.0000000000000002 is not in [0, 1]" },
        { 3, 3, 1.5, "density 1.5 is not in [0, 1]" },
        { 3, 3, INFINITY, "density inf is not in [0, 1]" },
        { 3, 3, fabs(NAN), "density nan is not in [0, 1]" },
        { 65536, 32768, 1, "nnz 2147483648 is not in 0..2147483647" },
        { INT32_MAX, INT32_MAX, 1, "nnz 4611686014132420608 is not in 0..2147483647" },
    };
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        char text[200];
        snprintf(text, sizeof text, "pattern_random: %s", wrong[k].text);
        ck_assert_null(tl_pattern_random(wrong[k].rows, wrong[k].cols, wrong[k].density, 1), text);
    }
}
END_TEST

/* ---- short of memory ---- */

static tl_pattern *make(int which)
{
    int64_t position[7];
    return which == 0   ? tl_pattern_from_coo(2, 2, 2, (const int32_t[]){ 1, 0 }, (const int32_t[]){ 0, 1 })
           : which == 1 ? some_coo(TL_REPEATS_LAST, position)
           : which == 2 ? tl_pattern_random(6, 7, 0.2, 1)
                        : tl_pattern_random(6, 7, 0.8, 1);
}

/* Each allocation in turn fails: nothing leaks. */
START_TEST(failing_allocations)
{
    for (int which = 0; which < 4; which++) {
        int64_t asked = tl_test_allocations(), alive = tl_test_live_blocks();
        tl_pattern *p = make(which);
        int64_t count = tl_test_allocations() - asked;
        ck_assert_int_ge(count, 3);
        for (int64_t k = 1; k <= count; k++) {
            tl_test_fail_allocation(k);
            ck_assert_null(make(which), "out of memory");
        }
        tl_test_fail_allocation(count + 1);
        tl_pattern *again = make(which);
        ck_assert(tl_pattern_equal(again, p));
        tl_pattern_release(again);
        tl_pattern_release(p);
        tl_test_fail_allocation(0);
        ck_assert_int_eq(tl_test_live_blocks(), alive);
    }
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("pattern_coo");
    TCase *c = tl_test_case(s, "pattern_coo");
    tcase_add_test(c, unordered);
    tcase_add_test(c, nothing);
    tcase_add_test(c, widest);
    tcase_add_test(c, last_counts);
    tcase_add_test(c, all_share);
    tcase_add_test(c, many_repeats);
    tcase_add_test(c, refused_coordinates);
    tcase_add_test(c, counts);
    tcase_add_test(c, seeds);
    tcase_add_test(c, every_set_is_equally_likely);
    tcase_add_test(c, spread_evenly);
    tcase_add_test(c, refused_random);
    tcase_add_test(c, failing_allocations);
    return s;
}
