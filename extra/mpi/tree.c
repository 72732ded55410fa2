/* The tree over the numbers of parts: who has which blocks of it, and sums along it. */
#include "private.h"

/* Returns the first part of a rank. */
static int64_t first_part(const tl_mpi *m, int rank)
{
    return (int64_t)m->parts * rank / m->ranks;
}

/* Returns the first part that no rank has, rounded up to a power of two: what follows the last part is
 * absent, so that the last rank's blocks may reach over it. */
static int64_t end_of_tree(const tl_mpi *m)
{
    int64_t end = 1;
    while (end < m->parts)
        end *= 2;
    return end;
}

/* Stores the blocks of a rank, largest first where they fit, unless `to` is NULL. Returns their number. */
static int32_t cut(const tl_mpi *m, int rank, tl_mpi_block *to)
{
    const int64_t end = rank + 1 < m->ranks ? first_part(m, rank + 1) : end_of_tree(m);
    int32_t n = 0;
    for (int64_t part = first_part(m, rank); part < end;) {
        int64_t size = 1;
        while (part % (2 * size) == 0 && part + 2 * size <= end)
            size *= 2;
        if (to)
            to[n] = (tl_mpi_block){ part, size, rank };
        part += size;
        n++;
    }
    return n;
}

void tl_mpi_lay_out(tl_mpi *m)
{
    m->first = (int32_t)first_part(m, m->rank);
    m->last = (int32_t)first_part(m, m->rank + 1);
    m->blocks_from = tl_mpi_take(m, &m->own, m->ranks + 1, sizeof *m->blocks_from);
    if (!m->blocks_from)
        return;
    for (int r = 0; r < m->ranks; r++) {
        m->blocks_from[r] = m->n_blocks;
        m->n_blocks += cut(m, r, NULL);
    }
    m->blocks_from[m->ranks] = m->n_blocks;
    m->first_block = m->blocks_from[m->rank];
    m->last_block = m->blocks_from[m->rank + 1];
    m->block = tl_mpi_take(m, &m->own, m->n_blocks, sizeof *m->block);
    for (int r = 0; m->block && r < m->ranks; r++)
        cut(m, r, m->block + m->blocks_from[r]);
}

static void add(int64_t n, const tl_real *restrict x, tl_real *restrict y)
{
    for (int64_t k = 0; k < n; k++)
        y[k] += x[k];
}

/* Sums terms i .. j-1, all within the `size` parts from `part` on. An absent half is skipped. */
static tl_real *join(const tl_mpi_block *block, const tl_mpi_terms *t, int32_t i, int32_t j, int64_t part,
                     int64_t size, int64_t n)
{
    if (j - i == 1)
        return t->base + t->offset[i];
    const int64_t half = part + size / 2;
    int32_t middle = i;
    while (middle < j && block[t->block[middle]].part < half)
        middle++;
    tl_real *left = middle > i ? join(block, t, i, middle, part, size / 2, n) : NULL;
    const tl_real *right = middle < j ? join(block, t, middle, j, half, size / 2, n) : NULL;
    if (left && right)
        add(n, right, left);
    return left ? left : (tl_real *)right;
}

tl_real *tl_mpi_join(const tl_mpi *m, const tl_mpi_block *block, const tl_mpi_terms *t, int64_t n)
{
    return join(block, t, 0, t->n, 0, end_of_tree(m), n);
}
