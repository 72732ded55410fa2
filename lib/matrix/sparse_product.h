/* Products of a sparse matrix with a dense one, in every layout, and their gradients. */
#ifndef TL_SPARSE_PRODUCT_H
#define TL_SPARSE_PRODUCT_H

#include "pattern.h"

/* Y = W X with W = S or S^T (`transposed`), X of n columns, one a sample. X and Y lie in memory with features
 * as rows, or, `by_sample`, with samples as rows (then they are the transposes). */
typedef struct tl_sparse_product {
    const tl_pattern *pattern; /* of S */
    bool transposed, x_by_sample, y_by_sample;
    int64_t n;
    bool x_mutable;     /* X may be another in backward than it was in forward */
    tl_real *x_packed;  /* X for the kernels, if it lies by sample: filled by forward, for backward, too */
    tl_real *workspace; /* for either to work in */
} tl_sparse_product;

/* Rows of W X and of X. */
int64_t tl_sparse_product_rows(const tl_sparse_product *p);
int64_t tl_sparse_product_depth(const tl_sparse_product *p);

/* How many values x_packed and room must hold; 0: they are not used. */
int64_t tl_sparse_product_x_packed(const tl_sparse_product *p);
int64_t tl_sparse_product_workspace(const tl_sparse_product *p);

/* Builds what the product keeps with the pattern; TL_ERR_MEMORY. To be called before the others. */
tl_status tl_sparse_product_prepare(const tl_sparse_product *p);

/* Y = W X */
void tl_sparse_product_forward(const tl_sparse_product *p, const tl_real *values, const tl_real *x,
                               tl_real *y);

/* dvalues = dY X^T or X dY^T at the pattern (add_values: +=); dX = W^T dY (add_x: +=). Either may be NULL:
 * not wanted. With both, each row of dY is loaded once for the two. */
void tl_sparse_product_backward(const tl_sparse_product *p, const tl_real *values, const tl_real *x,
                                const tl_real *dy, tl_real *dvalues, bool add_values, tl_real *dx,
                                bool add_x);

#endif
