/* The n largest of a sequence of keys, found in one pass and in memory for n: a heap with the smallest at its
 * root. Of equal keys the first ones are kept. */
#ifndef TL_LARGEST_H
#define TL_LARGEST_H

#include "base.h"

typedef struct tl_keyed {
    uint64_t key;
    int64_t position;
} tl_keyed;

typedef struct tl_largest {
    tl_keyed *heap; /* [capacity], the caller's */
    int64_t n, capacity;
} tl_largest;

/* Considers a key. Positions must ascend from call to call. */
void tl_largest_offer(tl_largest *l, uint64_t key, int64_t position);

#endif
