/* Initialisers of variables. */
#ifndef TL_INIT_H
#define TL_INIT_H

#include "random.h"
#include "variable.h"

/* Random initialisers draw one number per existing value, in order, so that a sparse variable and a masked
 * one of the same pattern get the same weights. Off a mask the values stay +0. TL_ERR_ARGUMENT for NULL,
 * TL_ERR_MEMORY; on failure nothing was drawn. Uniform in [lo, hi), also in float; normal with this standard
 * deviation. */
TL_API tl_status tl_init_constant(tl_variable *v, tl_real value);
TL_API tl_status tl_init_uniform(tl_variable *v, tl_real lo, tl_real hi, tl_random *r);
TL_API tl_status tl_init_normal(tl_variable *v, tl_real mean, tl_real deviation, tl_random *r);

/* Glorot and Bengio 2010: uniform in +-sqrt(6 / (fan_in + fan_out)). He et al. 2015: normal with standard
 * deviation sqrt(2 / fan_in). Units are columns, as in X W: the fan-in of a value is the number of existing
 * connections in its column, its fan-out that in its row. A vector is one row. In rank 3 and 4 (kernels in
 * TensorFlow's order) all dimensions but the last feed a unit, and an input feeds all but the second to
 * last. */
TL_API tl_status tl_init_glorot(tl_variable *v, tl_random *r);
TL_API tl_status tl_init_he(tl_variable *v, tl_random *r);

/* The same with units as rows, as in W X; in rank 3 and 4 units x inputs x .., the filters of tl_conv2d. */
TL_API tl_status tl_init_glorot_rows(tl_variable *v, tl_random *r);
TL_API tl_status tl_init_he_rows(tl_variable *v, tl_random *r);

#endif
