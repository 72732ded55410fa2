/* What transforms share. */
#ifndef TL_SCALE_H
#define TL_SCALE_H

#include "gradient.h"

void tl_gradient_scale(const tl_gradient *pair, double factor);

#endif
