/* What optimizers with a moving average of the gradient share. */
#ifndef TL_MOMENT_H
#define TL_MOMENT_H

#include "base.h"

#include <float.h>

#ifdef TULLE_DOUBLE
#define TL_REAL_MIN DBL_MIN
#else
#define TL_REAL_MIN FLT_MIN
#endif

/* x, or 0 for a subnormal x. An average that only fades would stay at the smallest subnormal for good (0.9
 * of it rounds back to it), where it moves no weight but makes every step slow. */
static inline tl_real tl_without_dust(tl_real x)
{
    return x < TL_REAL_MIN && x > -TL_REAL_MIN ? 0 : x;
}

#endif
