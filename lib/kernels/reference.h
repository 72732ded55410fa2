/* The specification of the kernels: for each entry of the tables in kernels.h one plain loop with the order
 * of operations that is stated there. A kernel must give the same bits, at every level (of a NaN, its sign
 * and payload are left open). Compiled into the tests, not into the library.
 *
 * The arguments are the kernel's, after what a level adds to the statement: `fused`, whether products are
 * fused with the sums they go into, and the `lanes` of the table. Any width is a tile here. The blocks of a
 * sparse matrix do not change an order and are not looked at: begin and end are rows, always, of row_ptr. */
#ifndef TL_REFERENCE_H
#define TL_REFERENCE_H

#include "lib/kernels/kernels.h"

void tl_ref_spmm(bool fused, const tl_sparse *s, int64_t begin, int64_t end, int64_t width, const tl_real *x,
                 int64_t ldx, tl_real *y, int64_t ldy, bool add);
void tl_ref_sddmm(bool fused, int64_t lanes, const tl_sparse *s, int64_t begin, int64_t end, int64_t width,
                  const tl_real *a, int64_t lda, const tl_real *b, int64_t ldb, tl_real *dvalues,
                  bool add_values);
void tl_ref_spmm_sddmm(bool fused, int64_t lanes, const tl_sparse *s, int64_t begin, int64_t end,
                       int64_t width, const tl_real *a, int64_t lda, const tl_real *b, int64_t ldb,
                       tl_real *da, int64_t ldda, bool add, tl_real *dvalues, bool add_values);

void tl_ref_transpose(int64_t rows, int64_t cols, const tl_real *x, int64_t ldx, tl_real *y, int64_t ldy,
                      bool add);
tl_real tl_ref_max_abs(int64_t n, const tl_real *x, bool *minus_zero);
void tl_ref_add(int64_t n, const tl_real *x, tl_real *y);
void tl_ref_axpy(bool fused, int64_t n, tl_real a, const tl_real *x, tl_real *y);
tl_real tl_ref_dot(bool fused, int64_t n, const tl_real *x, const tl_real *y);
void tl_ref_col_sums(bool fused, int64_t rows, int64_t cols, int sign, const tl_real *x, const tl_real *z,
                     tl_real *y);
void tl_ref_exp(int64_t n, const tl_real *x, tl_real *y);
void tl_ref_tanh(int64_t n, const tl_real *x, tl_real *y);
void tl_ref_log1p(int64_t n, const tl_real *x, tl_real *y);
void tl_ref_sigmoid(int64_t n, const tl_real *x, tl_real *y);
void tl_ref_bias_relu(int64_t rows, int64_t cols, const tl_real *a, const tl_real *b, tl_real *y);
void tl_ref_bias_relu_backward(int64_t rows, int64_t cols, int64_t begin, int64_t end, const tl_real *y,
                               const tl_real *dy, tl_real *da, bool add, tl_real *db);
void tl_ref_gemm_small(bool fused, int64_t m, int64_t n, int64_t k, const tl_real *a, int64_t ars,
                       int64_t acs, const tl_real *b, int64_t brs, int64_t bcs, tl_real *c, int64_t ldc,
                       bool add);

typedef void tl_ref_update(bool fused, int64_t n, const tl_real *c, const tl_real *g, tl_real *w,
                           tl_real *const *s);
tl_ref_update tl_ref_sgd, tl_ref_momentum, tl_ref_nesterov, tl_ref_adagrad, tl_ref_rmsprop, tl_ref_adam,
    tl_ref_ftrl;

#endif
