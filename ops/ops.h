/* The operations: one prototype each, with its formula. Y is the result, dX the gradient with respect to X.
 *
 * Every op returns a node of its inputs' graph, or NULL (and accepts NULL) once something has failed; see
 * graph.h. "Rows" of a tensor of rank 3 or 4 are all its dimensions but the last, folded. Ids, labels and
 * other plain arrays are borrowed until the graph's reset. A dimension of 0 is legal everywhere. */
#ifndef TL_OPS_H
#define TL_OPS_H

#include "graph.h"
#include "random.h"

typedef enum tl_trans { TL_NO_TRANSPOSE, TL_TRANSPOSE_A, TL_TRANSPOSE_B, TL_TRANSPOSE_BOTH } tl_trans;

/* ---- Sparse ---- */

/* Y = op(S) op(D), S sparse m x k, D k x n, `t` says which are transposed (A is S, B is D): samples as
 * columns. dS = dY op(D)^T at S's pattern only; dD = op(S)^T dY. No temporary grows with m k or with nnz
 * n. */
TL_API tl_node *tl_sparse_dense_matmul(tl_node *s, tl_node *d, tl_trans t);

/* Y = op(D) op(S) (A is D, B is S): samples as rows. D of rank 3 or 4 is folded unless transposed. Gradients
 * likewise. */
TL_API tl_node *tl_dense_sparse_matmul(tl_node *d, tl_node *s, tl_trans t);

/* Y = A + B for A sparse: with B sparse, sparse on the union of both patterns (zeros are kept); with B
 * dense, dense. Shapes must be equal. */
TL_API tl_node *tl_sparse_add(tl_node *a, tl_node *b);

/* Y = fill everywhere, S at its pattern; fill is a scalar node, or NULL for 0. dS = dY at the pattern;
 * dfill = sum of dY off it. */
TL_API tl_node *tl_sparse_to_dense(tl_node *s, tl_node *fill);

/* Y = D at p, sparse; zeros are kept. dD += dY at p. */
TL_API tl_node *tl_dense_to_sparse(tl_node *d, tl_pattern *p);

/* Rows of a table: Y(i, :) = T(ids[i], :); the shape is ids_shape followed by T's without its first
 * dimension. dT is row-sparse. TL_ERR_INDEX for an id out of range. */
TL_API tl_node *tl_embedding_lookup(tl_node *table, const int32_t *ids, tl_shape ids_shape);

/* Bags of ids in compressed form: bag b holds ids[row_ptr[b]] .. ids[row_ptr[b + 1] - 1]. */
typedef struct tl_pattern_bag {
    int64_t n;              /* bags */
    const int64_t *row_ptr; /* n + 1, from 0, ascending */
    const int32_t *ids;
    bool has_padding; /* ids equal to padding_id are skipped */
    int32_t padding_id;
} tl_pattern_bag;

typedef enum tl_combiner { TL_SUM, TL_MEAN, TL_SQRTN } tl_combiner;

/* One row for each bag, with e_k = T(ids[k], :) and w_k = weights[k], 1 without weights: sum: Y = sum w e;
 * mean: Y = sum w e / sum w; sqrtn: Y = sum w e / sqrt(sum w^2). An empty bag, or a divisor of 0, gives a
 * row of 0 with zero gradients. `weights` is a vector of as many values as there are ids, or NULL. dT is
 * row-sparse; dw_k = <e_k, dY>; <e_k - Y, dY> / W; <e_k, dY> / Q - w_k <Y, dY> / Q^2. */
TL_API tl_node *tl_embedding_lookup_sparse(tl_node *table, const tl_pattern_bag *bags, tl_node *weights,
                                           tl_combiner c);

/* ---- Dense ---- */

/* Y = A B. A's leading dimensions are folded into rows and come back in Y; B is a matrix.
 * dA = dY B^T, dB = A^T dY. */
TL_API tl_node *tl_matmul(tl_node *a, tl_node *b);

/* Y = op(A) op(B). A transposed A must be a matrix. */
TL_API tl_node *tl_matmul_transposed(tl_node *a, tl_node *b, tl_trans t);

/* Y(i, :) = A(i, :) + b, b as long as A's last dimension. dA = dY, db = sum of dY over rows. */
TL_API tl_node *tl_bias(tl_node *a, tl_node *b);

/* Elementwise; B has A's shape, or is broadcast: a vector as long as A's last dimension, or a scalar,
 * whose gradient is the sum over what it met. */
TL_API tl_node *tl_add(tl_node *a, tl_node *b); /* A + B: dA = dY, dB = dY */
TL_API tl_node *tl_sub(tl_node *a, tl_node *b); /* A - B: dA = dY, dB = -dY */
TL_API tl_node *tl_mul(tl_node *a, tl_node *b); /* A B: dA = dY B, dB = dY A */

/* Elementwise functions of one tensor. Subgradients at a kink are 0. */
TL_API tl_node *tl_scale(tl_node *a, tl_real factor); /* c A: dA = c dY */
TL_API tl_node *tl_relu(tl_node *a);                  /* max(A, 0): dA = dY where A > 0 */

/* max(A + b, 0), b added to every row: tl_relu(tl_bias(a, b)) in one pass. */
TL_API tl_node *tl_bias_relu(tl_node *a, tl_node *b);
TL_API tl_node *tl_tanh(tl_node *a);    /* tanh A: dA = dY (1 - Y^2) */
TL_API tl_node *tl_sigmoid(tl_node *a); /* 1 / (1 + exp(-A)): dA = dY Y (1 - Y) */

/* Over one axis, 0 .. rank-1, which disappears from the shape; or over TL_ALL_AXES, which gives a scalar.
 * A mean over nothing is 0. */
#define TL_ALL_AXES (-1)
TL_API tl_node *tl_reduce_sum(tl_node *a, int32_t axis);  /* dA = dY, repeated along the axis */
TL_API tl_node *tl_reduce_mean(tl_node *a, int32_t axis); /* dA = dY / n */

/* The same values, row-major, in another shape of as many elements. dA = dY. */
TL_API tl_node *tl_reshape(tl_node *a, tl_shape shape);

/* Each value is kept with probability 1 - p and scaled by 1 / (1 - p), else 0; 0 <= p <= 1. Draw number k
 * of `r` decides values 4 k to 4 k + 3; r moves on past them. dA = dY where kept, scaled alike.
 * (Srivastava et al. 2014) */
TL_API tl_node *tl_dropout(tl_node *a, tl_real p, tl_random *r);

/* ---- Losses: scalars ---- */

/* Mean over rows of -log softmax(X(i, :))[labels[i]], by log-sum-exp with the maximum taken out; 0 for no
 * rows. dX(i, :) = (softmax(X(i, :)) - onehot) dY / rows. TL_ERR_INDEX for a label out of range. */
TL_API tl_node *tl_softmax_cross_entropy(tl_node *logits, const int32_t *labels);

/* The same with a weight for each row (NULL: all 1): sum w_i loss_i / sum w_i (as PyTorch), 0 where the
 * weights sum to 0. A row of weight 0 is not looked at. */
TL_API tl_node *tl_softmax_cross_entropy_weighted(tl_node *logits, const int32_t *labels,
                                                  const tl_real *weights);

/* Mean over all elements of max(x, 0) - x z + log1p(exp(-|x|)), targets z of the same shape, each 0 to 1.
 * dx = (sigmoid(x) - z) dY / n, dz = -x dY / n. */
TL_API tl_node *tl_sigmoid_cross_entropy(tl_node *logits, tl_node *targets);

/* Mean over all elements of (a - b)^2, shapes equal. dA = 2 (A - B) dY / n, dB = -dA. */
TL_API tl_node *tl_mse(tl_node *a, tl_node *b);

#endif
