/* The operations that have sparse matrices in their formulas, and those that look rows up; a part of ops.h,
 * which says what holds for every op. */
#ifndef TL_SPARSE_OPS_H
#define TL_SPARSE_OPS_H

#include "graph.h"
#include "views.h"

/* Y = op(S) op(D), with op(S) sparse m x k, op(D) k x n, Y dense m x n: samples as columns. In `t`, S is A
 * and D is B. dS = dY op(D)^T at S's pattern, transposed as S is; dD = op(S)^T dY, transposed as D is. The
 * work is proportional to nnz n, and no temporary has m k or nnz n elements. (TensorFlow:
 * sparse.sparse_dense_matmul.) */
TL_API tl_node *tl_sparse_dense_matmul(tl_node *s, tl_node *d, tl_trans t);

/* Y = op(D) op(S), with op(D) m x k, op(S) sparse k x n, Y dense: samples as rows, as in X W. In `t`, D is
 * A and S is B. D of any rank but 0 is folded, and Y has its leading dimensions; a transposed D is a matrix.
 * dD = dY op(S)^T, transposed as D is; dS = op(D)^T dY at S's pattern, transposed as S is.
 * Work and temporaries as above. */
TL_API tl_node *tl_dense_sparse_matmul(tl_node *d, tl_node *s, tl_trans t);

/* Y = A + B, with A sparse and B of the same shape, without broadcasting. If B is sparse, Y is sparse on the
 * union of the patterns, which is cached for the next step; entries that sum to 0 stay. If B is dense, Y is
 * dense.
 * dA = dY at A's pattern; dB = dY, at B's pattern if B is sparse.
 * (TensorFlow: sparse.add without a threshold.) */
TL_API tl_node *tl_sparse_add(tl_node *a, tl_node *b);

/* Y = A + B, both sparse, without the entries of magnitude below the threshold. They are dropped also where
 * only one of A and B has them. What is dropped has no gradient. Y's pattern follows the values at the call.
 * It is the same object from step to step while the entries are the same, and the step has one such sum of
 * A's and B's patterns. A threshold of 0 drops nothing, and none drops a NaN. TL_ERR_ARGUMENT if it is
 * negative or NaN. (TensorFlow: sparse.add with a threshold, from which it exempts entries of one side.) */
TL_API tl_node *tl_sparse_add_thresholded(tl_node *a, tl_node *b, tl_real threshold);

/* Y = A B, all sparse, with A m x k and B k x n. Y has an entry (i, j) where there is a k with entries (i, k)
 * of A and (k, j) of B, and it stays if it sums to 0. The graph owns the pattern, and caches it for the next
 * step. An element is summed in double.
 * dA = dY B^T at A's pattern; dB = A^T dY at B's. The work is proportional to the number of products, the
 * workspace no larger than Y or a row and a column. TL_ERR_ARGUMENT for more than INT32_MAX entries. */
TL_API tl_node *tl_sparse_sparse_matmul(tl_node *a, tl_node *b);

/* Y = op(A) op(B) at the entries of the pattern p, sparse. op(A) m x k and op(B) k x n are dense matrices,
 * and p is m x n. Nothing else is computed: the work is proportional to nnz k, and no temporary has m n or
 * nnz k elements. The graph retains p.
 * dA = dY op(B)^T, transposed as A is; dB = op(A)^T dY, transposed as B is; dY is sparse.
 * (PyTorch: sparse.sampled_addmm; also known as SDDMM.) */
TL_API tl_node *tl_sampled_matmul(tl_node *a, tl_node *b, tl_pattern *p, tl_trans t);

/* Y = S at its pattern and `fill` elsewhere, dense, in S's shape. `fill` is a scalar node, or NULL for 0.
 * dS = dY at the pattern; dfill = the sum of dY elsewhere.
 * (TensorFlow: sparse.to_dense.) */
TL_API tl_node *tl_sparse_to_dense(tl_node *s, tl_node *fill);

/* Y = D at the pattern p, sparse. D has p's shape, and a 0 of D becomes an entry like any other.
 * dD = dY at p, 0 elsewhere.
 * The graph retains p. (PyTorch: Tensor.sparse_mask.) */
TL_API tl_node *tl_dense_to_sparse(tl_node *d, tl_pattern *p);

/* Y(i, :) = T(ids[i], :): rows of a table along its first dimension. `ids` has tl_shape_size(ids_shape)
 * elements; Y's shape is ids_shape followed by T's without its first dimension, of rank TL_MAX_RANK at most.
 * dT(ids[i], :) = dY(i, :), row-sparse: the gradients of an id that is repeated are added, and backward costs
 * what the ids do, whatever the size of the table.
 * TL_ERR_INDEX unless each id is in 0..rows-1. (TensorFlow: nn.embedding_lookup.) */
TL_API tl_node *tl_embedding_lookup(tl_node *table, const int32_t *ids, tl_shape ids_shape);

/* Y(i, :) = T(ids[i], :), and 0 where ids[i] is padding_id, which need not be a row. Otherwise as above; the
 * gradient is that of the other ids. (PyTorch: nn.functional.embedding, whose padding has a row of T.) */
TL_API tl_node *tl_embedding_lookup_padded(tl_node *table, const int32_t *ids, tl_shape ids_shape,
                                           int32_t padding_id);

/* How the rows of a table are spread over n shards. Both ways, shard i has rows / n of them, and the first
 * rows % n shards have one more. */
typedef enum tl_partition {
    TL_MOD, /* row r is row r / n of shard r % n */
    TL_DIV  /* shard i has the next rows after those of shard i - 1 */
} tl_partition;

/* Y(i, :) = R(i, :) c / max(c, |R(i, :)|), with R(i, :) = T(ids[i], :) and c = max_norm. T's rows are spread
 * over the n tables, which have rows of one shape; |..| is the root of the sum of squares. c = 0 sets no
 * bound: Y = R. A row with an infinity or a NaN is not changed, and no table ever is.
 * dT(ids[i], :) = dY(i, :), or (c / |R|) (dY(i, :) - R <R, dY(i, :)> / |R|^2) where |R| > c, row-sparse as
 * above, in each table.
 * TL_ERR_SHAPE unless the tables have their numbers of rows; TL_ERR_INDEX unless each id is in 0 .. rows of
 * all tables - 1; TL_ERR_ARGUMENT for a negative c. (TensorFlow: nn.embedding_lookup.) */
TL_API tl_node *tl_embedding_lookup_partitioned(tl_node *const *tables, int32_t n, const int32_t *ids,
                                                tl_shape ids_shape, tl_partition strategy, double max_norm);

/* Bags of ids in compressed form: bag b holds ids[row_ptr[b]] .. ids[row_ptr[b + 1] - 1]. */
typedef struct tl_pattern_bag {
    int64_t n;              /* number of bags */
    const int64_t *row_ptr; /* n + 1, starting at 0, ascending */
    const int32_t *ids;
    bool has_padding; /* ids equal to padding_id are skipped */
    int32_t padding_id;
    int64_t n_ids; /* elements of ids, all of which the bags must hold; 0: not told, and not checked */
} tl_pattern_bag;

/* What a bag's rows become: a sum, divided by D = 1, sum w or sqrt(sum w^2), or the largest or the smallest
 * element of each column. */
typedef enum tl_combiner { TL_SUM, TL_MEAN, TL_SQRTN, TL_MAX, TL_MIN } tl_combiner;

/* Y(b, :) = (sum of w_k e_k) / D over the ids k of bag b that are not padding, with e_k = T(ids[k], :) and
 * w_k = weights[k]. T is a matrix, or a vector as a matrix of one column; Y has a row per bag and T's
 * columns; `weights` is a vector with an element per id, padding included, or NULL for weights of 1.
 * dT(ids[k], :) = w_k dY(b, :) / D, row-sparse as above.
 * dw_k = <e_k, dY(b, :)> / D for TL_SUM, <e_k - Y(b, :), dY(b, :)> / D for TL_MEAN and
 * <e_k - (w_k / D) Y(b, :), dY(b, :)> / D for TL_SQRTN.
 * For TL_MAX and TL_MIN, which take no weights, Y(b, j) is the largest or smallest e_k(j), a NaN if there is
 * one, and dT(ids[k], j) = dY(b, j) for the first k with that e_k(j); backward takes memory for the rows of
 * all ids. A bag without ids, or with D = 0, gives a row of 0, and its gradients are 0.
 * TL_ERR_INDEX unless each id is padding or in 0..rows-1; TL_ERR_ARGUMENT unless row_ptr starts at 0, ascends
 * and ends at n_ids, if that is not 0, and for more than 2^31 - 1 bags or ids.
 * (TensorFlow: nn.embedding_lookup_sparse; PyTorch: embedding_bag.) */
TL_API tl_node *tl_embedding_lookup_sparse(tl_node *table, const tl_pattern_bag *bags, tl_node *weights,
                                           tl_combiner c);

#endif
