/* Graphs for inference: ops are recorded when they are called, and run in that order when values are asked
 * for. By then the uses of a value are known, and it is given up after the last. */
#include "graph/tape/tape.h"

const char *const tl_given_up =
    "was given up when the last op that reads it had run; tl_value before that keeps it";

bool tl_is_given_up(const tl_node *y)
{
    const tl_graph *g = y->graph;
    return g->inference && y->op && !y->val && !(g->waiting && g->waiting->number <= y->number);
}

void tl_count_uses(tl_node *y)
{
    for (int32_t i = 0; i < y->n_in; i++) {
        tl_node *a = y->in[i];
        if (a && a->n_waiting++ == 0 && a->variable)
            a->changes = a->variable->changes;
    }
    if (!y->graph->waiting)
        y->graph->waiting = y;
}

void *tl_take_block(tl_node *y, int64_t n, size_t size)
{
    void *block = tl_pool_take(&y->graph->pool, n, size);
    if (block) {
        tl_pool_link(block, y->blocks);
        y->blocks = block;
    }
    return block;
}

static void give_up(tl_node *y)
{
    for (void *block = y->blocks, *next; block; block = next) {
        next = tl_pool_next(block);
        tl_pool_give(&y->graph->pool, block);
    }
    y->blocks = y->scratch = NULL;
    y->val = y->out = NULL;
}

/* Gives up the inputs of y, which has run, that no recorded op waits for. */
static void give_up_inputs(const tl_node *y)
{
    for (int32_t i = 0; i < y->n_in; i++) {
        tl_node *a = y->in[i];
        if (a && a->op && a->n_waiting == 0 && !a->asked_for)
            give_up(a);
    }
}

/* Provides the workspace that recorded ops have reserved. */
static tl_status provide_workspace(tl_graph *g)
{
    if (g->workspace_size <= g->workspace_held)
        return TL_OK;
    tl_pool_give(&g->pool, g->workspace);
    g->workspace_held = 0;
    g->workspace = tl_pool_take(&g->pool, g->workspace_size, 1);
    if (g->workspace)
        g->workspace_held = g->workspace_size;
    return g->workspace ? TL_OK : tl_fail_memory();
}

/* Checks that the variables among the inputs of y are as they were when it was recorded. */
static tl_status check_unchanged(const tl_node *y)
{
    for (int32_t i = 0; i < y->n_in; i++) {
        const tl_node *a = y->in[i];
        if (a && a->variable && a->variable->changes != a->changes)
            return tl_fail(TL_ERR_ARGUMENT, "input %d (%s) has changed since the op was called", (int)i,
                           tl_node_text(a).text);
    }
    return TL_OK;
}

static tl_status run(tl_node *y)
{
    tl_graph *g = y->graph;
    tl_status status = check_unchanged(y);
    if (status == TL_OK)
        status = provide_workspace(g);
    if (status == TL_OK && !(y->out = tl_take_block(y, y->size, sizeof *y->out)))
        status = tl_fail_memory();
    if (status != TL_OK) {
        tl_graph_fail(g, y->op->name, status);
        tl_graph_note_failed(g, y->op, y->n_in, y->in, y);
        return status;
    }
    for (int32_t i = 0; i < y->n_in; i++)
        if (y->in[i])
            y->in[i]->n_waiting--;
    return tl_run_forward(y);
}

tl_status tl_evaluate(tl_node *y, bool keep_all)
{
    tl_graph *g = y->graph;
    if (!keep_all) {
        for (const tl_node *a = g->unswept; a && a != g->waiting; a = a->after)
            give_up_inputs(a);
        g->unswept = NULL;
    } else if (!g->unswept) {
        g->unswept = g->waiting;
    }
    while (g->status == TL_OK && g->waiting && g->waiting->number <= y->number) {
        tl_node *a = g->waiting;
        g->waiting = a->after;
        if (!a->op)
            continue;
        if (run(a) != TL_OK)
            a->val = NULL;
        else if (!keep_all)
            give_up_inputs(a);
    }
    return g->status;
}

const tl_real *tl_read(tl_node *y)
{
    tl_graph *g = y->graph;
    const bool by_op = g->recording != NULL;
    y->asked_for = y->asked_for || !by_op;
    if (g->status == TL_OK && tl_is_given_up(y))
        tl_graph_fail(g, "value", tl_fail(TL_ERR_ARGUMENT, "%s %s", tl_node_text(y).text, tl_given_up));
    else if (g->status == TL_OK && !y->val)
        tl_evaluate(y, by_op);
    return y->val;
}

tl_status tl_fail_inference(void)
{
    return tl_fail(TL_ERR_ARGUMENT,
                   "the graph is for inference: it keeps nothing to compute derivatives from");
}
