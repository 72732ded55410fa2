/* Tables whose rows are read by id: declaring the rows that are read, and adding gradients of rows. */
#include "graph/tape/tape.h"
#include "lib/kernels/kernels.h"

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

void tl_scatter_rows(const tl_row_slices *s, int64_t width, tl_real *table)
{
    const tl_kernels *kernel = tl_kernel_table();
    for (int64_t k = 0; k < s->n; k++) {
        tl_real coef;
        const tl_real *values = tl_row_slice(s, k, width, &coef);
        kernel->axpy(width, coef, values, table + s->rows[k] * width);
    }
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
        tl_scatter_rows(&slices, table->size / table->shape.dim[0], table->grad);
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
