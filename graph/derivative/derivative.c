/* Derivatives along a direction: a walk forward along the tape, in which the tangent of each op that moves
 * records a few more. */
#include "derivative.h"
#include "graph/tape/tape.h"
#include "tangent.h"

typedef struct walk {
    tl_node *y;
    bool *feeds;     /* by number of a node: y depends on it */
    tl_node **moved; /* by number: how it moves; NULL: it does not */
} walk;

/* Checks x[i] and dx[i]. */
static tl_status check_direction(const tl_node *y, int32_t i, const tl_node *x, const tl_node *dx)
{
    if (!x || !dx)
        return tl_fail(TL_ERR_ARGUMENT, "%s[%d] is NULL", x ? "dx" : "x", (int)i);
    if (x->graph != y->graph || dx->graph != y->graph)
        return tl_fail(TL_ERR_ARGUMENT, "%s[%d] belongs to another graph", x->graph == y->graph ? "dx" : "x",
                       (int)i);
    if (x->kind != dx->kind)
        return tl_fail(TL_ERR_KIND, "dx[%d] is %s, and x[%d], %s, is %s", (int)i,
                       dx->kind == TL_SPARSE ? "sparse" : "dense", (int)i, tl_node_text(x).text,
                       x->kind == TL_SPARSE ? "sparse" : "dense");
    if (!tl_shape_equal(x->shape, dx->shape))
        return tl_fail(TL_ERR_SHAPE, "dx[%d] is %s, and x[%d] is %s", (int)i, tl_node_text(dx).text, (int)i,
                       tl_node_text(x).text);
    if (!tl_is_like(x, dx))
        return tl_fail(TL_ERR_ARGUMENT, "dx[%d] and x[%d], %s, differ in pattern", (int)i, (int)i,
                       tl_node_text(x).text);
    return TL_OK;
}

/* Returns dx, which is like x, on the very pattern of x: ops such as tl_mul require one object. */
static tl_node *on_pattern_of(const tl_node *x, tl_node *dx)
{
    return x->pattern == dx->pattern ? dx : tl_sum_of(2, (tl_node *[]){ tl_zeros_like(x), dx });
}

static tl_status start(walk *w, int32_t n, tl_node *const *x, tl_node *const *dx)
{
    tl_graph *g = w->y->graph;
    if (n < 0 || (n > 0 && (!x || !dx)))
        return n < 0 ? tl_fail(TL_ERR_ARGUMENT, "%d directions", (int)n)
                     : tl_fail(TL_ERR_ARGUMENT, "%s is NULL", x ? "dx" : "x");
    w->feeds = tl_arena_alloc_zero(&g->arena, g->n_nodes, sizeof *w->feeds);
    w->moved = tl_arena_alloc_zero(&g->arena, g->n_nodes, sizeof(tl_node *));
    if (!w->feeds || !w->moved)
        return tl_fail_memory();
    for (int32_t i = 0; i < n; i++) {
        const tl_status status = check_direction(w->y, i, x[i], dx[i]);
        if (status != TL_OK)
            return status;
        if (w->moved[x[i]->number])
            return tl_fail(TL_ERR_ARGUMENT, "x[%d], %s, is listed twice", (int)i, tl_node_text(x[i]).text);
        w->moved[x[i]->number] = on_pattern_of(x[i], dx[i]);
        if (!w->moved[x[i]->number])
            return g->status;
    }
    return TL_OK;
}

static void mark_feeds(const walk *w)
{
    w->feeds[w->y->number] = true;
    for (const tl_node *a = w->y; a; a = a->before)
        for (int32_t i = 0; w->feeds[a->number] && i < a->n_in; i++)
            if (a->in[i])
                w->feeds[a->in[i]->number] = true;
}

/* Calls the op's tangent and checks what it returns. */
static tl_status call_tangent(tl_node *a, tl_node *const *dx, tl_node **out)
{
    const uint64_t before = tl_error_count();
    if (!a->op->tangent)
        return tl_fail(TL_ERR_ARGUMENT, "the op has no tangent, which a derivative needs");
    const tl_node *da = *out = a->op->tangent(a, dx);
    if (!da && tl_error_count() > before)
        return tl_last_status();
    if (!da)
        return tl_fail(TL_ERR_SHAPE, "its tangent returned NULL");
    if (da->graph != a->graph)
        return tl_fail(TL_ERR_ARGUMENT, "its tangent belongs to another graph");
    if (!tl_is_like(a, da))
        return tl_fail(TL_ERR_SHAPE, "its tangent is %s, %s, and must be like the result, %s, %s",
                       da->kind == TL_SPARSE ? "sparse" : "dense", tl_node_text(da).text,
                       a->kind == TL_SPARSE ? "sparse" : "dense", tl_node_text(a).text);
    return TL_OK;
}

/* Sets how `a` moves, if one of its inputs does. Errors are in the graph. */
static void move(const walk *w, tl_node *a)
{
    tl_graph *g = a->graph;
    tl_node **dx = tl_arena_alloc(&g->arena, a->n_in, sizeof *dx);
    bool any = false;
    if (!dx) {
        tl_graph_fail(g, "derivative", tl_fail_memory());
        return;
    }
    for (int32_t i = 0; i < a->n_in; i++) {
        dx[i] = a->in[i] ? w->moved[a->in[i]->number] : NULL;
        any = any || dx[i];
    }
    if (!any)
        return;
    const tl_status status = call_tangent(a, dx, &w->moved[a->number]);
    if (status != TL_OK && g->status == TL_OK) { /* otherwise an op that the tangent called has said so */
        tl_graph_fail(g, a->op->name, status);
        tl_graph_note_failed(g, a->op, a->n_in, a->in, a);
    }
}

tl_node *tl_derivative(tl_node *y, int32_t n, tl_node *const *x, tl_node *const *dx)
{
    if (!y || y->graph->status != TL_OK)
        return NULL;
    tl_graph *g = y->graph;
    walk w = { .y = y };
    const tl_status status = g->inference ? tl_fail_inference() : start(&w, n, x, dx);
    if (status != TL_OK) {
        tl_graph_fail(g, "derivative", status);
        return NULL;
    }
    mark_feeds(&w);
    for (tl_node *a = g->first; a && a->number <= y->number; a = a->after) {
        if (a->op && w.feeds[a->number] && !w.moved[a->number])
            move(&w, a);
        if (g->status != TL_OK)
            return NULL;
    }
    return w.moved[y->number] ? w.moved[y->number] : tl_zeros_like(y);
}
