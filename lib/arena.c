/* A chain of heap blocks, filled front to back. The chain survives a reset: a step that repeats the last
 * one's requests allocates nothing. */
#include "lib/arena.h"
#include "lib/memory.h"

#include <string.h>
#if defined(TL_HEAP_ARENA) && defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

typedef struct tl_arena_block {
    struct tl_arena_block *next;
    int64_t size, used; /* bytes after the header, which itself takes TL_ALIGN bytes */
} block;

#ifdef TL_HEAP_ARENA
enum { MIN_BLOCK = 0 };
#else
enum { MIN_BLOCK = 1 << 16 };
#endif

/* Lets the sanitizer see what is read or written just before an allocation. */
static void fence(block *b)
{
#if defined(TL_HEAP_ARENA) && defined(__SANITIZE_ADDRESS__)
    __asan_poison_memory_region(b + 1, TL_ALIGN - sizeof *b);
#else
    (void)b;
#endif
}

static block *block_new(tl_arena *a, int64_t bytes)
{
    int64_t regular = MIN_BLOCK + tl_arena_bytes(a) / 2; /* geometric growth: few blocks for any step */
    int64_t size = MIN_BLOCK == 0 || bytes > regular ? bytes : regular;
    block *b = tl_alloc(size + TL_ALIGN, 1);
    if (!b)
        return NULL;
    *b = (block){ .size = size };
    a->bytes += size + TL_ALIGN;
    fence(b);
    return b;
}

void *tl_arena_alloc(tl_arena *a, int64_t n, size_t size)
{
    if (n < 0 || (size > 0 && n > (PTRDIFF_MAX - 2 * TL_ALIGN) / (int64_t)size))
        return NULL;
    int64_t bytes = (n * (int64_t)size + TL_ALIGN - 1) / TL_ALIGN * TL_ALIGN;
    block *b = a->current ? a->current : a->first;
    while (b && b->size - b->used < bytes && b->next)
        b = b->next;
    if (!b || b->size - b->used < bytes || MIN_BLOCK == 0) {
        /* a heap arena allocates the exact size: sanitizers then see an overrun by one byte */
        block *fresh = block_new(a, MIN_BLOCK == 0 ? n * (int64_t)size : bytes);
        if (!fresh)
            return NULL;
        if (b)
            b->next = fresh;
        else
            a->first = fresh;
        b = fresh;
    }
    void *allocation = (char *)b + TL_ALIGN + b->used;
    b->used += MIN_BLOCK == 0 ? b->size : bytes;
    a->current = b;
    return allocation;
}

void *tl_arena_alloc_zero(tl_arena *a, int64_t n, size_t size)
{
    void *p = tl_arena_alloc(a, n, size);
    if (p)
        memset(p, 0, (size_t)n * size);
    return p;
}

void tl_arena_reset(tl_arena *a)
{
    if (MIN_BLOCK == 0)
        tl_arena_free(a);
    for (block *b = a->first; b; b = b->next)
        b->used = 0;
    a->current = NULL;
}

void tl_arena_free(tl_arena *a)
{
    for (block *b = a->first, *next; b; b = next) {
        next = b->next;
        tl_free(b);
    }
    *a = (tl_arena){ 0 };
}

void tl_arena_trim(tl_arena *a, int64_t keep)
{
    tl_arena_reset(a);
    block **at = &a->first;
    int64_t kept = 0;
    while (*at && (*at)->size + TL_ALIGN <= keep - kept) {
        kept += (*at)->size + TL_ALIGN;
        at = &(*at)->next;
    }
    a->bytes = kept;
    tl_arena rest = { .first = *at };
    *at = NULL;
    tl_arena_free(&rest);
}

bool tl_arena_holds(const tl_arena *a, const void *p)
{
    const block *b = a->first;
    while (b && (uintptr_t)p - (uintptr_t)b >= (uintptr_t)(TL_ALIGN + b->used))
        b = b->next;
    return b != NULL;
}

int64_t tl_arena_bytes(const tl_arena *a)
{
    return a->bytes;
}
