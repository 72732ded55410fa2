/* The allocator of the library's heap memory: the default one, or the program's own.
 *
 * It provides the memory of everything that the library creates: variables, patterns, optimizers, graphs and
 * their steps, IDX arrays. The library keeps no block for itself: once the program has freed all of these,
 * every block has been released.
 *
 * Other libraries have allocators of their own, which this does not change: BLIS's for packing buffers, the C
 * library's for thread stacks and the buffers of files, and zlib's for what it unzips. */
#ifndef TL_ALLOCATOR_H
#define TL_ALLOCATOR_H

#include "status.h"

/* Both functions may be called by several threads at once, and a block may be released by a thread that did
 * not allocate it. Neither may call the library, except for the functions of tl_default_allocator(). */
typedef struct tl_allocator {
    void *context; /* passed to both functions */
    /* Returns `size` uninitialised bytes (size > 0), aligned to `alignment`, a power of two and today always
     * 64. NULL if memory is short: the library's call then fails with TL_ERR_MEMORY. */
    void *(*allocate)(void *context, size_t alignment, size_t size);
    /* Releases a block that `allocate` returned; never NULL. */
    void (*release)(void *context, void *block);
} tl_allocator;

/* Sets the allocator of the process. *a is copied; NULL is the default allocator. Returns TL_ERR_ARGUMENT and
 * changes nothing if a function is missing or if the library has already allocated, as every block must be
 * released by the allocator it came from. Until then the call may be repeated. No other thread may use the
 * library meanwhile. */
TL_API tl_status tl_set_allocator(const tl_allocator *a);

/* Returns the default allocator, for allocators that count or limit and leave the rest to it: posix_memalign,
 * with huge pages for blocks of 2 MB or more where the system has them. Never NULL; owned by the library. */
TL_API const tl_allocator *tl_default_allocator(void);

#endif
