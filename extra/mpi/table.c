/* Tables whose rows the ranks share out: which rank has which rows, and initial values. */
#include "private.h"

#include <stdio.h>
#include <string.h>

/* ---- Which rank has which rows ---- */

int64_t tl_mpi_dealt(const tl_mpi_deal *d, int rank)
{
    return d->rows / d->ranks + (rank < d->rows % d->ranks);
}

/* Returns the first row of a rank, where its rows are consecutive. */
static int64_t first_row(const tl_mpi_deal *d, int rank)
{
    const int64_t longer = d->rows % d->ranks;
    return d->rows / d->ranks * rank + (rank < longer ? rank : longer);
}

int tl_mpi_owner(const tl_mpi_deal *d, int64_t row, int64_t *own)
{
    if (d->split == TL_MOD) {
        *own = row / d->ranks;
        return (int)(row % d->ranks);
    }
    const int64_t short_run = d->rows / d->ranks, longer = d->rows % d->ranks,
                  split = longer * (short_run + 1);
    const int rank = (int)(row < split ? row / (short_run + 1) : longer + (row - split) / short_run);
    *own = row - first_row(d, rank);
    return rank;
}

int64_t tl_mpi_dealt_row(const tl_mpi_deal *d, int rank, int64_t own)
{
    return d->split == TL_MOD ? own * d->ranks + rank : first_row(d, rank) + own;
}

/* ---- Tables ---- */

static tl_status check(const char *name, int64_t rows, int64_t width, tl_partition split)
{
    if (!name || !*name)
        return tl_fail(TL_ERR_ARGUMENT, "mpi_table: the name is missing");
    if (rows < 1 || rows > INT32_MAX || width < 1 || width > INT32_MAX) /* MPI counts both by int */
        return tl_fail(TL_ERR_SHAPE, "mpi_table: %.60s: %lld rows of %lld values", name, (long long)rows,
                       (long long)width);
    if (split != TL_MOD && split != TL_DIV)
        return tl_fail(TL_ERR_ARGUMENT, "mpi_table: %.60s: %d is not a tl_partition", name, (int)split);
    return TL_OK;
}

tl_variable *tl_mpi_table(tl_mpi *m, const char *name, int64_t rows, int64_t width, tl_partition split)
{
    if (!m) {
        tl_fail(TL_ERR_ARGUMENT, "mpi_table: the first argument is NULL");
        return NULL;
    }
    char call[TL_MPI_TEXT] = "mpi_table";
    tl_mpi_variable own = { .deal = { rows, m->ranks, split } };
    if (tl_mpi_note(m, check(name, rows, width, split)) == TL_OK) {
        snprintf(call, sizeof call, "mpi_table of %.60s, %lldx%lld, by %s", name, (long long)rows,
                 (long long)width, split == TL_MOD ? "mod" : "div");
        own.variable = tl_variable_dense(name, TL_SHAPE(tl_mpi_dealt(&own.deal, m->rank), width));
        tl_mpi_note(m, own.variable ? TL_OK : tl_last_status());
        if (own.variable)
            tl_mpi_refresh(&own, false);
        tl_mpi_reserve(m, 1);
    }
    if (tl_mpi_agree_on(m, &(tl_mpi_claim){ .call = call }, NULL) == TL_OK) {
        m->variable[m->n_variables++] = own;
        return own.variable;
    }
    tl_variable_free(own.variable);
    return NULL;
}

tl_mpi_variable *tl_mpi_find_table(const tl_mpi *m, const tl_variable *v)
{
    const int32_t k = tl_mpi_number(m, v, 0);
    return k >= 0 && tl_mpi_is_table(&m->variable[k]) ? &m->variable[k] : NULL;
}

int64_t tl_mpi_row(const tl_mpi *m, const tl_variable *share, int64_t i)
{
    const tl_mpi_variable *t = m ? tl_mpi_find_table(m, share) : NULL;
    return t && i >= 0 && i < tl_mpi_dealt(&t->deal, m->rank) ? tl_mpi_dealt_row(&t->deal, m->rank, i) : -1;
}

/* ---- Initial values ---- */

typedef tl_status initialiser(tl_variable *v, tl_real a, tl_real b, tl_random *r);

/* Draws each row as an initialiser does that fills the whole table: one draw per value, in order. */
static tl_status fill(const tl_mpi *m, tl_variable *share, initialiser *init, tl_real a, tl_real b,
                      tl_random *r, const char *who)
{
    const tl_mpi_variable *t = m ? tl_mpi_find_table(m, share) : NULL;
    if (!t || !r)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the %s", who,
                       t ? "generator is NULL" : "variable is not of tl_mpi_table");
    const int64_t width = tl_variable_shape(share).dim[1], n = tl_mpi_dealt(&t->deal, m->rank);
    tl_variable *row = tl_variable_dense("", TL_SHAPE(width));
    if (!row)
        return tl_last_status();
    tl_real *values = tl_variable_data(share);
    for (int64_t i = 0; i < n; i++) {
        tl_random at = *r;
        at.position += (uint64_t)(tl_mpi_dealt_row(&t->deal, m->rank, i) * width);
        init(row, a, b, &at);
        memcpy(values + i * width, tl_variable_values(row), (size_t)width * sizeof *values);
    }
    tl_variable_free(row);
    r->position += (uint64_t)(t->deal.rows * width);
    return TL_OK;
}

tl_status tl_mpi_init_uniform(const tl_mpi *m, tl_variable *share, tl_real lo, tl_real hi, tl_random *r)
{
    return fill(m, share, tl_init_uniform, lo, hi, r, "mpi_init_uniform");
}

tl_status tl_mpi_init_normal(const tl_mpi *m, tl_variable *share, tl_real mean, tl_real deviation,
                             tl_random *r)
{
    return fill(m, share, tl_init_normal, mean, deviation, r, "mpi_init_normal");
}
