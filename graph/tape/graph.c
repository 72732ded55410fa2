/* Graphs: allocation and reset, the sticky error, leaves. */
#include "graph/tape/tape.h"
#include "lib/memory.h"

#include <stdio.h>
#include <string.h>

/* The tl_error_count() with which an op failed on this thread, 0 after the reset of its graph. */
static _Thread_local uint64_t op_failure;

tl_graph *tl_graph_new(void)
{
    tl_graph *g = tl_alloc_zero(1, sizeof *g);
    if (!g) {
        tl_fail_memory();
        return NULL;
    }
    g->check_finite = tl_check_finite_default();
    return g;
}

tl_graph *tl_graph_new_inference(void)
{
    tl_graph *g = tl_graph_new();
    if (g)
        g->inference = true;
    return g;
}

void tl_graph_reset(tl_graph *g)
{
    if (!g)
        return;
    if (g->failed)
        op_failure = 0;
    for (tl_held_pattern *k = g->held; k; k = k->next)
        tl_pattern_release(k->pattern);
    tl_memo_sweep(g, false);
    tl_arena_reset(&g->arena);
    tl_pool_reset(&g->pool);
    *g = (tl_graph){
        .arena = g->arena,
        .pool = g->pool,
        .inference = g->inference,
        .memo = g->memo,
        .workspace_size = g->workspace_size,
        .check_finite = g->check_finite,
    };
}

void tl_graph_trim(tl_graph *g, int64_t bytes)
{
    if (!g)
        return;
    tl_graph_reset(g);
    if (bytes <= 0)
        tl_memo_sweep(g, true);
    tl_arena_trim(&g->arena, bytes);
    tl_pool_trim(&g->pool, bytes - tl_arena_bytes(&g->arena));
    g->workspace_size = 0; /* the next step needs less */
}

void tl_graph_free(tl_graph *g)
{
    if (!g)
        return;
    tl_graph_reset(g);
    tl_memo_sweep(g, true);
    tl_arena_free(&g->arena);
    tl_pool_trim(&g->pool, 0);
    tl_free(g);
}

tl_status tl_graph_status(const tl_graph *g)
{
    return g ? g->status : TL_ERR_ARGUMENT;
}

const char *tl_graph_error(const tl_graph *g)
{
    return g ? g->error : "the graph is NULL";
}

int64_t tl_graph_bytes(const tl_graph *g)
{
    return g ? tl_arena_bytes(&g->arena) + g->pool.bytes : 0;
}

tl_status tl_graph_fail(tl_graph *g, const char *who, tl_status status)
{
    tl_fail(status, "%s: %s", who, tl_error());
    if (g->status == TL_OK) {
        g->status = status;
        snprintf(g->error, sizeof g->error, "%s", tl_error());
    }
    return status;
}

void tl_graph_note_failed(tl_graph *g, const tl_op *op, int32_t n, tl_node *const *in, const tl_node *y)
{
    g->failed = op;
    g->failed_node = y;
    g->failed_in = tl_arena_alloc(&g->arena, n, sizeof *g->failed_in);
    g->n_failed_in = g->failed_in ? n : 0;
    for (int32_t i = 0; i < g->n_failed_in; i++)
        g->failed_in[i] = !in[i] ? TL_ABSENT : in[i]->graph != g ? TL_ELSEWHERE : in[i]->number;
    op_failure = tl_error_count();
}

const char *tl_failed_op_hint(const tl_graph *g)
{
    const bool failed = g ? g->failed != NULL : op_failure > 0 && op_failure == tl_error_count();
    return failed ? " (tl_graph_print shows the op)" : "";
}

tl_status tl_graph_hold(tl_graph *g, tl_pattern *p)
{
    tl_held_pattern *k = tl_arena_alloc(&g->arena, 1, sizeof *k);
    if (!k)
        return tl_fail_memory();
    *k = (tl_held_pattern){ g->held, tl_pattern_retain(p) };
    g->held = k;
    return TL_OK;
}

void tl_graph_append(tl_graph *g, tl_node *y)
{
    y->number = g->n_nodes++;
    y->before = g->last;
    if (g->last)
        g->last->after = y;
    else
        g->first = y;
    g->last = y;
    if (g->inference && y->op)
        tl_count_uses(y);
    if (!y->variable)
        return;
    if (g->last_leaf)
        g->last_leaf->next_leaf = y;
    else
        g->first_leaf = y;
    g->last_leaf = y;
    g->n_leaves++;
}

enum { FEW_LEAVES = 8 }; /* a search through so few takes no longer than the map */

/* Adds the coming leaf to the map; the first one beyond a few with those before it. */
static bool map_leaf(tl_graph *g, tl_node *leaf)
{
    if (g->n_leaves < FEW_LEAVES)
        return true;
    bool added = true;
    for (tl_node *a = g->n_leaves == FEW_LEAVES ? g->first_leaf : NULL; a && added; a = a->next_leaf)
        added = tl_pointer_map_add(&g->leaves, &g->arena, a->variable, a);
    return added && tl_pointer_map_add(&g->leaves, &g->arena, leaf->variable, leaf);
}

/* Appends a leaf. Its arguments have been checked. */
static tl_node *append_leaf(tl_graph *g, const char *who, tl_shape shape, tl_pattern *pattern,
                            const tl_real *val, tl_variable *v)
{
    tl_node *y = tl_arena_alloc_zero(&g->arena, 1, sizeof *y);
    if (y)
        y->variable = v;
    if (y && v)
        y->changes = v->changes;
    if (!y || (pattern && tl_graph_hold(g, pattern) != TL_OK) || (v && !map_leaf(g, y))) {
        tl_graph_fail(g, who, tl_fail_memory());
        return NULL;
    }
    y->graph = g;
    y->kind = pattern ? TL_SPARSE : TL_DENSE;
    y->shape = shape;
    y->pattern = pattern;
    y->size = pattern ? tl_pattern_nnz(pattern) : tl_shape_size(shape);
    y->val = val;
    y->requires_grad = v && !g->inference;
    tl_graph_append(g, y);
    return y;
}

/* Records a failure of a call that makes a leaf. Returns NULL. */
static tl_node *fail_leaf(tl_graph *g, const char *who, tl_status status)
{
    if (g)
        tl_graph_fail(g, who, status);
    else
        tl_fail(status, "%s: %s", who, tl_error());
    return NULL;
}

tl_node *tl_leaf_of(const tl_graph *g, const tl_variable *v)
{
    if (g->n_leaves > FEW_LEAVES)
        return tl_pointer_map_find(&g->leaves, v);
    tl_node *a = g->first_leaf;
    while (a && a->variable != v)
        a = a->next_leaf;
    return a;
}

tl_node *tl_use(tl_graph *g, tl_variable *v)
{
    if (!g || !v)
        return fail_leaf(g, "use", tl_fail(TL_ERR_ARGUMENT, "the %s is NULL", g ? "variable" : "graph"));
    if (g->status != TL_OK)
        return NULL;
    tl_node *y = tl_leaf_of(g, v);
    return y ? y : append_leaf(g, "use", v->shape, v->sparse ? v->pattern : NULL, v->data, v);
}

/* Appends a dense constant: with the data themselves, or with a copy. */
static tl_node *constant(tl_graph *g, const char *who, tl_shape shape, const tl_real *data, bool copied)
{
    if (!g)
        return fail_leaf(g, who, tl_fail(TL_ERR_ARGUMENT, "the graph is NULL"));
    if (g->status != TL_OK)
        return NULL;
    tl_status status = tl_shape_check(shape);
    const int64_t n = status == TL_OK ? tl_shape_size(shape) : 0;
    if (!data && n > 0)
        status = tl_fail(TL_ERR_ARGUMENT, "no data for %s", tl_shape_text(shape).text);
    if (status != TL_OK)
        return fail_leaf(g, who, status);
    if (copied && n > 0) {
        tl_real *copy = tl_arena_alloc(&g->arena, n, sizeof *copy);
        if (!copy)
            return fail_leaf(g, who, tl_fail_memory());
        data = memcpy(copy, data, (size_t)n * sizeof *copy);
    }
    return append_leaf(g, who, shape, NULL, data, NULL);
}

tl_node *tl_input(tl_graph *g, tl_shape shape, const tl_real *data)
{
    return constant(g, "input", shape, data, false);
}

tl_node *tl_constant(tl_graph *g, tl_shape shape, const tl_real *data)
{
    return constant(g, "constant", shape, data, true);
}

tl_node *tl_input_sparse(tl_graph *g, tl_pattern *p, const tl_real *values)
{
    const char *who = "input_sparse";
    if (!g || !p)
        return fail_leaf(g, who, tl_fail(TL_ERR_ARGUMENT, "the %s is NULL", g ? "pattern" : "graph"));
    if (g->status != TL_OK)
        return NULL;
    if (!values && tl_pattern_nnz(p) > 0)
        return fail_leaf(
            g, who, tl_fail(TL_ERR_ARGUMENT, "no values for %lld entries", (long long)tl_pattern_nnz(p)));
    return append_leaf(g, who, TL_SHAPE(tl_pattern_rows(p), tl_pattern_cols(p)), p, values, NULL);
}

const tl_real *tl_value(const tl_node *a)
{
    if (!a)
        return NULL;
    if (a->variable)
        tl_before_read(a->variable, 0, NULL);
    if (a->op && a->graph->inference)
        return tl_read((tl_node *)(uintptr_t)a); /* whose values change for no caller */
    return tl_spread_rows(a) == TL_OK ? a->val : NULL;
}

const tl_real *tl_grad(const tl_node *a)
{
    return a ? a->grad : NULL;
}

tl_shape tl_shape_of(const tl_node *a)
{
    return a ? a->shape : TL_SHAPE();
}

tl_pattern *tl_pattern_of(const tl_node *a)
{
    return a ? a->pattern : NULL;
}
