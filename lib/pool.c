/* Two lists of blocks: those in use, and those that were given back and wait for a request of about their
 * size. */
#include "lib/pool.h"
#include "lib/memory.h"

typedef struct tl_pool_block {
    struct tl_pool_block *before, *after; /* in its list; before is not kept up to date among the unused */
    int64_t bytes;                        /* with this header, which takes TL_ALIGN of them */
    void *next;                           /* the program's */
} block;

#ifdef TL_HEAP_ARENA
enum { ROUND = 1, KEEPS = false }; /* the exact size: sanitizers then see an overrun by one byte */
#else
enum { ROUND = TL_ALIGN, KEEPS = true };
#endif

static block *block_of(const void *allocation)
{
    return (block *)(void *)((char *)(uintptr_t)allocation - TL_ALIGN);
}

/* Frees unused blocks, the one that was given back last first, until at most `keep` bytes are held. */
static void free_unused(tl_pool *p, int64_t keep)
{
    for (block *b = p->unused, *after; b && p->bytes > keep; b = after) {
        after = b->after;
        p->bytes -= b->bytes;
        p->unused = after;
        tl_free(b);
    }
}

/* Removes and returns the smallest unused block that is large enough, and at most a quarter too large. */
static block *reuse(tl_pool *p, int64_t bytes)
{
    block **best = NULL;
    for (block **at = &p->unused; *at; at = &(*at)->after)
        if ((*at)->bytes >= bytes && (*at)->bytes - bytes <= bytes / 4 &&
            (!best || (*at)->bytes < (*best)->bytes))
            best = at;
    block *b = best ? *best : NULL;
    if (b)
        *best = b->after;
    return b;
}

static block *block_new(tl_pool *p, int64_t bytes)
{
    const int64_t most = p->used + bytes > p->most ? p->used + bytes : p->most;
    free_unused(p, most - bytes);
    block *b = tl_alloc(bytes, 1);
    if (!b)
        return NULL;
    b->bytes = bytes;
    p->bytes += bytes;
    return b;
}

void *tl_pool_take(tl_pool *p, int64_t n, size_t size)
{
    if (n < 0 || (size > 0 && n > (PTRDIFF_MAX / 2 - p->used) / (int64_t)size))
        return NULL;
    const int64_t bytes = TL_ALIGN + (n * (int64_t)size + ROUND - 1) / ROUND * ROUND;
    block *b = reuse(p, bytes);
    if (!b)
        b = block_new(p, bytes);
    if (!b)
        return NULL;
    b->before = NULL;
    b->after = p->in_use;
    b->next = NULL;
    if (p->in_use)
        p->in_use->before = b;
    p->in_use = b;
    p->used += b->bytes;
    if (p->used > p->most)
        p->most = p->used;
    return (char *)b + TL_ALIGN;
}

void tl_pool_give(tl_pool *p, void *allocation)
{
    if (!allocation)
        return;
    block *b = block_of(allocation);
    if (b->after)
        b->after->before = b->before;
    if (b->before)
        b->before->after = b->after;
    else
        p->in_use = b->after;
    p->used -= b->bytes;
    b->after = p->unused;
    p->unused = b;
    if (!KEEPS)
        free_unused(p, 0);
}

void tl_pool_reset(tl_pool *p)
{
    while (p->in_use)
        tl_pool_give(p, (char *)p->in_use + TL_ALIGN);
}

void tl_pool_trim(tl_pool *p, int64_t keep)
{
    tl_pool_reset(p);
    free_unused(p, keep > 0 ? keep : 0);
    p->most = p->bytes;
}

void tl_pool_link(void *allocation, void *next)
{
    block_of(allocation)->next = next;
}

void *tl_pool_next(const void *allocation)
{
    return block_of(allocation)->next;
}
