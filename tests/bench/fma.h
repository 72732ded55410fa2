/* Multiply-adds as fast as they go, on one core. */
#ifndef FMA_H
#define FMA_H

#include <stdint.h>

typedef struct fma_peak {
    const char *name;       /* of the instruction set, as tl_kernel_level() has it */
    double flops_per_round; /* a multiplication and an addition each */
    float (*run)(int64_t rounds, float factor, float shift);
} fma_peak;

extern const fma_peak fma_baseline, fma_avx2, fma_avx512; /* the latter two on x86-64 only */

#endif
