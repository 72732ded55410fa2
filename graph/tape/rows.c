/* Tables whose rows are read by id: declaring the rows that are read, and adding gradients of rows. */
#include "graph/tape/tape.h"
#include "lib/matrix/rows.h"
#include "parallel.h"

/* Checks what an op says of n rows of its input i; a mistake is the graph's failure, as the callers return
 * nothing. False also where the input is absent. */
static bool check_rows(const char *who, tl_node *y, int32_t i, int64_t n, const int32_t *rows)
{
    if (!y || !y->op) {
        tl_fail(TL_ERR_ARGUMENT, "%s: the node %s", who, y ? "is a leaf" : "is NULL");
        return false;
    }
    tl_status status;
    if (i < 0 || i >= y->op->n_in || y->op->in_kind[i] != TL_ROWS)
        status = tl_fail(TL_ERR_ARGUMENT, "%s: input %d is not TL_ROWS", who, (int)i);
    else if (!y->in[i])
        return false;
    else
        status = tl_check_ids("rows", rows, n, y->in[i]->shape.dim[0], NULL, "the table", "rows");
    if (status == TL_ERR_INDEX) { /* checks again with the name, which is formatted only for a message */
        const tl_text of = tl_node_text(y->in[i]);
        status = tl_check_ids("rows", rows, n, y->in[i]->shape.dim[0], NULL, of.text, "rows");
    }
    if (status != TL_OK)
        tl_graph_fail(y->graph, y->op->name, status);
    return status == TL_OK;
}

void tl_declare_rows(tl_node *y, int32_t i, int64_t n, const int32_t *rows)
{
    if (!check_rows("declare_rows", y, i, n, rows))
        return;
    y->rows_declared |= (uint32_t)1 << i;
    if (y->in[i]->variable && n > 0) /* rows may be NULL if n is 0, which would mean all rows */
        tl_before_read(y->in[i]->variable, n, rows);
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

tl_status tl_scatter_rows(tl_arena *arena, const tl_row_slices *s, int64_t table_rows, int64_t width,
                          tl_real *table)
{
    if (s->n > INT32_MAX)
        return tl_fail(TL_ERR_MEMORY, "%lld row slices are more than %d", (long long)s->n, INT32_MAX);
    int32_t *first = tl_arena_alloc_zero(arena, table_rows + 2, sizeof *first);
    int32_t *col = tl_arena_alloc(arena, s->n, sizeof *col);
    tl_real *coef = s->coef ? tl_arena_alloc(arena, s->n, sizeof *coef) : NULL;
    if (!first || !col || (s->coef && !coef))
        return tl_fail_memory();
    /* A counting sort. first[i + 2] counts row i, first[i + 1] is where the row's next slice goes; in the end
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
    };
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
