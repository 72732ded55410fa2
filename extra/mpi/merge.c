/* Lists of rows: merging, sums of merged rows, and distinct rows. */
#include "private.h"

#include <string.h>

/* Returns what lists are ordered by: their next row, then their number. */
static uint64_t key_of(const tl_mpi_list *list, int32_t k)
{
    return (uint64_t)list[k].row[0] << 32 | (uint64_t)k;
}

/* Moves the key at `at` of a heap of n keys, the least first, down to its place. */
static void sift_down(int32_t n, uint64_t *heap, int32_t at)
{
    const uint64_t key = heap[at];
    while (at < n / 2) {
        int32_t child = 2 * at + 1;
        child += child + 1 < n && heap[child + 1] < heap[child];
        if (key <= heap[child])
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = key;
}

/* Adds the next row of list k. Returns where its entries end. */
static int64_t take_row(tl_mpi_list *list, int32_t k, int64_t width, int64_t entries, tl_mpi_merged *out)
{
    if (out->n == 0 || out->row[out->n - 1] != list[k].row[0]) {
        out->row[out->n] = list[k].row[0];
        out->first[out->n++] = entries;
    }
    out->block[entries] = k;
    out->offset[entries] = list[k].values_at;
    list[k].n--;
    list[k].row++;
    list[k].values_at += width;
    return entries + 1;
}

void tl_mpi_merge(tl_mpi *m, int32_t n, tl_mpi_list *list, int64_t width, tl_mpi_merged *out)
{
    int64_t most = 0, entries = 0;
    int32_t waiting = 0; /* lists that are not empty */
    for (int32_t k = 0; k < n; k++)
        most += list[k].n;
    *out = (tl_mpi_merged){
        .row = tl_mpi_take(m, &m->sum, most, sizeof *out->row),
        .block = tl_mpi_take(m, &m->sum, most, sizeof *out->block),
        .first = tl_mpi_take(m, &m->sum, most + 1, sizeof *out->first),
        .offset = tl_mpi_take(m, &m->sum, most, sizeof *out->offset),
    };
    uint64_t *heap = tl_mpi_take(m, &m->sum, n, sizeof *heap);
    if (!out->row || !out->block || !out->first || !out->offset || !heap)
        return;
    for (int32_t k = 0; k < n; k++)
        if (list[k].n > 0)
            heap[waiting++] = key_of(list, k);
    for (int32_t at = waiting / 2; at-- > 0;)
        sift_down(waiting, heap, at);
    while (waiting > 0) {
        const int32_t k = (int32_t)(heap[0] & UINT32_MAX);
        entries = take_row(list, k, width, entries, out);
        heap[0] = list[k].n > 0 ? key_of(list, k) : heap[--waiting];
        sift_down(waiting, heap, 0);
    }
    out->first[out->n] = entries;
}

/* ---- Sums ---- */

/* Rows that are summed, or copied where there is one term. */
typedef struct row_sums {
    const tl_mpi *m;
    const tl_mpi_block *block;
    const tl_mpi_merged *from;
    int64_t width;
    tl_real *terms, *sums;
} row_sums;

static void sum_range(void *context, int64_t begin, int64_t end)
{
    const row_sums *r = context;
    for (int64_t i = begin; i < end; i++) {
        const int64_t first = r->from->first[i];
        const tl_mpi_terms terms = { (int32_t)(r->from->first[i + 1] - first), r->from->block + first,
                                     r->from->offset + first, r->terms };
        memcpy(r->sums + i * r->width, tl_mpi_join(r->m, r->block, &terms, r->width),
               (size_t)r->width * sizeof(tl_real));
    }
}

void tl_mpi_join_rows(const tl_mpi *m, const tl_mpi_block *block, const tl_mpi_merged *rows, int64_t width,
                      tl_real *terms, tl_real *sums)
{
    row_sums r = { m, block, rows, width, terms, sums };
    tl_parallel_rows(rows->n, width, sum_range, &r);
}

/* ---- Distinct rows ---- */

/* Sorts keys by the rows in their upper halves, of which `most` is the largest; those of a row keep their
 * order. Returns where they are: in `key` or in `spare`. */
static uint64_t *sort_by_row(int64_t n, uint64_t *key, uint64_t *spare, int64_t most)
{
    enum { DIGIT = 8, BINS = 1 << DIGIT };
    for (int at = 32; most >> (at - 32) > 0; at += DIGIT) {
        int64_t start[BINS + 1] = { 0 };
        for (int64_t k = 0; k < n; k++)
            start[(key[k] >> at) % BINS + 1]++;
        for (int bin = 0; bin < BINS; bin++)
            start[bin + 1] += start[bin];
        for (int64_t k = 0; k < n; k++)
            spare[start[(key[k] >> at) % BINS]++] = key[k];
        uint64_t *sorted = spare;
        spare = key;
        key = sorted;
    }
    return key;
}

tl_status tl_mpi_find_distinct(tl_mpi *m, int64_t n, const int32_t *rows, tl_mpi_distinct *out)
{
    uint64_t *key = tl_mpi_take(NULL, &m->call, n, sizeof *key); /* row << 32 | its place in the list */
    uint64_t *spare = tl_mpi_take(NULL, &m->call, n, sizeof *spare);
    int32_t *row = tl_mpi_take(NULL, &m->call, n, sizeof *row),
            *of = tl_mpi_take(NULL, &m->call, n, sizeof *of);
    *out = (tl_mpi_distinct){ 0, row, of };
    int64_t most = 0;
    if (!key || !spare || !row || !of)
        return TL_ERR_MEMORY;
    for (int64_t k = 0; k < n; k++) {
        key[k] = (uint64_t)rows[k] << 32 | (uint64_t)k;
        most = rows[k] > most ? rows[k] : most;
    }
    key = sort_by_row(n, key, spare, most);
    for (int64_t k = 0; k < n; k++) {
        const int32_t next = (int32_t)(key[k] >> 32);
        if (out->n == 0 || row[out->n - 1] != next)
            row[out->n++] = next;
        of[key[k] & UINT32_MAX] = (int32_t)out->n - 1;
    }
    return TL_OK;
}
