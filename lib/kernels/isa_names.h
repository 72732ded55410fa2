/* Names of one per-ISA build of the kernels, for the kernels' own files: with TL_ISA_NAME = avx2,
 * TL_ISA(spmm) is tl_avx2_spmm. TL_ISA_NAME is baseline, avx2 or avx512. */
#ifndef TL_ISA_NAMES_H
#define TL_ISA_NAMES_H

#include "lib/kernels/kernels.h"

#define TL_JOIN_(a, b, c) a##b##_##c
#define TL_JOIN(a, b, c)  TL_JOIN_(a, b, c)
#define TL_ISA(name)      TL_JOIN(tl_, TL_ISA_NAME, name)

void TL_ISA(spmm)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, tl_dense x, tl_dense_out y,
                  bool add);
void TL_ISA(sddmm)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, tl_dense a, tl_dense b,
                   tl_real *dvalues, bool add_values);
void TL_ISA(spmm_sddmm)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, tl_dense a, tl_dense b,
                        tl_dense_out da, bool add, tl_real *dvalues, bool add_values);
void TL_ISA(table_rows)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, const tl_real *x,
                        tl_real *y, bool add);

void TL_ISA(gemm_small)(int64_t m, int64_t n, int64_t k, tl_matrix a, tl_matrix b, tl_dense_out c, bool add);
void TL_ISA(exp)(int64_t n, const tl_real *x, tl_real *y);
void TL_ISA(expm1)(int64_t n, const tl_real *x, tl_real *y);
void TL_ISA(log)(int64_t n, const tl_real *x, tl_real *y);
void TL_ISA(log1p)(int64_t n, const tl_real *x, tl_real *y);
void TL_ISA(tanh)(int64_t n, const tl_real *x, tl_real *y);
void TL_ISA(sigmoid)(int64_t n, const tl_real *x, tl_real *y);
void TL_ISA(erf)(int64_t n, const tl_real *x, tl_real *y);
void TL_ISA(erfc)(int64_t n, const tl_real *x, tl_real *y);
void TL_ISA(sin)(int64_t n, const tl_real *x, tl_real *y);
void TL_ISA(cos)(int64_t n, const tl_real *x, tl_real *y);
void TL_ISA(sqrt)(int64_t n, const tl_real *x, tl_real *y);
void TL_ISA(pow)(int64_t n, const tl_real *x, const tl_real *y, tl_real *z);
void TL_ISA(pow_scalar)(int64_t n, const tl_real *x, tl_real exponent, tl_real *y);
void TL_ISA(softplus)(int64_t n, const tl_real *x, tl_real *y);
void TL_ISA(softplus_gradient)(int64_t n, const tl_real *x, const tl_real *dy, tl_real *dx);
void TL_ISA(silu)(int64_t n, const tl_real *x, tl_real *y);
void TL_ISA(silu_gradient)(int64_t n, const tl_real *x, const tl_real *dy, tl_real *dx);
void TL_ISA(gelu)(int64_t n, const tl_real *x, tl_real *y);
void TL_ISA(gelu_gradient)(int64_t n, const tl_real *x, const tl_real *dy, tl_real *dx);
void TL_ISA(philox)(uint64_t key, uint64_t counter, int64_t n, uint32_t *out);
extern const tl_updates TL_ISA(updates);

tl_real TL_ISA(largest)(int64_t n, const tl_real *x);
double TL_ISA(sum_run)(int64_t n, const tl_real *x, const tl_real *z);
void TL_ISA(deviations)(int64_t n, const tl_real *x, double from, double *sum);
void TL_ISA(normalise)(int64_t n, const tl_real *x, tl_row_norm m, const tl_real *gain, const tl_real *bias,
                       tl_real *y);
void TL_ISA(norm_sums)(int64_t n, const tl_real *x, tl_row_norm m, const tl_real *dy, const tl_real *gain,
                       double *sum);
void TL_ISA(norm_gradient)(int64_t n, const tl_real *x, tl_row_norm m, const tl_real *dy, const tl_real *gain,
                           tl_real mean, tl_real slope, tl_real *dx, bool add);
void TL_ISA(norm_terms)(int64_t n, const tl_real *x, tl_row_norm m, const tl_real *dy, double *sum,
                        double *dy_sum);

#endif
