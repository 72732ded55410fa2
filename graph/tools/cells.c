/* Dense operands of a sparse Y. */
#include "graph/tools/driver.h"
#include "graph/tools/operand.h"

#include <string.h>

/* Returns the stride of a dimension, counted from the last; 0 where the operand is repeated. */
static int64_t stride_of(tl_shape s, int32_t from_last)
{
    if (s.rank <= from_last || s.dim[s.rank - 1 - from_last] == 1)
        return 0;
    return from_last == 0 ? 1 : s.dim[s.rank - 1];
}

void tl_cells_init(tl_operand *o, const tl_node *y)
{
    o->mode = TL_CELLS;
    o->csr = tl_pattern_csr(y->pattern);
    o->row = stride_of(o->node->shape, 1);
    o->col = stride_of(o->node->shape, 0);
}

/* Returns the row of entry e. */
static int64_t row_of(const tl_csr *p, int64_t e)
{
    int64_t low = 0, high = p->rows; /* row_ptr[low] <= e < row_ptr[high] */
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        if (p->row_ptr[middle] <= e)
            low = middle;
        else
            high = middle;
    }
    return low;
}

void tl_cells_expand(const tl_operand *o, int64_t at, int64_t n, tl_real *value)
{
    const tl_csr *p = &o->csr;
    for (int64_t k = 0, i = row_of(p, at); k < n; i++) {
        const tl_real *x = o->val + i * o->row;
        const int64_t end = p->row_ptr[i + 1] - at < n ? p->row_ptr[i + 1] - at : n;
        for (; k < end; k++)
            value[k] = x[p->col[at + k] * o->col];
    }
}

/* ---- Gradients ---- */

typedef struct cells {
    const tl_operands *o;
    const tl_operand *in;
    tl_strip_fn *gradient;
    double *sum; /* of each column; NULL: every element meets entries of one row, or one entry */
} cells;

/* Adds g, the gradient of n entries of row i, whose columns are col. */
static void add_entries(const cells *c, int64_t i, int64_t n, const int32_t *col, const tl_real *g,
                        double *row_sum)
{
    tl_real *grad = c->in->node->grad + i * c->in->row;
    if (c->sum)
        for (int64_t k = 0; k < n; k++)
            c->sum[col[k]] += (double)g[k];
    else if (c->in->col == 0)
        for (int64_t k = 0; k < n; k++)
            *row_sum += (double)g[k];
    else
        for (int64_t k = 0; k < n; k++)
            grad[col[k]] += g[k];
}

static void add_rows(void *context, int64_t begin, int64_t end)
{
    const cells *c = context;
    const tl_csr *p = &c->in->csr;
    const bool is_column = !c->sum && c->in->col == 0;
    tl_walk w;
    int64_t at = p->row_ptr[begin]; /* where the strip begins */
    _Alignas(64) tl_real g[TL_STRIP_MAX];
    tl_walk_to(&w, c->o, at);
    for (int64_t i = begin; i < end; i++) {
        double row_sum = 0;
        for (int64_t k = p->row_ptr[i], n; k < p->row_ptr[i + 1]; k += n) {
            if (k == w.at) {
                at = k;
                tl_walk_strip(&w, p->row_ptr[end] - at);
                c->gradient(&w.strip, g);
            }
            n = (w.at < p->row_ptr[i + 1] ? w.at : p->row_ptr[i + 1]) - k;
            add_entries(c, i, n, p->col + k, g + (k - at), &row_sum);
        }
        if (is_column)
            c->in->node->grad[i] += (tl_real)row_sum;
    }
}

tl_status tl_reserve_cells(tl_node *y, const tl_node *b)
{
    return b->requires_grad ? tl_reserve_workspace(y, b->size, sizeof(double)) : TL_OK;
}

void tl_sum_cells(const tl_operands *o, int i)
{
    cells c = { .o = o, .in = &o->in[i], .gradient = o->op->gradient[i] };
    const tl_node *b = c.in->node;
    const tl_csr *p = &c.in->csr;
    if (b->overwrite)
        memset(b->grad, 0, (size_t)b->size * sizeof *b->grad);
    if (c.in->row > 0) {
        tl_parallel_rows(p->rows, p->nnz / p->rows, add_rows, &c);
        return;
    }
    c.sum = tl_workspace(o->y);
    memset(c.sum, 0, (size_t)b->size * sizeof *c.sum);
    add_rows(&c, 0, p->rows);
    for (int64_t j = 0; j < b->size; j++)
        b->grad[j] += (tl_real)c.sum[j];
}
