/* Memory for the two products with a sparse matrix. */
#ifndef TL_SPARSE_WORKSPACE_H
#define TL_SPARSE_WORKSPACE_H

#include "op.h"
#include "lib/matrix/sparse_product.h"

/* For `shape`: allocates the packed operand and the workspace, and builds the block schedules that are cached
 * with the pattern. */
static inline tl_status tl_sparse_product_alloc(tl_node *y, tl_sparse_product *p)
{
    const int64_t packed = tl_sparse_product_x_packed(p), workspace = tl_sparse_product_workspace(p);
    if (packed > 0 && !(p->x_packed = tl_scratch(y, packed, sizeof *p->x_packed)))
        return TL_ERR_MEMORY;
    if (workspace > 0 && tl_reserve_workspace(y, workspace, sizeof *p->workspace) != TL_OK)
        return TL_ERR_MEMORY;
    return tl_sparse_product_prepare(p);
}

/* For `forward` and `backward`: returns y's product, with the current address of the workspace. */
static inline const tl_sparse_product *tl_sparse_product_of(tl_node *y)
{
    tl_sparse_product *p = y->scratch;
    p->workspace = tl_workspace(y);
    return p;
}

#endif
