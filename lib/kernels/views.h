/* Views of dense matrices in memory that somebody else owns, and which of them a product transposes. */
#ifndef TL_VIEWS_H
#define TL_VIEWS_H

#include "base.h"

/* A matrix with any strides, read only: element (i, j) is data[i * row + j * col]. Swapping the strides
 * transposes. */
typedef struct tl_matrix {
    const tl_real *data;
    int64_t row, col;
} tl_matrix;

/* Return the view of a row-major matrix with `cols` columns, and the transpose of a view. */
static inline tl_matrix tl_matrix_rows(const tl_real *data, int64_t cols)
{
    return TL_LITERAL(tl_matrix){ data, cols, 1 };
}

static inline tl_matrix tl_matrix_transposed(tl_matrix a)
{
    return TL_LITERAL(tl_matrix){ a.data, a.col, a.row };
}

/* Which operands of a product op(A) op(B) are transposed: bit 0, A; bit 1, B. */
typedef enum tl_trans {
    TL_NO_TRANSPOSE = 0,
    TL_TRANSPOSE_A = 1 << 0,
    TL_TRANSPOSE_B = 1 << 1,
    TL_TRANSPOSE_BOTH = TL_TRANSPOSE_A | TL_TRANSPOSE_B
} tl_trans;

#endif
