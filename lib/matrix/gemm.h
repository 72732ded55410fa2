/* Dense matrix products. */
#ifndef TL_GEMM_H
#define TL_GEMM_H

#include "base.h"

/* A matrix in memory: element (i, j) is data[i * row + j * col]. Transposing swaps the strides. */
typedef struct tl_matrix {
    const tl_real *data;
    int64_t row, col;
} tl_matrix;

static inline tl_matrix tl_matrix_rows(const tl_real *data, int64_t cols)
{
    return (tl_matrix){ data, cols, 1 };
}

static inline tl_matrix tl_matrix_transposed(tl_matrix a)
{
    return (tl_matrix){ a.data, a.col, a.row };
}

/* C = A B (add: C += A B), A is m x k, B k x n, C row-major m x n and apart from both. Any size may be 0. */
void tl_gemm(int64_t m, int64_t n, int64_t k, tl_matrix a, tl_matrix b, tl_real *c, bool add);

#endif
