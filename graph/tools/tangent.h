/* Tools for the `tangent` of an op (op.h). The tangent of an op that is linear is one word:
 *
 *     .tangent = tl_linear_tangent
 *
 * and the others call ops. Of tanh, whose result Y moves by (1 - Y^2) dA:
 *
 *     static tl_node *tangent(tl_node *y, tl_node *const *dx)
 *     {
 *         return tl_sub(dx[0], tl_mul(tl_mul(y, y), dx[0]));
 *     }
 *
 * What these functions return is NULL, with the error in the graph, if an op fails or memory is short. */
#ifndef TL_TANGENT_H
#define TL_TANGENT_H

#include "op.h"

/* The tangent of an op that is linear in all its inputs together, as a sum is: the op applied to the
 * directions, with zeros for inputs that do not move. */
TL_API tl_node *tl_linear_tangent(tl_node *y, tl_node *const *dx);

/* The same for an op that adds its inputs: the only one that moves is not added to zeros if it is like Y. */
TL_API tl_node *tl_sum_tangent(tl_node *y, tl_node *const *dx);

/* The tangent of an op that is linear in each input while the others are constant, as a product is: the sum
 * over the inputs that move of the op applied to the inputs, with dx[i] in place of input i. */
TL_API tl_node *tl_multilinear_tangent(tl_node *y, tl_node *const *dx);

/* Returns the sum of those of n nodes that are not NULL, as directions of what does not move are: the only
 * one itself, NULL if there is none. They have one shape or are sparse on one pattern (TL_ERR_SHAPE). Each
 * receives dY. */
TL_API tl_node *tl_sum_of(int32_t n, tl_node *const *a);

/* Returns A where the values of `by` are above 0, otherwise 0: with by = Y the tangent of relu. `by` is like
 * A (TL_ERR_SHAPE), and is a constant here: dA = dY where by > 0, and the derivative by `by`, which is 0 but
 * for kinks, is not computed. */
TL_API tl_node *tl_gate(tl_node *a, const tl_node *by);

/* Returns a node of this shape whose element k is element from[k] of A, 0 where from[k] is -1: the tangent of
 * an op that selects elements, as a maximum does. `from` must stay until the reset. dA(from[k]) = dY(k).
 * TL_ERR_INDEX. */
TL_API tl_node *tl_pick(tl_node *a, tl_shape shape, const int64_t *from);

/* For an op that reads the rows ids[n] of a TL_ROWS input that moves by dx: returns the table to read in
 * place of dx, and sets *at to its rows, [n]. These are dx and ids, unless the direction is given by rows,
 * as tl_hessian_product gives that of a row-sparse pair: then it is a small table of these rows and one of
 * zeros, in which the padding id, if `padding` is not NULL, is -1. The cost follows the rows, not the
 * table. */
TL_API tl_node *tl_moved_rows(tl_node *dx, int64_t n, const int32_t *ids, const int32_t *padding,
                              const int32_t **at);

/* Returns a constant of zeros like a: of its shape and, if it is sparse, on its pattern. */
TL_API tl_node *tl_zeros_like(const tl_node *a);

#endif
