/* Memory of one step: taken piece by piece, given back all at once, kept for the next step.
 *
 * With TL_HEAP_ARENA every piece is a heap block of its own, so that sanitizers see overruns and reads after
 * a reset. */
#ifndef TL_ARENA_H
#define TL_ARENA_H

#include "base.h"

typedef struct tl_arena {
    struct tl_arena_block *first, *current;
} tl_arena; /* {0} is an empty arena */

/* n elements of `size` bytes, 64-byte aligned, not cleared; NULL if memory is short. The arena owns them. */
void *tl_arena_alloc(tl_arena *a, int64_t n, size_t size);
void *tl_arena_alloc_zero(tl_arena *a, int64_t n, size_t size);

/* Takes every piece back; a like sequence of requests then needs no new memory. */
void tl_arena_reset(tl_arena *a);

/* Returns all memory; the arena is empty and can be used again. */
void tl_arena_free(tl_arena *a);

/* Whether p points into a piece of the arena. */
bool tl_arena_holds(const tl_arena *a, const void *p);

/* Bytes of heap that the arena holds. */
int64_t tl_arena_bytes(const tl_arena *a);

#endif
