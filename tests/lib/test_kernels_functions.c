/* exp, tanh, log1p and sigmoid of every table that this CPU supports: near the scalar functions of the C
 * library, exact at the ends, and the same wherever a number is stored. And random words. */
#include "tests/lib/tables.h"

enum { EXP, TANH, LOG1P, SIGMOID, FUNCTIONS };
static const char *const name[] = { "exp", "tanh", "log1p", "sigmoid" };

static void call(int f, int64_t n, const tl_real *x, tl_real *y)
{
    void (*const function[])(int64_t, const tl_real *, tl_real *) = { t->exp, t->tanh, t->log1p, t->sigmoid };
    function[f](n, x, y);
}

static void call_reference(int f, int64_t n, const tl_real *x, tl_real *y)
{
    void (*const function[])(int64_t, const tl_real *, tl_real *) = { tl_ref_exp, tl_ref_tanh, tl_ref_log1p,
                                                                      tl_ref_sigmoid };
    function[f](n, x, y);
}

/* Returns the distance of a from b, a normal number, in units in the last place of b. */
static double units_between(tl_real a, tl_real b)
{
    const double unit = (TL_IS_DOUBLE ? DBL_EPSILON : (double)FLT_EPSILON) *
                        exp2(floor(log2(fabs((double)b))));
    return fabs((double)a - (double)b) / unit;
}

/* Over the range in which results are normal numbers. The reference is itself up to one (exp), two (tanh,
 * log1p) or three units (sigmoid) away from the true value. */
START_TEST(near_the_true_values)
{
    enum { N = 20001 };
    const double low[] = { TL_IS_DOUBLE ? -700 : -87, -25, 0, TL_IS_DOUBLE ? -700 : -87 },
                 high[] = { TL_IS_DOUBLE ? 700 : 88, 25, 1000, 40 };
    const double max_units[] = { 5, 6, 6, 9 };
    if (!supported(_i))
        return;
    for (int f = 0; f < FUNCTIONS; f++) {
        operand x = random_values(N, 0, 1), y = random_values(N, 0, 2), expected = random_values(N, 0, 3);
        for (int k = 0; k < N; k++)
            x.at[k] = (tl_real)(k % 2 ? low[f] + (high[f] - low[f]) * k / (N - 1)
                                      : exp2(-k % 60) * (f == LOG1P ? 1 : k % 4 - 1));
        call(f, N, x.at, y.at);
        call_reference(f, N, x.at, expected.at);
        for (int k = 0; k < N; k++) {
            const double units = units_between(y.at[k], expected.at[k]);
            ck_assert_msg(units <= max_units[f], "%s: %s(%.9g) is %.9g, %g units from %.9g", t->name, name[f],
                          (double)x.at[k], (double)y.at[k], units, (double)expected.at[k]);
        }
        free(x.block);
        free(y.block);
        free(expected.block);
    }
}
END_TEST

START_TEST(at_the_ends)
{
    const tl_real x[] = { 0, (tl_real)-0.0, INFINITY, -INFINITY, NAN, 10000, -10000 };
    enum { N = sizeof x / sizeof *x };
    const tl_real expected[FUNCTIONS][N] = { { 1, 1, INFINITY, 0, NAN, INFINITY, 0 },
                                             { 0, (tl_real)-0.0, 1, -1, NAN, 1, -1 },
                                             { 0, (tl_real)-0.0, INFINITY, NAN, NAN },
                                             { 0.5, 0.5, 1, 0, NAN, 1, 0 } };
    if (!supported(_i))
        return;
    for (int f = 0; f < FUNCTIONS; f++) {
        const int64_t n = f == LOG1P ? N - 2 : N; /* log1p has no limit at the last two */
        tl_real y[N];
        call(f, n, x, y);
        check_reference(name[f], y, expected[f], n);
        call_reference(f, n, x, y);
        check_reference(name[f], y, expected[f], n);
    }
}
END_TEST

/* One by one, split and in place: the same bits, and no write past the end. Some arguments make a vector
 * function take another path for its vector. */
START_TEST(wherever_it_is_stored)
{
    const int64_t size[] = { 0, 1, 3, 17, 63, 65, 130 };
    if (!supported(_i))
        return;
    for (int c = 0; c < FUNCTIONS * 7 * 2; c++) {
        const int f = c % FUNCTIONS;
        const int64_t n = size[c / FUNCTIONS % 7], shift = c / FUNCTIONS / 7;
        operand x = odd_values(n, shift, 1), alone = random_values(n, 0, 2);
        for (int64_t k = 0; k < n; k++) /* every fifth exponential is subnormal */
            x.at[k] = k % 5 == 4 ? (tl_real)(TL_IS_DOUBLE ? -720 : -95) : x.at[k] * (k % 3 ? 1 : 30);
        for (int64_t k = 0; k < n; k++)
            call(f, 1, x.at + k, alone.at + k);
        for (int64_t split = 0; split <= n; split++) {
            operand y = random_values(n, shift, 3);
            call(f, n - split, x.at + split, y.at + split);
            call(f, split, x.at, y.at);
            check_reference(name[f], y.at, alone.at, n);
            free(y.block);
        }
        call(f, n, x.at, x.at);
        check_reference(name[f], x.at, alone.at, n);
        free(x.block);
        free(alone.block);
    }
}
END_TEST

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
    Suite *s = suite_create("kernels_functions");
    TCase *c = tl_test_case(s, "kernels_functions");
    tcase_add_loop_test(c, near_the_true_values, 0, TABLES);
    tcase_add_loop_test(c, at_the_ends, 0, TABLES);
    tcase_add_loop_test(c, wherever_it_is_stored, 0, TABLES);
    tcase_add_loop_test(c, random_blocks, 0, TABLES);
    return s;
}
