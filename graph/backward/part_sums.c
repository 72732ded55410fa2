/* Sums over parts along a balanced tree: a stack of sums over blocks of parts, as a binary counter has
 * digits. */
#include "graph/backward/part_sums.h"
#include "lib/kernels/kernels.h"
#include "parallel.h"

#include <string.h>

/* ---- Buffers ---- */

/* Returns the capacity for so many bytes. For rows it is a power of two, as their number varies: buffers are
 * then found again. */
static int64_t capacity_of(int64_t bytes, bool rows)
{
    int64_t capacity = sizeof(tl_free_sum);
    if (!rows)
        return bytes > capacity ? bytes : capacity;
    while (capacity < bytes)
        capacity *= 2;
    return capacity;
}

/* Returns a buffer, a free one if there is one of that capacity; NULL if memory is short. */
static void *take(tl_arena *arena, tl_totals *t, int64_t bytes, bool rows)
{
    const int64_t capacity = capacity_of(bytes, rows);
    tl_free_sum **list = &t->free;
    while (*list && (*list)->capacity != capacity)
        list = &(*list)->next;
    tl_free_sum *found = *list;
    if (!found)
        return tl_arena_alloc(arena, capacity, 1);
    *list = found->next;
    return found;
}

static void give_back(tl_totals *t, void *buffer, int64_t bytes, bool rows)
{
    tl_free_sum *f = buffer;
    *f = (tl_free_sum){ t->free, capacity_of(bytes, rows) };
    t->free = f;
}

static int64_t bytes_of_rows(int64_t n)
{
    return n * (int64_t)sizeof(int32_t);
}

static int64_t bytes_of_values(const tl_node *leaf, const tl_part_sum *s)
{
    const int64_t n = s->rows ? s->n_rows * tl_row_width(leaf->variable) : leaf->size;
    return n * (int64_t)sizeof *s->values;
}

/* Gives s buffers: for n_rows rows, or for all values if n_rows is negative. */
static tl_status alloc_sum(tl_node *leaf, tl_totals *t, int64_t n_rows, tl_part_sum *s)
{
    tl_arena *arena = &leaf->graph->arena;
    const bool by_rows = n_rows >= 0;
    s->weight = 1;
    s->borrowed = false;
    s->rows = NULL;
    if (by_rows) {
        s->n_rows = n_rows;
        s->rows = take(arena, t, bytes_of_rows(n_rows), true);
        if (!s->rows)
            return tl_fail_memory();
    }
    s->values = take(arena, t, bytes_of_values(leaf, s), by_rows);
    return s->values ? TL_OK : tl_fail_memory();
}

static void drop_sum(const tl_node *leaf, tl_totals *t, const tl_part_sum *s)
{
    if (s->borrowed)
        return;
    const bool by_rows = s->rows != NULL;
    give_back(t, s->values, bytes_of_values(leaf, s), by_rows);
    if (by_rows)
        give_back(t, s->rows, bytes_of_rows(s->n_rows), true);
}

/* ---- Weighted values ---- */

/* Values of a strip, which stays in L1. */
enum { STRIP = 1024 };

/* y += weight * x, for at most a strip. The product is rounded first, so it is not fused with the sum. */
static void add_scaled(int64_t n, double weight, const tl_real *x, tl_real *y)
{
    tl_real product[STRIP];
    if (weight != 1) {
        tl_kernel_table()->scale(n, weight, x, product);
        x = product;
    }
    tl_kernel_table()->add(n, x, y);
}

/* ---- Sums of dense terms ---- */

/* to = term[0] + (term[1] + .. term[n - 1]). Only the last term may have a weight. */
typedef struct dense_fold {
    const tl_part_sum *term;
    int n;
    bool in_place; /* `to` is the buffer of term[n - 2]; otherwise of none */
    tl_real *to;
} dense_fold;

/* Computes the sums strip by strip. */
static void fold_range(void *context, int64_t begin, int64_t end)
{
    const dense_fold *f = context;
    const tl_part_sum *last = &f->term[f->n - 1];
    for (int64_t at = begin; at < end; at += STRIP) {
        const int64_t m = end - at < STRIP ? end - at : STRIP;
        if (f->in_place)
            add_scaled(m, last->weight, last->values + at, f->to + at);
        else
            tl_kernel_table()->scale(m, last->weight, last->values + at, f->to + at);
        for (int i = f->n - (f->in_place ? 3 : 2); i >= 0; i--)
            tl_kernel_table()->add(m, f->term[i].values + at, f->to + at);
    }
}

/* ---- Sums of rows ---- */

/* Row k of y is row from_a[k] of A plus row from_b[k] of B; -1: that has no such row. Only B may have a
 * weight. */
typedef struct row_merge {
    int64_t width;
    const int32_t *from_a, *from_b;
    const tl_part_sum *a, *b;
    tl_real *y;
} row_merge;

/* A loop of its own: rows are often too narrow for the call of a kernel to pay. */
static void add_row(int64_t n, const tl_real *restrict a, const tl_real *restrict b, tl_real *restrict y)
{
    for (int64_t j = 0; j < n; j++)
        y[j] = a[j] + b[j];
}

static void merge_range(void *context, int64_t begin, int64_t end)
{
    const row_merge *m = context;
    const int64_t width = m->width;
    for (int64_t k = begin; k < end; k++) {
        const tl_real *a = m->a->values + m->from_a[k] * width, *b = m->b->values + m->from_b[k] * width;
        tl_real *y = m->y + k * width;
        if (m->from_b[k] < 0) {
            memcpy(y, a, (size_t)width * sizeof *y);
        } else if (m->b->weight != 1) {
            tl_kernel_table()->scale(width, m->b->weight, b, y);
            if (m->from_a[k] >= 0)
                tl_kernel_table()->add(width, a, y);
        } else if (m->from_a[k] >= 0) {
            add_row(width, a, b, y);
        } else {
            memcpy(y, b, (size_t)width * sizeof *y);
        }
    }
}

/* Stores the rows that a or b has, and where they are from. Returns their number. */
static int64_t merge_rows(const tl_part_sum *a, const tl_part_sum *b, int32_t *row, int32_t *from_a,
                          int32_t *from_b)
{
    int64_t n = 0, i = 0, j = 0;
    while (i < a->n_rows && j < b->n_rows) { /* without branches, which could not be predicted */
        const int32_t row_a = a->rows[i], row_b = b->rows[j];
        const bool in_a = row_a <= row_b, in_b = row_b <= row_a;
        row[n] = in_a ? row_a : row_b;
        from_a[n] = (int32_t)i | (in_a - 1);
        from_b[n] = (int32_t)j | (in_b - 1);
        i += in_a;
        j += in_b;
        n++;
    }
    for (; i < a->n_rows; i++, n++) {
        row[n] = a->rows[i];
        from_a[n] = (int32_t)i;
        from_b[n] = -1;
    }
    for (; j < b->n_rows; j++, n++) {
        row[n] = b->rows[j];
        from_a[n] = -1;
        from_b[n] = (int32_t)j;
    }
    return n;
}

/* Sets *to to a + b, both of rows. */
static tl_status add_rows_to_rows(tl_node *leaf, tl_totals *t, const tl_part_sum *a, const tl_part_sum *b,
                                  tl_part_sum *to)
{
    tl_arena *arena = &leaf->graph->arena;
    const int64_t bytes = bytes_of_rows(a->n_rows + b->n_rows);
    int32_t *row = take(arena, t, bytes, true), *from_a = take(arena, t, bytes, true),
            *from_b = take(arena, t, bytes, true);
    if (!row || !from_a || !from_b)
        return tl_fail_memory();
    const int64_t n = merge_rows(a, b, row, from_a, from_b);
    if (alloc_sum(leaf, t, n, to) != TL_OK)
        return TL_ERR_MEMORY;
    if (n > 0)
        memcpy(to->rows, row, (size_t)n * sizeof *row);
    row_merge m = { tl_row_width(leaf->variable), from_a, from_b, a, b, to->values };
    tl_parallel_rows(n, m.width, merge_range, &m);
    give_back(t, row, bytes, true);
    give_back(t, from_a, bytes, true);
    give_back(t, from_b, bytes, true);
    drop_sum(leaf, t, a);
    drop_sum(leaf, t, b);
    return TL_OK;
}

/* The dense sum `to` += rows. */
typedef struct row_adds {
    int64_t width;
    const tl_part_sum *rows;
    tl_real *to;
} row_adds;

static void add_rows_range(void *context, int64_t begin, int64_t end)
{
    const row_adds *r = context;
    const tl_part_sum *s = r->rows;
    for (int64_t k = begin; k < end; k++)
        for (int64_t at = 0; at < r->width; at += STRIP) {
            const int64_t m = r->width - at < STRIP ? r->width - at : STRIP;
            add_scaled(m, s->weight, s->values + k * r->width + at, r->to + s->rows[k] * r->width + at);
        }
}

/* Sets s, dense or of rows, to a copy of what it borrows, with its weight applied. */
static tl_status own(tl_node *leaf, tl_totals *t, tl_part_sum *s)
{
    const tl_part_sum from = *s;
    if (alloc_sum(leaf, t, from.rows ? from.n_rows : -1, s) != TL_OK)
        return TL_ERR_MEMORY;
    if (from.n_rows > 0)
        memcpy(s->rows, from.rows, (size_t)from.n_rows * sizeof *s->rows);
    tl_parallel_for(bytes_of_values(leaf, s) / (int64_t)sizeof *s->values, TL_GRAIN, fold_range,
                    &(dense_fold){ .term = &from, .n = 1, .to = s->values });
    return TL_OK;
}

/* Sets *to to dense + rows; which of the two comes first makes no difference to the bits. */
static tl_status add_rows_to_dense(tl_node *leaf, tl_totals *t, const tl_part_sum *dense,
                                   const tl_part_sum *rows, tl_part_sum *to)
{
    const int64_t part = to->part;
    *to = *dense;
    to->part = part;
    if (to->borrowed && own(leaf, t, to) != TL_OK)
        return TL_ERR_MEMORY;
    row_adds r = { tl_row_width(leaf->variable), rows, to->values };
    tl_parallel_rows(rows->n_rows, r.width, add_rows_range, &r);
    drop_sum(leaf, t, rows);
    return TL_OK;
}

/* ---- The tree ---- */

/* Sets sum[n - r] to the sum of the last r sums, which are dense, and removes the others. */
static tl_status fold_dense(tl_node *leaf, tl_totals *t, tl_part_sums *s, int r)
{
    tl_part_sum *term = &s->sum[s->n - r], y = term[r - 2];
    const bool in_place = !y.borrowed;
    if (!in_place && alloc_sum(leaf, t, -1, &y) != TL_OK)
        return TL_ERR_MEMORY;
    tl_parallel_for(leaf->size, TL_GRAIN, fold_range, &(dense_fold){ term, r, in_place, y.values });
    for (int k = 0; k < r; k++)
        if (k != r - 2)
            drop_sum(leaf, t, &term[k]);
    y.part = term[0].part;
    term[0] = y;
    s->n -= r - 1;
    return TL_OK;
}

/* Adds the last two sums, of which one is of rows or both are. */
static tl_status fold_pair(tl_node *leaf, tl_totals *t, tl_part_sums *s)
{
    tl_part_sum *to = &s->sum[s->n - 2];
    const tl_part_sum a = to[0], b = to[1];
    s->n--;
    if (a.rows && b.rows)
        return add_rows_to_rows(leaf, t, &a, &b, to);
    return a.rows ? add_rows_to_dense(leaf, t, &b, &a, to) : add_rows_to_dense(leaf, t, &a, &b, to);
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
    s->sum[s->n++] = (tl_part_sum){ .part = totals->n_parts,
                                    .values = pair->values,
                                    .rows = (int32_t *)pair->rows, /* never written to */
                                    .n_rows = pair->rows ? pair->n_rows : 0,
                                    .weight = weight,
                                    .borrowed = true };
    if (fold(leaf, totals, s, from) != TL_OK)
        return TL_ERR_MEMORY;
    tl_part_sum *last = &s->sum[s->n - 1];
    return last->borrowed ? own(leaf, totals, last) : TL_OK;
}

static bool all_dense(const tl_part_sums *s)
{
    for (int k = 0; k < s->n; k++)
        if (s->sum[k].rows)
            return false;
    return true;
}

tl_status tl_part_sums_total(tl_node *leaf, tl_totals *totals, tl_gradient *out)
{
    tl_part_sums s = *(const tl_part_sums *)leaf->scratch;
    *out = (tl_gradient){ .variable = leaf->variable };
    for (int k = 0; k < s.n; k++)
        s.sum[k].borrowed = true;
    if (!all_dense(&s) && fold(leaf, totals, &s, 0) != TL_OK)
        return TL_ERR_MEMORY;
    tl_part_sum *sum = &s.sum[0];
    if (sum->rows) {
        if (sum->borrowed && own(leaf, totals, sum) != TL_OK)
            return TL_ERR_MEMORY;
        out->values = sum->values;
        out->rows = sum->rows;
        out->n_rows = sum->n_rows;
        return TL_OK;
    }
    if (!leaf->grad)
        leaf->grad = take(&leaf->graph->arena, totals, bytes_of_values(leaf, sum), false);
    if (!leaf->grad)
        return tl_fail_memory();
    out->values = leaf->grad;
    tl_parallel_for(leaf->size, TL_GRAIN, fold_range,
                    &(dense_fold){ .term = s.sum, .n = s.n, .to = leaf->grad });
    drop_sum(leaf, totals, sum); /* unless it is one of the leaf's */
    return TL_OK;
}
