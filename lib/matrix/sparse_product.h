/* Products of a sparse and a dense matrix, in every layout, and their gradients. */
#ifndef TL_SPARSE_PRODUCT_H
#define TL_SPARSE_PRODUCT_H

#include "pattern.h"

/* Y = W X, where W is S or S^T (`transposed`) and X has n columns, one per sample. X and Y are stored with
 * features as rows or (`by_sample`) with samples as rows, that is as X^T and Y^T. */
typedef struct tl_sparse_product {
    const tl_pattern *pattern; /* of S */
    bool transposed, x_by_sample, y_by_sample;
    int64_t n;
    bool x_mutable;     /* X may be modified between forward and backward */
    tl_real *x_packed;  /* X in tiles, if it is stored by sample: forward fills it, backward reads it again */
    tl_real *workspace; /* of forward or backward, not kept between them */
} tl_sparse_product;

/* Return the numbers of rows of W X and of X. */
int64_t tl_sparse_product_rows(const tl_sparse_product *p);
int64_t tl_sparse_product_depth(const tl_sparse_product *p);

/* Return the numbers of values that x_packed and workspace must hold. 0: not used, may be NULL. */
int64_t tl_sparse_product_x_packed(const tl_sparse_product *p);
int64_t tl_sparse_product_workspace(const tl_sparse_product *p);

/* Builds the transpose and the block schedules that the products below need; the pattern caches them.
 * TL_ERR_MEMORY if memory is short. */
tl_status tl_sparse_product_prepare(const tl_sparse_product *p);

/* Y = W X */
void tl_sparse_product_forward(const tl_sparse_product *p, const tl_real *values, const tl_real *x,
                               tl_real *y);

/* dvalues = (add_values: +=) dY X^T (transposed: X dY^T), sampled at the pattern; dX = (add_x: +=) W^T dY.
 * One that is NULL is not computed. If both are computed, one walk over W^T loads each row of dY once for the
 * two. */
void tl_sparse_product_backward(const tl_sparse_product *p, const tl_real *values, const tl_real *x,
                                const tl_real *dy, tl_real *dvalues, bool add_values, tl_real *dx,
                                bool add_x);

#endif
