/* linear: Y = X W + b.  A composition. */
#include "ops.h"

tl_node *tl_linear(tl_node *x, tl_node *w, tl_node *b)
{
    tl_node *y = tl_pattern_of(w) ? tl_dense_sparse_matmul(x, w, TL_NO_TRANSPOSE) : tl_matmul(x, w);
    return b ? tl_bias(y, b) : y;
}
