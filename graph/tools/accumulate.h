/* Accumulating the gradient of a strip. */
#ifndef TL_ACCUMULATE_H
#define TL_ACCUMULATE_H

#include "elementwise.h"
#include "lib/kernels/kernels.h"

/* Returns the size of a strip where n elements remain. */
static inline int64_t tl_strip_size(int64_t n)
{
    return n < TL_STRIP_MAX ? n : TL_STRIP_MAX;
}

/* Assigns a strip's gradient to grad[0] .. grad[n-1], or adds it. */
static inline void tl_accumulate(tl_strip_fn *gradient, const tl_strip *s, tl_real *grad, bool overwrite)
{
    if (overwrite) {
        gradient(s, grad);
    } else {
        _Alignas(64) tl_real g[TL_STRIP_MAX];
        gradient(s, g);
        tl_kernel_table()->add(s->n, g, grad);
    }
}

#endif
