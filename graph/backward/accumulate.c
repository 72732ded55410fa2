/* Sums of gradients over micro-batches, in the leaves of a graph of their own. */
#include "graph/backward/part_sums.h"

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
    return tl_part_sums_add(leaf, total->totals, pair, weight);
}

static tl_status add_pairs(tl_graph *total, const tl_gradients *g, double weight)
{
    if (tl_check_pairs(g) != TL_OK)
        return TL_ERR_ARGUMENT;
    tl_status status = TL_OK;
    for (int32_t i = 0; i < g->n && status == TL_OK; i++)
        if (g->pair[i].values)
            status = add_pair(total, g->graph, &g->pair[i], weight);
    return status;
}

tl_status tl_gradients_add(tl_graph *total, const tl_gradients *g, double weight)
{
    if (!total || (g && g->graph == total))
        return tl_fail(TL_ERR_ARGUMENT, "gradients_add: %s",
                       total ? "the sum is added to itself" : "the graph is NULL");
    if (total->status != TL_OK)
        return tl_fail(total->status, "%s", total->error);
    tl_status status = TL_OK;
    if (!total->totals && !(total->totals = tl_arena_alloc_zero(&total->arena, 1, sizeof *total->totals)))
        status = tl_fail_memory();
    if (status == TL_OK && g)
        status = add_pairs(total, g, weight);
    if (status != TL_OK)
        return tl_graph_fail(total, "gradients_add", status);
    total->totals->n_parts++;
    return TL_OK;
}

/* Collects the sums of all variables, in the order of their first appearance. */
static tl_status collect(tl_graph *total, tl_gradients *out)
{
    tl_gradient *pair = tl_arena_alloc(&total->arena, total->n_leaves, sizeof *pair);
    if (!pair)
        return tl_fail_memory();
    int32_t n = 0;
    for (tl_node *leaf = total->first_leaf; leaf; leaf = leaf->next_leaf)
        if (leaf->scratch && tl_part_sums_total(leaf, total->totals, &pair[n++]) != TL_OK)
            return TL_ERR_MEMORY;
    *out = (tl_gradients){ .pair = pair, .n = n, .graph = total };
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
    const tl_status status = collect(total, out);
    return status == TL_OK ? TL_OK : tl_graph_fail(total, "gradients_total", status);
}
