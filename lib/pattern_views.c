/* What a pattern derives from itself at the first use and keeps: its transpose, and its entries by blocks
 * of columns. */
#include "pattern_private.h"
#include "memory.h"
#include "status_private.h"

static void free_transposed(tl_transposed *t)
{
    tl_pattern_release(t->pattern);
    tl_free(t->order);
    tl_free(t);
}

static tl_transposed *build_transpose(const tl_pattern *p)
{
    tl_transposed *t = tl_alloc_zero(1, sizeof *t);
    if (!t)
        return NULL;
    t->pattern = tl_pattern_unfilled(p->cols, p->rows, p->nnz);
    t->order = tl_alloc(p->nnz, sizeof *t->order);
    if (!t->pattern || !t->order) {
        free_transposed(t);
        return NULL;
    }
    /* start[j]: where the next entry of column j goes. Held one place up, it ends as the row pointer. */
    int64_t *start = t->pattern->row_ptr;
    for (int64_t e = 0; e < p->nnz; e++)
        start[p->col[e] + 1]++;
    for (int64_t j = 0, at = 0; j < p->cols; j++) {
        int64_t count = start[j + 1];
        start[j + 1] = at;
        at += count;
    }
    for (int64_t i = 0; i < p->rows; i++)
        for (int64_t e = p->row_ptr[i]; e < p->row_ptr[i + 1]; e++) {
            int64_t to = start[p->col[e] + 1]++;
            t->pattern->col[to] = (int32_t)i;
            t->order[to] = (int32_t)e;
        }
    return t;
}

const tl_pattern *tl_pattern_transpose(const tl_pattern *p, const int32_t **order)
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
    if (order)
        *order = t->order;
    return t->pattern;
}

static int64_t count_blocks(const tl_pattern *p, int64_t block)
{
    return (p->cols + block - 1) / block;
}

static tl_blocks *build_blocks(const tl_pattern *p, int64_t block)
{
    const int64_t n = count_blocks(p, block);
    tl_blocks *made = tl_alloc((int64_t)sizeof *made + (n + 1) * p->rows * (int64_t)sizeof *made->start, 1);
    if (!made)
        return NULL;
    made->block = block;
    made->bytes = (int64_t)sizeof *made + (n + 1) * p->rows * (int64_t)sizeof *made->start;
    int32_t *start = made->start;
    for (int64_t i = 0; i < p->rows; i++) {
        int64_t e = p->row_ptr[i];
        for (int64_t b = 0; b <= n; b++) {
            while (e < p->row_ptr[i + 1] && p->col[e] < b * block)
                e++;
            start[b * p->rows + i] = (int32_t)e;
        }
    }
    return made;
}

const int32_t *tl_pattern_blocks(const tl_pattern *p, int64_t block)
{
    _Atomic(tl_blocks *) *head = &((tl_pattern *)p)->blocks;
    tl_blocks *fresh = NULL, *first = atomic_load_explicit(head, memory_order_acquire);
    for (;;) {
        for (const tl_blocks *b = first; b; b = b->next)
            if (b->block == block) {
                tl_free(fresh); /* another thread was faster */
                return b->start;
            }
        if (!fresh && !(fresh = build_blocks(p, block))) {
            tl_fail_memory();
            return NULL;
        }
        fresh->next = first;
        if (atomic_compare_exchange_strong(head, &first, fresh))
            return fresh->start;
    }
}

void tl_pattern_free_views(tl_pattern *p)
{
    tl_transposed *t = atomic_load(&p->transposed);
    if (t)
        free_transposed(t);
    for (tl_blocks *b = atomic_load(&p->blocks), *next; b; b = next) {
        next = b->next;
        tl_free(b);
    }
}

int64_t tl_pattern_bytes_of_views(const tl_pattern *p)
{
    tl_pattern *mutable = (tl_pattern *)p;
    const tl_transposed *t = atomic_load_explicit(&mutable->transposed, memory_order_acquire);
    int64_t bytes = 0;
    if (t)
        bytes += tl_pattern_bytes(t->pattern) + p->nnz * (int64_t)sizeof *t->order;
    for (const tl_blocks *b = atomic_load_explicit(&mutable->blocks, memory_order_acquire); b; b = b->next)
        bytes += b->bytes;
    return bytes;
}
