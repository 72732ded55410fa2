/* The reference of the products op(A) op(B), dense and sparse, and the transposes. */
#ifndef TL_TEST_PRODUCT_H
#define TL_TEST_PRODUCT_H

#include "check_tulle.h"
#include "tulle.h"

#include <math.h>

/* A's leading dimensions are rows, and come back in Y. */
static tl_shape reference(tl_reference *r)
{
    const bool ta = *(const tl_trans *)r->attr & TL_TRANSPOSE_A,
               tb = *(const tl_trans *)r->attr & TL_TRANSPOSE_B;
    const tl_shape a = r->shape[0], b = r->shape[1];
    const int64_t m = ta ? a.dim[1] : tl_shape_rows(a), n = b.dim[tb ? 0 : 1],
                  k = ta ? a.dim[0] : tl_shape_cols(a);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            for (int64_t l = 0; l < k; l++) {
                const double term = r->in[0][ta ? l * m + i : i * k + l] *
                                    r->in[1][tb ? j * k + l : l * n + j];
                r->y[i * n + j] += term;
                r->terms[i * n + j] += fabs(term);
            }
    tl_shape y = ta ? TL_SHAPE(m, n) : a;
    y.dim[y.rank - 1] = n;
    return y;
}

static const tl_trans none = TL_NO_TRANSPOSE, ta = TL_TRANSPOSE_A, tb = TL_TRANSPOSE_B,
                      both = TL_TRANSPOSE_BOTH, negative = (tl_trans)-1, four = (tl_trans)4;

#endif
