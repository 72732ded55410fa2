/* What the kernels' own files share: the names of one build of them. TL_ISA_NAME is baseline, avx2 or
 * avx512. */
#ifndef TL_ISA_NAMES_H
#define TL_ISA_NAMES_H

#include "lib/kernels/kernels.h"

#define TL_JOIN_(a, b, c) a##b##_##c
#define TL_JOIN(a, b, c)  TL_JOIN_(a, b, c)
#define TL_ISA(name)      TL_JOIN(tl_, TL_ISA_NAME, name)

void TL_ISA(spmm)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, const tl_real *x,
                  int64_t ldx, tl_real *y, int64_t ldy, bool add);
void TL_ISA(sddmm)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, const tl_real *a,
                   int64_t lda, const tl_real *b, int64_t ldb, tl_real *dvalues, bool add_values);
void TL_ISA(spmm_sddmm)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, const tl_real *a,
                        int64_t lda, const tl_real *b, int64_t ldb, tl_real *da, int64_t ldda, bool add,
                        tl_real *dvalues, bool add_values);

void TL_ISA(gemm_small)(int64_t m, int64_t n, int64_t k, const tl_real *a, int64_t ars, int64_t acs,
                        const tl_real *b, int64_t brs, int64_t bcs, tl_real *c, int64_t ldc, bool add);
void TL_ISA(exp)(int64_t n, const tl_real *x, tl_real *y);
void TL_ISA(tanh)(int64_t n, const tl_real *x, tl_real *y);
void TL_ISA(log1p)(int64_t n, const tl_real *x, tl_real *y);
void TL_ISA(sigmoid)(int64_t n, const tl_real *x, tl_real *y);
void TL_ISA(philox)(uint64_t key, uint64_t counter, int64_t n, uint32_t *out);
extern const tl_updates TL_ISA(updates);

#endif
