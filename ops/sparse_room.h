/* What the two products with a sparse matrix share. */
#ifndef TL_SPARSE_ROOM_H
#define TL_SPARSE_ROOM_H

#include "op.h"
#include "sparse_product.h"

/* For `shape`: room for packed operands, and what the product keeps with the pattern. */
static inline tl_status tl_sparse_product_take_room(tl_node *y, tl_sparse_product *p)
{
    const int64_t x = tl_sparse_product_x_room(p), dy = tl_sparse_product_y_room(p);
    if (x > 0 && !(p->x_packed = tl_scratch(y, x, sizeof(tl_real))))
        return TL_ERR_MEMORY;
    if (dy > 0 && !(p->y_packed = tl_scratch(y, dy, sizeof(tl_real))))
        return TL_ERR_MEMORY;
    return tl_sparse_product_prepare(p);
}

#endif
