/* What bias and bias_relu share: Y has A's shape, and b is a row of it. */
#ifndef TL_BIAS_H
#define TL_BIAS_H

#include "ops/grad_pass.h"
#include "ops.h"

static inline tl_status tl_bias_shape(tl_node *y)
{
    const tl_node *a = y->in[0], *b = y->in[1];
    const int64_t cols = tl_shape_cols(a->shape);
    if (a->shape.rank == 0)
        return tl_fail(TL_ERR_SHAPE, "%s plus %s: the first is a scalar", tl_node_text(a).text,
                       tl_node_text(b).text);
    if (b->shape.rank != 1)
        return tl_fail(TL_ERR_SHAPE, "%s plus %s: the second is not a vector", tl_node_text(a).text,
                       tl_node_text(b).text);
    if (b->shape.dim[0] != cols)
        return tl_fail(TL_ERR_SHAPE, "%s plus %s: %lld is not %lld", tl_node_text(a).text,
                       tl_node_text(b).text, (long long)cols, (long long)b->shape.dim[0]);
    return tl_shape_dense(y, a->shape);
}

#endif
