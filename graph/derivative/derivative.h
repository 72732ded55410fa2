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

#endif
