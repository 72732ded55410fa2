/* What bias and bias_relu ask of their operands: b is a vector as long as A's rows. */
#ifndef TL_BIAS_H
#define TL_BIAS_H

#include "op.h"
#include "ops.h"

static inline tl_status tl_bias_check(const tl_node *y)
{
    const tl_node *a = y->in[0], *b = y->in[1];
    const tl_shape row = TL_SHAPE(tl_shape_cols(a->shape));
    if (a->shape.rank == 0)
        return tl_fail(TL_ERR_SHAPE, "%s plus %s: the first is a scalar", tl_node_text(a).text,
                       tl_node_text(b).text);
    if (!tl_shape_equal(b->shape, row))
        return tl_fail(TL_ERR_SHAPE, "%s plus %s: the second must be %s", tl_node_text(a).text,
                       tl_node_text(b).text, tl_shape_text(row).text);
    return TL_OK;
}

#endif
