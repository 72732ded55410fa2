/* Views of dense matrices in memory that somebody else owns. */
#ifndef TL_VIEWS_H
#define TL_VIEWS_H

#include "base.h"

/* Row-major with row stride `ld`: element (i, j) is data[i * ld + j]. */
typedef struct tl_dense {
    const tl_real *data;
    int64_t ld;
} tl_dense;

/* The same, to be written. */
typedef struct tl_dense_out {
    tl_real *data;
    int64_t ld;
} tl_dense_out;

/* Any strides: element (i, j) is data[i * row + j * col]. Swapping the strides transposes. */
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

#endif
