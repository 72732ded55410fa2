/* Merging of ascending lists of rows. */
#include "private.h"

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
