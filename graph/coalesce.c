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

/* Sums of slices as a product with a sparse matrix: its rows are sums, its columns the slices' rows of x, in
 * order of appearance. */
typedef struct sums {
    tl_sparse of;
    const tl_real *x;
    int64_t width;
    tl_real *out;
} sums;

static void sum_range(void *context, int64_t begin, int64_t end)
{
    const sums *s = context;
    tl_sum_table_rows(&s->of, begin, end, s->width, s->x, s->out, false);
}

/* The first n rows, with so many entries in all. */
static void sum_rows(sums *s, int64_t n, int64_t entries)
{
    tl_parallel_for(n, tl_table_rows_grain(n, entries, s->width), sum_range, s);
}

static void sum_all(sums *s)
{
    sum_rows(s, s->of.rows, s->of.row_ptr[s->of.rows]);
}

/* ---- Rows apart ---- */

/* Rows that are one slice lie where that is. */
struct tl_apart {
    const tl_real **row;
    sums all; /* all rows, to where the pair's values are */
    bool finite;
};

static tl_node *leaf_of(const tl_graph *g, const tl_gradient *pair)
{
    tl_node *leaf = pair->rows ? tl_leaf_of(g, pair->variable) : NULL;
    return leaf && leaf->apart && leaf->apart->all.out == pair->values ? leaf : NULL;
}

const tl_real *const *tl_rows_apart(const tl_graph *g, const tl_gradient *pair)
{
    const tl_node *leaf = leaf_of(g, pair);
    return leaf ? leaf->apart->row : NULL;
}

bool tl_apart_and_finite(const tl_graph *g, const tl_gradient *pair)
{
    const tl_node *leaf = leaf_of(g, pair);
    return leaf && leaf->apart->finite;
}

void tl_bring_together(const tl_graph *g, const tl_gradient *pair)
{
    tl_node *leaf = leaf_of(g, pair);
    if (!leaf)
        return;
    sum_all(&leaf->apart->all);
    leaf->apart = NULL;
}

/* Whether the sum of one slice is that slice: it begins at 0, and 0 + -0 is 0. *most: the largest magnitude
 * among the slices, or more. */
static bool is_sum_of_itself(const sums *s, int64_t n, tl_real *most)
{
    bool minus_zero;
    int32_t last = -1; /* row of x */
    for (int64_t e = 0; e < n; e++)
        last = s->of.col[e] > last ? s->of.col[e] : last;
    *most = tl_kernel_table()->largest((last + (int64_t)1) * s->width, s->x, &minus_zero);
    return !minus_zero;
}

/* The rows that are sums of several slices are summed now, to the front of the values. They are listed without
 * a branch, as which rows they are is as good as random: what is noted of another row is overwritten by the
 * next, or is one row more than there are. */
static tl_status lay_apart(tl_node *leaf, const sums *all, tl_real most)
{
    tl_arena *arena = &leaf->graph->arena;
    const int64_t n = all->of.rows, width = all->width, *row_ptr = all->of.row_ptr;
    int64_t n_sums = 0, entries = 0, found = 0;
    for (int64_t k = 0; k < n; k++) {
        const int64_t slices = row_ptr[k + 1] - row_ptr[k];
        n_sums += slices > 1;
        entries += slices > 1 ? slices : 0;
    }
    struct tl_apart *apart = tl_arena_alloc(arena, 1, sizeof *apart);
    const tl_real **row = tl_arena_alloc(arena, n, sizeof *row);
    int32_t *start = tl_arena_alloc(arena, 2 * (n_sums + 1), sizeof *start);
    if (!apart || !row || !start)
        return tl_fail_memory();
    int32_t *end = start + n_sums + 1;
    for (int64_t k = 0; k < n; k++) {
        start[found] = (int32_t)row_ptr[k];
        end[found] = (int32_t)row_ptr[k + 1];
        const bool is_sum = row_ptr[k + 1] - row_ptr[k] > 1;
        const tl_real *sum = all->out + found * width, *slice = all->x + all->of.col[row_ptr[k]] * width;
        row[k] = is_sum ? sum : slice;
        found += is_sum;
    }
    sums some = *all;
    some.of.rows = n_sums + 1;
    some.of.start = start;
    sum_rows(&some, n_sums, entries);
    /* a sum grows by twice the next slice at most, as it is a number to round to itself */
    const double limit = sizeof(tl_real) == sizeof(double) ? DBL_MAX : (double)FLT_MAX;
    *apart = (struct tl_apart){ .row = row,
                                .all = *all,
                                .finite = 2 * (double)(entries + 1) * (double)most < limit };
    leaf->apart = apart;
    return TL_OK;
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
static tl_status join(tl_arena *arena, const tl_row_slices *sets, int64_t n, int64_t width,
                      tl_row_slices *all)
{
    *all = sets ? *sets : (tl_row_slices){ 0 };
    if (!sets || !sets->next)
        return TL_OK;
    bool weighted = false;
    for (const tl_row_slices *s = sets; s; s = s->next)
        weighted |= s->coef != NULL;
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
    *all = (tl_row_slices){
        .n = n, .rows = rows, .coef = weighted ? coef : NULL, .values = values, .lasting = true
    };
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

tl_status tl_coalesce(tl_node *leaf, bool apart, tl_gradient *out)
{
    tl_arena *arena = &leaf->graph->arena;
    const int64_t width = tl_row_width(leaf->variable);
    int64_t n = 0;
    for (const tl_row_slices *s = leaf->first_slices; s; s = s->next)
        n += s->n;
    if (n > INT32_MAX)
        return tl_fail(TL_ERR_MEMORY, "more than 2^31 row slices in one gradient");
    tl_row_slices all;
    tl_real most;
    room r;
    if (join(arena, leaf->first_slices, n, width, &all) != TL_OK || !take(arena, n, &r))
        return tl_fail_memory();
    for (int64_t k = 0; k < n; k++)
        r.key[k] = (uint64_t)all.rows[k] << 32 | (uint64_t)k;
    tl_radix_sort(n, r.key, r.spare, 32, 32 + tl_bits((uint64_t)leaf->shape.dim[0]));
    const int64_t distinct = find_entries(&all, &r);
    tl_real *values = tl_arena_alloc(arena, distinct * width, sizeof *values);
    if (!values)
        return tl_fail_memory();
    *out = (tl_gradient){ .variable = leaf->variable, .values = values, .rows = r.rows, .n_rows = distinct };
    sums s = {
        .of = { .rows = distinct, .row_ptr = r.row_ptr, .col = r.col, .values = r.coef, .n_blocks = 1 },
        .x = all.values,
        .width = width,
        .out = values
    };
    if (apart && all.lasting && !all.coef && is_sum_of_itself(&s, n, &most))
        return lay_apart(leaf, &s, most);
    sum_all(&s);
    return TL_OK;
}
