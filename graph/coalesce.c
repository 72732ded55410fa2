/* Row-sparse gradients: the slices that lookups leave, summed into distinct rows. */
#include "internal.h"
#include "kernels.h"
#include "parallel.h"
#include "rows.h"
#include "sort.h"
#include "update.h"

#include <string.h>

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

/* The sums as a product with a sparse matrix: its rows are the distinct rows, its columns the rows of x
 * that meet there, in order of appearance. */
typedef struct sums {
    tl_sparse of;
    const tl_real *x;
    int64_t width;
    tl_real *out;
} sums;

static void sum_rows(void *context, int64_t begin, int64_t end)
{
    const sums *c = context;
    tl_sum_table_rows(&c->of, begin, end, c->width, c->x, c->out, false);
}

/* Room for n slices. */
typedef struct room {
    uint64_t *key, *spare; /* row << 32 | number of the slice */
    int64_t *row_ptr;
    int32_t *rows, *from, *col;
    tl_real *coef, *values;
} room;

static bool take(tl_arena *arena, int64_t n, room *r)
{
    r->key = tl_arena_alloc(arena, n, sizeof *r->key);
    r->spare = tl_arena_alloc(arena, n, sizeof *r->spare);
    r->row_ptr = tl_arena_alloc(arena, n + 1, sizeof *r->row_ptr);
    r->rows = tl_arena_alloc(arena, n, sizeof *r->rows);
    r->from = tl_arena_alloc(arena, n, sizeof *r->from);
    r->col = tl_arena_alloc(arena, n, sizeof *r->col);
    r->coef = tl_arena_alloc(arena, n, sizeof *r->coef);
    r->values = tl_arena_alloc(arena, n, sizeof *r->values);
    return r->key && r->spare && r->row_ptr && r->rows && r->from && r->col && r->coef && r->values;
}

/* Numbers the slices in order of appearance, and says which row of x each is. The slices of several ops
 * are brought together in a copy; those of one are used where they lie. NULL: no memory. */
static const tl_real *number_slices(tl_arena *arena, const tl_row_slices *sets, int64_t n, int64_t width,
                                    const room *r)
{
    const bool several = sets && sets->next;
    tl_real *copy = several ? tl_arena_alloc(arena, n * width, sizeof *copy) : NULL;
    if (several && !copy)
        return NULL;
    int64_t at = 0;
    for (const tl_row_slices *s = sets; s; s = s->next)
        for (int64_t k = 0; k < s->n; k++, at++) {
            const int32_t source = s->source ? s->source[k] : (int32_t)k;
            r->key[at] = (uint64_t)s->rows[k] << 32 | (uint64_t)at;
            r->from[at] = several ? (int32_t)at : source;
            r->values[at] = s->coef ? s->coef[k] : 1;
            if (several)
                memcpy(copy + at * width, s->values + source * width, (size_t)width * sizeof *copy);
        }
    return several ? copy : sets ? sets->values : r->values;
}

/* The entries in the order of their rows. Returns how many distinct rows there are. (Whether an entry begins
 * a row is as good as random: no branch depends on it.) */
static int64_t find_entries(int64_t n, const room *r)
{
    int64_t distinct = 0, last = -1;
    r->row_ptr[0] = 0;
    for (int64_t e = 0; e < n; e++) {
        const int64_t number = (int64_t)(r->key[e] & UINT32_MAX), row = (int64_t)(r->key[e] >> 32);
        distinct += row != last;
        last = row;
        r->rows[distinct - 1] = (int32_t)row;
        r->row_ptr[distinct] = e + 1;
        r->col[e] = r->from[number];
        r->coef[e] = r->values[number];
    }
    return distinct;
}

tl_status tl_coalesce(tl_node *leaf, tl_gradient *out)
{
    tl_arena *arena = &leaf->graph->arena;
    const int64_t width = tl_row_width(leaf->variable);
    int64_t n = 0;
    for (const tl_row_slices *s = leaf->first_slices; s; s = s->next)
        n += s->n;
    if (n > INT32_MAX)
        return tl_fail(TL_ERR_MEMORY, "more than 2^31 row slices in one gradient");
    room r;
    const tl_real *x = take(arena, n, &r) ? number_slices(arena, leaf->first_slices, n, width, &r) : NULL;
    if (!x)
        return tl_fail_memory();
    tl_radix_sort(n, r.key, r.spare, 32, 32 + tl_bits((uint64_t)leaf->shape.dim[0]));
    const int64_t distinct = find_entries(n, &r);
    tl_real *values = tl_arena_alloc(arena, distinct * width, sizeof *values);
    if (!values)
        return tl_fail_memory();
    sums c = {
        .of = { .rows = distinct, .row_ptr = r.row_ptr, .col = r.col, .values = r.coef, .n_blocks = 1 },
        .x = x,
        .width = width,
        .out = values
    };
    tl_parallel_for(distinct, tl_table_rows_grain(distinct, n, width), sum_rows, &c);
    *out = (tl_gradient){ .variable = leaf->variable, .values = values, .rows = r.rows, .n_rows = distinct };
    return TL_OK;
}
