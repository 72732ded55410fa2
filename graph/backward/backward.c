/* The backward pass. Tape order is topological, so every sweep walks along the tape. */
#include "graph/backward/backward.h"

#include "parallel.h"

#include <math.h>
#include <string.h>

/* Marks the leaves of listed variables: all, or those of the plan. */
static void mark_listed(tl_graph *g, const tl_backward_plan *plan)
{
    for (tl_node *leaf = g->first_leaf; leaf; leaf = leaf->next_leaf)
        leaf->needs_grad = !plan->variable;
    for (int32_t i = 0; plan->variable && i < plan->n; i++) {
        tl_node *leaf = tl_leaf_of(g, plan->variable[i]);
        if (leaf)
            leaf->needs_grad = true;
    }
}

static bool has_input_that_needs_grad(const tl_node *a)
{
    for (int32_t i = 0; i < a->n_in; i++)
        if (a->in[i] && a->in[i]->needs_grad)
            return true;
    return false;
}

/* Marks every node that depends on a listed variable (leaves recorded after y cannot contribute), and clears
 * the results of the previous pass. */
static void mark_needs_grad(tl_node *y, const tl_backward_plan *plan)
{
    mark_listed(y->graph, plan);
    for (tl_node *a = y->graph->first; a; a = a->after) {
        a->grad = NULL;
        a->first_slices = a->last_slices = NULL;
        a->row_refs = NULL;
        a->needs_grad = a->op ? a->requires_grad && has_input_that_needs_grad(a)
                              : a->needs_grad && a->number <= y->number;
        a->reached = a == y;
        a->overwrite = false;
        a->restricted = false;
        /* unless mark_reached finds a dense use */
        a->row_sparse = a->variable && a->kind == TL_DENSE && a->shape.rank > 0 && plan->prefill == 0 &&
                        a != y;
    }
}

/* Walks back from y and marks the nodes that the gradient reaches, and the leaves that get row slices
 * only. */
static void mark_reached(tl_node *y)
{
    for (tl_node *a = y; a; a = a->before) {
        a->needs_grad = a->needs_grad && a->reached;
        if (!a->needs_grad || !a->op)
            continue;
        for (int32_t i = 0; i < a->n_in; i++) {
            tl_node *in = a->in[i];
            if (!in || !in->needs_grad)
                continue;
            in->reached = true;
            in->row_sparse = in->row_sparse && tl_takes_rows(a, i);
        }
    }
}

/* Returns whether y may assign to the gradient of its input i, which has no contribution yet: the op can do
 * so, and makes only one contribution. (tl_add_rows adds, and to some rows only.) */
static bool may_overwrite(const tl_node *y, int32_t i, const tl_backward_plan *plan)
{
    int32_t times = 0;
    for (int32_t k = 0; k < y->n_in; k++)
        times += y->in[k] == y->in[i];
    return times == 1 && !tl_takes_rows(y, i) && tl_input_bit(y->op, y->op->can_overwrite, i) &&
           !(y->in[i]->variable && plan->prefill != 0);
}

static void clear(void *context, int64_t begin, int64_t end)
{
    memset((tl_real *)context + begin, 0, (size_t)(end - begin) * sizeof(tl_real));
}

static void fill(tl_node *a, tl_real value)
{
    for (int64_t k = 0; k < a->size; k++)
        a->grad[k] = value;
}

/* Allocates the gradients of the inputs of y that receive their first contribution. */
static tl_status alloc_input_grads(tl_node *y, const tl_backward_plan *plan, tl_free_grad **list)
{
    for (int32_t i = 0; i < y->n_in; i++) {
        tl_node *a = y->in[i];
        if (!a || !a->needs_grad || a->row_sparse || a->grad)
            continue;
        if (tl_alloc_grad(a, list) != TL_OK)
            return TL_ERR_MEMORY;
        a->overwrite = may_overwrite(y, i, plan);
        if (a->overwrite) {
            if (plan->poison)
                fill(a, (tl_real)NAN);
        } else if (a->variable && plan->prefill != 0) {
            fill(a, plan->prefill);
        } else {
            tl_parallel_for(a->size, 2 * TL_GRAIN, clear, a->grad);
        }
    }
    return TL_OK;
}

static tl_status run_backward(tl_node *y)
{
    tl_before_read_inputs(y); /* a step may have come between forward and backward */
    if (y->slices)
        for (int32_t i = 0; i < y->n_in; i++)
            y->slices[i].n = 0; /* those of the previous pass */
    y->op->backward(y);
    if (y->graph->check_finite && y->graph->status == TL_OK)
        tl_check_input_gradients(y);
    for (int32_t i = 0; i < y->n_in; i++)
        if (y->in[i])
            y->in[i]->overwrite = false;
    return y->graph->status;
}

static tl_status propagate(tl_node *y, const tl_backward_plan *plan)
{
    tl_free_grad *list = NULL;
    if (tl_alloc_grad(y, &list) != TL_OK)
        return TL_ERR_MEMORY;
    const tl_real before = y->variable ? plan->prefill : 0;
    for (int64_t k = 0; k < y->size; k++)
        y->grad[k] = before + plan->upstream[k];
    for (tl_node *a = y; a; a = a->before) {
        if (!a->needs_grad || !a->op)
            continue;
        if (alloc_input_grads(a, plan, &list) != TL_OK)
            return TL_ERR_MEMORY;
        const tl_status status = run_backward(a);
        if (status != TL_OK)
            return status;
        if (plan->for_step)
            tl_recycle_grad(a, &list);
    }
    return TL_OK;
}

/* Checks that sums of row slices, which are finite each, are finite. */
static tl_status check_sums(const tl_node *leaf, const tl_gradient *pair)
{
    const tl_real *const *refs = tl_gradient_row_refs(leaf->graph, pair);
    const int64_t width = tl_row_width(leaf->variable);
    for (int64_t k = 0; k < pair->n_rows; k++) {
        const tl_real *row = refs ? refs[k] : pair->values + k * width;
        for (int64_t j = 0; j < width; j++)
            if (!isfinite(row[j]))
                return tl_fail(
                    TL_ERR_NUMERIC, "the gradient of %s is not finite: [%lld] = %g, a sum of finite rows",
                    tl_node_text(leaf).text, (long long)(pair->rows[k] * width + j), (double)row[j]);
    }
    return TL_OK;
}

static tl_status make_pair(tl_node *leaf, bool row_refs, tl_gradient *out)
{
    *out = (tl_gradient){ .variable = leaf->variable, .values = leaf->grad };
    if (!leaf->row_sparse)
        return TL_OK;
    const tl_status status = tl_coalesce(leaf, row_refs, out);
    return status == TL_OK && leaf->graph->check_finite ? check_sums(leaf, out) : status;
}

static tl_status collect_listed(tl_graph *g, const tl_backward_plan *plan, tl_gradient *pair)
{
    for (int32_t i = 0; i < plan->n; i++) {
        tl_node *leaf = tl_leaf_of(g, plan->variable[i]);
        pair[i].variable = plan->variable[i];
        const tl_status status = leaf && leaf->needs_grad ? make_pair(leaf, plan->row_refs, &pair[i]) : TL_OK;
        if (status != TL_OK)
            return status;
    }
    return TL_OK;
}

static tl_status collect_all(tl_graph *g, const tl_backward_plan *plan, tl_gradient *pair)
{
    tl_status status = TL_OK;
    for (tl_node *leaf = g->first_leaf; leaf && status == TL_OK; leaf = leaf->next_leaf)
        if (leaf->needs_grad)
            status = make_pair(leaf, plan->row_refs, pair++);
    return status;
}

tl_status tl_collect_pairs(tl_graph *g, const tl_backward_plan *plan, tl_gradients *out)
{
    int32_t n = plan->n;
    if (!plan->variable)
        for (const tl_node *leaf = g->first_leaf; leaf; leaf = leaf->next_leaf)
            n += leaf->needs_grad;
    tl_gradient *pair = tl_arena_alloc_zero(&g->arena, n, sizeof *pair);
    if (!pair)
        return tl_fail_memory();
    *out = (tl_gradients){ .pair = pair, .n = n, .graph = g };
    return plan->variable ? collect_listed(g, plan, pair) : collect_all(g, plan, pair);
}

tl_status tl_backward_from(tl_node *y, const tl_backward_plan *plan, tl_gradients *out)
{
    *out = (tl_gradients){ .graph = y->graph };
    mark_needs_grad(y, plan);
    mark_reached(y);
    const tl_status status = y->needs_grad ? propagate(y, plan) : TL_OK;
    if (status != TL_OK)
        return status;
    if (!y->needs_grad && !plan->variable)
        return tl_fail(TL_ERR_ARGUMENT, "the loss does not depend on any variable");
    return tl_collect_pairs(y->graph, plan, out);
}

tl_status tl_check_loss(const tl_node *loss)
{
    if (loss->kind == TL_SPARSE)
        return tl_fail(TL_ERR_KIND, "the loss is sparse, and must be a scalar");
    if (loss->size != 1)
        return tl_fail(TL_ERR_SHAPE, "the loss is %s, and must be a scalar", tl_node_text(loss).text);
    return TL_OK;
}

tl_status tl_fail_null_loss(const char *who)
{
    const tl_status why = tl_last_status();
    if (why == TL_OK)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the loss is NULL", who);
    return tl_fail(why, "%s: the loss is NULL; the last failure was %s%s", who, tl_error(),
                   tl_failed_op_hint(NULL));
}

static const tl_real one = 1;

/* `listed`: computes the gradients of the plan's variables only; at least one is required. */
static tl_status backward(tl_node *loss, bool listed, tl_backward_plan plan, tl_gradients *out)
{
    plan.upstream = &one;
    if (out)
        *out = (tl_gradients){ 0 };
    if (!loss)
        return tl_fail_null_loss("backward");
    if (!loss->graph)
        return tl_fail(TL_ERR_ARGUMENT, "backward: the loss is in no graph");
    tl_graph *g = loss->graph;
    if (g->status != TL_OK)
        return tl_fail(g->status, "%s%s", g->error, tl_failed_op_hint(g));
    tl_status status = out ? tl_check_loss(loss) : tl_fail(TL_ERR_ARGUMENT, "the output argument is NULL");
    if (status == TL_OK && g->inference)
        status = tl_fail_inference();
    if (status == TL_OK && listed)
        status = tl_check_variables(g, plan.variable, plan.n);
    if (status == TL_OK)
        status = tl_backward_from(loss, &plan, out);
    if (g->status != TL_OK) /* an op's backward has said so */
        return tl_fail(g->status, "%s", g->error);
    return status == TL_OK ? TL_OK : tl_graph_fail(g, "backward", status);
}

tl_status tl_backward(tl_node *loss, tl_gradients *out)
{
    return backward(loss, false, (tl_backward_plan){ 0 }, out);
}

tl_status tl_backward_for_step(tl_node *loss, bool row_refs, tl_gradients *out)
{
    return backward(loss, false, (tl_backward_plan){ .for_step = true, .row_refs = row_refs }, out);
}

tl_status tl_backward_for(tl_node *loss, tl_variable *const *vars, int32_t n, tl_gradients *out)
{
    return backward(loss, true, (tl_backward_plan){ .variable = vars, .n = n }, out);
}
