/* Philox 4x32-10 and the distributions drawn from it. */
#include "random.h"
#include "status.h"

#include <math.h>

/* Records that a pointer or a bound is missing; the draw is then 0. */
static int refuse(const char *who, const char *what)
{
    tl_fail(TL_ERR_ARGUMENT, "%s: %s", who, what);
    return 0;
}

static const char *const no_generator = "the generator is NULL";

void tl_philox(uint64_t key, uint64_t hi, uint64_t lo, uint32_t out[4])
{
    if (!out) {
        refuse("philox", "the output is NULL");
        return;
    }
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    uint32_t c0 = (uint32_t)lo, c1 = (uint32_t)(lo >> 32), c2 = (uint32_t)hi, c3 = (uint32_t)(hi >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u; /* the golden ratio */
        k1 += 0xBB67AE85u; /* sqrt(3) - 1 */
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* Makes draw r->position, two 64-bit words, and advances. */
static void draw(tl_random *r, uint64_t word[2])
{
    uint32_t x[4];
    tl_philox(r->seed, 0, r->position++, x);
    word[0] = (uint64_t)x[1] << 32 | x[0];
    word[1] = (uint64_t)x[3] << 32 | x[2];
}

/* Returns a number in [0, 1) from the upper 53 bits. */
static double unit(uint64_t word)
{
    return (double)(word >> 11) * 0x1p-53;
}

double tl_random_uniform(tl_random *r)
{
    uint64_t word[2];
    if (!r)
        return refuse("random_uniform", no_generator);
    draw(r, word);
    return unit(word[0]);
}

double tl_random_normal(tl_random *r)
{
    const double two_pi = 6.283185307179586;
    uint64_t word[2];
    if (!r)
        return refuse("random_normal", no_generator);
    draw(r, word);
    return sqrt(-2 * log(1 - unit(word[0]))) * cos(two_pi * unit(word[1]));
}

int64_t tl_random_integer(tl_random *r, int64_t bound)
{
    if (!r || bound < 1)
        return refuse("random_integer", r ? "the bound is not positive" : no_generator);
    /* words below 2^64 mod bound would favour small results: they are drawn again, which is rare */
    uint64_t n = (uint64_t)bound, below = (0 - n) % n, word[2];
    do
        draw(r, word);
    while (word[0] < below);
    return (int64_t)(word[0] % n);
}

void tl_random_permutation(tl_random *r, int32_t n, int32_t *out)
{
    if (n > 0 && (!r || !out)) {
        refuse("random_permutation", r ? "the output is NULL" : no_generator);
        return;
    }
    for (int32_t k = 0; k < n; k++) {
        int32_t j = (int32_t)tl_random_integer(r, k + 1);
        out[k] = out[j];
        out[j] = k;
    }
}
