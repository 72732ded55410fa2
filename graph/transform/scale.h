/* Scaling of one gradient, for the transforms that scale. */
#ifndef TL_SCALE_H
#define TL_SCALE_H

#include "gradient.h"

/* Multiplies the values of the pair by the factor. */
void tl_gradient_scale(const tl_gradient *pair, double factor);

/* Checks the list that a transform was given (tl_check_pairs), in the name of `who`. */
tl_status tl_transform_check(const char *who, const tl_gradients *g);

#endif
