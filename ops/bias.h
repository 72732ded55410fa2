/* What bias and bias_relu share: Y has A's shape, and b is a row of it. */
#ifndef TL_BIAS_H
#define TL_BIAS_H

#include "ops/grad_pass.h"
#include "ops.h"

static inline tl_status tl_bias_shape(tl_node *y)
{
    tl_shape a = y->in[0]->shape, b = y->in[1]->shape;
    if (a.rank == 0 || b.rank != 1 || b.dim[0] != tl_shape_cols(a))
        return tl_fail(TL_ERR_SHAPE, "%s plus %s", tl_shape_text(a).text, tl_shape_text(b).text);
    return tl_shape_dense(y, a);
}

/* Calls body for pieces of Y's rows. */
static inline void tl_bias_each_rows(tl_node *y, void (*body)(void *y, int64_t begin, int64_t end))
{
    tl_parallel_for(tl_shape_rows(y->shape), 1 + TL_GRAIN / (tl_shape_cols(y->shape) + 1), body, y);
}

#endif
