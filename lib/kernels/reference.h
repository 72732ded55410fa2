/* Reference kernels: the specification of kernels.h in plain loops, in the order of operations that it
 * states. Unless kernels.h says otherwise, a kernel must give the same bits on every instruction set; only
 * the sign and payload of a NaN are unspecified. (The reference of philox is tl_philox.) Compiled into the
 * tests, not into the library.
 *
 * The arguments are the kernel's, preceded by what the instruction set decides: `fused`, whether products are
 * fused with the sums they go into, and `lanes`, the values in a vector. A tile may have any width here.
 * Blocks do not change the order of a sum and are ignored: begin and end are always rows, of row_ptr. */
#ifndef TL_REFERENCE_H
#define TL_REFERENCE_H

#include "lib/kernels/kernels.h"

void tl_ref_spmm(bool fused, const tl_sparse *s, int64_t begin, int64_t end, int64_t width, tl_dense x,
                 tl_dense_out y, bool add);
void tl_ref_sddmm(bool fused, int64_t lanes, const tl_sparse *s, int64_t begin, int64_t end, int64_t width,
                  tl_dense a, tl_dense b, tl_real *dvalues, bool add_values);
void tl_ref_spmm_sddmm(bool fused, int64_t lanes, const tl_sparse *s, int64_t begin, int64_t end,
                       int64_t width, tl_dense a, tl_dense b, tl_dense_out da, bool add, tl_real *dvalues,
                       bool add_values);
void tl_ref_table_rows(bool fused, const tl_sparse *s, int64_t begin, int64_t end, int64_t width,
                       const tl_real *x, tl_real *y, bool add);
void tl_ref_gemm_small(bool fused, int64_t m, int64_t n, int64_t k, tl_matrix a, tl_matrix b, tl_dense_out c,
                       bool add);
void tl_ref_axpy(bool fused, int64_t n, tl_real a, const tl_real *x, tl_real *y);
void tl_ref_scale(int64_t n, double a, const tl_real *x, tl_real *y);
tl_real tl_ref_dot(bool fused, int64_t n, const tl_real *x, const tl_real *y);

void tl_ref_add(int64_t n, const tl_real *x, tl_real *y);
tl_real tl_ref_max_abs(int64_t n, const tl_real *x, bool *minus_zero);
void tl_ref_transpose(int64_t rows, int64_t cols, const tl_real *x, int64_t ldx, tl_real *y, int64_t ldy,
                      bool add);
void tl_ref_sum_rows(bool fused, int64_t rows, int64_t cols, int64_t ld, const tl_real *x, const tl_real *z,
                     double *sum);
void tl_ref_col_sums(bool fused, int64_t rows, int64_t cols, int sign, const tl_real *x, const tl_real *z,
                     tl_real *y);
void tl_ref_exp(int64_t n, const tl_real *x, tl_real *y);
void tl_ref_expm1(int64_t n, const tl_real *x, tl_real *y);
void tl_ref_log(int64_t n, const tl_real *x, tl_real *y);
void tl_ref_log1p(int64_t n, const tl_real *x, tl_real *y);
void tl_ref_tanh(int64_t n, const tl_real *x, tl_real *y);
void tl_ref_sigmoid(int64_t n, const tl_real *x, tl_real *y);
void tl_ref_erf(int64_t n, const tl_real *x, tl_real *y);
void tl_ref_erfc(int64_t n, const tl_real *x, tl_real *y);
void tl_ref_sin(int64_t n, const tl_real *x, tl_real *y);
void tl_ref_cos(int64_t n, const tl_real *x, tl_real *y);
void tl_ref_sqrt(int64_t n, const tl_real *x, tl_real *y);
void tl_ref_softplus(int64_t n, const tl_real *x, tl_real *y);
void tl_ref_softplus_gradient(int64_t n, const tl_real *x, const tl_real *dy, tl_real *dx);
void tl_ref_silu(int64_t n, const tl_real *x, tl_real *y);
void tl_ref_silu_gradient(int64_t n, const tl_real *x, const tl_real *dy, tl_real *dx);
void tl_ref_gelu(int64_t n, const tl_real *x, tl_real *y);
void tl_ref_gelu_gradient(int64_t n, const tl_real *x, const tl_real *dy, tl_real *dx);
void tl_ref_pow(int64_t n, const tl_real *x, const tl_real *y, tl_real *z);
void tl_ref_pow_scalar(int64_t n, const tl_real *x, tl_real exponent, tl_real *y);

/* n weights w, their gradients g, constants c and slots s; a step's optional slots are NULL in s. */
typedef void tl_ref_update(bool fused, int64_t n, const tl_real *c, const tl_real *g, tl_real *w,
                           tl_real *const *s);
/* Steps begin .. end-1, one after the other, with a gradient of 0: c0 .. c7 of each in c. */
void tl_ref_replay(tl_ref_update *step, bool fused, int64_t begin, int64_t end, tl_decay decay, int64_t n,
                   const tl_real *c, tl_real *w, tl_real *const *s);
tl_ref_update tl_ref_sgd, tl_ref_momentum, tl_ref_nesterov, tl_ref_adagrad, tl_ref_rmsprop, tl_ref_adam,
    tl_ref_ftrl;

tl_real tl_ref_largest(int64_t n, const tl_real *x);
double tl_ref_sum_run(bool fused, int64_t n, const tl_real *x, const tl_real *z);
void tl_ref_deviations(bool fused, int64_t n, const tl_real *x, double from, double *sum);
void tl_ref_normalise(bool fused, int64_t n, const tl_real *x, tl_row_norm m, const tl_real *gain,
                      const tl_real *bias, tl_real *y);
void tl_ref_norm_sums(bool fused, int64_t n, const tl_real *x, tl_row_norm m, const tl_real *dy,
                      const tl_real *gain, double *sum);
void tl_ref_norm_gradient(bool fused, int64_t n, const tl_real *x, tl_row_norm m, const tl_real *dy,
                          const tl_real *gain, tl_real mean, tl_real slope, tl_real *dx, bool add);
void tl_ref_norm_terms(bool fused, int64_t n, const tl_real *x, tl_row_norm m, const tl_real *dy, double *sum,
                       double *dy_sum);

#endif
