/* Patterns with a rule, each against the rule applied to every cell. */
#include "tests/testing.h"

#include <math.h>

/* Checks that p has the cells for which `rule` holds. */
static void check_cells(const tl_pattern *p, int64_t rows, int64_t cols,
                        bool (*rule)(const void *context, int64_t i, int64_t j), const void *context)
{
    ck_assert_msg(p != NULL, "%s", tl_error());
    ck_assert_ok(tl_pattern_print(p, NULL, 0));
    ck_assert_int_eq(tl_pattern_rows(p), rows);
    ck_assert_int_eq(tl_pattern_cols(p), cols);
    int64_t nnz = 0;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            const bool in = rule(context, i, j);
            ck_assert_int_eq(tl_pattern_find(p, i, (int32_t)j), in ? nnz : -1);
            nnz += in;
        }
    ck_assert_int_eq(tl_pattern_nnz(p), nnz);
}

/* ---- Dense values ---- */

typedef struct dense {
    const tl_real *values;
    int64_t cols;
    tl_real threshold;
} dense;

static bool above(const void *context, int64_t i, int64_t j)
{
    const dense *d = context;
    const tl_real x = d->values[i * d->cols + j];
    return isnan(x) || x > d->threshold || -x > d->threshold;
}

/* Values equal to the threshold are left out, and so are both zeros at 0. */
START_TEST(from_dense)
{
    enum { ROWS = 7, COLS = 9 };
    const tl_real choice[] = { 0, -0.0f, 0.1f, -0.1f, 0.2f, -0.2f, 1e-40f, INFINITY, -INFINITY, NAN, -NAN };
    const tl_real threshold[] = { 0, 0.1f, 0.15f, 0.2f, 5, INFINITY, -0.0f, -1 };
    tl_real values[ROWS * COLS];
    tl_random r = { .seed = 1 };
    for (int k = 0; k < ROWS * COLS; k++)
        values[k] = choice[tl_random_integer(&r, 11)];
    for (int t = 0; t < 8; t++) {
        tl_pattern *p = tl_pattern_from_dense(ROWS, COLS, values, threshold[t]);
        check_cells(p, ROWS, COLS, above, &(dense){ values, COLS, threshold[t] });
        tl_pattern_release(p);
    }
}
END_TEST

START_TEST(not_a_number_is_kept)
{
    const tl_real values[] = { 1, NAN, -3, 0 };
    tl_pattern *p = tl_pattern_from_dense(2, 2, values, 2);
    ck_assert_int_eq(tl_pattern_nnz(p), 2);
    ck_assert_int_eq(tl_pattern_find(p, 0, 1), 0);
    ck_assert_int_eq(tl_pattern_find(p, 1, 0), 1);
    tl_pattern_release(p);
}
END_TEST

START_TEST(refused_dense)
{
    const tl_real values[1] = { 1 };
    ck_assert_null(tl_pattern_from_dense(-1, 3, values, 0),
                   "pattern_from_dense: -1x3 has a size that is not in 0..2147483647");
    ck_assert_null(tl_pattern_from_dense(0, 2147483648, values, 0),
                   "pattern_from_dense: 0x2147483648 has a size that is not in 0..2147483647");
    ck_assert_null(tl_pattern_from_dense(1, 1, NULL, 0), "pattern_from_dense: values is NULL");
    ck_assert_null(tl_pattern_from_dense(1, 1, values, NAN), "pattern_from_dense: the threshold is NaN");
}
END_TEST

/* ---- Fixed fan-in ---- */

/* Checks that every column has k entries. */
static void check_fan_in(const tl_pattern *p, int64_t rows, int64_t cols, int64_t k)
{
    ck_assert_msg(p != NULL, "%s", tl_error());
    ck_assert_ok(tl_pattern_print(p, NULL, 0));
    ck_assert_int_eq(tl_pattern_rows(p), rows);
    ck_assert_int_eq(tl_pattern_cols(p), cols);
    const tl_pattern *t = tl_pattern_transpose(p, NULL);
    for (int64_t j = 0; j <= cols; j++)
        ck_assert_int_eq(tl_pattern_row_ptr(t)[j], j * k);
}

START_TEST(fan_in)
{
    const int64_t size[][2] = { { 1, 1 }, { 1, 20 }, { 20, 1 }, { 11, 17 }, { 300, 40 }, { 6, 0 } };
    for (int s = 0; s < 6; s++)
        for (int64_t k = 0; k <= size[s][0]; k += 1 + k / 4) {
            tl_pattern *p = tl_pattern_fixed_fan_in(size[s][0], size[s][1], k, 3);
            check_fan_in(p, size[s][0], size[s][1], k);
            tl_pattern_release(p);
        }
    tl_pattern *all = tl_pattern_fixed_fan_in(4, 5, 4, 1), *none = tl_pattern_fixed_fan_in(0, 5, 0, 1);
    ck_assert_int_eq(tl_pattern_nnz(all), 20);
    ck_assert_int_eq(tl_pattern_nnz(none), 0);
    tl_pattern_release(all);
    tl_pattern_release(none);
}
END_TEST

/* A pattern is a function of its arguments, on every machine: the small one was computed in Python. */
START_TEST(fan_in_seeds)
{
    tl_pattern *p = tl_pattern_fixed_fan_in(30, 20, 7, 1), *same = tl_pattern_fixed_fan_in(30, 20, 7, 1);
    tl_pattern *other = tl_pattern_fixed_fan_in(30, 20, 7, 2);
    ck_assert(tl_pattern_equal(p, same) && !tl_pattern_equal(p, other));
    tl_pattern *small = tl_pattern_fixed_fan_in(5, 4, 2, 1);
    const int64_t row_ptr[] = { 0, 3, 5, 8, 8, 8 };
    const int32_t col[] = { 0, 1, 2, 0, 3, 1, 2, 3 };
    ck_assert_mem_eq(tl_pattern_row_ptr(small), row_ptr, sizeof row_ptr);
    ck_assert_mem_eq(tl_pattern_col(small), col, sizeof col);
    tl_pattern_release(p);
    tl_pattern_release(same);
    tl_pattern_release(other);
    tl_pattern_release(small);
}
END_TEST

/* Every set of rows is equally likely in each of two columns, and the columns are independent: of the 10 x 10
 * pairs of sets of 2 or 3 of 5 rows, each. Chi-square of d degrees of freedom exceeds d + 2 sqrt(14 d) + 28
 * once in a million (Laurent and Massart 2000, lemma 1); the seeds are fixed. */
START_TEST(every_fan_in_is_equally_likely)
{
    enum { SEEDS = 8000 };
    for (int64_t k = 2; k <= 3; k++) {
        int count[1 << 10] = { 0 }, seen = 0;
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            tl_pattern *p = tl_pattern_fixed_fan_in(5, 2, k, seed);
            int set = 0;
            for (int cell = 0; cell < 10; cell++)
                set |= (tl_pattern_find(p, cell / 2, cell % 2) >= 0) << cell;
            count[set]++;
            tl_pattern_release(p);
        }
        double chi2 = 0;
        const double expected = SEEDS / 100.0, d = 99;
        for (int set = 0; set < 1 << 10; set++)
            if (count[set] > 0) {
                chi2 += (count[set] - expected) * (count[set] - expected) / expected;
                seen++;
            }
        ck_assert_int_eq(seen, 100);
        ck_assert_double_lt(chi2, d + 2 * sqrt(14 * d) + 28);
    }
}
END_TEST

START_TEST(refused_fan_in)
{
    ck_assert_null(tl_pattern_fixed_fan_in(-1, 3, 0, 1),
                   "pattern_fixed_fan_in: -1x3 has a size that is not in 0..2147483647");
    ck_assert_null(tl_pattern_fixed_fan_in(3, 2147483648, 0, 1),
                   "pattern_fixed_fan_in: 3x2147483648 has a size that is not in 0..2147483647");
    ck_assert_null(tl_pattern_fixed_fan_in(3, 4, 5, 1),
                   "pattern_fixed_fan_in: k 5 is not in 0..3, the number of rows");
    ck_assert_null(tl_pattern_fixed_fan_in(3, 4, -1, 1),
                   "pattern_fixed_fan_in: k -1 is not in 0..3, the number of rows");
    ck_assert_null(tl_pattern_fixed_fan_in(INT32_MAX, INT32_MAX, INT32_MAX, 1),
                   "pattern_fixed_fan_in: nnz 4611686014132420609 is not in 0..2147483647");
}
END_TEST

/* ---- Bands ---- */

typedef struct band {
    int64_t below, above;
} band;

static bool in_band(const void *context, int64_t i, int64_t j)
{
    const band *b = context;
    return j >= i ? j - i <= b->above : i - j <= b->below;
}

START_TEST(banded)
{
    const int64_t size[][2] = { { 0, 0 }, { 0, 4 }, { 4, 0 }, { 1, 1 }, { 6, 6 }, { 3, 9 }, { 9, 3 } };
    const int64_t width[] = { 0, 1, 2, 5, 9, 100, INT64_MAX };
    for (int s = 0; s < 7; s++)
        for (int below = 0; below < 7; below++)
            for (int above_ = 0; above_ < 7; above_++) {
                const band b = { width[below], width[above_] };
                tl_pattern *p = tl_pattern_banded(size[s][0], size[s][1], b.below, b.above);
                check_cells(p, size[s][0], size[s][1], in_band, &b);
                tl_pattern_release(p);
            }
}
END_TEST

/* Beyond the last row with an entry, too. */
START_TEST(a_band_of_many_rows)
{
    tl_pattern *p = tl_pattern_banded(100000, 100000, 1, 1), *tall = tl_pattern_banded(1000000, 3, 2, 0);
    ck_assert_int_eq(tl_pattern_nnz(p), 299998);
    ck_assert_int_eq(tl_pattern_find(p, 99999, 99998), 299996);
    ck_assert_int_eq(tl_pattern_nnz(tall), 9);
    ck_assert_int_eq(tl_pattern_find(tall, 4, 2), 8);
    tl_pattern_release(p);
    tl_pattern_release(tall);
}
END_TEST

START_TEST(refused_bands)
{
    ck_assert_null(tl_pattern_banded(-1, 3, 0, 0),
                   "pattern_banded: -1x3 has a size that is not in 0..2147483647");
    ck_assert_null(tl_pattern_banded(3, 3, -1, 0), "pattern_banded: below -1 must be >= 0");
    ck_assert_null(tl_pattern_banded(3, 3, 0, -2), "pattern_banded: above -2 must be >= 0");
    ck_assert_null(tl_pattern_banded(65536, 32768, INT64_MAX, INT64_MAX),
                   "pattern_banded: nnz 2147483648 is not in 0..2147483647");
}
END_TEST

/* ---- Blocks ---- */

typedef struct blocks {
    const tl_pattern *p;
    int64_t height, width;
} blocks;

static bool in_block(const void *context, int64_t i, int64_t j)
{
    const blocks *b = context;
    return tl_pattern_find(b->p, i / b->height, (int32_t)(j / b->width)) >= 0;
}

START_TEST(block)
{
    const int64_t size[][2] = { { 0, 0 }, { 0, 4 }, { 4, 0 }, { 1, 1 }, { 5, 7 } };
    for (int s = 0; s < 5; s++)
        for (int64_t height = 1; height <= 4; height++)
            for (int64_t width = 1; width <= 4; width++) {
                const int64_t rows = size[s][0], cols = size[s][1];
                tl_pattern *p = tl_pattern_random(rows, cols, 0.4, 1);
                tl_pattern *q = tl_pattern_block(p, height, width);
                check_cells(q, rows * height, cols * width, in_block, &(blocks){ p, height, width });
                tl_pattern_release(p);
                tl_pattern_release(q);
            }
}
END_TEST

START_TEST(refused_blocks)
{
    tl_pattern *p = tl_pattern_random(3, 2, 0.5, 1), *none = tl_pattern_random(3, 2, 0, 1);
    const char *wrong = "pattern_block: a block of %lldx%lld has a size that is not in 1..2147483647";
    const int64_t size[][2] = { { 0, 1 }, { 1, 0 }, { -1, 1 }, { 1, INT64_MIN }, { 2147483648, 1 } };
    for (int k = 0; k < 5; k++) {
        char text[200];
        snprintf(text, sizeof text, wrong, (long long)size[k][0], (long long)size[k][1]);
        ck_assert_null(tl_pattern_block(p, size[k][0], size[k][1]), text);
    }
    ck_assert_null(tl_pattern_block(NULL, 1, 1), "pattern_block: the pattern is NULL");
    ck_assert_null(tl_pattern_block(p, 1000000000, 1),
                   "pattern_block: 3000000000x2 has a size that is not in 0..2147483647");
    ck_assert_null(tl_pattern_block(p, 1, INT32_MAX),
                   "pattern_block: 3x4294967294 has a size that is not in 0..2147483647");
    ck_assert_null(tl_pattern_block(p, 30000, 30000),
                   "pattern_block: 3 blocks of 30000x30000 have more than 2147483647 entries");
    ck_assert_null(tl_pattern_block(p, 700000000, 1000000000),
                   "pattern_block: 3 blocks of 700000000x1000000000 have more than 2147483647 entries");
    tl_pattern *wide = tl_pattern_block(none, 1, 1000000000);
    ck_assert_int_eq(tl_pattern_cols(wide), 2000000000);
    tl_pattern_release(p);
    tl_pattern_release(none);
    tl_pattern_release(wide);
}
END_TEST

/* ---- Short of memory ---- */

static tl_pattern *make(int which)
{
    static const tl_real values[] = { 1, 0, 2, 3 };
    if (which == 0)
        return tl_pattern_from_dense(2, 2, values, 0.5f);
    if (which == 1)
        return tl_pattern_fixed_fan_in(5, 6, 2, 1);
    if (which == 2)
        return tl_pattern_banded(5, 6, 1, 2);
    tl_pattern *p = tl_pattern_banded(2, 2, 0, 0), *q = p ? tl_pattern_block(p, 2, 3) : NULL;
    tl_pattern_release(p);
    return q;
}

START_TEST(failing_allocations)
{
    for (int which = 0; which < 4; which++) {
        const int64_t asked = tl_test_allocations();
        tl_pattern *p = make(which);
        const int64_t count = tl_test_allocations() - asked;
        ck_assert_int_ge(count, 3);
        for (int64_t k = 1; k <= count; k++) {
            tl_test_fail_allocation(k);
            ck_assert_null(make(which), "out of memory");
        }
        tl_test_fail_allocation(0);
        tl_pattern *again = make(which);
        ck_assert(tl_pattern_equal(again, p));
        tl_pattern_release(again);
        tl_pattern_release(p);
    }
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("pattern_structured");
    TCase *c = tl_test_case(s, "pattern_structured");
    tcase_add_test(c, from_dense);
    tcase_add_test(c, not_a_number_is_kept);
    tcase_add_test(c, refused_dense);
    tcase_add_test(c, fan_in);
    tcase_add_test(c, fan_in_seeds);
    tcase_add_test(c, every_fan_in_is_equally_likely);
    tcase_add_test(c, refused_fan_in);
    tcase_add_test(c, banded);
    tcase_add_test(c, a_band_of_many_rows);
    tcase_add_test(c, refused_bands);
    tcase_add_test(c, block);
    tcase_add_test(c, refused_blocks);
    tcase_add_test(c, failing_allocations);
    return s;
}
