/* Dense gradients, and those of sparse variables: all of them end to end are one vector, of which each rank
 * owns a slice. Owners get the slice of every block, sum along the tree, and give the sum to all. */
#include "private.h"

#include <limits.h>
#include <string.h>

enum {
    UNIT = 256,      /* values: slices are whole units, which are what MPI counts */
    CACHE_LINE = 16, /* values, at most: where variables begin */
    STRIP = 2048     /* values of a block, which stay in a near cache with those of others */
};

/* A variable's place in the vector, and the blocks that have it. */
typedef struct segment {
    int32_t variable;
    int64_t at, size;
    int32_t n_blocks, *block;
    int64_t *offset; /* where a block's slice is */
} segment;

typedef struct layout {
    const tl_mpi *m;
    int32_t n;
    segment *segment;
    int64_t units;            /* of the vector */
    int64_t begin, end;       /* of this rank's slice, in values */
    tl_real *send, *received; /* by ranks, blocks within; slices of all blocks */
    tl_real *sums;            /* the vector */
} layout;

/* Returns where the slice of a rank begins, in units. */
static int64_t slice_at(const layout *l, int rank)
{
    return l->units * rank / l->m->ranks;
}

/* ---- The layout ---- */

/* Lists the blocks that have a variable. */
static void find_blocks(tl_mpi *m, const tl_mpi_sums *s, segment *g)
{
    g->block = tl_mpi_take(m, &m->sum, m->n_blocks, sizeof *g->block);
    g->offset = tl_mpi_take(m, &m->sum, m->n_blocks, sizeof *g->offset);
    for (int32_t b = 0; g->block && b < m->n_blocks; b++)
        if (s->state[tl_mpi_state_at(m, m->block[b].rank, b) + g->variable] != TL_MPI_NOTHING)
            g->block[g->n_blocks++] = b;
}

static void lay_out(tl_mpi *m, const tl_mpi_sums *s, layout *l)
{
    int64_t at = 0;
    *l = (layout){ .m = m, .segment = tl_mpi_take_zero(m, &m->sum, m->n_variables, sizeof(segment)) };
    for (int32_t k = 0; l->segment && k < m->n_variables; k++) {
        if (s->kind[k] != TL_MPI_DENSE)
            continue;
        segment *g = &l->segment[l->n++];
        *g = (segment){ .variable = k, .at = at, .size = tl_variable_size(m->variable[k].variable) };
        find_blocks(m, s, g);
        at += (g->size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    }
    l->units = (at + UNIT - 1) / UNIT;
    l->begin = slice_at(l, m->rank) * UNIT;
    l->end = slice_at(l, m->rank + 1) * UNIT;
    const int64_t blocks = m->last_block - m->first_block, slice = l->end - l->begin;
    if (l->units * blocks > INT_MAX || slice / UNIT * m->n_blocks > INT_MAX)
        tl_mpi_note(m, tl_fail(TL_ERR_MEMORY, "mpi_total: more than %d times %d values", INT_MAX, UNIT));
    if (m->noted.status != TL_OK)
        return;
    l->send = tl_mpi_take(m, &m->sum, blocks * l->units * UNIT, sizeof *l->send);
    l->received = tl_mpi_take(m, &m->sum, m->n_blocks * slice, sizeof *l->received);
    l->sums = tl_mpi_take(m, &m->sum, l->units * UNIT, sizeof *l->sums);
    for (int32_t i = 0; i < l->n; i++)
        for (int32_t b = 0; b < l->segment[i].n_blocks; b++)
            l->segment[i].offset[b] = l->segment[i].block[b] * slice;
}

/* ---- Sending ---- */

/* Copies the values of one of this rank's blocks to where they are sent from, n from `at` on, or zeros. */
static void place(const layout *l, int32_t block, int64_t at, int64_t n, const tl_real *values)
{
    const int64_t blocks = l->m->last_block - l->m->first_block, end = at + n;
    for (int r = 0; r < l->m->ranks && at < end; r++) {
        const int64_t begin = slice_at(l, r) * UNIT, stop = slice_at(l, r + 1) * UNIT;
        if (stop <= at)
            continue;
        const int64_t many = (stop < end ? stop : end) - at;
        tl_real *to = l->send + blocks * begin + block * (stop - begin) + (at - begin);
        if (values)
            memcpy(to, values, (size_t)many * sizeof *to);
        else
            memset(to, 0, (size_t)many * sizeof *to);
        values = values ? values + many : NULL;
        at += many;
    }
}

/* What one of this rank's blocks sends. */
typedef struct sending {
    const layout *l;
    int32_t block;
    const tl_gradient **own; /* [variables] */
} sending;

/* Fills in positions begin .. end-1 of the vector. */
static void fill_range(void *context, int64_t begin, int64_t end)
{
    const sending *s = context;
    int64_t at = begin;
    for (int32_t i = 0; i < s->l->n; i++) {
        const segment *g = &s->l->segment[i];
        const tl_gradient *pair = s->own[g->variable];
        const int64_t from = g->at > begin ? g->at : begin,
                      to = g->at + g->size < end ? g->at + g->size : end;
        if (from >= to)
            continue;
        place(s->l, s->block, at, from - at, NULL);
        place(s->l, s->block, from, to - from, pair ? pair->values + (from - g->at) : NULL);
        at = to;
    }
    place(s->l, s->block, at, end - at, NULL);
}

static void fill_send(const layout *l, const tl_mpi_sums *s)
{
    for (int32_t b = 0; b < l->m->last_block - l->m->first_block; b++) {
        sending block = { l, b, s->own + (int64_t)b * l->m->n_variables };
        tl_parallel_for(l->units * UNIT, TL_GRAIN, fill_range, &block);
    }
}

static void set_counts(tl_mpi *m, const layout *l)
{
    const int own = m->last_block - m->first_block, slice = (int)((l->end - l->begin) / UNIT);
    for (int r = 0; r < m->ranks; r++) {
        m->counts.send[r] = own * (int)(slice_at(l, r + 1) - slice_at(l, r));
        m->counts.send_at[r] = own * (int)slice_at(l, r);
        m->counts.receive[r] = slice * (m->blocks_from[r + 1] - m->blocks_from[r]);
        m->counts.receive_at[r] = slice * m->blocks_from[r];
    }
}

/* ---- Summing ---- */

/* Sums values begin .. end-1 of this rank's slice, strip by strip. */
static void sum_range(void *context, int64_t begin, int64_t end)
{
    const layout *l = context;
    begin += l->begin;
    end += l->begin;
    for (int32_t i = 0; i < l->n; i++) {
        const segment *g = &l->segment[i];
        const int64_t from = g->at > begin ? g->at : begin,
                      to = g->at + g->size < end ? g->at + g->size : end;
        for (int64_t at = from; at < to; at += STRIP) {
            const int64_t n = to - at < STRIP ? to - at : STRIP;
            const tl_mpi_terms terms = { g->n_blocks, g->block, g->offset, l->received + (at - l->begin) };
            memcpy(l->sums + at, tl_mpi_join(l->m, l->m->block, &terms, n), (size_t)n * sizeof *l->sums);
        }
    }
}

/* Gives all ranks the slices of all. */
static tl_status gather(tl_mpi *m, const layout *l)
{
    for (int r = 0; r < m->ranks; r++) {
        m->counts.receive[r] = (int)(slice_at(l, r + 1) - slice_at(l, r));
        m->counts.receive_at[r] = (int)slice_at(l, r);
    }
    return tl_mpi_gather(m, l->sums, TL_MPI_REAL, UNIT);
}

tl_status tl_mpi_sum_dense(tl_mpi *m, const tl_mpi_sums *s)
{
    layout l;
    lay_out(m, s, &l);
    if (m->noted.status == TL_OK)
        fill_send(&l, s);
    tl_status status = tl_mpi_agree(m, NULL);
    if (status != TL_OK || l.n == 0)
        return status;
    set_counts(m, &l);
    status = tl_mpi_exchange(m, l.send, l.received, TL_MPI_REAL, UNIT);
    if (status != TL_OK)
        return status;
    tl_parallel_for(l.end - l.begin, TL_GRAIN, sum_range, &l);
    for (int32_t i = 0; i < l.n; i++)
        s->result[l.segment[i].variable].values = l.sums + l.segment[i].at;
    return gather(m, &l);
}
