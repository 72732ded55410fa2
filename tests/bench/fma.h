/* The peak rate of multiply-adds on one core. */
#ifndef FMA_H
#define FMA_H

#include <stdint.h>

typedef struct fma_peak {
    const char *name;       /* the instruction set, as in tl_kernel_level() */
    double flops_per_round; /* a multiplication and an addition each */
    float (*run)(int64_t rounds, float factor, float shift);
} fma_peak;

extern const fma_peak fma_baseline, fma_avx2, fma_avx512; /* the latter two on x86-64 only */

#endif
