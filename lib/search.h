/* Binary search in sorted arrays. */
#ifndef TL_SEARCH_H
#define TL_SEARCH_H

#include "base.h"

/* Returns the first index in low .. high-1 whose element is at least x, high if there is none. The elements
 * in that range ascend. */
static inline int64_t tl_lower_bound(const int32_t *sorted, int64_t low, int64_t high, int64_t x)
{
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (sorted[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

#endif
