/* Derivatives along a direction, as nodes on the tape, and with them second order: products with the Hessian,
 * and losses that contain derivatives. */
#ifndef TL_DERIVATIVE_H
#define TL_DERIVATIVE_H

#include "gradient.h"

/* Returns how y moves where each of the n nodes x[i] moves by dx[i]: the sum over i of (dy/dx[i]) dx[i], the
 * product of the Jacobian with a vector (forward mode). An x[i] is a variable's leaf, an input or a result,
 * and moves by dx[i] even if its own inputs move otherwise; dx[i] has its shape and, if it is sparse, its
 * pattern, and may be a constant or depend on variables. The derivative is a node like y, recorded by calling
 * ops: tl_backward takes its gradient, and another tl_derivative a higher one. If y depends on no x[i], it is
 * a constant of zeros, which is exact.
 *
 * It is computed from the values that the variables have now: no optimizer step may come between y and it.
 * NULL, with the error in the graph: an op on the way that has no tangent, named in the message, a NULL, a
 * node of another graph or one listed twice (TL_ERR_ARGUMENT); a dx[i] unlike x[i] (TL_ERR_SHAPE,
 * TL_ERR_KIND); TL_ERR_MEMORY. (Rall, "Automatic Differentiation", 1981; PyTorch: func.jvp.) */
TL_API tl_node *tl_derivative(tl_node *y, int32_t n, tl_node *const *x, tl_node *const *dx);

/* Computes the product of the Hessian of a scalar loss with the vector v, one pair per variable: the gradient
 * of the loss's derivative along v. Out come pairs for the variables of v, in their order, of the kinds that
 * tl_backward gives. An absent pair of v (values == NULL) counts as zeros, a dense pair may stand for a
 * row-sparse one and the reverse, and a variable that is not in v does not move. A variable on which the
 * derivative does not depend, as of a loss that is linear in it or does not use it, gets an absent pair,
 * which is exact. Off the mask of a masked variable there are no weights: v is not read there, and the
 * product is 0.
 *
 * v and *out may be the same list, and v need not be of the loss's graph, but is checked as
 * tl_apply_gradients checks pairs. It takes the time of two to three gradients; what it records stays on
 * the tape until the reset. Errors stick to the graph: those of tl_derivative, a loss that is not a scalar
 * (TL_ERR_SHAPE) or is sparse (TL_ERR_KIND), a list that is empty or has a repeat, a pair that does not
 * fit its variable (TL_ERR_ARGUMENT, TL_ERR_KIND, TL_ERR_INDEX); TL_ERR_MEMORY. (Pearlmutter, "Fast exact
 * multiplication by the Hessian", 1994; PyTorch: autograd.functional.hvp.) */
TL_API tl_status tl_hessian_product(tl_node *loss, const tl_gradients *v, tl_gradients *out);

#endif
