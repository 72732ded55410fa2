/* The variables that were broadcast, in one order on all ranks, and digests of them. */
#include "private.h"

#include <stdio.h>
#include <string.h>

uint64_t tl_mpi_hash(uint64_t h, const void *bytes, int64_t n)
{
    const char *from = bytes;
    for (int64_t at = 0; at < n; at += 8) {
        uint64_t word = 0;
        memcpy(&word, from + at, n - at < 8 ? (size_t)(n - at) : 8);
        h = (h ^ word) * 0x9e3779b97f4a7c15;
        h ^= h >> 29;
    }
    return (h ^ (uint64_t)n) * 0xbf58476d1ce4e5b9;
}

static uint64_t hash_pattern(const tl_pattern *p)
{
    const tl_csr a = tl_pattern_csr(p);
    uint64_t h = tl_mpi_hash((uint64_t)a.cols, a.row_ptr, (a.rows + 1) * (int64_t)sizeof *a.row_ptr);
    return tl_mpi_hash(h, a.col, a.nnz * (int64_t)sizeof *a.col);
}

void tl_mpi_describe(const tl_mpi_variable *v, char text[TL_MPI_TEXT])
{
    const tl_mpi_deal *d = &v->deal;
    if (tl_mpi_is_table(v)) {
        snprintf(text, TL_MPI_TEXT, "%.60s (%lldx%lld), shared out by %s", tl_variable_name(v->variable),
                 (long long)d->rows, (long long)tl_variable_shape(v->variable).dim[1],
                 d->split == TL_MOD ? "mod" : "div");
        return;
    }
    const char *kind = tl_variable_is_sparse(v->variable) ? "sparse" : v->pattern ? "masked" : "dense";
    int n = snprintf(text, TL_MPI_TEXT, "%.60s (%s), %s", tl_variable_name(v->variable),
                     tl_shape_text(tl_variable_shape(v->variable)).text, kind);
    if (v->pattern)
        snprintf(text + n, TL_MPI_TEXT - (size_t)n, ", with %lld entries, pattern %016llx",
                 (long long)tl_pattern_nnz(v->pattern), (unsigned long long)hash_pattern(v->pattern));
}

void tl_mpi_refresh(tl_mpi_variable *v, bool with_pattern)
{
    char text[TL_MPI_TEXT];
    const char *name = tl_variable_name(v->variable);
    tl_pattern *pattern = with_pattern ? tl_variable_pattern(v->variable) : NULL;
    if (v->digest != 0 && pattern == v->pattern)
        return;
    tl_pattern_release(v->pattern);
    v->pattern = tl_pattern_retain(pattern);
    tl_mpi_describe(v, text);
    v->digest = tl_mpi_hash(tl_mpi_hash(1, text, (int64_t)strlen(text)), name, (int64_t)strlen(name));
}

uint64_t tl_mpi_list_digest(const tl_mpi_variable *v, int32_t n)
{
    uint64_t h = (uint64_t)n;
    for (int32_t k = 0; k < n; k++)
        h = tl_mpi_hash(h, &v[k].digest, sizeof v[k].digest);
    return h;
}

int32_t tl_mpi_number(const tl_mpi *m, const tl_variable *v, int32_t hint)
{
    for (int32_t i = 0; i < m->n_variables; i++) {
        const int32_t k = (hint + i) % m->n_variables;
        if (m->variable[k].variable == v)
            return k;
    }
    return -1;
}

void tl_mpi_reserve(tl_mpi *m, int32_t n)
{
    if (n <= m->capacity - m->n_variables)
        return;
    const int32_t capacity = 2 * m->capacity + n;
    tl_mpi_variable *more = tl_mpi_take_zero(m, &m->own, capacity, sizeof *more);
    if (!more)
        return;
    if (m->n_variables > 0)
        memcpy(more, m->variable, (size_t)m->n_variables * sizeof *more);
    m->variable = more;
    m->capacity = capacity;
}

void tl_mpi_register(tl_mpi *m, tl_variable *v)
{
    if (tl_mpi_number(m, v, 0) < 0)
        m->variable[m->n_variables++] = (tl_mpi_variable){ .variable = v };
}
