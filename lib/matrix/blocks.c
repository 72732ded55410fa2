/* Builds the block schedule of a pattern, and divides its rows into ranges. */
#include "lib/matrix/blocks.h"
#include "lib/memory.h"
#include "lib/pattern/pattern_private.h"
#include "lib/prefetch.h"
#include "lib/sort.h"
#include "lib/status_private.h"

#include <string.h>

/* ---- Ranges of rows ---- */

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
    enum { ROWS = 256, MIN_RANGES = 8, MAX_RANGES = 256, MIN_WORK = 1 << 17 };
    const double by_rows = (double)((rows + ROWS - 1) / ROWS), by_work = work / MIN_WORK;
    const double n = by_rows >= MIN_RANGES || by_work < by_rows ? by_rows
                     : by_work < MIN_RANGES                     ? by_work
                                                                : MIN_RANGES;
    const int64_t max = rows < 1 ? 1 : rows < MAX_RANGES ? rows : MAX_RANGES;
    return n < 1 ? 1 : n > (double)max ? max : (int64_t)n;
}

/* ---- Building a schedule ---- */

typedef struct builder {
    const tl_pattern *p;
    const int32_t *perm;
    int64_t *next;       /* per row: its first entry that is in no segment yet */
    int32_t *last_use;   /* per cache line of values: the number of the last part that touches it, or 0 */
    int32_t part;        /* the number of the current part; from 2: 0 in last_use is not the part before */
    tl_block_part end;   /* where the arrays below are filled up to */
    tl_segment *segment; /* the arrays of tl_blocks */
    uint16_t *col16;
    int32_t *perm_of_blocks, *prefetch_list;
} builder;

/* Returns the entries of row i in this block, from next[i] up to column j1, and advances next[i]. */
static tl_segment next_segment(builder *m, int64_t i, int64_t j1)
{
    const int64_t first = m->next[i];
    while (m->next[i] < m->p->row_ptr[i + 1] && m->p->col[m->next[i]] < j1)
        m->next[i]++;
    return (tl_segment){ (int32_t)i, (int32_t)first, (int32_t)(m->next[i] - first) };
}

/* Notes that the current part touches this value. Lists its cache line for prefetching, unless it is listed
 * or the part before touches it, too. */
static void touch_value(builder *m, int64_t value)
{
    int32_t *last = m->last_use + value / TL_CACHE_LINE;
    if (*last < m->part - 1)
        m->prefetch_list[m->end.prefetch++] = (int32_t)value;
    *last = m->part;
}

static void add_entries(builder *m, tl_segment s, int64_t j0)
{
    for (int64_t e = s.first; e < s.first + s.n; e++, m->end.entry++) {
        m->col16[m->end.entry] = (uint16_t)(m->p->col[e] - j0);
        touch_value(m, m->perm ? m->perm[e] : e);
        if (m->perm)
            m->perm_of_blocks[m->end.entry] = m->perm[e];
    }
}

/* Adds rows begin .. end-1, up to TL_SORTED_ROWS, in the block of columns j0 .. j1-1, longest segments
 * first. */
static void add_group(builder *m, int64_t begin, int64_t end, int64_t j0, int64_t j1)
{
    tl_segment found[TL_SORTED_ROWS], *segment = m->segment + m->end.segment;
    uint64_t key[TL_SORTED_ROWS], spare[TL_SORTED_ROWS];
    const int bits = tl_bits(TL_SORTED_ROWS); /* a key is a length, descending, above the index in `found` */
    int64_t n = 0, longest = 0;
    for (int64_t i = begin; i < end; i++) {
        const tl_segment s = next_segment(m, i, j1);
        if (s.n == 0 && j0 > 0)
            continue;
        found[n++] = s;
        longest = s.n > longest ? s.n : longest;
    }
    for (int64_t k = 0; k < n; k++)
        key[k] = (uint64_t)(longest - found[k].n) << bits | (uint64_t)k;
    tl_radix_sort(n, key, spare, bits, bits + tl_bits((uint64_t)longest + 1));
    for (int64_t k = 0; k < n; k++)
        segment[k] = found[key[k] & (((uint64_t)1 << bits) - 1)];
    for (int64_t k = 0; k < n; k++)
        add_entries(m, segment[k], j0);
    m->end.segment += n;
}

/* Adds all blocks of range r. */
static void add_range(builder *m, const tl_blocks *k, int64_t r, tl_block_part *part)
{
    const int64_t begin = tl_pattern_range(m->p->row_ptr, m->p->rows, k->n_ranges, r),
                  end = tl_pattern_range(m->p->row_ptr, m->p->rows, k->n_ranges, r + 1);
    for (int64_t b = 0; b < k->n_blocks; b++) {
        part[b] = m->end;
        m->part++;
        for (int64_t i = begin; i < end; i += TL_SORTED_ROWS)
            add_group(m, i, i + TL_SORTED_ROWS < end ? i + TL_SORTED_ROWS : end, b * k->block,
                      (b + 1) * k->block);
    }
}

/* Returns the number of segments: one per row, and one wherever a row continues in another block. */
static int64_t count_segments(const tl_pattern *p, int64_t block)
{
    int64_t n = p->rows;
    for (int64_t i = 0; i < p->rows; i++)
        for (int64_t e = p->row_ptr[i], last = 0; e < p->row_ptr[i + 1]; e++) {
            n += p->col[e] / block != last;
            last = p->col[e] / block;
        }
    return n;
}

/* Fills all arrays, the sentinels at their ends included. */
static void fill(builder *m, const tl_blocks *k, tl_block_part *part)
{
    for (int64_t i = 0; i < m->p->rows; i++)
        m->next[i] = m->p->row_ptr[i];
    for (int64_t r = 0; r < k->n_ranges; r++)
        add_range(m, k, r, part + r * k->n_blocks);
    part[k->n_ranges * k->n_blocks] = part[k->n_ranges * k->n_blocks + 1] = m->end;
    for (int64_t c = 0; c < TL_COLUMNS_AHEAD; c++)
        m->col16[m->end.entry + c] = 0;
    m->segment[m->end.segment] = (tl_segment){ 0 };
}

static tl_cached_blocks *build(const tl_pattern *p, int64_t block, const int32_t *perm)
{
    enum { MAX_SAMPLES = 128 }; /* in the widest tile */
    tl_cached_blocks *built = tl_alloc_zero(1, sizeof *built);
    if (!built)
        return NULL;
    const int64_t n_blocks = p->cols > 0 ? (p->cols + block - 1) / block : 1,
                  n_ranges = tl_pattern_ranges(p->rows, (double)p->nnz * MAX_SAMPLES),
                  n_segments = count_segments(p, block), n_parts = n_ranges * n_blocks + 2,
                  n_columns = p->nnz + TL_COLUMNS_AHEAD, n_perm = perm ? p->nnz : 0;
    tl_block_part *part = tl_alloc(n_parts, sizeof *part);
    builder m = { .p = p,
                  .perm = perm,
                  .next = tl_alloc(p->rows, sizeof *m.next),
                  .part = 1,
                  .last_use = tl_alloc_zero(p->nnz / TL_CACHE_LINE + 1, sizeof *m.last_use),
                  .segment = tl_alloc(n_segments + 1, sizeof *m.segment),
                  .col16 = tl_alloc(n_columns, sizeof *m.col16),
                  .perm_of_blocks = perm ? tl_alloc(n_perm, sizeof *m.perm_of_blocks) : NULL,
                  .prefetch_list = tl_alloc(p->nnz, sizeof *m.prefetch_list) }; /* the most there can be */
    built->blocks =
        (tl_blocks){ block, n_blocks, n_ranges, part, m.segment, m.col16, m.perm_of_blocks, NULL };
    const bool allocated = part && m.next && m.last_use && m.segment && m.col16 &&
                           (m.perm_of_blocks || !perm) && m.prefetch_list;
    if (allocated)
        fill(&m, &built->blocks, part);
    int32_t *list = allocated ? tl_alloc(m.end.prefetch, sizeof *list) : NULL; /* without the unused end */
    if (list)
        memcpy(list, m.prefetch_list, (size_t)m.end.prefetch * sizeof *list);
    built->blocks.prefetch_list = list;
    built->bytes = (int64_t)sizeof *built + n_parts * (int64_t)sizeof *part +
                   (n_segments + 1) * (int64_t)sizeof *m.segment + n_columns * (int64_t)sizeof *m.col16 +
                   n_perm * (int64_t)sizeof *m.perm_of_blocks + m.end.prefetch * (int64_t)sizeof *list;
    tl_free(m.next);
    tl_free(m.last_use);
    tl_free(m.prefetch_list);
    if (!list) {
        tl_cached_blocks_free(built);
        return NULL;
    }
    return built;
}

const tl_blocks *tl_pattern_blocks(const tl_pattern *p, int64_t block, const int32_t *perm)
{
    const tl_blocks *cached = tl_pattern_cached_blocks(p, block, perm);
    if (cached)
        return cached;
    tl_cached_blocks *built = build(p, block, perm);
    if (!built) {
        tl_fail_memory();
        return NULL;
    }
    return tl_pattern_cache_blocks(p, built);
}
