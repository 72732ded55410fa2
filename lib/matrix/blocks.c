/* The blocks of a pattern (blocks.h). */
#include "lib/memory.h"
#include "lib/pattern/pattern_private.h"
#include "lib/sort.h"
#include "lib/status_private.h"

#include <string.h>

int64_t tl_pattern_range(const int64_t *row_ptr, int64_t rows, int64_t n_ranges, int64_t r)
{
    const int64_t row_cost = 4;
    const double target = (double)(row_ptr[rows] + row_cost * rows) * (double)r / (double)n_ranges;
    int64_t low = 0, high = rows;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if ((double)(row_ptr[middle] + row_cost * middle) < target)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t tl_pattern_ranges(int64_t rows, double work)
{
    enum { ROWS = 256, FEW = 8, MOST = 256, WORK = 1 << 17 };
    const double by_rows = (double)((rows + ROWS - 1) / ROWS), by_work = work / WORK;
    const double n = by_rows >= FEW || by_work < by_rows ? by_rows : by_work < FEW ? by_work : FEW;
    const int64_t most = rows < 1 ? 1 : rows < MOST ? rows : MOST;
    return n < 1 ? 1 : n > (double)most ? most : (int64_t)n;
}

/* Blocks that are being made. */
typedef struct making {
    const tl_pattern *p;
    const int32_t *perm;
    int64_t *next;  /* of each row, its first entry that has no piece yet */
    int32_t *used;  /* of each cache line of values, the number of the last part that needs it, or 0 */
    int32_t number; /* of this part; the first is 2, as 0 must not pass for the one before */
    tl_block_part at;
    tl_segment *piece;
    uint16_t *column;
    int32_t *ordered, *line;
} making;

/* What row i has from its next entry to column j1. */
static tl_segment next_piece(making *m, int64_t i, int64_t j1)
{
    const int64_t first = m->next[i];
    while (m->next[i] < m->p->row_ptr[i + 1] && m->p->col[m->next[i]] < j1)
        m->next[i]++;
    return (tl_segment){ (int32_t)i, (int32_t)first, (int32_t)(m->next[i] - first) };
}

/* This part needs value `at`. */
static void use_value(making *m, int64_t at)
{
    int32_t *used = m->used + at / TL_LINE;
    if (*used < m->number - 1)
        m->line[m->at.line++] = (int32_t)at;
    *used = m->number;
}

/* Rows begin .. end-1, up to TL_SORTED_ROWS, in the block of columns j0 .. j1-1: the longest first. */
static void add_pieces(making *m, int64_t begin, int64_t end, int64_t j0, int64_t j1)
{
    tl_segment made[TL_SORTED_ROWS], *piece = m->piece + m->at.piece;
    uint64_t key[TL_SORTED_ROWS], spare[TL_SORTED_ROWS];
    const int bits = tl_bits(TL_SORTED_ROWS); /* of a piece's number, in a key below its length */
    int64_t pieces = 0, longest = 0;
    for (int64_t i = begin; i < end; i++) {
        const tl_segment p = next_piece(m, i, j1);
        if (p.n == 0 && j0 > 0)
            continue;
        made[pieces++] = p;
        longest = p.n > longest ? p.n : longest;
    }
    for (int64_t k = 0; k < pieces; k++)
        key[k] = (uint64_t)(longest - made[k].n) << bits | (uint64_t)k;
    tl_radix_sort(pieces, key, spare, bits, bits + tl_bits((uint64_t)longest + 1));
    for (int64_t k = 0; k < pieces; k++)
        piece[k] = made[key[k] & (((uint64_t)1 << bits) - 1)];
    m->at.piece += pieces;
    for (int64_t k = 0; k < pieces; k++)
        for (int64_t e = piece[k].first; e < piece[k].first + piece[k].n; e++, m->at.entry++) {
            m->column[m->at.entry] = (uint16_t)(m->p->col[e] - j0);
            use_value(m, m->perm ? m->perm[e] : e);
            if (m->perm)
                m->ordered[m->at.entry] = m->perm[e];
        }
}

/* Range r. */
static void add_range(making *m, const tl_blocks *k, int64_t r, tl_block_part *part)
{
    const int64_t begin = tl_pattern_range(m->p->row_ptr, m->p->rows, k->n_ranges, r),
                  end = tl_pattern_range(m->p->row_ptr, m->p->rows, k->n_ranges, r + 1);
    for (int64_t b = 0; b < k->n_blocks; b++) {
        part[b] = m->at;
        m->number++;
        for (int64_t i = begin; i < end; i += TL_SORTED_ROWS)
            add_pieces(m, i, i + TL_SORTED_ROWS < end ? i + TL_SORTED_ROWS : end, b * k->block,
                       (b + 1) * k->block);
    }
}

/* Pieces at most: one for each row, and one wherever a row goes on in another block. */
static int64_t count_pieces(const tl_pattern *p, int64_t block)
{
    int64_t n = p->rows;
    for (int64_t i = 0; i < p->rows; i++)
        for (int64_t e = p->row_ptr[i], last = 0; e < p->row_ptr[i + 1]; e++) {
            n += p->col[e] / block != last;
            last = p->col[e] / block;
        }
    return n;
}

static void free_blocks(tl_cached_blocks *b)
{
    if (b) {
        tl_free((void *)b->of.part);
        tl_free((void *)b->of.piece);
        tl_free((void *)b->of.column);
        tl_free((void *)b->of.perm);
        tl_free((void *)b->of.line);
        tl_free(b);
    }
}

static tl_cached_blocks *build(const tl_pattern *p, int64_t block, const int32_t *perm)
{
    enum { SAMPLES = 128 }; /* in a tile, at most */
    tl_cached_blocks *made = tl_alloc_zero(1, sizeof *made);
    if (!made)
        return NULL;
    const int64_t n_blocks = p->cols > 0 ? (p->cols + block - 1) / block : 1,
                  n_ranges = tl_pattern_ranges(p->rows, (double)p->nnz * SAMPLES),
                  n_pieces = count_pieces(p, block), n_parts = n_ranges * n_blocks + 2,
                  n_columns = p->nnz + TL_COLUMNS_AHEAD, n_ordered = perm ? p->nnz : 0;
    tl_block_part *part = tl_alloc(n_parts, sizeof *part);
    making m = { .p = p,
                 .perm = perm,
                 .next = tl_alloc(p->rows, sizeof *m.next),
                 .number = 1,
                 .used = tl_alloc_zero(p->nnz / TL_LINE + 1, sizeof *m.used),
                 .piece = tl_alloc(n_pieces + 1, sizeof *m.piece),
                 .column = tl_alloc(n_columns, sizeof *m.column),
                 .ordered = perm ? tl_alloc(n_ordered, sizeof *m.ordered) : NULL,
                 .line = tl_alloc(p->nnz, sizeof *m.line) }; /* as many as there can be */
    made->of = (tl_blocks){ block, n_blocks, n_ranges, part, m.piece, m.column, m.ordered, NULL };
    const bool room = part && m.next && m.used && m.piece && m.column && (m.ordered || !perm) && m.line;
    if (room) {
        for (int64_t i = 0; i < p->rows; i++)
            m.next[i] = p->row_ptr[i];
        for (int64_t r = 0; r < n_ranges; r++)
            add_range(&m, &made->of, r, part + r * n_blocks);
        part[n_ranges * n_blocks] = part[n_ranges * n_blocks + 1] = m.at;
        for (int64_t e = p->nnz; e < n_columns; e++)
            m.column[e] = 0;
        m.piece[n_pieces] = (tl_segment){ 0 };
    }
    int32_t *line = room ? tl_alloc(m.at.line, sizeof *line) : NULL;
    if (line)
        memcpy(line, m.line, (size_t)m.at.line * sizeof *line);
    made->of.line = line;
    made->bytes = (int64_t)sizeof *made + n_parts * (int64_t)sizeof *part +
                  (n_pieces + 1) * (int64_t)sizeof *m.piece + n_columns * (int64_t)sizeof *m.column +
                  n_ordered * (int64_t)sizeof *m.ordered + m.at.line * (int64_t)sizeof *line;
    tl_free(m.next);
    tl_free(m.used);
    tl_free(m.line);
    if (!line) {
        free_blocks(made);
        return NULL;
    }
    return made;
}

const tl_blocks *tl_pattern_blocks(const tl_pattern *p, int64_t block, const int32_t *perm)
{
    _Atomic(tl_cached_blocks *) *head = &((tl_pattern *)p)->blocks;
    tl_cached_blocks *fresh = NULL, *first = atomic_load_explicit(head, memory_order_acquire);
    for (;;) {
        for (const tl_cached_blocks *b = first; b; b = b->next)
            if (b->of.block == block && !b->of.perm == !perm) {
                free_blocks(fresh); /* another thread was faster */
                return &b->of;
            }
        if (!fresh && !(fresh = build(p, block, perm))) {
            tl_fail_memory();
            return NULL;
        }
        fresh->next = first;
        if (atomic_compare_exchange_strong(head, &first, fresh))
            return &fresh->of;
    }
}

void tl_pattern_free_blocks(tl_pattern *p)
{
    for (tl_cached_blocks *b = atomic_load(&p->blocks), *next; b; b = next) {
        next = b->next;
        free_blocks(b);
    }
}

int64_t tl_pattern_bytes_of_blocks(const tl_pattern *p)
{
    int64_t bytes = 0;
    for (const tl_cached_blocks *b = atomic_load_explicit(&((tl_pattern *)p)->blocks, memory_order_acquire);
         b; b = b->next)
        bytes += b->bytes;
    return bytes;
}
