/* Software prefetch of rows that are accessed at random: the hardware prefetcher cannot predict them. */
#ifndef TL_PREFETCH_H
#define TL_PREFETCH_H

#include "base.h"

enum { TL_CACHE_LINE = 64 / sizeof(tl_real) }; /* values in a cache line */

/* Prefetches a row of `width` values that will be read or, if `written` (a compile-time constant), modified.
 * Of a wider row, only the first `longest` values: the hardware prefetcher does the rest. */
static inline void tl_prefetch_row(const tl_real *row, int64_t width, int64_t longest, const bool written)
{
    const int64_t end = width < longest ? width : longest;
    for (int64_t k = 0; k < end; k += TL_CACHE_LINE)
        if (written)
            __builtin_prefetch(row + k, 1);
        else
            __builtin_prefetch(row + k);
}

#endif
