/* Sums of a few numbers of each part. */
#include "private.h"

#include <limits.h>
#include <stdio.h>

/* Returns the sum of a number over `size` parts from `part` on; of n numbers per part, those from `values`
 * on. */
static double join(const double *values, int64_t n, int64_t parts, int64_t part, int64_t size)
{
    if (size == 1)
        return values[part * n];
    const double left = join(values, n, parts, part, size / 2);
    return part + size / 2 < parts ? left + join(values, n, parts, part + size / 2, size / 2) : left;
}

static tl_status check(const tl_mpi *m, int32_t n, const double *values, const double *sum)
{
    const bool has_values = values || m->first == m->last;
    if (n > 0 && !(has_values && sum))
        return tl_fail(TL_ERR_ARGUMENT, "mpi_sum: the %s are NULL", sum ? "values" : "sums");
    if (n < 0 || (int64_t)n * m->parts > INT_MAX)
        return tl_fail(TL_ERR_ARGUMENT, "mpi_sum: %d numbers of each part are not in 0..%d", (int)n,
                       INT_MAX / (int)m->parts);
    return TL_OK;
}

/* Returns the index of a rank's first part. */
static int part_of(const tl_mpi *m, int rank)
{
    return (int)((int64_t)m->parts * rank / m->ranks);
}

tl_status tl_mpi_sum(tl_mpi *m, int32_t n, const double *values, double *sum)
{
    if (!m)
        return tl_fail(TL_ERR_ARGUMENT, "mpi_sum: the first argument is NULL");
    char call[64];
    snprintf(call, sizeof call, "mpi_sum of %d numbers", (int)n);
    double *all = NULL;
    if (tl_mpi_note(m, check(m, n, values, sum)) == TL_OK)
        all = tl_mpi_take(m, &m->call, (int64_t)n * m->parts, sizeof *all);
    tl_status status = tl_mpi_agree_on(m, &(tl_mpi_claim){ .call = call }, NULL);
    if (status == TL_OK) {
        for (int r = 0; r < m->ranks; r++) {
            m->counts.receive[r] = n * (part_of(m, r + 1) - part_of(m, r));
            m->counts.receive_at[r] = n * part_of(m, r);
        }
        for (int64_t k = 0; k < (int64_t)n * (m->last - m->first); k++)
            all[(int64_t)n * m->first + k] = values[k];
        status = tl_mpi_gather(m, all, MPI_DOUBLE, 1);
    }
    if (status == TL_OK)
        status = tl_mpi_agree(m, NULL);
    int64_t size = 1;
    while (size < m->parts)
        size *= 2;
    for (int32_t k = 0; k < n && status == TL_OK; k++)
        sum[k] = join(all + k, n, m->parts, 0, size);
    tl_mpi_give_back(m, &m->call);
    return status;
}
