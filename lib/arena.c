/* A chain of heap blocks, filled front to back. The chain is kept over a reset, so equal steps find equal
 * room in it. */
#include "lib/arena.h"
#include "lib/memory.h"

#include <string.h>

typedef struct tl_arena_block {
    struct tl_arena_block *next;
    int64_t size, used; /* bytes behind the header, which takes TL_ALIGN bytes itself */
} block;

#ifdef TL_HEAP_ARENA
enum { SMALLEST = 0 };
#else
enum { SMALLEST = 1 << 16 };
#endif

static block *block_new(tl_arena *a, int64_t bytes)
{
    int64_t held = tl_arena_bytes(a) / 2; /* grow geometrically: few blocks, whatever the step needs */
    int64_t size = SMALLEST == 0 || bytes > SMALLEST + held ? bytes : SMALLEST + held;
    block *b = tl_alloc(size + TL_ALIGN, 1);
    if (b)
        *b = (block){ .size = size };
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
    if (!b || b->size - b->used < bytes || SMALLEST == 0) {
        /* the exact size under sanitizers: one byte too far is an overrun there */
        block *fresh = block_new(a, SMALLEST == 0 ? n * (int64_t)size : bytes);
        if (!fresh)
            return NULL;
        if (b)
            b->next = fresh;
        else
            a->first = fresh;
        b = fresh;
    }
    void *piece = (char *)b + TL_ALIGN + b->used;
    b->used += SMALLEST == 0 ? b->size : bytes;
    a->current = b;
    return piece;
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
    if (SMALLEST == 0)
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

bool tl_arena_holds(const tl_arena *a, const void *p)
{
    const block *b = a->first;
    while (b && (uintptr_t)p - (uintptr_t)b >= (uintptr_t)(TL_ALIGN + b->used))
        b = b->next;
    return b != NULL;
}

int64_t tl_arena_bytes(const tl_arena *a)
{
    int64_t bytes = 0;
    for (const block *b = a->first; b; b = b->next)
        bytes += b->size + TL_ALIGN;
    return bytes;
}
