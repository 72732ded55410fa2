/* The backward pass. Tape order is topological, so every sweep is a walk along the tape. */
#include "graph/internal.h"
#include "parallel.h"

#include <math.h>
#include <string.h>

static bool chosen(const tl_node *y, const tl_backward_plan *plan)
{
    if (!plan->variable)
        return true;
    for (int32_t i = 0; i < plan->n; i++)
        if (plan->variable[i] == y->variable)
            return true;
    return false;
}

/* Marks what leads to a wanted variable, up the tape to y (a leaf behind it is not its business), and
 * forgets the pass before. */
static void mark_wanted(tl_node *y, const tl_backward_plan *plan)
{
    for (tl_node *a = y->graph->first; a; a = a->after) {
        a->grad = NULL;
        a->first_slices = a->last_slices = NULL;
        a->row_refs = NULL;
        a->needs_grad = a->variable && a->number <= y->number && chosen(a, plan);
        for (int32_t i = 0; a->op && i < a->op->n_in; i++)
            a->needs_grad = a->needs_grad || (a->in[i] && a->in[i]->needs_grad);
        a->reached = a == y;
        a->overwrite = false;
        /* until a dense use turns up below */
        a->row_sparse = a->variable && a->kind == TL_DENSE && a->shape.rank > 0 && plan->prefill == 0 &&
                        a != y;
    }
}

/* Marks, back from y, what the gradient flows to, and which leaves it reaches by rows only. */
static void mark_reached(tl_node *y)
{
    for (tl_node *a = y; a; a = a->before) {
        a->needs_grad = a->needs_grad && a->reached;
        for (int32_t i = 0; a->needs_grad && a->op && i < a->op->n_in; i++)
            if (a->in[i] && a->in[i]->needs_grad) {
                a->in[i]->reached = true;
                a->in[i]->row_sparse = a->in[i]->row_sparse && a->op->in_kind[i] == TL_ROWS;
            }
    }
}

static void clear(void *context, int64_t begin, int64_t end)
{
    memset((tl_real *)context + begin, 0, (size_t)(end - begin) * sizeof(tl_real));
}

/* ---- Gradients that are not needed any more ---- */

/* At the beginning of the memory of a gradient behind which the pass is. */
typedef struct spare {
    struct spare *next;
    int64_t size;
} spare;

enum { WORTH = 1 << 10 }; /* values: of less a pass makes no use */

/* One that holds n values, and not so many more that a larger gradient would miss it; else NULL. */
static tl_real *take_spare(spare **list, int64_t n)
{
    while (*list && ((*list)->size < n || (*list)->size / 2 > n))
        list = &(*list)->next;
    spare *found = *list;
    if (found)
        *list = found->next;
    return (tl_real *)found;
}

static void leave_spare(tl_node *a, spare **list)
{
    if (a->size >= WORTH && !a->slices) { /* which may point to it until the step is done */
        spare *s = (spare *)(void *)a->grad;
        *s = (spare){ *list, a->size };
        *list = s;
    }
    a->grad = NULL;
}

static tl_status provide(tl_node *a, spare **list)
{
    a->grad = take_spare(list, a->size);
    if (!a->grad)
        a->grad = tl_arena_alloc(&a->graph->arena, a->size, sizeof *a->grad);
    return a->grad ? TL_OK : tl_fail_memory();
}

/* ---- The pass ---- */

/* Whether y alone decides what the gradient of its input i begins with. (tl_add_rows adds, and to some rows
 * only.) */
static bool begins(const tl_node *y, int32_t i, const tl_backward_plan *plan)
{
    int32_t times = 0;
    for (int32_t k = 0; k < y->op->n_in; k++)
        times += y->in[k] == y->in[i];
    return (y->op->can_overwrite >> i & 1) && y->op->in_kind[i] != TL_ROWS && times == 1 &&
           !(y->in[i]->variable && plan->prefill != 0);
}

/* Gradients for the inputs of y that are about to receive their first share of one. */
static tl_status provide_inputs(tl_node *y, const tl_backward_plan *plan, spare **list)
{
    for (int32_t i = 0; i < y->op->n_in; i++) {
        tl_node *a = y->in[i];
        if (!a || !a->needs_grad || a->row_sparse || a->grad)
            continue;
        if (provide(a, list) != TL_OK)
            return TL_ERR_MEMORY;
        a->overwrite = begins(y, i, plan);
        if (!a->overwrite)
            tl_parallel_for(a->size, 1 << 15, clear, a->grad);
        const tl_real start = a->overwrite ? (tl_real)NAN : a->variable ? plan->prefill : 0;
        for (int64_t k = 0; (a->overwrite ? plan->poison : start != 0) && k < a->size; k++)
            a->grad[k] = start;
    }
    return TL_OK;
}

static tl_status propagate(tl_node *y, const tl_backward_plan *plan)
{
    spare *list = NULL;
    if (provide(y, &list) != TL_OK)
        return TL_ERR_MEMORY;
    const tl_real before = y->variable ? plan->prefill : 0;
    for (int64_t k = 0; k < y->size; k++)
        y->grad[k] = before + plan->seed[k];
    for (tl_node *a = y; a; a = a->before) {
        if (!a->needs_grad || !a->op)
            continue;
        if (provide_inputs(a, plan, &list) != TL_OK)
            return TL_ERR_MEMORY;
        tl_catch_up_inputs(a); /* a step may have come between forward and backward */
        for (int32_t i = 0; a->slices && i < a->op->n_in; i++)
            a->slices[i].n = 0; /* those of the pass before */
        a->op->backward(a);
        for (int32_t i = 0; i < a->op->n_in; i++)
            if (a->in[i])
                a->in[i]->overwrite = false;
        if (a->graph->status != TL_OK)
            return a->graph->status;
        if (plan->for_step)
            leave_spare(a, &list);
    }
    return TL_OK;
}

static tl_status pair_of(tl_node *leaf, bool row_refs, tl_gradient *out)
{
    *out = (tl_gradient){ .variable = leaf->variable, .values = leaf->grad };
    return leaf->row_sparse ? tl_coalesce(leaf, row_refs, out) : TL_OK;
}

tl_node *tl_leaf_of(const tl_graph *g, const tl_variable *v)
{
    for (tl_node *a = g->first_leaf; a; a = a->next_leaf)
        if (a->variable == v)
            return a;
    return NULL;
}

/* The pairs: of the wanted variables in their order, or of all that were reached in order of first use. */
tl_status tl_gather(tl_graph *g, const tl_backward_plan *plan, tl_gradients *out)
{
    int32_t room = plan->n;
    for (tl_node *a = g->first_leaf; !plan->variable && a; a = a->next_leaf)
        room += a->needs_grad;
    tl_gradient *pair = tl_arena_alloc_zero(&g->arena, room, sizeof *pair);
    if (!pair)
        return tl_fail_memory();
    *out = (tl_gradients){ .pair = pair, .n = room, .graph = g };
    tl_node *next = g->first_leaf;
    for (int32_t i = 0; i < room; i++) {
        tl_node *a = NULL;
        if (plan->variable) {
            a = tl_leaf_of(g, plan->variable[i]);
            pair[i].variable = plan->variable[i];
        } else {
            while (!next->needs_grad)
                next = next->next_leaf;
            a = next;
            next = next->next_leaf;
        }
        if (a && a->needs_grad && pair_of(a, plan->row_refs, &pair[i]) != TL_OK)
            return TL_ERR_MEMORY;
    }
    return TL_OK;
}

tl_status tl_backward_from(tl_node *y, const tl_backward_plan *plan, tl_gradients *out)
{
    *out = (tl_gradients){ .graph = y->graph };
    mark_wanted(y, plan);
    mark_reached(y);
    if (y->needs_grad && propagate(y, plan) != TL_OK)
        return TL_ERR_MEMORY; /* nothing else can fail there */
    if (!y->needs_grad && !plan->variable)
        return tl_fail(TL_ERR_ARGUMENT, "the loss reaches no variable");
    return tl_gather(y->graph, plan, out);
}

static tl_status check_loss(const tl_node *loss)
{
    if (loss->kind == TL_SPARSE)
        return tl_fail(TL_ERR_KIND, "the loss is sparse, and must be a scalar");
    if (loss->size != 1)
        return tl_fail(TL_ERR_SHAPE, "the loss is %s, and must be a scalar", tl_shape_text(loss->shape).text);
    return TL_OK;
}

tl_status tl_check_variables(tl_variable *const *vars, int32_t n)
{
    if (!vars || n < 1)
        return tl_fail(TL_ERR_ARGUMENT, "the list of variables is empty");
    for (int32_t i = 0; i < n; i++) {
        if (!vars[i])
            return tl_fail(TL_ERR_ARGUMENT, "variable %d of the list is NULL", (int)i);
        for (int32_t j = 0; j < i; j++)
            if (vars[i] == vars[j])
                return tl_fail(TL_ERR_ARGUMENT, "variable %s is listed twice, at %d and %d", vars[i]->name,
                               (int)j, (int)i);
    }
    return TL_OK;
}

static const tl_real one = 1;

/* `listed`: of the plan's variables, which may not be none. */
static tl_status backward(tl_node *loss, bool listed, tl_backward_plan plan, tl_gradients *out)
{
    plan.seed = &one;
    if (out)
        *out = (tl_gradients){ 0 };
    if (!loss) { /* some op before it failed; its message is the thread's last */
        tl_status why = tl_last_status();
        return tl_fail(why != TL_OK ? why : TL_ERR_ARGUMENT, "backward: the loss is NULL%s%s",
                       why != TL_OK ? "; the last failure was " : "", why != TL_OK ? tl_error() : "");
    }
    tl_graph *g = loss->graph;
    if (g->status != TL_OK)
        return tl_fail(g->status, "%s", g->error);
    tl_status status = out ? check_loss(loss)
                           : tl_fail(TL_ERR_ARGUMENT, "there is no place for the gradients");
    if (status == TL_OK && listed)
        status = tl_check_variables(plan.variable, plan.n);
    if (status == TL_OK)
        status = tl_backward_from(loss, &plan, out);
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

int64_t tl_gradient_size(const tl_gradient *pair)
{
    if (!pair || !pair->values)
        return 0;
    const tl_variable *v = pair->variable;
    if (!pair->rows)
        return v->size;
    return v->shape.dim[0] > 0 ? pair->n_rows * (v->size / v->shape.dim[0]) : 0;
}

/* Where to look for a row that is none of the table or does not ascend: behind the last, if there is none.
 * Without a way out, so that the loop is made of vectors. */
static int64_t first_unsound_row(const tl_gradient *pair)
{
    const int64_t n = pair->n_rows, bound = pair->variable->shape.dim[0];
    bool unsound = n > 0 && (pair->rows[0] < 0 || pair->rows[n - 1] >= bound);
    for (int64_t k = 1; k < n; k++)
        unsound |= pair->rows[k] <= pair->rows[k - 1];
    return unsound ? 0 : n;
}

tl_status tl_check_gradient(const tl_graph *g, const tl_gradient *pair)
{
    const tl_variable *v = pair->variable;
    const tl_node *leaf = g && v->sparse ? tl_leaf_of(g, v) : NULL;
    if (leaf && leaf->pattern != v->pattern)
        return tl_fail(TL_ERR_ARGUMENT, "the pattern of %s has changed since its gradient was computed",
                       v->name);
    if (!pair->values || !pair->rows)
        return TL_OK;
    if (v->sparse || v->shape.rank == 0)
        return tl_fail(TL_ERR_KIND, "the gradient of %s is by rows, and %s is %s", v->name, v->name,
                       v->sparse ? "sparse" : "a scalar");
    for (int64_t k = first_unsound_row(pair); k < pair->n_rows; k++) {
        const int32_t row = pair->rows[k];
        if (row < 0 || row >= v->shape.dim[0])
            return tl_fail(TL_ERR_INDEX, "the gradient of %s: rows[%lld] = %d, there are %lld", v->name,
                           (long long)k, (int)row, (long long)v->shape.dim[0]);
        if (k > 0 && row <= pair->rows[k - 1])
            return tl_fail(TL_ERR_ARGUMENT, "the gradient of %s: rows[%lld] = %d comes after %d", v->name,
                           (long long)k, (int)row, (int)pair->rows[k - 1]);
    }
    return TL_OK;
}
