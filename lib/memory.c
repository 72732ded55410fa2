/* Aligned heap blocks, and the allocator they come from. */
#define _DEFAULT_SOURCE /* madvise */
#include "lib/memory.h"
#include "allocator.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20 };

/* Large blocks ask for huge pages: otherwise a random access to a large table misses both the cache and the
 * TLB. The request is a hint: where the system refuses it, the block has ordinary pages. */
static void *default_allocate(void *context, size_t alignment, size_t size)
{
    (void)context;
    const bool large = size >= HUGE_PAGE;
    void *p = NULL;
    if (posix_memalign(&p, large && alignment < HUGE_PAGE ? HUGE_PAGE : alignment, size) != 0)
        return NULL;
#ifdef MADV_HUGEPAGE
    if (large)
        (void)madvise(p, size, MADV_HUGEPAGE);
#endif
    return p;
}

static void default_release(void *context, void *block)
{
    (void)context;
    free(block);
}

static const tl_allocator standard = { .allocate = default_allocate, .release = default_release };
static tl_allocator custom;
static const tl_allocator *current = &standard; /* constant once `in_use` */
static atomic_bool in_use;

const tl_allocator *tl_default_allocator(void)
{
    return &standard;
}

tl_status tl_set_allocator(const tl_allocator *a)
{
    if (a && (!a->allocate || !a->release))
        return tl_fail(TL_ERR_ARGUMENT, "set_allocator: %s is NULL", a->allocate ? "release" : "allocate");
    if (atomic_load(&in_use))
        return tl_fail(TL_ERR_ARGUMENT, "set_allocator: must be called before the library first allocates");
    if (a)
        custom = *a;
    current = a ? &custom : &standard;
    return TL_OK;
}

void *tl_alloc(int64_t n, size_t size)
{
    const size_t max_bytes = (size_t)PTRDIFF_MAX - TL_ALIGN;
    if (n < 0 || (size > 0 && (uint64_t)n > max_bytes / size))
        return NULL;
    /* written once: the threads share its cache line */
    if (!atomic_load_explicit(&in_use, memory_order_relaxed))
        atomic_store_explicit(&in_use, true, memory_order_relaxed);
    const size_t bytes = (size_t)n * size;
    return current->allocate(current->context, TL_ALIGN, bytes > 0 ? bytes : 1);
}

void *tl_alloc_zero(int64_t n, size_t size)
{
    void *p = tl_alloc(n, size);
    if (p)
        memset(p, 0, (size_t)n * size);
    return p;
}

void tl_free(void *p)
{
    if (p)
        current->release(current->context, p);
}
