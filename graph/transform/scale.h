/* Scaling of one gradient, for the transforms that scale. */
#ifndef TL_SCALE_H
#define TL_SCALE_H

#include "gradient.h"

/* Multiplies the values of the pair by the factor. */
void tl_gradient_scale(const tl_gradient *pair, double factor);

#endif
