/* The memory of one step: many allocations, freed all at once and reused by the next step.
 *
 * With TL_HEAP_ARENA every allocation is a heap block of its own, so that sanitizers see overruns and reads
 * after a reset. */
#ifndef TL_ARENA_H
#define TL_ARENA_H

#include "base.h"

typedef struct tl_arena {
    struct tl_arena_block *first, *current;
    int64_t bytes; /* that the blocks hold, with their headers */
} tl_arena;        /* {0} is an empty arena */

/* Allocate n elements of `size` bytes, 64-byte aligned, uninitialised or zeroed. The arena owns them. NULL if
 * memory is short, n is negative or the product overflows. */
void *tl_arena_alloc(tl_arena *a, int64_t n, size_t size);
void *tl_arena_alloc_zero(tl_arena *a, int64_t n, size_t size);

/* Frees all allocations and keeps the memory for the next step. */
void tl_arena_reset(tl_arena *a);

/* Frees all allocations, and blocks, the last first, until at most `keep` bytes are held. */
void tl_arena_trim(tl_arena *a, int64_t keep);

/* Frees all memory; the arena is then empty and can be used again. */
void tl_arena_free(tl_arena *a);

/* Returns whether p points into an allocation of the arena. */
bool tl_arena_holds(const tl_arena *a, const void *p);

/* Returns the heap bytes that the arena holds. */
int64_t tl_arena_bytes(const tl_arena *a);

#endif
