/* Lists of rows: merging, sums of merged rows, and distinct rows. */
#include "private.h"

#include <stdlib.h>
#include <string.h>

/* Returns the least row that is at the head of a list, INT64_MAX if all lists are empty. */
static int64_t least_row(int32_t n, const tl_mpi_list *list)
{
    int64_t least = INT64_MAX;
    for (int32_t k = 0; k < n; k++)
        if (list[k].n > 0 && list[k].row[0] < least)
            least = list[k].row[0];
    return least;
}

void tl_mpi_merge(tl_mpi *m, int32_t n, tl_mpi_list *list, int64_t width, tl_mpi_merged *out)
{
    int64_t most = 0, entries = 0;
    for (int32_t k = 0; k < n; k++)
        most += list[k].n;
    *out = (tl_mpi_merged){
        .row = tl_mpi_take(m, &m->sum, most, sizeof *out->row),
        .block = tl_mpi_take(m, &m->sum, most, sizeof *out->block),
        .first = tl_mpi_take(m, &m->sum, most + 1, sizeof *out->first),
        .offset = tl_mpi_take(m, &m->sum, most, sizeof *out->offset),
    };
    if (!out->row || !out->block || !out->first || !out->offset)
        return;
    for (int64_t row; (row = least_row(n, list)) != INT64_MAX;) {
        out->row[out->n] = (int32_t)row;
        out->first[out->n++] = entries;
        for (int32_t k = 0; k < n; k++) {
            if (list[k].n == 0 || list[k].row[0] != row)
                continue;
            out->block[entries] = k;
            out->offset[entries++] = list[k].values_at;
            list[k].n--;
            list[k].row++;
            list[k].values_at += width;
        }
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

static int compare_keys(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

tl_status tl_mpi_find_distinct(tl_mpi *m, int64_t n, const int32_t *rows, tl_mpi_distinct *out)
{
    uint64_t *key = tl_mpi_take(NULL, &m->call, n, sizeof *key); /* row << 32 | its place in the list */
    int32_t *row = tl_mpi_take(NULL, &m->call, n, sizeof *row),
            *of = tl_mpi_take(NULL, &m->call, n, sizeof *of);
    *out = (tl_mpi_distinct){ 0, row, of };
    if (!key || !row || !of)
        return TL_ERR_MEMORY;
    for (int64_t k = 0; k < n; k++)
        key[k] = (uint64_t)rows[k] << 32 | (uint64_t)k;
    if (n > 0)
        qsort(key, (size_t)n, sizeof *key, compare_keys);
    for (int64_t k = 0; k < n; k++) {
        const int32_t next = (int32_t)(key[k] >> 32);
        if (out->n == 0 || row[out->n - 1] != next)
            row[out->n++] = next;
        of[key[k] & UINT32_MAX] = (int32_t)out->n - 1;
    }
    return TL_OK;
}
