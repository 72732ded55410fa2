/* Philox 4x32-10 (random.h), AT_ONCE blocks at a time, one per lane. */
#include "lib/kernels/isa_names.h"
#include "lib/kernels/vector.h"

enum { AT_ONCE = 16 };

/* Sets high and low to the upper and lower words of the products m x[l]. */
INLINE void multiply(uint32_t m, const uint32_t *x, uint32_t *high, uint32_t *low)
{
    for (int l = 0; l < AT_ONCE; l++) {
        const uint64_t p = (uint64_t)m * x[l];
        high[l] = (uint32_t)(p >> 32);
        low[l] = (uint32_t)p;
    }
}

static void some_blocks(uint64_t key, uint64_t counter, uint32_t out[4 * AT_ONCE])
{
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    uint32_t c0[AT_ONCE], c1[AT_ONCE], c2[AT_ONCE] = { 0 }, c3[AT_ONCE] = { 0 };
    for (int l = 0; l < AT_ONCE; l++) {
        c0[l] = (uint32_t)(counter + (uint64_t)l);
        c1[l] = (uint32_t)((counter + (uint64_t)l) >> 32);
    }
    for (int round = 0; round < 10; round++) {
        uint32_t high0[AT_ONCE], low0[AT_ONCE], high1[AT_ONCE], low1[AT_ONCE];
        multiply(0xD2511F53u, c0, high0, low0);
        multiply(0xCD9E8D57u, c2, high1, low1);
        for (int l = 0; l < AT_ONCE; l++) {
            c0[l] = high1[l] ^ c1[l] ^ k0;
            c1[l] = low1[l];
            c2[l] = high0[l] ^ c3[l] ^ k1;
            c3[l] = low0[l];
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    for (int l = 0; l < AT_ONCE; l++) {
        out[4 * l] = c0[l];
        out[4 * l + 1] = c1[l];
        out[4 * l + 2] = c2[l];
        out[4 * l + 3] = c3[l];
    }
}

void TL_ISA(philox)(uint64_t key, uint64_t counter, int64_t n, uint32_t *out)
{
    int64_t k = 0;
    for (; k + AT_ONCE <= n; k += AT_ONCE)
        some_blocks(key, counter + (uint64_t)k, out + 4 * k);
    if (k < n) {
        uint32_t rest[4 * AT_ONCE];
        some_blocks(key, counter + (uint64_t)k, rest);
        memcpy(out + 4 * k, rest, (size_t)(n - k) * 4 * sizeof *out);
    }
}
