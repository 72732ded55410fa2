/* Products and row sums on plain arrays, for authors of ops: the dense product, the product with a sparse
 * matrix and its gradients, and rows of a table by number.
 *
 * Nothing here fails but tl_sparse_product_prepare. Sizes are not negative, and any may be 0; arrays without
 * elements may be NULL. A result overlaps no operand. All of it is assigned, whatever was there or, where
 * `add` is set, added to.
 *
 * Every function runs on all threads (parallel.h). An element of a result is summed on one thread, in an
 * order that depends on the sizes and the instruction set (isa.h) alone: its bits depend neither on the
 * number of threads nor on where the arrays are. Products are fused with sums where there is fused
 * multiply-add. */
#ifndef TL_MATRIX_H
#define TL_MATRIX_H

#include "pattern.h"
#include "views.h"

/* ---- The dense product ---- */

/* C = A B (add: C += A B). A is m x k, B is k x n, C is row-major m x n; with k = 0 the product is 0. A long
 * sum is made of sums of consecutive products, so that it does not lose digits. */
TL_API void tl_gemm(int64_t m, int64_t n, int64_t k, tl_matrix a, tl_matrix b, tl_real *c, bool add)
    TL_REAL_SYMBOL(tl_gemm);

/* ---- Products with a sparse matrix ----
 *
 *     tl_sparse_product p = { .pattern = pattern, .n = n };        Y = S X, samples as columns
 *     if (tl_sparse_product_prepare(&p) != TL_OK) ...              takes no memory but the pattern's own
 *     p.packed = ...p.n_packed values..., workspace = ...p.n_workspace values...
 *     tl_sparse_product_forward(&p, &(tl_sparse_operands){ .values = s, .x = x, .y = y, .workspace = w });
 *
 * An op takes the memory from its graph: product.h does. */

/* Y = W X, where W is S or its transpose and X has a column for each of n samples. X and Y are stored with
 * features as rows or, by sample, with samples as rows, that is as X^T and Y^T. */
typedef struct tl_sparse_product {
    /* Set by the caller. */
    const tl_pattern *pattern;     /* of S; not retained */
    bool transposed;               /* W is S^T, otherwise S */
    bool x_by_sample, y_by_sample; /* samples are rows, otherwise features are */
    bool x_mutable;                /* X may change between forward and backward, which reads it again */
    int64_t n;
    tl_real *packed; /* n_packed values, the caller's: forward packs X there, and backward reads it; NULL if
                        there is no backward */

    /* Set by tl_sparse_product_prepare: numbers of values, 0 where an array is not used and may be NULL. */
    int64_t n_packed, n_workspace;
} tl_sparse_product;

/* The arrays of one call. `values` and `dvalues` have an element per entry of S, in the pattern's order. */
typedef struct tl_sparse_operands {
    const tl_real *values; /* not read if only dvalues is computed */
    const tl_real *x;
    tl_real *y;               /* of forward */
    const tl_real *dy;        /* of backward, as the rest */
    tl_real *dvalues, *dx;    /* NULL: not computed */
    bool add_dvalues, add_dx; /* add to the gradient, otherwise overwrite it */
    tl_real *workspace;       /* n_workspace values; nothing in it outlives the call */
} tl_sparse_operands;

/* Builds the transpose and the schedules that the product needs, which the pattern caches and owns, and sets
 * n_packed and n_workspace. TL_ERR_ARGUMENT if p or its pattern is NULL or n is negative; TL_ERR_MEMORY. */
TL_API tl_status tl_sparse_product_prepare(tl_sparse_product *p);

/* Y = W X. An element is summed over its row's entries in their order. */
TL_API void tl_sparse_product_forward(const tl_sparse_product *p, const tl_sparse_operands *o)
    TL_REAL_SYMBOL(tl_sparse_product_forward);

/* dX = W^T dY, an element summed over its row's entries in their order; dvalues = dY X^T (transposed: X dY^T)
 * at the entries of S only, each summed over the samples, tile by tile. No temporary has an element per cell
 * of S, or per entry and sample, and both together take one walk over W.
 *
 * Without dX this is the sampled product of two dense matrices (SDDMM). It needs no forward before it unless
 * X is stored by sample and x_mutable is false. */
TL_API void tl_sparse_product_backward(const tl_sparse_product *p, const tl_sparse_operands *o)
    TL_REAL_SYMBOL(tl_sparse_product_backward);

/* Rows first .. first + n - 1 of dY X^T (transposed: X dY^T), all cells of them, are added to the row-major
 * rows[n x columns of S]: of what dvalues has at the entries of S. Reads x and dy only. A caller that goes
 * through a gradient in this way never has all of it in memory. */
TL_API void tl_sparse_product_gradient_rows(const tl_sparse_product *p, const tl_sparse_operands *o,
                                            int64_t first, int64_t n, tl_real *rows)
    TL_REAL_SYMBOL(tl_sparse_product_gradient_rows);

/* ---- Rows of a table ----
 *
 * A table X has rows of `width` values, one after the other; so has a result Y. Numbers of rows are not
 * checked: tl_check_ids does. Rows are read at random, and prefetched. */

/* Y(i, :) = X(rows[i], :) for i = 0 .. n-1. */
TL_API void tl_gather_rows(int64_t n, int64_t width, const int32_t *rows, const tl_real *x, tl_real *y)
    TL_REAL_SYMBOL(tl_gather_rows);

/* Weighted sums of rows: of a bag of words, or of the neighbours in a graph. */
typedef struct tl_row_sums {
    int64_t n, width;
    const int64_t *ptr;  /* n + 1, ascending: sum i has the terms ptr[i] .. ptr[i + 1] - 1 */
    const int32_t *row;  /* of each term, in any order */
    const tl_real *coef; /* of each term */
} tl_row_sums;

/* Y(i, :) = (add: +=) the sum over the terms e of sum i of coef[e] X(row[e], :); of no terms, 0. An element
 * is summed in the order of the terms: the first 256, the next 256 and so on, and these sums in double. */
TL_API void tl_sum_rows(const tl_row_sums *s, const tl_real *x, tl_real *y, bool add)
    TL_REAL_SYMBOL(tl_sum_rows);

#endif
