/* The logistic function, by the form that does not overflow. */
#ifndef TL_LOGISTIC_H
#define TL_LOGISTIC_H

#include "base.h"

#include <tgmath.h>

static inline tl_real tl_logistic(tl_real x)
{
    tl_real e = exp(-fabs(x));
    return (x < 0 ? e : 1) / (1 + e);
}

#endif
