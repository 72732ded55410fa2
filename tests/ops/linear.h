/* What the references of linear layers and recurrent cells share. */
#ifndef TL_LINEAR_H
#define TL_LINEAR_H

#include "tests/testing.h"

/* Returns element (i, j) of X W + b, of three operands of which b may be absent. A single row of X is that of
 * every i. */
static inline double tl_test_linear(const tl_reference *r, int x, int w, int b, int64_t i, int64_t j)
{
    const int64_t n = r->shape[w].dim[0], cols = r->shape[w].dim[1];
    const int64_t row = tl_shape_rows(r->shape[x]) == 1 ? 0 : i;
    double sum = r->in[b] ? r->in[b][j] : 0;
    for (int64_t k = 0; k < n; k++)
        sum += r->in[x][row * n + k] * r->in[w][k * cols + j];
    return sum;
}

#endif
