/* Sums of gradients over micro-batches, stored in the leaves of a graph of their own in the form in which a
 * backward pass leaves gradients. */
#include "graph/backward/backward.h"

/* Converts the row slices of a leaf to a dense gradient, so that a dense one can be added. */
static tl_status make_dense(tl_node *leaf)
{
    if (leaf->grad)
        return TL_OK;
    leaf->grad = tl_arena_alloc_zero(&leaf->graph->arena, leaf->size, sizeof *leaf->grad);
    if (!leaf->grad)
        return tl_fail_memory();
    for (const tl_row_slices *s = leaf->first_slices; s; s = s->next)
        tl_scatter_rows(s, tl_row_width(leaf->variable), leaf->grad);
    leaf->row_sparse = false;
    return TL_OK;
}

/* Adds weighted copies of the pair's rows to the slices of the leaf or, if it has one, to its dense
 * gradient. */
static tl_status add_rows(tl_node *leaf, const tl_gradient *pair, double weight)
{
    tl_arena *arena = &leaf->graph->arena;
    const int64_t n = tl_gradient_size(pair);
    if (pair->n_rows == 0)
        return TL_OK;
    tl_row_slices *s = tl_arena_alloc_zero(arena, 1, sizeof *s);
    int32_t *rows = tl_arena_alloc(arena, pair->n_rows, sizeof *rows);
    tl_real *values = tl_arena_alloc(arena, n, sizeof *values);
    if (!s || !rows || !values)
        return tl_fail_memory();
    for (int64_t k = 0; k < pair->n_rows; k++)
        rows[k] = pair->rows[k];
    for (int64_t k = 0; k < n; k++)
        values[k] = (tl_real)weight * pair->values[k];
    *s = (tl_row_slices){ .n = pair->n_rows, .rows = rows, .values = values };
    if (leaf->grad) {
        tl_scatter_rows(s, tl_row_width(leaf->variable), leaf->grad);
        return TL_OK;
    }
    if (leaf->last_slices)
        leaf->last_slices->next = s;
    else
        leaf->first_slices = s;
    leaf->last_slices = s;
    return TL_OK;
}

static tl_status add_pair(tl_graph *total, const tl_graph *from, const tl_gradient *pair, double weight)
{
    if (tl_check_gradient(from, pair) != TL_OK)
        return tl_last_status();
    tl_node *leaf = tl_use(total, pair->variable);
    if (!leaf)
        return tl_graph_status(total);
    if (leaf->kind == TL_SPARSE && leaf->pattern != pair->variable->pattern)
        return tl_fail(TL_ERR_ARGUMENT, "the pattern of %s has changed since the sum was started",
                       pair->variable->name);
    if (!leaf->needs_grad) { /* the first time */
        leaf->needs_grad = true;
        leaf->row_sparse = pair->rows != NULL;
    }
    if (pair->rows)
        return add_rows(leaf, pair, weight);
    if (make_dense(leaf) != TL_OK)
        return TL_ERR_MEMORY;
    for (int64_t k = 0; k < leaf->size; k++)
        leaf->grad[k] += (tl_real)weight * pair->values[k];
    return TL_OK;
}

tl_status tl_gradients_add(tl_graph *total, const tl_gradients *g, double weight)
{
    if (!total || !g || g->graph == total)
        return tl_fail(TL_ERR_ARGUMENT, "gradients_add: %s",
                       !total ? "the graph is NULL"
                       : !g   ? "the gradients are NULL"
                              : "the sum is added to itself");
    if (total->status != TL_OK)
        return tl_fail(total->status, "%s", total->error);
    if (tl_check_pairs(g) != TL_OK)
        return tl_graph_fail(total, "gradients_add", TL_ERR_ARGUMENT);
    for (int32_t i = 0; i < g->n; i++) {
        if (!g->pair[i].values)
            continue;
        tl_status status = add_pair(total, g->graph, &g->pair[i], weight);
        if (status != TL_OK)
            return tl_graph_fail(total, "gradients_add", status);
    }
    return TL_OK;
}

tl_status tl_gradients_total(tl_graph *total, tl_gradients *out)
{
    if (!total || !out)
        return tl_fail(TL_ERR_ARGUMENT, "gradients_total: %s",
                       total ? "the output argument is NULL" : "the graph is NULL");
    *out = (tl_gradients){ .graph = total };
    if (total->status != TL_OK)
        return tl_fail(total->status, "%s", total->error);
    tl_status status = tl_collect_pairs(total, &(tl_backward_plan){ 0 }, out);
    return status == TL_OK ? TL_OK : tl_graph_fail(total, "gradients_total", status);
}
