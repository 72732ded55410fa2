/* Tools for ops that multiply matrices: the check of their shapes, and the memory of a sparse product. The
 * products themselves are in matrix.h. */
#ifndef TL_PRODUCT_H
#define TL_PRODUCT_H

#include "describe.h"
#include "matrix.h"

/* Y = op(A) op(B) for inputs 0 and 1 of an op: m x n is m x k times k x n. */
typedef struct tl_product {
    bool a_transposed, b_transposed;
    int64_t m, n, k;
    tl_shape shape; /* of Y: A's leading dimensions, then n */
} tl_product;

/* For `shape`: sets *p to the product of y's first two inputs, dense or sparse, as t transposes them. A of
 * any rank but 0 is folded into a matrix, but must be one to be transposed; B is a matrix. TL_ERR_ARGUMENT
 * if t is not a tl_trans; TL_ERR_SHAPE: "3x4 times 5x6: 4 is not 5". */
TL_API tl_status tl_product_check(const tl_node *y, tl_trans t, tl_product *p);

/* For `shape`: fails with TL_ERR_SHAPE. Before the text of the format is "3x4 times w (5x6) transposed: ", of
 * y's first two inputs as t transposes them. */
TL_API tl_status tl_product_fail(const tl_node *y, tl_trans t, const char *format, ...) TL_PRINTF(3, 4);

/* For `shape`: prepares p, takes p->packed from y's scratch memory, if there will be a backward, and reserves
 * the workspace, which forward and backward pass on: tl_workspace(y). TL_ERR_MEMORY. */
TL_API tl_status tl_product_prepare(tl_node *y, tl_sparse_product *p);

/* For `describe`: states the attribute "transpose", "a", "b" or "both"; nothing for TL_NO_TRANSPOSE, and the
 * number if t is not a tl_trans. */
TL_API void tl_describe_trans(tl_description *to, tl_trans t);

#endif
