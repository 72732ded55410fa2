/* Row-sparse gradients: the slices that lookups leave, summed into distinct rows. */
#include "internal.h"
#include "kernels.h"
#include "parallel.h"
#include "rows.h"
#include "sort.h"
#include "update.h"

#include <float.h>
#include <math.h>
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
struct tl_row_sums {
    tl_sparse of;
    const tl_real *x;
    int64_t width;
    tl_real *values; /* where they belong */
};

void tl_sum_rows(const tl_row_sums *s, int64_t begin, int64_t end, tl_real *out)
{
    tl_sparse of = s->of;
    of.rows = end - begin;
    of.row_ptr += begin;
    tl_sum_table_rows(&of, 0, end - begin, s->width, s->x, out, false);
}

static void sum_range(void *context, int64_t begin, int64_t end)
{
    const tl_row_sums *s = context;
    tl_sum_rows(s, begin, end, s->values + begin * s->width);
}

int64_t tl_sums_grain(const tl_row_sums *s)
{
    return tl_table_rows_grain(s->of.rows, s->of.row_ptr[s->of.rows], s->width);
}

static void sum_all(tl_row_sums *s)
{
    tl_parallel_for(s->of.rows, tl_sums_grain(s), sum_range, s);
}

const tl_row_sums *tl_sums_of(const tl_graph *g, const tl_gradient *pair)
{
    const tl_node *leaf = pair->rows ? tl_leaf_of(g, pair->variable) : NULL;
    return leaf && leaf->sums && leaf->sums->values == pair->values ? leaf->sums : NULL;
}

void tl_sum_all_rows(const tl_graph *g, const tl_gradient *pair)
{
    tl_node *leaf = tl_leaf_of(g, pair->variable);
    sum_all(leaf->sums);
    leaf->sums = NULL;
}

/* A sum of n products is at most twice n times the largest: as what was summed so far is a number to round
 * to, a product moves it by twice its own size at most. With a NaN nothing is below the limit. */
bool tl_sums_are_finite(const tl_row_sums *s)
{
    const int64_t n = s->of.row_ptr[s->of.rows];
    int32_t last = -1; /* row of x */
    for (int64_t e = 0; e < n; e++)
        last = s->of.col[e] > last ? s->of.col[e] : last;
    const int64_t size = (last + (int64_t)1) * s->width;
    const double limit = sizeof(tl_real) == sizeof(double) ? DBL_MAX : (double)FLT_MAX;
    const double x = (double)tl_kernel_table()->largest(size, s->x),
                 coef = (double)tl_kernel_table()->largest(n, s->of.values);
    return x < limit && coef < limit && 2 * (double)n * coef < limit / fmax(x, 1);
}

/* Room for n slices. */
typedef struct room {
    uint64_t *key, *spare; /* row << 32 | number of the slice */
    int64_t *row_ptr;
    int32_t *rows, *col;
    tl_real *coef;
} room;

static bool take(tl_arena *arena, int64_t n, room *r)
{
    r->key = tl_arena_alloc(arena, n, sizeof *r->key);
    r->spare = tl_arena_alloc(arena, n, sizeof *r->spare);
    r->row_ptr = tl_arena_alloc(arena, n + 1, sizeof *r->row_ptr);
    r->rows = tl_arena_alloc(arena, n, sizeof *r->rows);
    r->col = tl_arena_alloc(arena, n, sizeof *r->col);
    r->coef = tl_arena_alloc(arena, n, sizeof *r->coef);
    return r->key && r->spare && r->row_ptr && r->rows && r->col && r->coef;
}

/* The n slices of all sets in order of appearance: those of several ops in a copy, those of one where they
 * lie. */
static tl_status bring_together(tl_arena *arena, const tl_row_slices *sets, int64_t n, int64_t width,
                                tl_row_slices *all)
{
    *all = sets ? *sets : (tl_row_slices){ 0 };
    if (!sets || !sets->next)
        return TL_OK;
    int32_t *rows = tl_arena_alloc(arena, n, sizeof *rows);
    tl_real *coef = tl_arena_alloc(arena, n, sizeof *coef);
    tl_real *values = tl_arena_alloc(arena, n * width, sizeof *values);
    if (!rows || !coef || !values)
        return tl_fail_memory();
    int64_t at = 0;
    for (const tl_row_slices *s = sets; s; s = s->next)
        for (int64_t k = 0; k < s->n; k++, at++) {
            rows[at] = s->rows[k];
            memcpy(values + at * width, slice(s, k, width, &coef[at]), (size_t)width * sizeof *values);
        }
    *all = (tl_row_slices){ .n = n, .rows = rows, .coef = coef, .values = values, .lasting = true };
    return TL_OK;
}

/* The entries in the order of their rows. Returns how many distinct rows there are. (Whether an entry begins
 * a row is as good as random: no branch depends on it.) */
static int64_t find_entries(const tl_row_slices *all, const room *r)
{
    int64_t distinct = 0, last = -1;
    r->row_ptr[0] = 0;
    for (int64_t e = 0; e < all->n; e++) {
        const int64_t number = (int64_t)(r->key[e] & UINT32_MAX), row = (int64_t)(r->key[e] >> 32);
        distinct += row != last;
        last = row;
        r->rows[distinct - 1] = (int32_t)row;
        r->row_ptr[distinct] = e + 1;
        r->col[e] = all->source ? all->source[number] : (int32_t)number;
        r->coef[e] = all->coef ? all->coef[number] : 1;
    }
    return distinct;
}

tl_status tl_coalesce(tl_node *leaf, bool later, tl_gradient *out)
{
    tl_arena *arena = &leaf->graph->arena;
    const int64_t width = tl_row_width(leaf->variable);
    int64_t n = 0;
    for (const tl_row_slices *s = leaf->first_slices; s; s = s->next)
        n += s->n;
    if (n > INT32_MAX)
        return tl_fail(TL_ERR_MEMORY, "more than 2^31 row slices in one gradient");
    tl_row_slices all;
    room r;
    if (bring_together(arena, leaf->first_slices, n, width, &all) != TL_OK || !take(arena, n, &r))
        return tl_fail_memory();
    for (int64_t k = 0; k < n; k++)
        r.key[k] = (uint64_t)all.rows[k] << 32 | (uint64_t)k;
    tl_radix_sort(n, r.key, r.spare, 32, 32 + tl_bits((uint64_t)leaf->shape.dim[0]));
    const int64_t distinct = find_entries(&all, &r);
    tl_row_sums *sums = tl_arena_alloc(arena, 1, sizeof *sums);
    tl_real *values = tl_arena_alloc(arena, distinct * width, sizeof *values);
    if (!sums || !values)
        return tl_fail_memory();
    *sums = (tl_row_sums){
        .of = { .rows = distinct, .row_ptr = r.row_ptr, .col = r.col, .values = r.coef, .n_blocks = 1 },
        .x = all.values,
        .width = width,
        .values = values
    };
    if (later && all.lasting && width > 0 && width <= TL_SUMS_ROOM)
        leaf->sums = sums;
    else
        sum_all(sums);
    *out = (tl_gradient){ .variable = leaf->variable, .values = values, .rows = r.rows, .n_rows = distinct };
    return TL_OK;
}
