/* Row-sparse gradients: the slices that lookups add, summed into distinct rows. The slices are joined, sorted
 * stably by row, and summed by a product with a sparse matrix. See "Row-sparse gradients" in
 * docs/internals.md. */
#include "graph/backward/backward.h"
#include "lib/kernels/kernels.h"
#include "lib/matrix/rows.h"
#include "lib/sort.h"
#include "parallel.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Y = S X, where the rows of X are the values of slices, summed in double. */
typedef struct row_sums {
    tl_sparse s;
    const tl_real *x;
    int64_t width;
    tl_real *y;
} row_sums;

static void sum_range(void *context, int64_t begin, int64_t end)
{
    const row_sums *r = context;
    tl_kernel_table()->table_rows(&r->s, begin, end, r->width, r->x, r->y, false);
}

/* Computes the first n rows, which have `slices` entries in all. */
static void sum_rows(row_sums *r, int64_t n, int64_t slices)
{
    tl_parallel_for(n, tl_table_rows_grain(n, slices, r->width), sum_range, r);
}

/* ---- Rows by reference ---- */

/* row[k] points at row k of the pair: at its only slice, or at its sum. The sums are at the beginning of the
 * pair's values, in the order of their rows. */
struct tl_row_refs {
    const tl_real **row, *values;
    double bound; /* on their magnitudes; infinity: none is known */
};

/* Returns the leaf whose references are the rows of this pair; NULL if the pair's values hold its rows, as
 * they do after packing and in a pair that did not come from this leaf's last pass. */
static tl_node *leaf_with_row_refs(const tl_graph *g, const tl_gradient *pair)
{
    tl_node *leaf = pair->rows ? tl_leaf_of(g, pair->variable) : NULL;
    return leaf && leaf->row_refs && leaf->row_refs->values == pair->values ? leaf : NULL;
}

const tl_real *const *tl_gradient_row_refs(const tl_graph *g, const tl_gradient *pair)
{
    const tl_node *leaf = leaf_with_row_refs(g, pair);
    return leaf ? leaf->row_refs->row : NULL;
}

double tl_row_refs_bound(const tl_graph *g, const tl_gradient *pair)
{
    const tl_node *leaf = leaf_with_row_refs(g, pair);
    return leaf ? leaf->row_refs->bound : INFINITY;
}

void tl_gradient_pack(const tl_graph *g, const tl_gradient *pair)
{
    tl_node *leaf = leaf_with_row_refs(g, pair);
    const int64_t width = tl_row_width(pair->variable);
    if (!leaf)
        return;
    /* From the last row to the first: a sum is stored at its row's place or before it, so none is overwritten
     * before it is moved. */
    for (int64_t k = pair->n_rows - 1; k >= 0; k--)
        memmove(pair->values + k * width, leaf->row_refs->row[k], (size_t)width * sizeof *pair->values);
    leaf->row_refs = NULL;
}

/* ---- Coalescing ---- */

/* Joins the slices of all calls, n in all, in order of appearance. Those of a single call stay where they
 * are, otherwise they are copied. */
static tl_status join(tl_arena *arena, const tl_row_slices *calls, int64_t n, int64_t width,
                      tl_row_slices *all)
{
    *all = calls ? *calls : (tl_row_slices){ 0 };
    if (!calls || !calls->next)
        return TL_OK;
    bool weighted = false;
    for (const tl_row_slices *s = calls; s; s = s->next)
        weighted |= s->coef != NULL;
    int32_t *rows = tl_arena_alloc(arena, n, sizeof *rows);
    tl_real *coef = weighted ? tl_arena_alloc(arena, n, sizeof *coef) : NULL;
    tl_real *values = tl_arena_alloc(arena, n * width, sizeof *values);
    if (!rows || (weighted && !coef) || !values)
        return tl_fail_memory();
    int64_t at = 0;
    for (const tl_row_slices *s = calls; s; s = s->next)
        for (int64_t k = 0; k < s->n; k++, at++) {
            tl_real c;
            rows[at] = s->rows[k];
            memcpy(values + at * width, tl_row_slice(s, k, width, &c), (size_t)width * sizeof *values);
            if (weighted)
                coef[at] = c;
        }
    *all = (tl_row_slices){ .n = n, .rows = rows, .coef = coef, .values = values, .stable = true };
    return TL_OK;
}

/* Returns the slices in the order of their rows as keys row << 32 | index of the slice; NULL if memory is
 * short. */
static const uint64_t *sort_slices(tl_arena *arena, const tl_row_slices *all, int64_t table_rows)
{
    uint64_t *key = tl_arena_alloc(arena, all->n, sizeof *key);
    uint64_t *spare = tl_arena_alloc(arena, all->n, sizeof *spare);
    if (!key || !spare)
        return NULL;
    for (int64_t k = 0; k < all->n; k++)
        key[k] = (uint64_t)all->rows[k] << 32 | (uint64_t)k;
    const uint64_t rows = table_rows < INT32_MAX ? (uint64_t)table_rows
                                                 : (uint64_t)INT32_MAX + 1; /* with an id */
    tl_radix_sort(all->n, key, spare, 32, 32 + tl_bits(rows));
    return key;
}

static int64_t row_of(uint64_t key)
{
    return (int64_t)(key >> 32);
}

static int64_t slice_of(uint64_t key)
{
    return (int64_t)(key & UINT32_MAX);
}

/* Returns whether a single slice has the bits of its sum: not if it has a coefficient or a -0, as a sum
 * starts at +0 and +0 + -0 is +0. Sets *max_abs to a bound on the magnitudes of all slices. */
static bool can_use_uncopied(const tl_row_slices *all, int64_t width, tl_real *max_abs)
{
    bool minus_zero;
    int32_t last = (int32_t)all->n - 1;
    if (all->source) {
        last = -1;
        for (int64_t k = 0; k < all->n; k++)
            last = all->source[k] > last ? all->source[k] : last;
    }
    *max_abs = tl_kernel_table()->max_abs((last + (int64_t)1) * width, all->values, &minus_zero);
    return !all->coef && !minus_zero;
}

/* Returns a bound on sums of n numbers of magnitude up to max_abs; infinity if one may overflow. Rounding
 * s + x moves it by |x| at most, as s is representable itself: an addition adds at most 2 |x| to the
 * magnitude of a sum. */
static double bound_of_sums(int64_t n, tl_real max_abs)
{
    const double limit = sizeof(tl_real) == sizeof(double) ? DBL_MAX : (double)FLT_MAX,
                 bound = 2 * (double)n * (double)max_abs;
    return bound < limit ? bound : INFINITY; /* of a NaN, too */
}

/* The loops over sorted keys below do not branch on whether an entry starts a row, which is unpredictable.
 * Every iteration writes all fields; where it was too early, the next iteration overwrites them. */

/* Sums all slices into the values of the pair. */
static tl_status sum_all(tl_arena *arena, const tl_row_slices *all, const uint64_t *key, int64_t width,
                         tl_gradient *out)
{
    const int64_t n = all->n;
    int64_t *row_ptr = tl_arena_alloc(arena, n + 1, sizeof *row_ptr);
    int32_t *rows = tl_arena_alloc(arena, n, sizeof *rows), *col = tl_arena_alloc(arena, n, sizeof *col);
    tl_real *coef = all->coef ? tl_arena_alloc(arena, n, sizeof *coef) : NULL;
    if (!row_ptr || !rows || !col || (all->coef && !coef))
        return tl_fail_memory();
    int64_t n_rows = 0, last = -1;
    row_ptr[0] = 0;
    for (int64_t e = 0; e < n; e++) {
        const int64_t k = slice_of(key[e]);
        n_rows += row_of(key[e]) != last;
        last = row_of(key[e]);
        row_ptr[n_rows] = e + 1;
        rows[n_rows - 1] = (int32_t)last;
        col[e] = all->source ? all->source[k] : (int32_t)k;
    }
    if (coef)
        for (int64_t e = 0; e < n; e++)
            coef[e] = all->coef[slice_of(key[e])];
    out->rows = rows;
    out->n_rows = n_rows;
    out->values = tl_arena_alloc(arena, n_rows * width, sizeof *out->values);
    if (!out->values)
        return tl_fail_memory();
    row_sums r = {
        .s = { .rows = n_rows, .row_ptr = row_ptr, .col = col, .values = coef },
        .x = all->values,
        .width = width,
        .y = out->values,
    };
    sum_rows(&r, n_rows, n);
    return TL_OK;
}

/* References rows with a single slice and sums the others: sum i, of entries begin[i] .. end[i] - 1, is row
 * sum_row[i] of the pair. While n_sums is i, every entry that begins a row is tried as begin[i]; the second
 * entry of a row makes that final. NULL if memory is short. */
static struct tl_row_refs *collect_row_refs(tl_arena *arena, const tl_row_slices *all, const uint64_t *key,
                                            int64_t width, tl_gradient *out)
{
    const int64_t n = all->n, max_sums = n / 2 + 1; /* one more may be written too early */
    struct tl_row_refs *refs = tl_arena_alloc(arena, 1, sizeof *refs);
    const tl_real **row = tl_arena_alloc(arena, n, sizeof *row);
    int32_t *rows = tl_arena_alloc(arena, n, sizeof *rows), *col = tl_arena_alloc(arena, n, sizeof *col);
    int32_t *begin = tl_arena_alloc(arena, max_sums, sizeof *begin);
    int32_t *end = tl_arena_alloc(arena, max_sums, sizeof *end);
    int32_t *sum_row = tl_arena_alloc(arena, max_sums, sizeof *sum_row);
    if (!refs || !row || !rows || !col || !begin || !end || !sum_row)
        return NULL;
    int64_t n_rows = 0, n_sums = 0, last = -1;
    bool repeats = false;
    for (int64_t e = 0; e < n; e++) {
        const int64_t k = slice_of(key[e]);
        const bool repeated = repeats;
        repeats = row_of(key[e]) == last;
        last = row_of(key[e]);
        n_rows += !repeats;
        n_sums += repeats & !repeated;
        rows[n_rows - 1] = (int32_t)last;
        col[e] = all->source ? all->source[k] : (int32_t)k;
        row[n_rows - 1] = all->values + col[e] * width;
        begin[n_sums] = (int32_t)e;
        end[n_sums - repeats] = (int32_t)e + 1;
        sum_row[n_sums - repeats] = (int32_t)n_rows - 1;
    }
    out->rows = rows;
    out->n_rows = n_rows;
    out->values = tl_arena_alloc(arena, n_rows * width, sizeof *out->values);
    if (!out->values)
        return NULL;
    row_sums r = {
        .s = { .rows = max_sums, .row_begin = begin, .row_end = end, .col = col },
        .x = all->values,
        .width = width,
        .y = out->values,
    };
    sum_rows(&r, n_sums, n - (n_rows - n_sums));
    for (int64_t i = 0; i < n_sums; i++)
        row[sum_row[i]] = out->values + i * width;
    *refs = (struct tl_row_refs){ .row = row, .values = out->values };
    return refs;
}

tl_status tl_coalesce(tl_node *leaf, bool row_refs, tl_gradient *out)
{
    tl_arena *arena = &leaf->graph->arena;
    const int64_t width = tl_row_width(leaf->variable);
    int64_t n = 0;
    for (const tl_row_slices *s = leaf->first_slices; s; s = s->next)
        n += s->n;
    if (n > INT32_MAX)
        return tl_fail(TL_ERR_MEMORY, "%lld row slices in one gradient are more than %d", (long long)n,
                       INT32_MAX);
    tl_row_slices all;
    if (join(arena, leaf->first_slices, n, width, &all) != TL_OK)
        return TL_ERR_MEMORY;
    const uint64_t *key = sort_slices(arena, &all, leaf->shape.dim[0]);
    if (!key)
        return tl_fail_memory();
    *out = (tl_gradient){ .variable = leaf->variable };
    tl_real max_abs;
    if (!row_refs || !all.stable || !can_use_uncopied(&all, width, &max_abs))
        return sum_all(arena, &all, key, width, out);
    leaf->row_refs = collect_row_refs(arena, &all, key, width, out);
    if (!leaf->row_refs)
        return tl_fail_memory();
    leaf->row_refs->bound = bound_of_sums(n, max_abs);
    return TL_OK;
}
