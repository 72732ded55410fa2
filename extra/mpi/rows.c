/* Row-sparse gradients: a row is owned by the rank that is the remainder of its number by that of the ranks.
 * Owners get the rows that blocks have, sum each along the tree, and give the sums to all; but the sums of a
 * table that is shared out stay with the ranks that have its rows. */
#include "private.h"

#include <limits.h>
#include <string.h>

/* A table with a row-sparse gradient, and its rows that this rank owns. */
typedef struct table {
    int32_t variable;
    const tl_mpi_deal *deal; /* NULL: all ranks have all rows */
    int64_t width;
    tl_mpi_merged owned;
} table;

/* Rows, and their values, on the way: those for or of a rank are consecutive, and in those the tables'. */
typedef struct message {
    int32_t *row;
    tl_real *values;
} message;

typedef struct exchange {
    tl_mpi *m;
    int32_t n, own_blocks;
    table *table;
    int64_t unit;        /* values: the greatest common divisor of the widths */
    int64_t *to_send;    /* rows by [rank][table][own block] */
    int64_t *to_receive; /* by [rank][table][block of the rank] */
    int64_t *owned;      /* by [rank][table] */
    message send, received, all;
} exchange;

/* ---- Sizes ---- */

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b != 0) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

enum { ITS_OWN = -1 }; /* the number of a rank's blocks, in place of a number */

static int32_t blocks_of(const tl_mpi *m, int rank, int32_t blocks)
{
    return blocks == ITS_OWN ? m->blocks_from[rank + 1] - m->blocks_from[rank] : blocks;
}

/* Sets counts and displacements, of rows or of units of values, for numbers of rows by [rank][table][block].
 * Returns the sum of the counts; one that MPI cannot express is noted. */
static int64_t set_counts(const exchange *x, const int64_t *rows, int32_t blocks, bool values, int *count,
                          int *at)
{
    int64_t sum = 0;
    for (int r = 0; r < x->m->ranks; r++) {
        const int64_t before = sum;
        for (int32_t k = 0; k < x->n; k++)
            for (int32_t b = 0; b < blocks_of(x->m, r, blocks); b++)
                sum += *rows++ * (values ? x->table[k].width / x->unit : 1);
        if (sum > INT_MAX) {
            tl_mpi_note(x->m, tl_fail(TL_ERR_MEMORY, "mpi_total: more than %d rows", INT_MAX));
            return 0;
        }
        count[r] = (int)(sum - before);
        at[r] = (int)before;
    }
    return sum;
}

/* Takes memory for the rows of all ranks. */
static void take_message(const exchange *x, const int64_t *rows, int32_t blocks, message *of)
{
    tl_mpi *m = x->m;
    int *count = m->counts.receive, *at = m->counts.receive_at;
    of->row = tl_mpi_take(m, &m->sum, set_counts(x, rows, blocks, false, count, at), sizeof *of->row);
    of->values = tl_mpi_take(m, &m->sum, set_counts(x, rows, blocks, true, count, at) * x->unit,
                             sizeof *of->values);
}

/* ---- To the owners ---- */

static void find_tables(tl_mpi *m, const tl_mpi_sums *s, exchange *x)
{
    *x = (exchange){ .m = m, .own_blocks = m->last_block - m->first_block };
    x->table = tl_mpi_take_zero(m, &m->sum, m->n_variables, sizeof *x->table);
    for (int32_t k = 0; x->table && k < m->n_variables; k++) {
        if (s->kind[k] != TL_MPI_ROWS)
            continue;
        const tl_mpi_variable *v = &m->variable[k];
        const tl_shape shape = tl_variable_shape(v->variable);
        const bool dealt = tl_mpi_is_table(v);
        const int64_t rows = shape.dim[0], width = dealt      ? shape.dim[1]
                                                   : rows > 0 ? tl_shape_size(shape) / rows
                                                              : 0;
        x->table[x->n++] = (table){ .variable = k, .deal = dealt ? &v->deal : NULL, .width = width };
        x->unit = common_divisor(x->unit, width);
    }
    x->unit = x->unit > 0 && x->unit <= INT_MAX ? x->unit : 1;
    x->to_send = tl_mpi_take_zero(m, &m->sum, (int64_t)m->ranks * x->n * x->own_blocks, sizeof *x->to_send);
    x->to_receive = tl_mpi_take(m, &m->sum, (int64_t)x->n * m->n_blocks, sizeof *x->to_receive);
    x->owned = tl_mpi_take(m, &m->sum, (int64_t)m->ranks * x->n, sizeof *x->owned);
}

/* Returns the rank that sums a row of table k. */
static int owner_of(const exchange *x, int32_t k, int32_t row)
{
    int64_t own;
    const tl_mpi_deal *deal = x->table[k].deal;
    return deal ? tl_mpi_owner(deal, row, &own) : row % x->m->ranks;
}

/* Returns the place in `to_send` of the rows of table k that a block of this rank has for an owner. */
static int64_t place(const exchange *x, int32_t owner, int32_t k, int32_t block)
{
    return ((int64_t)owner * x->n + k) * x->own_blocks + block;
}

static const tl_gradient *pair_of(const exchange *x, const tl_mpi_sums *s, int32_t k, int32_t block)
{
    return s->own[(int64_t)block * x->m->n_variables + x->table[k].variable];
}

static void count_rows(const exchange *x, const tl_mpi_sums *s)
{
    for (int32_t b = 0; b < x->own_blocks; b++)
        for (int32_t k = 0; k < x->n; k++) {
            const tl_gradient *pair = pair_of(x, s, k, b);
            for (int64_t i = 0; pair && i < pair->n_rows; i++)
                x->to_send[place(x, owner_of(x, k, pair->rows[i]), k, b)]++;
        }
}

/* Tells the owners how many rows they get. */
static tl_status exchange_counts(const exchange *x)
{
    tl_mpi *m = x->m;
    for (int r = 0; r < m->ranks; r++) {
        m->counts.send[r] = x->n * x->own_blocks;
        m->counts.send_at[r] = r * x->n * x->own_blocks;
        m->counts.receive[r] = x->n * blocks_of(m, r, ITS_OWN);
        m->counts.receive_at[r] = x->n * m->blocks_from[r];
    }
    return tl_mpi_exchange(m, x->to_send, x->to_receive, MPI_INT64_T, 1);
}

/* Copies rows to where they are sent from. */
static void fill_send(const exchange *x, const tl_mpi_sums *s)
{
    const int ranks = x->m->ranks;
    int64_t *next = tl_mpi_take(x->m, &x->m->sum, 2 * (int64_t)ranks * x->n * x->own_blocks, sizeof *next),
            rows = 0, values = 0;
    if (!next)
        return;
    for (int32_t r = 0; r < ranks; r++)
        for (int32_t k = 0; k < x->n; k++)
            for (int32_t b = 0; b < x->own_blocks; b++) {
                const int64_t at = place(x, r, k, b);
                next[2 * at] = rows;
                next[2 * at + 1] = values;
                rows += x->to_send[at];
                values += x->to_send[at] * x->table[k].width;
            }
    for (int32_t b = 0; b < x->own_blocks; b++)
        for (int32_t k = 0; k < x->n; k++) {
            const tl_gradient *pair = pair_of(x, s, k, b);
            const int64_t width = x->table[k].width;
            for (int64_t i = 0; pair && i < pair->n_rows; i++) {
                int64_t *to = &next[2 * place(x, owner_of(x, k, pair->rows[i]), k, b)];
                x->send.row[to[0]++] = pair->rows[i];
                memcpy(x->send.values + to[1], pair->values + i * width, (size_t)width * sizeof(tl_real));
                to[1] += width;
            }
        }
}

/* Takes memory for what is sent and received, and fills in the former. */
static void prepare_rows(exchange *x, const tl_mpi_sums *s)
{
    take_message(x, x->to_send, x->own_blocks, &x->send);
    take_message(x, x->to_receive, ITS_OWN, &x->received);
    if (x->m->noted.status == TL_OK)
        fill_send(x, s);
}

static tl_status exchange_rows(const exchange *x)
{
    tl_mpi_counts *c = &x->m->counts;
    set_counts(x, x->to_send, x->own_blocks, false, c->send, c->send_at);
    set_counts(x, x->to_receive, ITS_OWN, false, c->receive, c->receive_at);
    const tl_status status = tl_mpi_exchange(x->m, x->send.row, x->received.row, MPI_INT32_T, 1);
    if (status != TL_OK)
        return status;
    set_counts(x, x->to_send, x->own_blocks, true, c->send, c->send_at);
    set_counts(x, x->to_receive, ITS_OWN, true, c->receive, c->receive_at);
    return tl_mpi_exchange(x->m, x->send.values, x->received.values, TL_MPI_REAL, (int)x->unit);
}

/* ---- Sums, and back to all ---- */

/* Merges what ranks have of table `which` in a message, one list per block. */
static void merge_table(const exchange *x, int32_t which, const message *of, const int64_t *rows,
                        int32_t blocks, tl_mpi_merged *out)
{
    tl_mpi *m = x->m;
    const int32_t n = blocks == ITS_OWN ? m->n_blocks : m->ranks * blocks;
    tl_mpi_list *list = tl_mpi_take(m, &m->sum, n, sizeof *list);
    int64_t row_at = 0, values_at = 0;
    int32_t filled = 0;
    for (int r = 0; list && r < m->ranks; r++)
        for (int32_t k = 0; k < x->n; k++)
            for (int32_t b = 0; b < blocks_of(m, r, blocks); b++) {
                if (k == which)
                    list[filled++] = (tl_mpi_list){ *rows, values_at, of->row + row_at };
                row_at += *rows;
                values_at += *rows++ * x->table[k].width;
            }
    if (list)
        tl_mpi_merge(m, n, list, x->table[which].width, out);
}

/* Finds the rows that this rank owns, and tells all ranks how many they get. */
static tl_status gather_counts(exchange *x)
{
    tl_mpi *m = x->m;
    for (int32_t k = 0; k < x->n; k++) {
        merge_table(x, k, &x->received, x->to_receive, ITS_OWN, &x->table[k].owned);
        x->owned[m->rank * x->n + k] = x->table[k].deal ? 0 : x->table[k].owned.n;
    }
    for (int r = 0; r < m->ranks; r++) {
        m->counts.receive[r] = x->n;
        m->counts.receive_at[r] = r * x->n;
    }
    return tl_mpi_gather(m, x->owned, MPI_INT64_T, 1);
}

/* Sums the rows that this rank owns, to where they are gathered from. */
static void sum_owned(const exchange *x)
{
    const tl_mpi *m = x->m;
    int64_t row_at = 0, values_at = 0;
    for (int64_t k = 0; k < (int64_t)m->rank * x->n; k++) {
        row_at += x->owned[k];
        values_at += x->owned[k] * x->table[k % x->n].width;
    }
    for (int32_t k = 0; k < x->n; k++) {
        const table *t = &x->table[k];
        if (t->deal)
            continue;
        memcpy(x->all.row + row_at, t->owned.row, (size_t)t->owned.n * sizeof *x->all.row);
        tl_mpi_join_rows(m, m->block, &t->owned, t->width, x->received.values, x->all.values + values_at);
        row_at += t->owned.n;
        values_at += t->owned.n * t->width;
    }
}

static tl_status gather_rows(const exchange *x)
{
    tl_mpi_counts *c = &x->m->counts;
    set_counts(x, x->owned, 1, false, c->receive, c->receive_at);
    const tl_status status = tl_mpi_gather(x->m, x->all.row, MPI_INT32_T, 1);
    if (status != TL_OK)
        return status;
    set_counts(x, x->owned, 1, true, c->receive, c->receive_at);
    return tl_mpi_gather(x->m, x->all.values, TL_MPI_REAL, (int)x->unit);
}

/* Sorts the rows of all owners; of a table that is shared out, numbers the rows as this rank has them.
 * Failures are noted. */
static void make_results(const exchange *x, const tl_mpi_sums *s)
{
    tl_mpi *m = x->m;
    for (int32_t k = 0; k < x->n; k++) {
        const table *t = &x->table[k];
        tl_mpi_merged all = t->owned;
        if (!t->deal)
            merge_table(x, k, &x->all, x->owned, 1, &all);
        tl_gradient *out = &s->result[t->variable];
        out->values = tl_mpi_take(m, &m->sum, all.n * t->width, sizeof *out->values);
        out->rows = all.row;
        out->n_rows = all.n;
        if (m->noted.status != TL_OK)
            continue;
        tl_mpi_join_rows(m, m->block, &all, t->width, t->deal ? x->received.values : x->all.values,
                         out->values);
        for (int64_t i = 0, own; i < all.n && t->deal; i++) {
            tl_mpi_owner(t->deal, all.row[i], &own);
            all.row[i] = (int32_t)own;
        }
    }
}

tl_status tl_mpi_sum_rows(tl_mpi *m, const tl_mpi_sums *s)
{
    exchange x;
    find_tables(m, s, &x);
    if (m->noted.status == TL_OK)
        count_rows(&x, s);
    tl_status status = tl_mpi_agree(m, NULL);
    if (status != TL_OK || x.n == 0)
        return status;
    status = exchange_counts(&x);
    if (status == TL_OK) {
        prepare_rows(&x, s);
        status = tl_mpi_agree(m, NULL);
    }
    if (status == TL_OK)
        status = exchange_rows(&x);
    if (status == TL_OK)
        status = gather_counts(&x);
    if (status == TL_OK) {
        take_message(&x, x.owned, 1, &x.all);
        status = tl_mpi_agree(m, NULL);
    }
    if (status != TL_OK)
        return status;
    sum_owned(&x);
    status = gather_rows(&x);
    if (status == TL_OK)
        make_results(&x, s);
    return status;
}
