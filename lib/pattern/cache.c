/* The caches of a pattern: its transpose, built here, and block schedules, built by lib/matrix/blocks.c. */
#include "lib/pattern/pattern_private.h"
#include "lib/memory.h"
#include "lib/status_private.h"

/* ---- Transpose ---- */

static void free_transposed(tl_transposed *t)
{
    tl_pattern_release(t->pattern);
    tl_free(t->perm);
    tl_free(t);
}

static tl_transposed *build_transpose(const tl_pattern *p)
{
    tl_transposed *t = tl_alloc_zero(1, sizeof *t);
    if (!t)
        return NULL;
    t->pattern = tl_pattern_alloc(p->cols, p->rows, p->nnz);
    t->perm = tl_alloc(p->nnz, sizeof *t->perm);
    if (!t->pattern || !t->perm) {
        free_transposed(t);
        return NULL;
    }
    /* next[j]: where the next entry of column j goes. It starts at element 1 of row_ptr: once all entries are
     * placed, row_ptr is complete. */
    int64_t *next = t->pattern->row_ptr + 1;
    for (int64_t e = 0; e < p->nnz; e++)
        next[p->col[e]]++;
    for (int64_t j = 0, at = 0; j < p->cols; j++) {
        int64_t count = next[j];
        next[j] = at;
        at += count;
    }
    for (int64_t i = 0; i < p->rows; i++)
        for (int64_t e = p->row_ptr[i]; e < p->row_ptr[i + 1]; e++) {
            int64_t to = next[p->col[e]]++;
            t->pattern->col[to] = (int32_t)i;
            t->perm[to] = (int32_t)e;
        }
    return t;
}

const tl_pattern *tl_pattern_transpose(const tl_pattern *p, const int32_t **perm)
{
    if (!p) {
        tl_fail(TL_ERR_ARGUMENT, "pattern_transpose: the pattern is NULL");
        return NULL;
    }
    _Atomic(tl_transposed *) *cached = &((tl_pattern *)p)->transposed;
    tl_transposed *t = atomic_load_explicit(cached, memory_order_acquire);
    if (!t) {
        tl_transposed *fresh = build_transpose(p);
        if (!fresh) {
            tl_fail_memory();
            return NULL;
        }
        if (atomic_compare_exchange_strong(cached, &t, fresh)) {
            t = fresh;
        } else { /* another thread was faster */
            free_transposed(fresh);
        }
    }
    if (perm)
        *perm = t->perm;
    return t->pattern;
}

/* ---- Block schedules: a list that only grows, at its head ---- */

static const tl_blocks *find(const tl_cached_blocks *list, int64_t block, bool permuted)
{
    for (const tl_cached_blocks *b = list; b; b = b->next)
        if (b->blocks.block == block && (b->blocks.perm != NULL) == permuted)
            return &b->blocks;
    return NULL;
}

const tl_blocks *tl_pattern_cached_blocks(const tl_pattern *p, int64_t block, bool permuted)
{
    return find(atomic_load_explicit(&((tl_pattern *)p)->blocks, memory_order_acquire), block, permuted);
}

const tl_blocks *tl_pattern_cache_blocks(const tl_pattern *p, tl_cached_blocks *fresh)
{
    _Atomic(tl_cached_blocks *) *head = &((tl_pattern *)p)->blocks;
    tl_cached_blocks *first = atomic_load_explicit(head, memory_order_acquire);
    do {
        const tl_blocks *cached = find(first, fresh->blocks.block, fresh->blocks.perm);
        if (cached) { /* another thread was faster */
            tl_cached_blocks_free(fresh);
            return cached;
        }
        fresh->next = first;
    } while (!atomic_compare_exchange_strong(head, &first, fresh));
    return &fresh->blocks;
}

void tl_cached_blocks_free(tl_cached_blocks *b)
{
    tl_free((void *)b->blocks.part);
    tl_free((void *)b->blocks.segment);
    tl_free((void *)b->blocks.col16);
    tl_free((void *)b->blocks.perm);
    tl_free((void *)b->blocks.prefetch_list);
    tl_free(b);
}

/* ---- Both ---- */

void tl_pattern_free_caches(tl_pattern *p)
{
    tl_transposed *t = atomic_load(&p->transposed);
    if (t)
        free_transposed(t);
    for (tl_cached_blocks *b = atomic_load(&p->blocks), *next; b; b = next) {
        next = b->next;
        tl_cached_blocks_free(b);
    }
}

int64_t tl_pattern_cache_bytes(const tl_pattern *p)
{
    tl_pattern *mutable = (tl_pattern *)p;
    const tl_transposed *t = atomic_load_explicit(&mutable->transposed, memory_order_acquire);
    int64_t bytes = t ? tl_pattern_bytes(t->pattern) + p->nnz * (int64_t)sizeof *t->perm : 0;
    const tl_cached_blocks *b = atomic_load_explicit(&mutable->blocks, memory_order_acquire);
    for (; b; b = b->next)
        bytes += b->bytes;
    return bytes;
}
