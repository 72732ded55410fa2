/* Sums over parts along a balanced tree: a stack of sums over blocks of parts, as a binary counter has
 * digits. */
#include "graph/backward/part_sums.h"
#include "lib/kernels/kernels.h"
#include "parallel.h"

#include <string.h>

/* ---- Buffers ---- */

/* Returns the capacity for n doubles. For rows it is a power of two, as their number varies: buffers are then
 * found again. */
static int64_t capacity_of(int64_t n, bool rows)
{
    int64_t capacity = sizeof(tl_free_sum) / sizeof(double);
    if (!rows)
        return n > capacity ? n : capacity;
    while (capacity < n)
        capacity *= 2;
    return capacity;
}

/* Returns a buffer for n doubles, a free one if there is one of that capacity; NULL if memory is short. */
static void *take(tl_arena *arena, tl_totals *t, int64_t n, bool rows)
{
    const int64_t capacity = capacity_of(n, rows);
    tl_free_sum **list = &t->free;
    while (*list && (*list)->capacity != capacity)
        list = &(*list)->next;
    tl_free_sum *found = *list;
    if (!found)
        return tl_arena_alloc(arena, capacity, sizeof(double));
    *list = found->next;
    return found;
}

static void give_back(tl_totals *t, void *buffer, int64_t n, bool rows)
{
    tl_free_sum *f = buffer;
    *f = (tl_free_sum){ t->free, capacity_of(n, rows) };
    t->free = f;
}

/* Returns how many doubles take as much space as n row numbers. */
static int64_t doubles_for(int64_t n)
{
    return n / 2 + 1;
}

static int64_t width_of(const tl_node *leaf)
{
    return tl_row_width(leaf->variable);
}

/* Gives s buffers: for n_rows rows, or for all values if n_rows is negative. */
static tl_status alloc_sum(tl_node *leaf, tl_totals *t, int64_t n_rows, tl_part_sum *s)
{
    tl_arena *arena = &leaf->graph->arena;
    if (n_rows < 0) {
        s->values = take(arena, t, leaf->size, false);
        return s->values ? TL_OK : tl_fail_memory();
    }
    s->n_rows = n_rows;
    s->values = take(arena, t, n_rows * width_of(leaf), true);
    s->rows = take(arena, t, doubles_for(n_rows), true);
    return s->values && s->rows ? TL_OK : tl_fail_memory();
}

static void drop_sum(const tl_node *leaf, tl_totals *t, const tl_part_sum *s)
{
    if (s->borrowed)
        return;
    give_back(t, s->values, s->rows ? s->n_rows * width_of(leaf) : leaf->size, s->rows != NULL);
    if (s->rows)
        give_back(t, s->rows, doubles_for(s->n_rows), true);
}

/* ---- Sums of dense terms ---- */

/* term[0] + (term[1] + .. (term[n - 1] + weight * leaf)), stored in `to`, or rounded if that is NULL. */
typedef struct dense_fold {
    const tl_part_sum *term;
    int n;
    double weight;
    const tl_real *leaf; /* NULL: the last term is term[n - 1] */
    double *to;          /* NULL, or that of term[0], or another */
    tl_real *rounded;
} dense_fold;

/* Computes elements at .. at + m - 1, in sums that stay in L1. */
static void fold_strip(const dense_fold *f, int64_t at, int64_t m, double *restrict sum)
{
    const bool in_place = f->to == f->term[0].values;
    int i = f->n;
    if (f->leaf)
        tl_kernel_table()->scale_wide(m, f->weight, f->leaf + at, sum);
    else
        memcpy(sum, f->term[--i].values + at, (size_t)m * sizeof *sum);
    while (i-- > in_place)
        tl_kernel_table()->add_wide(m, f->term[i].values + at, sum);
    if (in_place)
        tl_kernel_table()->add_wide(m, sum, f->to + at);
    else if (f->to)
        memcpy(f->to + at, sum, (size_t)m * sizeof *sum);
    else
        for (int64_t k = 0; k < m; k++)
            f->rounded[at + k] = (tl_real)sum[k];
}

static void fold_range(void *context, int64_t begin, int64_t end)
{
    enum { STRIP = 512 };
    double sum[STRIP];
    for (int64_t at = begin; at < end; at += STRIP)
        fold_strip(context, at, end - at < STRIP ? end - at : STRIP, sum);
}

/* to = weight * leaf */
static void scale_range(void *context, int64_t begin, int64_t end)
{
    const dense_fold *f = context;
    tl_kernel_table()->scale_wide(end - begin, f->weight, f->leaf + begin, f->to + begin);
}

/* ---- Sums of rows ---- */

/* Row k of y is row a[k] of A plus row b[k] of B; -1: that has no such row. */
typedef struct row_merge {
    int64_t width;
    const int32_t *a, *b;
    const double *from_a, *from_b;
    double *y;
} row_merge;

static void merge_range(void *context, int64_t begin, int64_t end)
{
    const row_merge *m = context;
    const size_t bytes = (size_t)m->width * sizeof *m->y;
    for (int64_t k = begin; k < end; k++) {
        double *y = m->y + k * m->width;
        if (m->b[k] < 0) {
            memcpy(y, m->from_a + m->a[k] * m->width, bytes);
            continue;
        }
        memcpy(y, m->from_b + m->b[k] * m->width, bytes);
        if (m->a[k] >= 0)
            tl_kernel_table()->add_wide(m->width, m->from_a + m->a[k] * m->width, y);
    }
}

/* Returns the number of rows that a or b has; with row not NULL, stores them, and where they are from. */
static int64_t merge_rows(const tl_part_sum *a, const tl_part_sum *b, int32_t *row, int32_t *from_a,
                          int32_t *from_b)
{
    int64_t n = 0, i = 0, j = 0;
    for (; i < a->n_rows || j < b->n_rows; n++) {
        const bool in_a = i < a->n_rows && (j == b->n_rows || a->rows[i] <= b->rows[j]);
        const bool in_b = j < b->n_rows && (i == a->n_rows || b->rows[j] <= a->rows[i]);
        if (row) {
            row[n] = in_a ? a->rows[i] : b->rows[j];
            from_a[n] = in_a ? (int32_t)i : -1;
            from_b[n] = in_b ? (int32_t)j : -1;
        }
        i += in_a;
        j += in_b;
    }
    return n;
}

/* Sets *a to a + b, both of rows. */
static tl_status add_rows_to_rows(tl_node *leaf, tl_totals *t, tl_part_sum *a, const tl_part_sum *b)
{
    const int64_t n = merge_rows(a, b, NULL, NULL, NULL), width = width_of(leaf), ints = doubles_for(n);
    tl_part_sum y = { .part = a->part };
    int32_t *from_a = take(&leaf->graph->arena, t, ints, true),
            *from_b = take(&leaf->graph->arena, t, ints, true);
    if (!from_a || !from_b || alloc_sum(leaf, t, n, &y) != TL_OK)
        return tl_fail_memory();
    merge_rows(a, b, y.rows, from_a, from_b);
    row_merge m = { width, from_a, from_b, a->values, b->values, y.values };
    tl_parallel_rows(n, width, merge_range, &m);
    give_back(t, from_a, ints, true);
    give_back(t, from_b, ints, true);
    drop_sum(leaf, t, a);
    drop_sum(leaf, t, b);
    *a = y;
    return TL_OK;
}

/* Sets *to to dense + rows; which of the two comes first makes no difference to the bits. */
static tl_status add_rows_to_dense(tl_node *leaf, tl_totals *t, tl_part_sum dense, const tl_part_sum *rows,
                                   tl_part_sum *to)
{
    const int64_t width = width_of(leaf);
    if (dense.borrowed) {
        tl_part_sum copy = { .part = dense.part };
        if (alloc_sum(leaf, t, -1, &copy) != TL_OK)
            return TL_ERR_MEMORY;
        if (leaf->size > 0)
            memcpy(copy.values, dense.values, (size_t)leaf->size * sizeof *copy.values);
        dense = copy;
    }
    for (int64_t k = 0; k < rows->n_rows; k++)
        tl_kernel_table()->add_wide(width, rows->values + k * width, dense.values + rows->rows[k] * width);
    drop_sum(leaf, t, rows);
    dense.part = to->part;
    *to = dense;
    return TL_OK;
}

/* ---- The tree ---- */

/* Sets sum[n - r] to the sum of the last r sums, which are dense, and removes the others. */
static tl_status fold_dense(tl_node *leaf, tl_totals *t, tl_part_sums *s, int r)
{
    const tl_part_sum *first = &s->sum[s->n - r];
    tl_part_sum y = *first;
    if (y.borrowed) {
        y.borrowed = false;
        if (alloc_sum(leaf, t, -1, &y) != TL_OK)
            return TL_ERR_MEMORY;
    }
    tl_parallel_for(leaf->size, TL_GRAIN, fold_range, &(dense_fold){ .term = first, .n = r, .to = y.values });
    for (int k = 1; k < r; k++)
        drop_sum(leaf, t, &first[k]);
    s->n -= r - 1;
    s->sum[s->n - 1] = y;
    return TL_OK;
}

/* Adds the last two sums, of which one is of rows or both are. */
static tl_status fold_pair(tl_node *leaf, tl_totals *t, tl_part_sums *s)
{
    tl_part_sum *a = &s->sum[s->n - 2];
    const tl_part_sum *b = &s->sum[s->n - 1];
    const tl_part_sum before = *a;
    tl_status status;
    if (a->rows && b->rows)
        status = add_rows_to_rows(leaf, t, a, b);
    else
        status = add_rows_to_dense(leaf, t, a->rows ? *b : *a, a->rows ? &before : b, a);
    s->n--;
    return status;
}

/* Adds up the sums from sum[from] on, beginning with the last, as the tree does where what is between them is
 * complete or absent. */
static tl_status fold(tl_node *leaf, tl_totals *t, tl_part_sums *s, int from)
{
    tl_status status = TL_OK;
    while (status == TL_OK && s->n - from > 1) {
        int dense = 0;
        while (dense < s->n - from && !s->sum[s->n - 1 - dense].rows)
            dense++;
        status = dense > 1 ? fold_dense(leaf, t, s, dense) : fold_pair(leaf, t, s);
    }
    return status;
}

/* Returns the level of the smallest block of the tree with both parts; a block of level k has 2^k parts. */
static int level_of(int64_t a, int64_t b)
{
    int level = 0;
    for (uint64_t differing = (uint64_t)(a ^ b); differing != 0; differing >>= 1)
        level++;
    return level;
}

/* Returns the index from which on all sums belong to blocks that end before this part. */
static int first_complete(const tl_part_sums *s, int64_t part)
{
    int from = s->n - 1;
    while (from > 0 && level_of(s->sum[from - 1].part, s->sum[from].part) < level_of(s->sum[from].part, part))
        from--;
    return from;
}

/* Returns the index from which on all sums belong to blocks that this part completes. */
static int first_completed(const tl_part_sums *s, int64_t part)
{
    int from = s->n;
    while (from > 0 &&
           (((uint64_t)part + 1) & (((uint64_t)1 << level_of(s->sum[from - 1].part, part)) - 1)) == 0)
        from--;
    return from;
}

/* Appends weight * pair as a sum of its own. */
static tl_status push(tl_node *leaf, tl_totals *t, tl_part_sums *s, const tl_gradient *pair, double weight)
{
    tl_part_sum *y = &s->sum[s->n];
    *y = (tl_part_sum){ .part = t->n_parts };
    if (alloc_sum(leaf, t, pair->rows ? pair->n_rows : -1, y) != TL_OK)
        return TL_ERR_MEMORY;
    if (y->n_rows > 0)
        memcpy(y->rows, pair->rows, (size_t)y->n_rows * sizeof *y->rows);
    dense_fold f = { .weight = weight, .leaf = pair->values, .to = y->values };
    tl_parallel_for(tl_gradient_size(pair), TL_GRAIN, scale_range, &f);
    s->n++;
    return TL_OK;
}

static bool all_dense(const tl_part_sums *s, int from)
{
    for (int k = from; k < s->n; k++)
        if (s->sum[k].rows)
            return false;
    return true;
}

tl_status tl_part_sums_add(tl_node *leaf, tl_totals *totals, const tl_gradient *pair, double weight)
{
    tl_part_sums *s = leaf->scratch;
    if (!s) {
        leaf->scratch = s = tl_arena_alloc_zero(&leaf->graph->arena, 1, sizeof *s);
        if (!s)
            return tl_fail_memory();
    }
    if (s->n > 0 && fold(leaf, totals, s, first_complete(s, totals->n_parts)) != TL_OK)
        return TL_ERR_MEMORY;
    const int from = first_completed(s, totals->n_parts);
    if (from < s->n && !pair->rows && all_dense(s, from)) { /* in one pass, and the pair is not stored */
        const tl_part_sum *first = &s->sum[from];
        dense_fold f = { first, s->n - from, weight, pair->values, first->values, NULL };
        tl_parallel_for(leaf->size, TL_GRAIN, fold_range, &f);
        for (int k = from + 1; k < s->n; k++)
            drop_sum(leaf, totals, &s->sum[k]);
        s->n = from + 1;
        return TL_OK;
    }
    const tl_status status = push(leaf, totals, s, pair, weight);
    return status == TL_OK ? fold(leaf, totals, s, from) : status;
}

/* Rounds a sum of rows to a pair. */
static tl_status round_rows(tl_node *leaf, const tl_part_sum *s, tl_gradient *out)
{
    const int64_t n = s->n_rows * width_of(leaf);
    int32_t *rows = tl_arena_alloc(&leaf->graph->arena, s->n_rows, sizeof *rows);
    out->values = tl_arena_alloc(&leaf->graph->arena, n, sizeof *out->values);
    if (!rows || !out->values)
        return tl_fail_memory();
    if (s->n_rows > 0)
        memcpy(rows, s->rows, (size_t)s->n_rows * sizeof *rows);
    out->rows = rows;
    out->n_rows = s->n_rows;
    tl_parallel_for(n, TL_GRAIN, fold_range, &(dense_fold){ .term = s, .n = 1, .rounded = out->values });
    return TL_OK;
}

tl_status tl_part_sums_total(tl_node *leaf, tl_totals *totals, tl_gradient *out)
{
    tl_part_sums s = *(const tl_part_sums *)leaf->scratch;
    tl_free_grad *none = NULL;
    *out = (tl_gradient){ .variable = leaf->variable };
    for (int k = 0; k < s.n; k++)
        s.sum[k].borrowed = true;
    if (!all_dense(&s, 0) && fold(leaf, totals, &s, 0) != TL_OK)
        return TL_ERR_MEMORY;
    if (s.sum[0].rows) {
        const tl_status status = round_rows(leaf, &s.sum[0], out);
        drop_sum(leaf, totals, &s.sum[0]);
        return status;
    }
    if (!leaf->grad && tl_alloc_grad(leaf, &none) != TL_OK)
        return TL_ERR_MEMORY;
    out->values = leaf->grad;
    tl_parallel_for(leaf->size, TL_GRAIN, fold_range,
                    &(dense_fold){ .term = s.sum, .n = s.n, .rounded = leaf->grad });
    drop_sum(leaf, totals, &s.sum[0]); /* unless it is one of the leaf's */
    return TL_OK;
}
