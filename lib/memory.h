/* The library's heap blocks: sizes checked for overflow, aligned to cache lines, from the process's allocator
 * (allocator.h). */
#ifndef TL_MEMORY_H
#define TL_MEMORY_H

#include "base.h"

#define TL_ALIGN 64

/* Allocate n elements of `size` bytes, 64-byte aligned. NULL if memory is short, n < 0 or n * size overflows.
 * A block of no bytes is not NULL and must be freed like any other. tl_alloc_zero clears the block. Neither
 * records an error. */
void *tl_alloc(int64_t n, size_t size);
void *tl_alloc_zero(int64_t n, size_t size);

/* Frees a block. NULL is ignored. */
void tl_free(void *p);

#endif
