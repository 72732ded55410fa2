/* What add, sub and mul share: B has A's shape, or is a row of it, or a scalar. In all three cases element
 * k of A meets element k mod |B|, so Y is a stack of blocks as long as B. */
#ifndef TL_BROADCAST_H
#define TL_BROADCAST_H

#include "kernels.h"
#include "op.h"

static inline tl_status tl_broadcast_shape(tl_node *y, const char *word)
{
    tl_shape a = y->in[0]->shape, b = y->in[1]->shape;
    bool row = b.rank == 1 && a.rank > 0 && b.dim[0] == tl_shape_cols(a);
    if (!tl_shape_equal(a, b) && !row && b.rank != 0)
        return tl_fail(TL_ERR_SHAPE, "%s %s %s", tl_shape_text(a).text, word, tl_shape_text(b).text);
    return tl_shape_dense(y, a);
}

/* How often B is repeated along A. */
static inline int64_t tl_broadcast_count(const tl_node *y)
{
    return y->in[1]->size > 0 ? y->size / y->in[1]->size : 0;
}

#endif
