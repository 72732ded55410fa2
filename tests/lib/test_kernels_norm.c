/* The kernels of softmax and normalisation of every table that this CPU supports, each against its reference,
 * to the bit. */
#include "tests/lib/tables.h"

static const int64_t sizes[] = { 0, 1, 2, 3, 15, 16, 17, 31, 63, 64, 65, 130, 515 };
enum { SIZES = sizeof sizes / sizeof *sizes };

static const tl_row_norm norm = { (tl_real)0.3, (tl_real)1e-3, (tl_real)1.7 };

START_TEST(largest)
{
    if (!supported(_i))
        return;
    const double value[] = { NAN, -NAN, INFINITY, -INFINITY, 7, -7 };
    for (int s = 0; s < 6 * SIZES; s++) {
        const int64_t n = sizes[s / 6];
        operand x = random_values(n + 1, 1, 5);
        x.at[-1] = x.at[n] = (tl_real)NAN;
        ck_assert(t->largest(n, x.at) == tl_ref_largest(n, x.at));
        for (int64_t k = 0; k < n; k++) {
            const tl_real before = x.at[k];
            x.at[k] = (tl_real)value[s % 6];
            const tl_real found = t->largest(n, x.at), expected = tl_ref_largest(n, x.at);
            ck_assert_msg(found == expected || (isnan(found) && isnan(expected)), "%s: %g at %lld of %lld",
                          t->name, value[s % 6], (long long)k, (long long)n);
            x.at[k] = before;
        }
        free(x.block);
    }
}
END_TEST

/* Sums that are added to what is there. */
START_TEST(sums)
{
    if (!supported(_i))
        return;
    for (int s = 0; s < 4 * SIZES; s++) {
        const int64_t n = sizes[s / 4];
        operand x = random_values(n, s % 2, 5), dy = random_values(n, s % 2, 6),
                gain = random_values(n, 0, 7);
        const tl_real *g = s / 2 % 2 ? gain.at : NULL;
        double sum[2] = { 1, 2 }, expected[2] = { 1, 2 };
        ck_assert(t->sum_run(n, x.at, g) == tl_ref_sum_run(fuses(), n, x.at, g));
        t->deviations(n, x.at, norm.mean, sum);
        tl_ref_deviations(fuses(), n, x.at, norm.mean, expected);
        ck_assert_mem_eq(sum, expected, sizeof sum);
        t->norm_sums(n, x.at, norm, dy.at, g, sum);
        tl_ref_norm_sums(fuses(), n, x.at, norm, dy.at, g, expected);
        ck_assert_mem_eq(sum, expected, sizeof sum);
        double terms[2][520], dy_sum[2][520];
        for (int64_t k = 0; k <= n; k++)
            terms[0][k] = terms[1][k] = dy_sum[0][k] = dy_sum[1][k] = (double)k;
        t->norm_terms(n, x.at, norm, dy.at, terms[0], g ? dy_sum[0] : NULL);
        tl_ref_norm_terms(fuses(), n, x.at, norm, dy.at, terms[1], g ? dy_sum[1] : NULL);
        ck_assert_mem_eq(terms[0], terms[1], (size_t)(n + 1) * sizeof(double));
        ck_assert_mem_eq(dy_sum[0], dy_sum[1], (size_t)(n + 1) * sizeof(double));
        free(x.block);
        free(dy.block);
        free(gain.block);
    }
}
END_TEST

/* In two calls: the place of an element makes no difference. What is after the end stays. */
START_TEST(rows)
{
    if (!supported(_i))
        return;
    for (int s = 0; s < 8 * SIZES; s++) {
        const int64_t n = sizes[s / 8], half = n / 2;
        const bool with_gain = s & 1, add = s & 2, odd = s & 4;
        operand (*const make)(int64_t, int64_t, uint64_t) = odd ? odd_values : random_values;
        operand x = make(n, 1, 1), dy = make(n, 0, 2), gain = make(n, 1, 3), bias = make(n, 0, 4);
        operand y = random_values(n + 1, 0, 5), expected = random_values(n + 1, 0, 5);
        const tl_real *g = with_gain ? gain.at : NULL, *b = with_gain ? bias.at : NULL;
        t->normalise(n - half, x.at + half, norm, g ? g + half : NULL, b ? b + half : NULL, y.at + half);
        t->normalise(half, x.at, norm, g, b, y.at);
        tl_ref_normalise(fuses(), n, x.at, norm, g, b, expected.at);
        check_reference("normalise", y.at, expected.at, n + 1);
        t->norm_gradient(n - half, x.at + half, norm, dy.at + half, g ? g + half : NULL, (tl_real)0.1,
                         (tl_real)-0.7, y.at + half, add);
        t->norm_gradient(half, x.at, norm, dy.at, g, (tl_real)0.1, (tl_real)-0.7, y.at, add);
        tl_ref_norm_gradient(fuses(), n, x.at, norm, dy.at, g, (tl_real)0.1, (tl_real)-0.7, expected.at, add);
        check_reference("norm_gradient", y.at, expected.at, n + 1);
        free(x.block);
        free(dy.block);
        free(gain.block);
        free(bias.block);
        free(y.block);
        free(expected.block);
    }
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("kernels_norm");
    TCase *c = tl_test_case(s, "kernels_norm");
    tcase_add_loop_test(c, largest, 0, TABLES);
    tcase_add_loop_test(c, sums, 0, TABLES);
    tcase_add_loop_test(c, rows, 0, TABLES);
    return s;
}
