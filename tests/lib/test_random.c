/* Philox against its published vectors, and the distributions that are drawn from it. The seeds are fixed: a
 * test passes always or never. A bound of 5 standard deviations fails for 6 seeds of ten million. */
#include "tests/testing.h"

#include <math.h>
#include <string.h>

/* ---- the generator ---- */

/* From kat_vectors of Random123 (philox4x32, 10 rounds): counter, key, result. */
static const struct {
    uint32_t counter[4], key[2], result[4];
} published[] = {
    { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
    { { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff },
      { 0xffffffff, 0xffffffff },
      { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
    { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 }, /* the digits of pi */
      { 0xa4093822, 0x299f31d0 },
      { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
};

/* Salmon et al. 2011, section 4: words (0, 1) and (2, 3) are two pairs; the product of a pair's first word
 * goes to the other pair, its high half mixed there with the second word and the key of the round. */
static void philox_by_the_paper(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    const uint64_t multiplier[2] = { 0xD2511F53, 0xCD9E8D57 }, weyl[2] = { 0x9E3779B9, 0xBB67AE85 };
    memcpy(out, counter, 4 * sizeof *out);
    for (uint64_t round = 0; round < 10; round++) {
        uint32_t in[4];
        memcpy(in, out, sizeof in);
        for (int to = 0; to < 2; to++) {
            uint64_t product = multiplier[!to] * in[2 * !to];
            out[2 * to] = (uint32_t)(product >> 32) ^ in[2 * to + 1] ^ (uint32_t)(key[to] + round * weyl[to]);
            out[2 * to + 1] = (uint32_t)product;
        }
    }
}

static uint64_t joined(const uint32_t word[2])
{
    return (uint64_t)word[1] << 32 | word[0];
}

static void ck_assert_philox(const uint32_t counter[4], const uint32_t key[2], const uint32_t expected[4])
{
    uint32_t got[4];
    tl_philox(joined(key), joined(counter + 2), joined(counter), got);
    for (int k = 0; k < 4; k++)
        ck_assert_uint_eq(got[k], expected[k]);
}

START_TEST(published_vectors)
{
    for (int k = 0; k < 3; k++) {
        uint32_t here[4];
        philox_by_the_paper(published[k].counter, published[k].key, here);
        ck_assert_mem_eq(here, published[k].result, sizeof here);
        ck_assert_philox(published[k].counter, published[k].key, published[k].result);
    }
}
END_TEST

START_TEST(any_counter_and_key)
{
    uint32_t x[6] = { 1, 2, 3, 4, 5, 6 };
    for (int k = 0; k < 1000; k++) {
        uint32_t expected[4];
        philox_by_the_paper(x, x + 4, expected);
        ck_assert_philox(x, x + 4, expected);
        memcpy(x + k % 3, expected, sizeof expected); /* wander through all words */
    }
}
END_TEST

/* ---- the stream ---- */

/* Returns a number of one kind or another. */
static double mixed(tl_random *r, int k)
{
    return k % 3 == 0   ? tl_random_uniform(r)
           : k % 3 == 1 ? tl_random_normal(r)
                        : (double)tl_random_integer(r, 1000);
}

START_TEST(streams)
{
    tl_random a = { .seed = 3 }, other = { .seed = 4 };
    for (int k = 0; k < 10; k++)
        mixed(&a, k);
    tl_random copy = a, skipped = { .seed = 3, .position = 10 };
    int equal = 0;
    for (int k = 0; k < 300; k++) {
        double x = mixed(&a, k);
        ck_assert_double_eq(mixed(&copy, k), x);
        ck_assert_double_eq(mixed(&skipped, k), x); /* each of the ten made one draw */
        equal += mixed(&other, k) == x;
    }
    ck_assert_uint_eq(copy.position, a.position);
    ck_assert_int_le(equal, 3); /* 100 integers of 0 .. 999: 0.1 coincide on average */
}
END_TEST

/* Draw k is made of block (0, k) of the seed alone: its first 64 bits, and the others where two numbers
 * are needed (Box and Muller 1958: sqrt(-2 ln u) cos(2 pi v)). */
START_TEST(draws_are_a_function_of_seed_and_position)
{
    tl_random r = { .seed = 0x299f31d0a4093822 }, normal = r, integer = r;
    const uint32_t key[2] = { 0xa4093822, 0x299f31d0 };
    for (uint32_t k = 0; k < 100; k++) {
        uint32_t word[4];
        philox_by_the_paper((const uint32_t[]){ k, 0, 0, 0 }, key, word);
        ck_assert_uint_eq(r.position, k);
        const double u = ldexp((double)(joined(word) >> 11), -53),
                     v = ldexp((double)(joined(word + 2) >> 11), -53);
        ck_assert_double_eq(tl_random_uniform(&r), u);
        ck_assert_double_eq_tol(tl_random_normal(&normal), sqrt(-2 * log(1 - u)) * cos(2 * acos(-1) * v),
                                1e-14);
        ck_assert_int_eq(tl_random_integer(&integer, 1000), (int64_t)(joined(word) % 1000));
    }
}
END_TEST

/* ---- distributions ---- */

/* Checks that chi-square of the counts, which all have the same expectation, is within what chance gives: P(X
 * >= d + 2 sqrt(d x) + 2 x) <= exp(-x) for d degrees of freedom (Laurent and Massart 2000, lemma 1), here
 * with x = 14: one in a million. */
static void ck_assert_even(const int *count, int cells, double expected)
{
    double chi2 = 0, d = cells - 1, x = 14;
    for (int k = 0; k < cells; k++)
        chi2 += (count[k] - expected) * (count[k] - expected) / expected;
    ck_assert_double_lt(chi2, d + 2 * sqrt(d * x) + 2 * x);
}

static void ck_assert_within(const char *what, double got, double expected, double deviation)
{
    ck_assert_msg(fabs(got - expected) < 5 * deviation, "%s is %g, not %g within 5 times %g", what, got,
                  expected, deviation);
}

enum { N = 200000 };

/* Mean 1/2, variance 1/12; the fourth central moment is 1/80, so the variance of the squares is 1/80 -
 * 1/144. Pairs of successive draws fill an 8 x 8 grid evenly. */
START_TEST(uniform)
{
    tl_random r = { .seed = 11 };
    double mean = 0, square = 0;
    bool sound = true; /* one assertion at the end: each costs a system call */
    int grid[64] = { 0 };
    for (int k = 0, before = 0; k < N; k++) {
        double u = tl_random_uniform(&r);
        sound = sound && u >= 0 && u < 1 && ldexp(u, 53) == floor(ldexp(u, 53));
        mean += u / N;
        square += (u - 0.5) * (u - 0.5) / N;
        int now = (int)(8 * u);
        grid[8 * before + now] += k % 2;
        before = now;
    }
    ck_assert(sound);
    ck_assert_within("the mean", mean, 0.5, sqrt(1.0 / 12 / N));
    ck_assert_within("the variance", square, 1.0 / 12, sqrt((1.0 / 80 - 1.0 / 144) / N));
    ck_assert_even(grid, 64, N / 2 / 64.0);
}
END_TEST

/* Moments 1 to 4 are 0, 1, 0, 3; the variances of their averages are (1, 3 - 1, 15, 105 - 9) / N. A
 * share of 2 (1 - Phi(2)) = 0.0455 is beyond 2. */
START_TEST(normal)
{
    tl_random r = { .seed = 12 };
    double moment[4] = { 0 }, beyond = 0;
    for (int k = 0; k < N; k++) {
        double x = tl_random_normal(&r);
        for (int p = 0; p < 4; p++)
            moment[p] += pow(x, p + 1) / N;
        beyond += (fabs(x) > 2) / (double)N;
    }
    ck_assert_within("the mean", moment[0], 0, sqrt(1.0 / N));
    ck_assert_within("the variance", moment[1], 1, sqrt(2.0 / N));
    ck_assert_within("the third moment", moment[2], 0, sqrt(15.0 / N));
    ck_assert_within("the fourth moment", moment[3], 3, sqrt(96.0 / N));
    ck_assert_within("the part beyond 2", beyond, 0.0455003, sqrt(0.0455 * 0.9545 / N));
}
END_TEST

START_TEST(integers)
{
    const int bound[] = { 2, 3, 7, 10, 256, 1000 };
    for (int b = 0; b < 6; b++) {
        tl_random r = { .seed = 13 };
        int count[1000] = { 0 };
        for (int k = 0; k < 100000; k++) {
            int64_t x = tl_random_integer(&r, bound[b]);
            if (x < 0 || x >= bound[b])
                ck_abort_msg("%lld is not in 0..%d", (long long)x, bound[b] - 1);
            count[x]++;
        }
        ck_assert_even(count, bound[b], 100000.0 / bound[b]);
    }
    tl_random r = { .seed = 14 };
    for (int k = 0; k < 100; k++)
        ck_assert_int_eq(tl_random_integer(&r, 1), 0);
    ck_assert_uint_eq(r.position, 100);
}
END_TEST

/* Bounds for which the plain remainder of a 64-bit word would be far from uniform: 2^64 is 8/3 of 3 2^61, so
 * the first two thirds would be favoured 3 to 2. For both bounds a quarter of the words must be drawn
 * again. */
START_TEST(large_integers)
{
    const int64_t bound[] = { 3 * ((int64_t)1 << 61), ((int64_t)1 << 62) + 1, INT64_MAX };
    for (int b = 0; b < 3; b++) {
        tl_random r = { .seed = 15 };
        int third[3] = { 0 };
        for (int k = 0; k < 30000; k++) {
            int64_t x = tl_random_integer(&r, bound[b]);
            if (x < 0 || x >= bound[b])
                ck_abort_msg("%lld is not in 0..%lld", (long long)x, (long long)bound[b] - 1);
            third[(int)(3 * ((double)x / (double)bound[b]))]++;
        }
        ck_assert_even(third, 3, 10000);
        /* the number of draws for 30000 results has mean n / p and variance n (1 - p) / p^2, p = 3/4 */
        if (b < 2)
            ck_assert_within("the number of draws", (double)r.position, 40000, sqrt(30000 * 0.25 / 0.5625));
        else
            ck_assert_uint_le(r.position, 30001); /* 2^64 mod (2^63 - 1) is 2: never drawn again */
    }
}
END_TEST

/* ---- permutations ---- */

START_TEST(permutation)
{
    const int32_t size[] = { 1, 2, 17, 1000 };
    tl_random r = { .seed = 16 };
    int32_t out[1001];
    tl_random_permutation(&r, 0, out);
    for (int s = 0; s < 4; s++) {
        int32_t n = size[s], moved = 0;
        int seen[1000] = { 0 };
        out[n] = -7;
        tl_random_permutation(&r, n, out);
        for (int32_t k = 0; k < n; k++) {
            ck_assert(out[k] >= 0 && out[k] < n);
            ck_assert_int_eq(seen[out[k]]++, 0);
            moved += out[k] != k;
        }
        ck_assert_int_eq(out[n], -7);
        ck_assert(n < 17 || moved > n / 2); /* one fixed point is expected, whatever n is */
    }
}
END_TEST

/* Every order of 3 and of 4 things comes up equally often. */
START_TEST(permutations_are_even)
{
    for (int32_t n = 3; n <= 4; n++) {
        tl_random r = { .seed = 17 };
        int count[256] = { 0 }, even[24], orders = 0;
        for (int k = 0; k < 24000; k++) {
            int32_t p[4] = { 0 };
            tl_random_permutation(&r, n, p);
            count[p[0] | p[1] << 2 | p[2] << 4 | p[3] << 6]++;
        }
        for (int k = 0; k < 256; k++)
            if (count[k] > 0) {
                ck_assert_int_lt(orders, 24);
                even[orders++] = count[k];
            }
        ck_assert_int_eq(orders, n == 3 ? 6 : 24);
        ck_assert_even(even, orders, 24000.0 / orders);
    }
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("random");
    TCase *c = tl_test_case(s, "random");
    tcase_add_test(c, published_vectors);
    tcase_add_test(c, any_counter_and_key);
    tcase_add_test(c, streams);
    tcase_add_test(c, draws_are_a_function_of_seed_and_position);
    tcase_add_test(c, uniform);
    tcase_add_test(c, normal);
    tcase_add_test(c, integers);
    tcase_add_test(c, large_integers);
    tcase_add_test(c, permutation);
    tcase_add_test(c, permutations_are_even);
    return s;
}
