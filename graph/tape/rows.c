/* Tables whose rows are read by id: declaring the rows that are read, and adding gradients of rows. */
#include "graph/tape/tape.h"
#include "lib/matrix/rows.h"
#include "lib/sort.h"
#include "parallel.h"

#include <stdio.h>
#include <string.h>

static tl_status check_node(const char *who, const tl_node *y)
{
    if (!y || !y->op)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the node %s", who, y ? "is a leaf" : "is NULL");
    return TL_OK;
}

static tl_status check_input(const char *who, const tl_node *y, int32_t i)
{
    if (i < 0 || i >= y->n_in || tl_input_kind(y->op, i) != TL_ROWS)
        return tl_fail(TL_ERR_ARGUMENT, "%s: input %d is not TL_ROWS", who, (int)i);
    return TL_OK;
}

/* Checks n rows of a table, or *padding. The text names it after `of`: "rows[7] = 12, emb (10x4) has 10
 * rows" if that is empty. */
static tl_status check_ids(const char *name, const int32_t *rows, int64_t n, const int32_t *padding,
                           const tl_node *table, const char *of)
{
    const tl_status status = tl_check_ids(name, rows, n, table->shape.dim[0], padding, of, "rows");
    if (status != TL_ERR_INDEX)
        return status;
    char text[sizeof(tl_text) + sizeof "table "]; /* formatted only for a message */
    snprintf(text, sizeof text, "%s%s", of, tl_node_text(table).text);
    return tl_check_ids(name, rows, n, table->shape.dim[0], padding, text, "rows");
}

tl_status tl_check_rows(const tl_node *table, const int32_t *ids, int64_t n, const int32_t *padding)
{
    if (!table || table->shape.rank == 0)
        return tl_fail(TL_ERR_ARGUMENT, "check_rows: the table is %s", table ? "a scalar" : "NULL");
    return check_ids("ids", ids, n, padding, table, "table ");
}

/* Returns whether n rows of input i are part of a copy, which was checked when it was made. */
static bool in_copy(const tl_node *y, int32_t i, int64_t n, const int32_t *rows)
{
    for (const tl_row_copy *c = y->slices[i].copies; c; c = c->next) {
        const uintptr_t from = (uintptr_t)c->rows, at = (uintptr_t)rows;
        if (n >= 0 && n <= c->n && at >= from && at - from <= (uintptr_t)(c->n - n) * sizeof *rows)
            return true;
    }
    return false;
}

/* Checks what an op says of n rows of its input i; a mistake is the graph's failure, as the callers return
 * nothing. False also where the input is absent. */
static bool check_rows(const char *who, tl_node *y, int32_t i, int64_t n, const int32_t *rows)
{
    if (check_node(who, y) != TL_OK)
        return false;
    tl_status status = check_input(who, y, i);
    if (status == TL_OK && !y->in[i])
        return false;
    if (status == TL_OK && !in_copy(y, i, n, rows))
        status = check_ids("rows", rows, n, NULL, y->in[i], "");
    if (status != TL_OK)
        tl_graph_fail(y->graph, y->op->name, status);
    return status == TL_OK;
}

/* Declares rows that were checked. */
static void declare(tl_node *y, int32_t i, int64_t n, const int32_t *rows)
{
    y->slices[i].declared = true;
    if (y->in[i]->variable && n > 0) /* rows may be NULL if n is 0, which would mean all rows */
        tl_before_read(y->in[i]->variable, n, rows);
}

void tl_declare_rows(tl_node *y, int32_t i, int64_t n, const int32_t *rows)
{
    if (check_rows("declare_rows", y, i, n, rows))
        declare(y, i, n, rows);
}

/* The copy is what is checked: the caller's array may change at any time. */
tl_status tl_copy_rows(tl_node *y, int32_t i, const char *name, int64_t n, const int32_t *rows,
                       const int32_t **copy)
{
    if (!copy)
        return tl_fail(TL_ERR_ARGUMENT, "copy_rows: the output argument is NULL");
    *copy = NULL;
    if (check_node("copy_rows", y) != TL_OK || check_input("copy_rows", y, i) != TL_OK)
        return TL_ERR_ARGUMENT;
    if (!y->in[i])
        return TL_OK;
    if (n < 0 || (n > 0 && !rows))
        return check_ids(name, rows, n, NULL, y->in[i], "table ");
    int32_t *own = tl_scratch(y, n, sizeof *own);
    tl_row_copy *c = tl_arena_alloc(&y->graph->arena, 1, sizeof *c);
    if (!own || !c)
        return tl_fail_memory();
    if (n > 0)
        memcpy(own, rows, (size_t)n * sizeof *own);
    const tl_status status = check_ids(name, own, n, NULL, y->in[i], "table ");
    if (status != TL_OK)
        return status;
    *c = (tl_row_copy){ y->slices[i].copies, n, own };
    y->slices[i].copies = c;
    *copy = own;
    declare(y, i, n, own);
    return TL_OK;
}

/* table += S X, where the rows of X are the values of slices. */
typedef struct scatter {
    tl_sparse s;
    int64_t width;
    const tl_real *x;
    tl_real *table;
} scatter;

static void scatter_range(void *context, int64_t begin, int64_t end)
{
    const scatter *c = context;
    tl_kernel_table()->table_rows(&c->s, begin, end, c->width, c->x, c->table, true);
}

/* By a counting sort over the rows of the table. */
static tl_status scatter_many(tl_arena *arena, const tl_row_slices *s, int64_t table_rows, int64_t width,
                              tl_real *table)
{
    int32_t *first = tl_arena_alloc_zero(arena, table_rows + 2, sizeof *first);
    int32_t *col = tl_arena_alloc(arena, s->n, sizeof *col);
    tl_real *coef = s->coef ? tl_arena_alloc(arena, s->n, sizeof *coef) : NULL;
    if (!first || !col || (s->coef && !coef))
        return tl_fail_memory();
    /* first[i + 2] counts row i, first[i + 1] is where the row's next slice goes; in the end
     * first[i] is where the row begins. */
    for (int64_t k = 0; k < s->n; k++)
        first[s->rows[k] + (int64_t)2]++;
    for (int64_t i = 2; i <= table_rows; i++)
        first[i] += first[i - 1];
    for (int64_t k = 0; k < s->n; k++) {
        const int32_t to = first[s->rows[k] + (int64_t)1]++;
        col[to] = s->source ? s->source[k] : (int32_t)k;
        if (coef)
            coef[to] = s->coef[k];
    }
    scatter c = {
        .s = { .rows = table_rows, .row_begin = first, .row_end = first + 1, .col = col, .values = coef },
        .width = width,
        .x = s->values,
        .table = table,
    };
    tl_parallel_for(table_rows, tl_table_rows_grain(table_rows, s->n, width), scatter_range, &c);
    return TL_OK;
}

/* Slices in the order of their rows: those of row[i] are entries first[i] .. first[i + 1] - 1 of S, and the
 * rows of X are the values of slices. */
typedef struct scatter_rows {
    tl_sparse s;
    const int32_t *first, *row;
    int64_t width;
    const tl_real *x;
    tl_real *table;
} scatter_rows;

static void scatter_row_range(void *context, int64_t begin, int64_t end)
{
    const scatter_rows *c = context;
    tl_sparse s = c->s;
    for (int64_t i = begin; i < end; i++) {
        s.row_begin = c->first + i;
        s.row_end = c->first + i + 1;
        tl_kernel_table()->table_rows(&s, 0, 1, c->width, c->x, c->table + c->row[i] * c->width, true);
    }
}

/* By a sort of the slices, in time that does not depend on the table. */
static tl_status scatter_few(tl_arena *arena, const tl_row_slices *s, int64_t table_rows, int64_t width,
                             tl_real *table)
{
    uint64_t *key = tl_arena_alloc(arena, s->n, sizeof *key), /* row << 32 | index of the slice */
        *spare = tl_arena_alloc(arena, s->n, sizeof *spare);
    int32_t *first = tl_arena_alloc(arena, s->n + 1, sizeof *first);
    int32_t *row = tl_arena_alloc(arena, s->n, sizeof *row), *col = tl_arena_alloc(arena, s->n, sizeof *col);
    tl_real *coef = s->coef ? tl_arena_alloc(arena, s->n, sizeof *coef) : NULL;
    if (!key || !spare || !first || !row || !col || (s->coef && !coef))
        return tl_fail_memory();
    for (int64_t k = 0; k < s->n; k++)
        key[k] = (uint64_t)s->rows[k] << 32 | (uint64_t)k;
    tl_radix_sort(s->n, key, spare, 32, 32 + tl_bits((uint64_t)table_rows));
    int64_t rows = 0, last = -1;
    first[0] = 0;
    for (int64_t e = 0; e < s->n; e++) { /* without a branch that is hard to predict */
        const int64_t k = (int64_t)(key[e] & UINT32_MAX);
        rows += (int64_t)(key[e] >> 32) != last;
        last = (int64_t)(key[e] >> 32);
        row[rows - 1] = (int32_t)last;
        first[rows] = (int32_t)e + 1;
        col[e] = s->source ? s->source[k] : (int32_t)k;
        if (coef)
            coef[e] = s->coef[k];
    }
    scatter_rows c = {
        .s = { .rows = 1, .col = col, .values = coef },
        .first = first,
        .row = row,
        .width = width,
        .x = s->values,
        .table = table,
    };
    tl_parallel_for(rows, tl_table_rows_grain(rows, s->n, width), scatter_row_range, &c);
    return TL_OK;
}

tl_status tl_scatter_rows(tl_arena *arena, const tl_row_slices *s, int64_t table_rows, int64_t width,
                          tl_real *table)
{
    if (s->n > INT32_MAX)
        return tl_fail(TL_ERR_MEMORY, "%lld row slices are more than %d", (long long)s->n, INT32_MAX);
    return s->n < table_rows / 4 ? scatter_few(arena, s, table_rows, width, table)
                                 : scatter_many(arena, s, table_rows, width, table);
}

void tl_add_rows(tl_node *y, int32_t i, int64_t n, const int32_t *rows, const int32_t *source,
                 const tl_real *coef, const tl_real *values)
{
    if (!check_rows("add_rows", y, i, n, rows))
        return;
    tl_node *table = y->in[i];
    if (!table->needs_grad || n == 0)
        return;
    if (!values || (source && tl_check_ids("source", source, n, INT64_MAX, NULL, "it", "rows") != TL_OK)) {
        const char *what = values ? "a row of the source is negative" : "the values are NULL";
        tl_graph_fail(y->graph, y->op->name, tl_fail(TL_ERR_ARGUMENT, "add_rows: %s", what));
        return;
    }
    const tl_row_slices slices = {
        .n = n,
        .rows = rows,
        .source = source,
        .coef = coef,
        .values = values,
        .stable = tl_arena_holds(&y->graph->arena, values),
        .declared = y->slices[i].declared,
        .copies = y->slices[i].copies,
    };
    if (y->graph->check_finite)
        tl_check_row_slices(y, i, &slices);
    if (!table->row_sparse) {
        const int64_t table_rows = table->shape.dim[0], width = table->size / table_rows;
        tl_status status = tl_scatter_rows(&y->graph->arena, &slices, table_rows, width, table->grad);
        if (status != TL_OK)
            tl_graph_fail(y->graph, y->op->name, status);
        return;
    }
    tl_row_slices *s = &y->slices[i]; /* allocated with the node, for the first call of a pass */
    if (s->n > 0 && !(s = tl_arena_alloc(&y->graph->arena, 1, sizeof *s))) {
        tl_graph_fail(y->graph, y->op->name, tl_fail_memory());
        return;
    }
    *s = slices;
    if (table->last_slices)
        table->last_slices->next = s;
    else
        table->first_slices = s;
    table->last_slices = s;
}

tl_node *tl_input_rows(tl_graph *g, tl_shape shape, int64_t n, const int32_t *rows, const tl_real *values)
{
    tl_shape packed = shape;
    packed.dim[0] = n + 1;
    const int64_t size = tl_shape_size(packed), width = size / (n + 1);
    tl_some_rows *some = tl_arena_alloc(&g->arena, 1, sizeof *some);
    tl_real *copy = tl_arena_alloc_zero(&g->arena, size, sizeof *copy);
    if (!some || !copy) {
        tl_graph_fail(g, "input", tl_fail_memory());
        return NULL;
    }
    if (n > 0 && width > 0)
        memcpy(copy, values, (size_t)(n * width) * sizeof *copy);
    *some = (tl_some_rows){ n, rows, tl_input(g, shape, copy), NULL };
    some->packed = tl_input(g, packed, copy);
    if (!some->packed)
        return NULL;
    some->table->val = NULL;
    some->table->some_rows = some;
    return some->table;
}

tl_status tl_spread_rows(const tl_node *a)
{
    const tl_some_rows *some = a->some_rows;
    if (!some || a->val || a->size == 0)
        return TL_OK;
    tl_real *table = tl_arena_alloc_zero(&a->graph->arena, a->size, sizeof *table);
    if (!table)
        return tl_fail_memory();
    const int64_t width = a->size / a->shape.dim[0];
    for (int64_t k = 0; k < some->n; k++)
        memcpy(table + some->rows[k] * width, some->packed->val + k * width, (size_t)width * sizeof *table);
    some->table->val = table;
    return TL_OK;
}
