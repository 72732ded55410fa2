/* What the two products with a sparse matrix share. */
#ifndef TL_SPARSE_WORKSPACE_H
#define TL_SPARSE_WORKSPACE_H

#include "op.h"
#include "lib/matrix/sparse_product.h"

/* For `shape`: room for packed operands, and what the product keeps with the pattern. */
static inline tl_status tl_sparse_product_alloc(tl_node *y, tl_sparse_product *p)
{
    const int64_t x = tl_sparse_product_x_packed(p);
    if (x > 0 && !(p->x_packed = tl_scratch(y, x, sizeof *p->x_packed)))
        return TL_ERR_MEMORY;
    const int64_t room = tl_sparse_product_workspace(p);
    if (room > 0 && tl_reserve_workspace(y, room, sizeof *p->workspace) != TL_OK)
        return TL_ERR_MEMORY;
    return tl_sparse_product_prepare(p);
}

/* For `forward` and `backward`. */
static inline const tl_sparse_product *tl_sparse_product_of(tl_node *y)
{
    tl_sparse_product *p = y->scratch;
    p->workspace = tl_workspace(y);
    return p;
}

#endif
