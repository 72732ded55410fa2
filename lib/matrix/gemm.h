/* Dense matrix products. */
#ifndef TL_GEMM_H
#define TL_GEMM_H

#include "lib/kernels/views.h"

/* C = A B (add: C += A B), on all threads. A is m x k, B is k x n, C is row-major m x n and overlaps neither.
 * Any size may be 0. */
void tl_gemm(int64_t m, int64_t n, int64_t k, tl_matrix a, tl_matrix b, tl_real *c, bool add);

#endif
