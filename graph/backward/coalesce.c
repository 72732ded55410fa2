/* Row-sparse gradients: the slices that lookups leave, summed into distinct rows. */
#include "graph/internal.h"
#include "lib/kernels/kernels.h"
#include "parallel.h"
#include "lib/matrix/rows.h"
#include "lib/sort.h"
#include "graph/optim/update.h"

#include <float.h>
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

/* The first n rows, of so many slices in all. */
static void sum_rows(sums *s, int64_t n, int64_t slices)
{
    tl_parallel_for(n, tl_table_rows_grain(n, slices, s->width), sum_range, s);
}

/* ---- Rows row_refs ---- */

/* Rows that are one slice lie where that is, the others, summed, at the front of the pair's values. */
struct tl_row_refs {
    const tl_real **row, *values;
    bool finite; /* for certain */
};

static tl_node *leaf_of(const tl_graph *g, const tl_gradient *pair)
{
    tl_node *leaf = pair->rows ? tl_leaf_of(g, pair->variable) : NULL;
    return leaf && leaf->row_refs && leaf->row_refs->values == pair->values ? leaf : NULL;
}

const tl_real *const *tl_gradient_row_refs(const tl_graph *g, const tl_gradient *pair)
{
    const tl_node *leaf = leaf_of(g, pair);
    return leaf ? leaf->row_refs->row : NULL;
}

bool tl_row_refs_finite(const tl_graph *g, const tl_gradient *pair)
{
    const tl_node *leaf = leaf_of(g, pair);
    return leaf && leaf->row_refs->finite;
}

void tl_gradient_pack(const tl_graph *g, const tl_gradient *pair)
{
    tl_node *leaf = leaf_of(g, pair);
    const int64_t width = tl_row_width(pair->variable);
    if (!leaf)
        return;
    for (int64_t k = pair->n_rows; k-- > 0;) /* no sum lies behind the place of its row */
        memmove(pair->values + k * width, leaf->row_refs->row[k], (size_t)width * sizeof *pair->values);
    leaf->row_refs = NULL;
}

/* ---- Coalescing ---- */

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
    tl_real *coef = weighted ? tl_arena_alloc(arena, n, sizeof *coef) : NULL;
    tl_real *values = tl_arena_alloc(arena, n * width, sizeof *values);
    if (!rows || (weighted && !coef) || !values)
        return tl_fail_memory();
    int64_t at = 0;
    for (const tl_row_slices *s = sets; s; s = s->next)
        for (int64_t k = 0; k < s->n; k++, at++) {
            tl_real c;
            rows[at] = s->rows[k];
            memcpy(values + at * width, slice(s, k, width, &c), (size_t)width * sizeof *values);
            if (weighted)
                coef[at] = c;
        }
    *all = (tl_row_slices){ .n = n, .rows = rows, .coef = coef, .values = values, .stable = true };
    return TL_OK;
}

/* The slices in the order of their rows, as row << 32 | number of the slice; NULL if memory is short. */
static const uint64_t *sort_slices(tl_arena *arena, const tl_row_slices *all, int64_t table_rows)
{
    uint64_t *key = tl_arena_alloc(arena, all->n, sizeof *key);
    uint64_t *spare = tl_arena_alloc(arena, all->n, sizeof *spare);
    for (int64_t k = 0; key && spare && k < all->n; k++)
        key[k] = (uint64_t)all->rows[k] << 32 | (uint64_t)k;
    if (key && spare)
        tl_radix_sort(all->n, key, spare, 32, 32 + tl_bits((uint64_t)table_rows));
    return spare ? key : NULL;
}

static int64_t row_of(uint64_t key)
{
    return (int64_t)(key >> 32);
}

static int64_t number_of(uint64_t key)
{
    return (int64_t)(key & UINT32_MAX);
}

/* Whether the sum of one slice is that slice: without a coefficient, and without a -0, as sums begin at 0 and
 * 0 + -0 is 0. *most: the largest magnitude among the slices, or more. */
static bool can_use_uncopied(const tl_row_slices *all, int64_t width, tl_real *most)
{
    bool minus_zero;
    int32_t last = all->source ? -1 : (int32_t)all->n - 1;
    for (int64_t k = 0; all->source && k < all->n; k++)
        last = all->source[k] > last ? all->source[k] : last;
    *most = tl_kernel_table()->max_abs((last + (int64_t)1) * width, all->values, &minus_zero);
    return !all->coef && !minus_zero;
}

/* In the two functions below no branch depends on whether an entry begins a row, which is as good as random:
 * what is noted too early is overwritten by the next entry. */

/* The values of the pair from all slices. */
static tl_status sum_all(tl_arena *arena, const tl_row_slices *all, const uint64_t *key, int64_t width,
                         tl_gradient *out)
{
    const int64_t n = all->n;
    int64_t *row_ptr = tl_arena_alloc(arena, n + 1, sizeof *row_ptr);
    int32_t *rows = tl_arena_alloc(arena, n, sizeof *rows), *col = tl_arena_alloc(arena, n, sizeof *col);
    tl_real *coef = tl_arena_alloc(arena, n, sizeof *coef);
    if (!row_ptr || !rows || !col || !coef)
        return tl_fail_memory();
    int64_t found = 0, last = -1;
    row_ptr[0] = 0;
    for (int64_t e = 0; e < n; e++) {
        const int64_t number = number_of(key[e]);
        found += row_of(key[e]) != last;
        last = row_of(key[e]);
        row_ptr[found] = e + 1;
        rows[found - 1] = (int32_t)last;
        col[e] = all->source ? all->source[number] : (int32_t)number;
        coef[e] = all->coef ? all->coef[number] : 1;
    }
    out->rows = rows;
    out->n_rows = found;
    out->values = tl_arena_alloc(arena, found * width, sizeof *out->values);
    if (!out->values)
        return tl_fail_memory();
    sums s = { .of = { .rows = found, .row_ptr = row_ptr, .col = col, .values = coef },
               .x = all->values,
               .width = width,
               .out = out->values };
    sum_rows(&s, found, n);
    return TL_OK;
}

/* Where the rows of the pair lie; those of several slices are summed. NULL if memory is short. */
static struct tl_row_refs *collect_row_refs(tl_arena *arena, const tl_row_slices *all, const uint64_t *key,
                                            int64_t width, tl_gradient *out)
{
    const int64_t n = all->n, most_sums = n / 2 + 1; /* with one that is noted too early */
    struct tl_row_refs *row_refs = tl_arena_alloc(arena, 1, sizeof *row_refs);
    const tl_real **row = tl_arena_alloc(arena, n, sizeof *row);
    int32_t *rows = tl_arena_alloc(arena, n, sizeof *rows), *col = tl_arena_alloc(arena, n, sizeof *col);
    int32_t *begin = tl_arena_alloc(arena, most_sums, sizeof *begin);
    int32_t *end = tl_arena_alloc(arena, most_sums, sizeof *end);
    int32_t *sum_of = tl_arena_alloc(arena, most_sums, sizeof *sum_of);
    tl_real *coef = tl_arena_alloc(arena, n, sizeof *coef);
    if (!row_refs || !row || !rows || !col || !begin || !end || !sum_of || !coef)
        return NULL;
    int64_t found = 0, n_sums = 0, last = -1;
    bool again = false;
    for (int64_t e = 0; e < n; e++) {
        const int64_t number = number_of(key[e]);
        const bool before = again;
        again = row_of(key[e]) == last;
        last = row_of(key[e]);
        found += !again;
        n_sums += again & !before;
        rows[found - 1] = (int32_t)last;
        col[e] = all->source ? all->source[number] : (int32_t)number;
        row[found - 1] = all->values + col[e] * width;
        begin[n_sums] = (int32_t)e;
        end[n_sums - again] = (int32_t)e + 1;
        sum_of[n_sums - again] = (int32_t)found - 1;
    }
    for (int64_t e = 0; e < n; e++)
        coef[e] = 1;
    out->rows = rows;
    out->n_rows = found;
    out->values = tl_arena_alloc(arena, found * width, sizeof *out->values);
    if (!out->values)
        return NULL;
    sums s = { .of = { .rows = most_sums, .row_begin = begin, .row_end = end, .col = col, .values = coef },
               .x = all->values,
               .width = width,
               .out = out->values };
    sum_rows(&s, n_sums, n - (found - n_sums));
    for (int64_t k = 0; k < n_sums; k++)
        row[sum_of[k]] = out->values + k * width;
    *row_refs = (struct tl_row_refs){ .row = row, .values = out->values };
    return row_refs;
}

/* Whether sums of n numbers up to `most` are finite: each grows by twice the next number at most, as what it
 * was is a number to round to. */
static bool bounded_finite(int64_t n, tl_real most)
{
    const double limit = sizeof(tl_real) == sizeof(double) ? DBL_MAX : (double)FLT_MAX;
    return 2 * (double)n * (double)most < limit;
}

tl_status tl_coalesce(tl_node *leaf, bool row_refs, tl_gradient *out)
{
    tl_arena *arena = &leaf->graph->arena;
    const int64_t width = tl_row_width(leaf->variable);
    int64_t n = 0;
    for (const tl_row_slices *s = leaf->first_slices; s; s = s->next)
        n += s->n;
    if (n > INT32_MAX)
        return tl_fail(TL_ERR_MEMORY, "more than 2^31 row slices in one gradient");
    tl_row_slices all;
    if (join(arena, leaf->first_slices, n, width, &all) != TL_OK)
        return TL_ERR_MEMORY;
    const uint64_t *key = sort_slices(arena, &all, leaf->shape.dim[0]);
    if (!key)
        return tl_fail_memory();
    *out = (tl_gradient){ .variable = leaf->variable };
    tl_real most;
    if (!row_refs || !all.stable || !can_use_uncopied(&all, width, &most))
        return sum_all(arena, &all, key, width, out);
    leaf->row_refs = collect_row_refs(arena, &all, key, width, out);
    if (!leaf->row_refs)
        return tl_fail_memory();
    leaf->row_refs->finite = bounded_finite(n, most);
    return TL_OK;
}
