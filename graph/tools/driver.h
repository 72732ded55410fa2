/* What the drivers of unary and binary ops share. */
#ifndef TL_DRIVER_H
#define TL_DRIVER_H

#include "elementwise.h"
#include "lib/kernels/kernels.h"

/* Runs tl_parallel_for, whose cost shows in small loops, unless there is one task. */
static inline void tl_run_tasks(int64_t n, int64_t grain,
                                void (*body)(void *context, int64_t begin, int64_t end), void *context)
{
    if (n > grain)
        tl_parallel_for(n, grain, body, context);
    else if (n > 0)
        body(context, 0, n);
}

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
