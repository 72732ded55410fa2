/* The reference of the products op(A) op(B), dense and sparse, and the transposes. */
#ifndef TL_TEST_PRODUCT_H
#define TL_TEST_PRODUCT_H

#include "check_tulle.h"
#include "tulle.h"

#include <math.h>

/* The sizes of op(X), of which there are count[0] x count[1]: a vector is a row, or a column on the right. */
typedef struct matrices {
    int64_t count[2], rows, cols;
    int64_t row, col; /* strides */
} matrices;

static matrices matrices_of(tl_shape s, bool transposed)
{
    int64_t dim[4] = { 1, 1, 1, 1 };
    for (int32_t d = 0; d < s.rank; d++)
        dim[4 - s.rank + d] = s.dim[d];
    matrices m = { { dim[0], dim[1] }, dim[2], dim[3], dim[3], 1 };
    if (transposed)
        m = (matrices){ { dim[0], dim[1] }, dim[3], dim[2], 1, dim[3] };
    return m;
}

/* Element (r, c) of op(X) for matrix (i, j) of Y. */
static int64_t element_of(matrices m, int64_t i, int64_t j, int64_t r, int64_t c)
{
    const int64_t at = (m.count[0] == 1 ? 0 : i) * m.count[1] + (m.count[1] == 1 ? 0 : j);
    return at * m.rows * m.cols + r * m.row + c * m.col;
}

/* As NumPy's matmul. */
static tl_shape reference(tl_reference *r)
{
    const tl_trans t = *(const tl_trans *)r->attr;
    const tl_shape left = r->shape[0], right = r->shape[1];
    const matrices a = matrices_of(left, t & TL_TRANSPOSE_A),
                   b = matrices_of(right, t & TL_TRANSPOSE_B || right.rank == 1);
    const int64_t dim[4] = { a.count[0] == 1 ? b.count[0] : a.count[0],
                             a.count[1] == 1 ? b.count[1] : a.count[1], a.rows, b.cols };
    int64_t y = 0;
    for (int64_t i = 0; i < dim[0]; i++)
        for (int64_t j = 0; j < dim[1]; j++)
            for (int64_t k = 0; k < a.rows * b.cols; k++, y++)
                for (int64_t l = 0; l < a.cols; l++) {
                    const double term = r->in[0][element_of(a, i, j, k / b.cols, l)] *
                                        r->in[1][element_of(b, i, j, l, k % b.cols)];
                    r->y[y] += term;
                    r->terms[y] += fabs(term);
                }
    const int32_t rank = left.rank > right.rank ? left.rank : right.rank;
    tl_shape shape = { .rank = 0 };
    for (int32_t d = rank < 2 ? 2 : 4 - rank; d < 4; d++)
        if (d < 2 || (d == 2 && left.rank > 1) || (d == 3 && right.rank > 1))
            shape.dim[shape.rank++] = dim[d];
    return shape;
}

static const tl_trans none = TL_NO_TRANSPOSE, ta = TL_TRANSPOSE_A, tb = TL_TRANSPOSE_B,
                      both = TL_TRANSPOSE_BOTH, negative = (tl_trans)-1, four = (tl_trans)4;

#endif
