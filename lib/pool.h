/* Heap blocks that are given back one by one, in any order, and reused. What is kept for reuse is bounded: a
 * pool never holds more than was in use at one time since the last trim.
 *
 * With TL_HEAP_ARENA nothing is kept, so that sanitizers see reads of what was given back. */
#ifndef TL_POOL_H
#define TL_POOL_H

#include "base.h"

typedef struct tl_pool {
    struct tl_pool_block *in_use, *unused;
    int64_t bytes;      /* that the pool holds, with the headers of the blocks */
    int64_t used, most; /* of these, in use; the largest number since the last trim */
} tl_pool;              /* {0} is an empty pool */

/* Returns n elements of `size` bytes, 64-byte aligned, uninitialised. NULL if memory is short, n is negative
 * or the product overflows. */
void *tl_pool_take(tl_pool *p, int64_t n, size_t size);

/* Gives an allocation back. NULL is ignored. */
void tl_pool_give(tl_pool *p, void *allocation);

/* Gives all allocations back. */
void tl_pool_reset(tl_pool *p);

/* The same, and frees memory until at most `keep` bytes are held. */
void tl_pool_trim(tl_pool *p, int64_t keep);

/* Make a list of allocations: `next` follows `allocation`, NULL at first. */
void tl_pool_link(void *allocation, void *next);
void *tl_pool_next(const void *allocation);

#endif
