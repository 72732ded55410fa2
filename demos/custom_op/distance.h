/* An op that the library does not have. */
#ifndef DISTANCE_H
#define DISTANCE_H

#include <tulle/tulle.h>

/* Y(i, k) = factor |X(i, :) - P(k, :)|^2, for n x d samples X and m x d prototypes P; Y is n x m. With factor
 * -1 the rows of Y are the logits of a prototypical network (Snell et al. 2017), with -1 / (2 s^2) those of
 * Gaussians of width s.
 * dX(i, :) = the sum over k of 2 factor dY(i, k) (X(i, :) - P(k, :)); dP(k, :) = the sum over i of
 * 2 factor dY(i, k) (P(k, :) - X(i, :)).
 * TL_ERR_SHAPE unless X and P are matrices with as many columns; TL_ERR_ARGUMENT unless factor is finite. */
tl_node *squared_distance(tl_node *x, tl_node *p, tl_real factor);

#endif
