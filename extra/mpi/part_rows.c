/* Gradients of tables that are shared out: each part's rows, which tl_mpi_add takes from the lookups on the
 * tape, and their sums over this rank's blocks. */
#include "private.h"

#include <math.h>
#include <string.h>
#include <tulle/op.h>

/* ---- Parts ---- */

/* The rows that the lookups of a backward pass have a gradient of, the last lookup first, as tl_backward sums
 * them. */
typedef struct slices {
    int64_t n;
    int32_t *ids;
    const tl_real **values;
} slices;

/* Returns the last node that was recorded after the leaf. */
static const tl_node *last_after(const tl_node *leaf)
{
    while (leaf && leaf->after)
        leaf = leaf->after;
    return leaf;
}

/* Returns the number of ids of y, if it is a lookup in the table that the loss depends on; otherwise -1. */
static int64_t ids_of(const tl_node *y, const tl_node *leaf, const int32_t **ids)
{
    const int64_t n = tl_mpi_lookup_ids(y, ids);
    return n >= 0 && y->in[0] == leaf && y->reached && y->grad ? n : -1;
}

/* Returns whether there are lookups. */
static bool count(const tl_node *leaf, slices *s)
{
    const int32_t *ids;
    bool any = false;
    s->n = 0;
    for (const tl_node *y = leaf; y; y = y->after) {
        const int64_t n = ids_of(y, leaf, &ids);
        any = any || n >= 0;
        s->n += n > 0 ? n : 0;
    }
    return any;
}

static tl_status list(tl_mpi *m, const tl_node *leaf, int64_t width, slices *s)
{
    const int32_t *ids;
    int64_t at = 0;
    s->ids = tl_mpi_take(NULL, &m->call, s->n, sizeof *s->ids);
    s->values = tl_mpi_take(NULL, &m->call, s->n, sizeof *s->values);
    if (!s->ids || !s->values)
        return TL_ERR_MEMORY;
    for (const tl_node *y = last_after(leaf); y != leaf; y = y->before) {
        const int64_t n = ids_of(y, leaf, &ids);
        for (int64_t k = 0; k < n; k++, at++) {
            s->ids[at] = ids[k];
            s->values[at] = y->grad + k * width;
        }
    }
    return TL_OK;
}

/* Sums repeated rows in double, and multiplies the rounded sums by the weight. */
static tl_status sum_part(tl_mpi *m, tl_mpi_variable *t, int64_t part, const slices *s, double weight)
{
    const int64_t width = tl_variable_shape(t->variable).dim[1];
    tl_mpi_distinct rows;
    if (tl_mpi_find_distinct(m, s->n, s->ids, &rows) != TL_OK)
        return TL_ERR_MEMORY;
    double *sum = tl_mpi_take_zero(NULL, &m->call, rows.n * width, sizeof *sum);
    tl_mpi_part_rows *out = tl_mpi_take(NULL, &m->sum, 1, sizeof *out);
    int32_t *row = tl_mpi_take(NULL, &m->sum, rows.n, sizeof *row);
    tl_real *values = tl_mpi_take(NULL, &m->sum, rows.n * width, sizeof *values);
    if (!sum || !out || !row || !values)
        return TL_ERR_MEMORY;
    for (int64_t k = 0; k < s->n; k++) {
        double *to = sum + rows.of[k] * width;
        for (int64_t j = 0; j < width; j++)
            to[j] += (double)s->values[k][j];
    }
    for (int64_t k = 0; k < rows.n * width; k++)
        values[k] = (tl_real)(weight * (double)(tl_real)sum[k]);
    if (rows.n > 0)
        memcpy(row, rows.row, (size_t)rows.n * sizeof *row);
    *out = (tl_mpi_part_rows){ t->part_rows, part, rows.n, row, values };
    t->part_rows = out;
    return TL_OK;
}

tl_status tl_mpi_add_part_rows(tl_mpi *m, tl_mpi_variable *t, int64_t part, const tl_gradients *g,
                               const tl_gradient *pair, double weight)
{
    const char *name = tl_variable_name(t->variable);
    if (m->ranks == 1)
        return TL_OK; /* the pair has all rows */
    slices s;
    const tl_node *leaf = g->graph ? tl_use(g->graph, t->variable) : NULL;
    if (!pair->rows || pair->n_rows > 0 || !count(leaf, &s))
        return tl_fail(TL_ERR_ARGUMENT,
                       "mpi_add: the gradient of %s is not that of a backward pass through "
                       "tl_mpi_embedding_lookup alone",
                       name);
    tl_status status = list(m, leaf, tl_variable_shape(t->variable).dim[1], &s);
    if (status == TL_OK)
        status = sum_part(m, t, part, &s, weight);
    tl_mpi_give_back(m, &m->call);
    return status;
}

/* ---- Blocks ---- */

/* Returns whether the rows are of a part of the block. */
static bool is_in(const tl_mpi_part_rows *p, const tl_mpi_block *b)
{
    return p->part >= b->part && p->part < b->part + b->size;
}

/* Sums the parts of a block along the tree, as a pair of rows of all ranks. Failures are noted. */
static void sum_block(tl_mpi *m, const tl_mpi_variable *t, const tl_mpi_block *b, tl_gradient *out)
{
    const int64_t width = tl_variable_shape(t->variable).dim[1];
    int64_t n_rows = 0, at = 0;
    int32_t n = 0, k;
    for (const tl_mpi_part_rows *p = t->part_rows; p; p = p->next) {
        n += is_in(p, b);
        n_rows += is_in(p, b) ? p->n : 0;
    }
    k = n;
    tl_mpi_block *part = tl_mpi_take(m, &m->sum, n, sizeof *part);
    tl_mpi_list *lists = tl_mpi_take(m, &m->sum, n, sizeof *lists);
    tl_real *terms = tl_mpi_take(m, &m->sum, n_rows * width, sizeof *terms);
    if (!part || !lists || !terms)
        return;
    for (const tl_mpi_part_rows *p = t->part_rows; p; p = p->next) { /* the last part comes first */
        if (!is_in(p, b))
            continue;
        part[--k] = (tl_mpi_block){ .part = p->part, .size = 1 };
        lists[k] = (tl_mpi_list){ p->n, at, p->row };
        memcpy(terms + at, p->values, (size_t)(p->n * width) * sizeof *terms);
        at += p->n * width;
    }
    tl_mpi_merged rows;
    tl_mpi_merge(m, n, lists, width, &rows);
    *out = (tl_gradient){
        .variable = t->variable,
        .values = tl_mpi_take(m, &m->sum, rows.n * width, sizeof *out->values),
        .rows = rows.row,
        .n_rows = rows.n,
    };
    if (m->noted.status == TL_OK)
        tl_mpi_join_rows(m, part, &rows, width, terms, out->values);
}

void tl_mpi_collect_part_rows(tl_mpi *m, const tl_mpi_sums *s)
{
    const int32_t blocks = m->last_block - m->first_block;
    for (int32_t k = 0; k < m->n_variables; k++)
        for (int32_t b = 0; b < blocks && tl_mpi_is_table(&m->variable[k]); b++) {
            const tl_gradient **own = &s->own[(int64_t)b * m->n_variables + k];
            tl_gradient *sum = *own ? tl_mpi_take(m, &m->sum, 1, sizeof *sum) : NULL;
            if (!sum)
                continue;
            sum_block(m, &m->variable[k], &m->block[m->first_block + b], sum);
            if (m->noted.status != TL_OK)
                return;
            *own = sum;
            s->state[tl_mpi_state_at(m, m->rank, m->first_block + b) + k] = sum->n_rows;
        }
}

/* ---- The result ---- */

tl_status tl_mpi_check_finite(const tl_mpi *m, const tl_gradients *sums)
{
    for (int32_t i = 0; i < sums->n; i++) {
        const tl_gradient *pair = &sums->pair[i];
        const tl_mpi_variable *t = tl_mpi_find_table(m, pair->variable);
        const int64_t width = t ? tl_variable_shape(pair->variable).dim[1] : 0;
        for (int64_t k = 0; k < pair->n_rows * width; k++)
            if (!isfinite(pair->values[k]))
                return tl_fail(TL_ERR_NUMERIC, "mpi_total: the gradient of %s is not finite: row %lld has %g",
                               tl_variable_name(pair->variable),
                               (long long)tl_mpi_dealt_row(&t->deal, m->rank, pair->rows[k / width]),
                               (double)pair->values[k]);
    }
    return TL_OK;
}
