/* Row-sparse gradients: the slices that lookups leave, summed into distinct rows. */
#include "internal.h"
#include "kernels.h"
#include "parallel.h"
#include "rows.h"
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

/* The summands of every distinct row, as a sparse matrix for each set of slices: rows are the distinct rows, columns the
 * rows of the set's values. One pair of arrays holds all entries, ordered by row and then by appearance. */
typedef struct sums {
    tl_sparse of; /* start[b n + i]: where set b's entries of distinct row i begin */
    const tl_row_slices *sets;
    int64_t width;
    tl_real *out;
} sums;

static void sum_rows(void *context, int64_t begin, int64_t end)
{
    const sums *c = context;
    tl_sparse set = c->of;
    for (const tl_row_slices *s = c->sets; s; s = s->next, set.start += set.rows)
        tl_sum_table_rows(&set, begin, end, c->width, s->values, c->out, s != c->sets);
}

/* Room for n slices in n_sets sets. */
typedef struct room {
    uint64_t *key, *spare; /* row << 32 | number of the slice */
    int32_t *rows, *col, *start;
    tl_real *coef;
} room;

static bool take(tl_arena *arena, int64_t n, int64_t n_sets, room *r)
{
    r->key = tl_arena_alloc(arena, n, sizeof *r->key);
    r->spare = tl_arena_alloc(arena, n, sizeof *r->spare);
    r->rows = tl_arena_alloc(arena, n, sizeof *r->rows);
    r->col = tl_arena_alloc(arena, n, sizeof *r->col);
    r->coef = tl_arena_alloc(arena, n, sizeof *r->coef);
    r->start = tl_arena_alloc(arena, (n_sets + 1) * n, sizeof *r->start);
    return r->key && r->spare && r->rows && r->col && r->coef && r->start;
}

/* The slices' numbers in the order of their rows; equal ones in order of appearance. */
static void sort_slices(const tl_row_slices *sets, int64_t n, int64_t table_rows, const room *r)
{
    int64_t at = 0;
    for (const tl_row_slices *s = sets; s; s = s->next)
        for (int64_t k = 0; k < s->n; k++, at++)
            r->key[at] = (uint64_t)s->rows[k] << 32 | (uint64_t)at;
    tl_radix_sort(n, r->key, r->spare, 32, 32 + tl_bits((uint64_t)table_rows));
}

static int64_t number_of(const room *r, int64_t e)
{
    return (int64_t)(r->key[e] & UINT32_MAX);
}

/* The distinct rows, and the entries of each, set by set. Returns how many rows there are. */
static int64_t find_entries(const tl_row_slices *sets, int64_t n, const room *r)
{
    int64_t distinct = 0, e = 0;
    for (int64_t k = 0; k < n; k++)
        if (k == 0 || r->key[k] >> 32 != r->key[k - 1] >> 32)
            r->rows[distinct++] = (int32_t)(r->key[k] >> 32);
    for (int64_t i = 0; i < distinct; i++) {
        int32_t *start = r->start + i;
        int64_t first = 0; /* the number of the set's first slice */
        *start = (int32_t)e;
        for (const tl_row_slices *s = sets; s; first += s->n, s = s->next) {
            for (; e < n && r->key[e] >> 32 == (uint64_t)r->rows[i] && number_of(r, e) < first + s->n; e++) {
                const int64_t k = number_of(r, e) - first;
                r->col[e] = s->source ? s->source[k] : (int32_t)k;
                r->coef[e] = s->coef ? s->coef[k] : 1;
            }
            start += distinct;
            *start = (int32_t)e;
        }
    }
    return distinct;
}

tl_status tl_coalesce(tl_node *leaf, tl_gradient *out)
{
    tl_arena *arena = &leaf->graph->arena;
    const tl_row_slices *sets = leaf->first_slices;
    int64_t table_rows = leaf->shape.dim[0], width = table_rows > 0 ? leaf->size / table_rows : 0, n = 0,
            n_sets = 0;
    for (const tl_row_slices *s = sets; s; s = s->next, n_sets++)
        n += s->n;
    if (n > INT32_MAX)
        return tl_fail(TL_ERR_MEMORY, "more than 2^31 row slices in one gradient");
    room r;
    if (!take(arena, n, n_sets, &r))
        return tl_fail_memory();
    sort_slices(sets, n, table_rows, &r);
    const int64_t distinct = find_entries(sets, n, &r);
    tl_real *values = tl_arena_alloc(arena, distinct * width, sizeof *values);
    if (!values)
        return tl_fail_memory();
    sums c = { .of = { .rows = distinct, .col = r.col, .values = r.coef, .start = r.start, .n_blocks = 1 },
               .sets = sets,
               .width = width,
               .out = values };
    tl_parallel_for(distinct, tl_table_rows_grain(distinct, n, width), sum_rows, &c);
    *out = (tl_gradient){ .variable = leaf->variable, .values = values, .rows = r.rows, .n_rows = distinct };
    return TL_OK;
}
