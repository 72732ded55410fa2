/* One step of an optimizer: first everything that can fail, then the updates. */
#include "graph/backward/backward.h"
#include "graph/optim/finite.h"
#include "graph/optim/update.h"

#include <math.h>
#include <string.h>

tl_status tl_compute_gradients(tl_optimizer *o, tl_node *loss, tl_variable *const *vars, int32_t n,
                               tl_gradients *out)
{
    if (!o) {
        const tl_status status = tl_fail(TL_ERR_ARGUMENT, "the optimizer is NULL");
        return loss && loss->graph ? tl_graph_fail(loss->graph, "compute_gradients", status)
                                   : tl_fail(status, "compute_gradients: %s", tl_error());
    }
    return vars ? tl_backward_for(loss, vars, n, out) : tl_backward(loss, out);
}

static void restrict_all(const tl_gradients *g)
{
    for (int32_t i = 0; i < g->n; i++)
        if (!g->pair[i].variable->sparse && g->pair[i].variable->pattern) {
            tl_gradient_pack(g->graph, &g->pair[i]);
            tl_restrict_gradient(g->graph, &g->pair[i], g->pair[i].variable->pattern);
        }
}

/* Checks that a transform only changed values or dropped pairs: what is left is a subsequence of what there
 * was, down to the arrays: of another array, nobody knows the size. */
static tl_status check_transform(const tl_gradients *before, const tl_gradients *after, int32_t number)
{
    if (after->n < 0 || after->n > before->n || (after->n > 0 && !after->pair) ||
        after->graph != before->graph)
        return tl_fail(TL_ERR_ARGUMENT, "transform %d may change values and drop pairs, nothing else",
                       (int)number);
    for (int32_t i = 0, j = 0; i < after->n; i++, j++) {
        while (j < before->n && before->pair[j].variable != after->pair[i].variable)
            j++;
        if (j == before->n)
            return tl_fail(TL_ERR_ARGUMENT, "transform %d added or reordered a pair, at %d", (int)number,
                           (int)i);
        const tl_gradient *was = &before->pair[j], *is = &after->pair[i];
        if (is->rows != was->rows || is->n_rows != was->n_rows || (is->values && !was->values))
            return tl_fail(TL_ERR_ARGUMENT, "transform %d changed the rows of the gradient of %s",
                           (int)number, is->variable->name);
        if (is->values && is->values != was->values)
            return tl_fail(
                TL_ERR_ARGUMENT,
                "transform %d gave %s another array of values, and may only change those in its own",
                (int)number, is->variable->name);
    }
    return TL_OK;
}

static tl_status check_pairs(const tl_gradients *g)
{
    int32_t present = 0, first, second;
    if (tl_check_pairs(g) != TL_OK)
        return TL_ERR_ARGUMENT;
    if (tl_find_repeat(g->graph, g->n, g->pair, sizeof *g->pair, &first, &second) != TL_OK)
        return TL_ERR_MEMORY;
    if (second >= 0)
        return tl_fail(TL_ERR_ARGUMENT, "%s is listed twice, in pairs %d and %d",
                       g->pair[second].variable->name, (int)first, (int)second);
    for (int32_t i = 0; i < g->n; i++) {
        if (tl_check_gradient(g->graph, &g->pair[i]) != TL_OK)
            return tl_last_status();
        present += g->pair[i].values != NULL;
    }
    return present > 0 ? TL_OK : tl_fail(TL_ERR_ARGUMENT, "there is no gradient to apply");
}

static tl_status run_transforms(const tl_optimizer *o, tl_gradients *g)
{
    for (int32_t k = 0; k < o->n_transforms; k++) {
        const tl_gradients before = *g; /* the transform gets a copy: it may drop pairs */
        g->pair = tl_arena_alloc(&g->graph->arena, g->n, sizeof *g->pair);
        if (!g->pair)
            return tl_fail_memory();
        memcpy(g->pair, before.pair, (size_t)g->n * sizeof *g->pair);
        const uint64_t failures = tl_error_count();
        tl_status status = tl_fail_default(o->transform[k].fn(g, o->transform[k].context), failures);
        if (status == TL_OK)
            status = check_transform(&before, g, k);
        if (status == TL_OK && g->n > 0)
            status = check_pairs(g);
        if (status != TL_OK)
            return status;
        restrict_all(g); /* so that the next transform sees only what exists */
    }
    return TL_OK;
}

/* Frees the slots that no step has used. */
static void free_unused_slots(tl_optimizer *o)
{
    for (tl_slots *s = o->slots, *next; s; s = next) {
        next = s->next;
        if (s->t == 0 && s->has_options)
            tl_slots_release(s);
        else if (s->t == 0)
            tl_slots_free(s);
    }
}

/* Allocates slots for every pair. All or nothing: on failure the slots created here are freed. */
static tl_status alloc_slots(tl_optimizer *o, const tl_gradients *g)
{
    for (int32_t i = 0; i < g->n; i++) {
        if (!g->pair[i].values)
            continue;
        tl_slots *s = tl_slots_get(o, g->pair[i].variable);
        if (!s || tl_slots_alloc(s, g->pair[i].rows != NULL) != TL_OK) {
            free_unused_slots(o);
            return TL_ERR_MEMORY;
        }
    }
    return TL_OK;
}

/* Checks the learning rates of the coming step: a schedule may be the user's, and a variable may have its own
 * rate. */
static tl_status check_rates(const tl_optimizer *o, const tl_gradients *g)
{
    for (int32_t i = 0; i < g->n; i++) {
        const tl_slots *s = tl_slots_find(o, g->pair[i].variable);
        const double rate = s ? tl_slots_rate(s, o->step + 1) : tl_optimizer_learning_rate(o);
        if (g->pair[i].values && (!(rate >= 0) || isinf((tl_real)rate)))
            return tl_fail(
                TL_ERR_ARGUMENT,
                "the schedule gives a learning rate of %g for %s at step %lld, which is not in [0, inf)",
                rate, g->pair[i].variable->name, (long long)o->step + 1);
    }
    return TL_OK;
}

static tl_status apply(tl_optimizer *o, tl_gradients *g, bool *applied)
{
    tl_status status = check_pairs(g);
    if (status != TL_OK)
        return status;
    restrict_all(g);
    if (o->n_transforms > 0) {
        status = run_transforms(o, g);
        if (status == TL_OK)
            status = check_pairs(g);
        if (status != TL_OK)
            return status;
    }
    if (alloc_slots(o, g) != TL_OK)
        return TL_ERR_MEMORY;
    bool skip;
    status = tl_check_gradients(o, g, &skip);
    if (status == TL_OK && !skip)
        status = check_rates(o, g);
    if (status == TL_OK && !skip)
        status = tl_check_updates(o, g, &skip);
    if (status != TL_OK || skip) {
        free_unused_slots(o);
        return status;
    }
    for (int32_t i = 0; i < g->n; i++) {
        tl_slots *s = g->pair[i].values ? tl_slots_find(o, g->pair[i].variable) : NULL;
        if (!s)
            continue;
        tl_update_variable(s, &g->pair[i], tl_gradient_row_refs(g->graph, &g->pair[i]));
        tl_note_weights(s, &g->pair[i]);
    }
    o->step++;
    *applied = true;
    return TL_OK;
}

tl_status tl_apply_gradients(tl_optimizer *o, tl_gradients *g)
{
    if (!g || !g->graph)
        return tl_fail(TL_ERR_ARGUMENT, "apply_gradients: there is no gradient to apply");
    if (g->graph->status != TL_OK)
        return tl_fail(g->graph->status, "%s%s", g->graph->error, tl_failed_op_hint(g->graph));
    if (!o)
        return tl_graph_fail(g->graph, "apply_gradients", tl_fail(TL_ERR_ARGUMENT, "the optimizer is NULL"));
    tl_gradients copy = *g;
    tl_drawn *const outer = g->graph->drawn; /* of a step whose transform makes this one */
    bool applied = false;
    g->graph->drawn = NULL;
    tl_status status = apply(o, &copy, &applied);
    for (const tl_drawn *d = g->graph->drawn; d && !applied; d = d->next) /* the last first */
        d->r->position = d->position;
    g->graph->drawn = outer;
    return status == TL_OK ? TL_OK : tl_graph_fail(g->graph, o->class->name, status);
}

tl_status tl_minimize(tl_optimizer *o, tl_node *loss)
{
    tl_gradients g;
    const bool row_refs = o && o->n_transforms == 0; /* nobody else reads the gradients */
    const tl_status status = o ? tl_backward_for_step(loss, row_refs, &g)
                               : tl_compute_gradients(o, loss, NULL, 0, &g);
    return status == TL_OK ? tl_apply_gradients(o, &g) : status;
}
