/* Row-sparse gradients: the slices that lookups leave, summed into distinct rows. */
#include "internal.h"
#include "kernels.h"
#include "sort.h"

/* Slice k of s: its values and its coefficient. */
static const tl_real *slice(const tl_row_slices *s, int64_t k, int64_t width, tl_real *coef)
{
    *coef = s->coef ? s->coef[k] : 1;
    return s->values + (s->source ? s->source[k] : k) * width;
}

void tl_scatter_rows(const tl_row_slices *s, int64_t width, tl_real *table)
{
    const tl_kernels *kernel = tl_kernel_table();
    for (int64_t k = 0; k < s->n; k++) {
        tl_real coef;
        const tl_real *values = slice(s, k, width, &coef);
        kernel->axpy(width, coef, values, table + s->rows[k] * width);
    }
}

/* One summand of the result: a row of values and its coefficient. */
typedef struct term {
    const tl_real *values;
    tl_real coef;
} term;

typedef struct sums {
    const uint64_t *key;  /* the terms, by row, then in order of appearance: row << 32 | term */
    const int64_t *start; /* where the terms of each distinct row begin */
    const term *terms;
    int64_t width;
    tl_real *values;
} sums;

static void sum_rows(void *context, int64_t begin, int64_t end)
{
    const sums *c = context;
    const tl_kernels *kernel = tl_kernel_table();
    for (int64_t i = begin; i < end; i++)
        for (int64_t k = c->start[i]; k < c->start[i + 1]; k++) {
            const term *t = &c->terms[c->key[k] & UINT32_MAX];
            kernel->axpy(c->width, t->coef, t->values, c->values + i * c->width);
        }
}

tl_status tl_coalesce(tl_node *leaf, tl_gradient *out)
{
    tl_arena *arena = &leaf->graph->arena;
    int64_t table_rows = leaf->shape.dim[0], width = table_rows > 0 ? leaf->size / table_rows : 0, n = 0;
    for (const tl_row_slices *s = leaf->first_slices; s; s = s->next)
        n += s->n;
    if (n > UINT32_MAX)
        return tl_fail(TL_ERR_MEMORY, "more than 2^32 row slices in one gradient");
    uint64_t *key = tl_arena_alloc(arena, n, sizeof *key), *spare = tl_arena_alloc(arena, n, sizeof *spare);
    term *terms = tl_arena_alloc(arena, n, sizeof *terms);
    int64_t *start = tl_arena_alloc(arena, n + 1, sizeof *start);
    int32_t *rows = tl_arena_alloc(arena, n, sizeof *rows);
    if (!key || !spare || !terms || !start || !rows)
        return tl_fail_memory();
    int64_t at = 0, distinct = 0;
    for (const tl_row_slices *s = leaf->first_slices; s; s = s->next)
        for (int64_t k = 0; k < s->n; k++, at++) {
            terms[at].values = slice(s, k, width, &terms[at].coef);
            key[at] = (uint64_t)s->rows[k] << 32 | (uint64_t)at;
        }
    tl_radix_sort(n, key, spare, 32, 32 + tl_bits((uint64_t)table_rows));
    for (int64_t k = 0; k < n; k++) {
        int32_t row = (int32_t)(key[k] >> 32);
        if (distinct == 0 || rows[distinct - 1] != row) {
            start[distinct] = k;
            rows[distinct++] = row;
        }
    }
    start[distinct] = n;
    tl_real *values = tl_arena_alloc_zero(arena, distinct * width, sizeof *values);
    if (!values)
        return tl_fail_memory();
    sums c = { .key = key, .start = start, .terms = terms, .width = width, .values = values };
    tl_parallel_for(distinct, 1 + 4096 / (width + 1), sum_rows, &c);
    out->values = values;
    out->rows = rows;
    out->n_rows = distinct;
    return TL_OK;
}
