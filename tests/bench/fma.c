/* Compiled once per instruction set, with contraction; FMA_PEAK names the table. */
#include "tests/bench/fma.h"

#if defined(__AVX512F__)
enum { BYTES = 64 };
#elif defined(__AVX2__)
enum { BYTES = 32 };
#else
enum { BYTES = 16 };
#endif
/* Enough chains to hide the latency, and few enough for the registers. */
enum { LANES = BYTES / sizeof(float), CHAINS = 12 };

typedef float vector __attribute__((vector_size(BYTES)));

/* Computes s = s factor + shift in every lane of every chain. The chains start with different values and are
 * summed at the end, so that the compiler cannot merge or drop any. */
static float run(int64_t rounds, float factor, float shift)
{
    vector s[CHAINS] = { 0 }, sum = { 0 };
    for (int c = 0; c < CHAINS; c++)
        s[c] += (float)c;
    for (int64_t k = 0; k < rounds; k++)
        for (int c = 0; c < CHAINS; c++)
            s[c] = s[c] * factor + shift;
    for (int c = 0; c < CHAINS; c++)
        sum += s[c];
    return sum[0];
}

#define NAME_OF(table) #table
#define NAME(table)    NAME_OF(table)

const fma_peak FMA_PEAK = { .name = &NAME(FMA_PEAK)[sizeof "fma_" - 1],
                            .flops_per_round = 2.0 * CHAINS * LANES,
                            .run = run };
