/* Where connections grow. The gradient of all cells is computed some rows at a time, and tl_pattern_add,
 * which goes through the absent cells in order, keeps the best so far: nothing has an element per cell. */
#include "graph/tape/tape.h"
#include "graph/variable/variable_private.h"
#include "lib/memory.h"
#include "lib/status_private.h"
#include "topology.h"

#include <math.h>
#include <string.h>

static const char *const who = "topology_grow_by_gradient";

enum { TILE = 1 << 14 }; /* cells */

/* Rows first .. end-1 of the gradient of w, a leaf. */
typedef struct tile {
    const tl_node *w;
    int64_t rows, cols;
    int64_t first, end, height; /* height: rows that there is space for */
    tl_real *own;               /* the space; NULL: the gradient is whole in memory */
    const tl_real *gradient;
    int64_t nan_row, nan_col; /* where the gradient is NaN; -1: not yet */
} tile;

static void compute_rows(tile *t)
{
    const int64_t n = t->end - t->first;
    memset(t->own, 0, (size_t)(n * t->cols) * sizeof *t->own);
    for (const tl_node *y = t->w->after; y; y = y->after)
        for (int32_t i = 0; y->grad && i < y->n_in; i++)
            if (y->in[i] == t->w)
                y->op->gradient_rows(y, i, t->first, n, t->own);
}

/* Rows are asked for in ascending order. */
static tl_real magnitude_at(void *context, int64_t row, int64_t col)
{
    tile *t = context;
    if (row >= t->end) {
        t->first = row;
        t->end = t->rows - row < t->height ? t->rows : row + t->height;
        compute_rows(t);
    }
    const tl_real value = t->gradient[(row - t->first) * t->cols + col];
    if (isnan(value)) {
        t->nan_row = row;
        t->nan_col = col;
    }
    return (tl_real)fabs((double)value);
}

/* Checks that all ops that pass a gradient on to w can compute rows of it. */
static tl_status check_ops(const tl_node *w)
{
    int64_t n = 0;
    for (const tl_node *y = w->after; y; y = y->after)
        for (int32_t i = 0; i < y->n_in; i++) {
            if (y->in[i] != w || !y->reached)
                continue;
            if (!y->op->gradient_rows)
                return tl_fail(TL_ERR_KIND,
                               "%s: %s, which reads %s, does not tell the gradient of absent cells", who,
                               y->op->name, tl_node_text(w).text);
            if (!y->grad)
                return tl_fail(
                    TL_ERR_ARGUMENT,
                    "%s: the gradient of %s, which reads %s, was not kept; call tl_backward in place of "
                    "tl_minimize",
                    who, y->op->name, tl_node_text(w).text);
            tl_before_read_inputs(y);
            n++;
        }
    return n > 0 ? TL_OK
                 : tl_fail(TL_ERR_ARGUMENT, "%s: tl_backward has computed no gradient of %s in this graph",
                           who, tl_node_text(w).text);
}

/* Prepares the tile of a dense leaf: its gradient is whole. */
static tl_status use_whole(tile *t)
{
    t->end = t->rows;
    t->gradient = t->w->grad;
    if (t->w->restricted)
        return tl_fail(TL_ERR_ARGUMENT,
                       "%s: the gradient of %s was set to 0 off a mask; call this before tl_apply_gradients",
                       who, tl_node_text(t->w).text);
    if (t->gradient)
        return TL_OK;
    if (t->w->needs_grad && t->w->row_sparse)
        return tl_fail(TL_ERR_KIND, "%s: the gradient of %s is row-sparse", who, tl_node_text(t->w).text);
    return tl_fail(TL_ERR_ARGUMENT, "%s: tl_backward has computed no gradient of %s in this graph", who,
                   tl_node_text(t->w).text);
}

static tl_status prepare(tile *t)
{
    if (t->w->kind == TL_DENSE)
        return use_whole(t);
    if (check_ops(t->w) != TL_OK)
        return tl_last_status();
    const int64_t fit = t->cols == 0 ? t->rows : t->cols < TILE ? TILE / t->cols : 1;
    t->height = fit < t->rows ? fit : t->rows;
    t->gradient = t->own = tl_alloc(t->height * t->cols, sizeof *t->own);
    return t->own ? TL_OK : tl_fail_memory();
}

tl_pattern *tl_topology_grow_by_gradient(tl_pattern *p, int64_t k, const tl_graph *g, const tl_variable *w)
{
    if (!p || !g || !w) {
        tl_fail(TL_ERR_ARGUMENT, "%s: the %s is NULL", who, !p ? "pattern" : !g ? "graph" : "variable");
        return NULL;
    }
    if (tl_check_pattern_shape(who, w, p) != TL_OK)
        return NULL;
    tile t = {
        .w = tl_leaf_of(g, w), .rows = tl_shape_rows(w->shape), .cols = tl_shape_cols(w->shape), .nan_row = -1
    };
    if (!t.w) {
        tl_fail(TL_ERR_ARGUMENT, "%s: the graph does not use %s", who, w->name);
        return NULL;
    }
    tl_pattern *grown = prepare(&t) == TL_OK ? tl_pattern_add(p, k, magnitude_at, &t) : NULL;
    if (t.nan_row >= 0)
        tl_fail(TL_ERR_NUMERIC, "%s: the gradient of %s at (%lld, %lld) is NaN", who, w->name,
                (long long)t.nan_row, (long long)t.nan_col);
    tl_free(t.own);
    return grown;
}
