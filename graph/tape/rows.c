/* Tables whose rows are read by id: declaring the rows that are read, and adding gradients of rows. */
#include "graph/tape/tape.h"
#include "lib/kernels/kernels.h"

void tl_declare_rows(tl_node *y, int32_t i, int64_t n, const int32_t *rows)
{
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
    tl_node *table = y->in[i];
    if (!table->needs_grad || n == 0)
        return;
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
