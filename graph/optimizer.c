/* The optimizer's life and its step: what is checked and in which order. The update itself is in update.c. */
#include "internal.h"
#include "update.h"

#include <math.h>
#include <string.h>

static tl_status check_options(const tl_optimizer_class *class, const tl_optimizer_options *o)
{
    if (!(o->learning_rate >= 0) || isinf(o->learning_rate))
        return tl_fail(TL_ERR_ARGUMENT, "%s: learning_rate %g is not 0 or more", class->name,
                       o->learning_rate);
    if (!(o->weight_decay >= 0) || isinf(o->weight_decay))
        return tl_fail(TL_ERR_ARGUMENT, "%s: weight_decay %g is not 0 or more", class->name, o->weight_decay);
    if (o->rows != TL_ROWS_EXACT && o->rows != TL_ROWS_LAZY)
        return tl_fail(TL_ERR_ARGUMENT, "%s: rows %d is no tl_rows_policy", class->name, (int)o->rows);
    if (o->non_finite < TL_NON_FINITE_ERROR || o->non_finite > TL_NON_FINITE_PROPAGATE)
        return tl_fail(TL_ERR_ARGUMENT, "%s: non_finite %d is no tl_non_finite", class->name,
                       (int)o->non_finite);
    return TL_OK;
}

tl_optimizer *tl_optimizer_new(const tl_optimizer_class *class, tl_optimizer_options common,
                               const void *options, size_t size)
{
    if (!class || !class->update || class->n_slots < 0 || class->n_slots > TL_MAX_SLOTS) {
        tl_fail(TL_ERR_ARGUMENT, "optimizer_new: a class needs an update and 0 to %d slots", TL_MAX_SLOTS);
        return NULL;
    }
    if (check_options(class, &common) != TL_OK)
        return NULL;
    tl_optimizer *o = tl_alloc_zero(1, sizeof *o);
    void *copy = tl_alloc((int64_t)size, 1);
    if (!o || !copy) {
        tl_free(o);
        tl_free(copy);
        tl_fail_memory();
        return NULL;
    }
    if (size > 0)
        memcpy(copy, options, size);
    *o = (tl_optimizer){ .class = class, .o = common, .options = copy };
    return o;
}

void tl_optimizer_free(tl_optimizer *o)
{
    if (!o)
        return;
    while (o->slots)
        tl_slots_free(o->slots);
    tl_free(o->transform);
    tl_free(o->options);
    tl_free(o);
}

tl_status tl_optimizer_add_transform(tl_optimizer *o, tl_transform fn, void *context)
{
    if (!o || !fn)
        return tl_fail(TL_ERR_ARGUMENT, "optimizer_add_transform: the %s is NULL",
                       o ? "function" : "optimizer");
    if (o->n_transforms == o->room) {
        int32_t room = 2 * o->room + 4;
        struct tl_registered *more = tl_alloc(room, sizeof *more);
        if (!more)
            return tl_fail_memory();
        if (o->n_transforms > 0)
            memcpy(more, o->transform, (size_t)o->n_transforms * sizeof *more);
        tl_free(o->transform);
        o->transform = more;
        o->room = room;
    }
    o->transform[o->n_transforms++] = (struct tl_registered){ fn, context };
    return TL_OK;
}

tl_status tl_optimizer_set_learning_rate(tl_optimizer *o, double learning_rate)
{
    if (!o)
        return tl_fail(TL_ERR_ARGUMENT, "optimizer_set_learning_rate: the optimizer is NULL");
    tl_optimizer_options changed = o->o;
    changed.learning_rate = learning_rate;
    if (check_options(o->class, &changed) != TL_OK)
        return TL_ERR_ARGUMENT;
    o->o = changed;
    return TL_OK;
}

double tl_optimizer_learning_rate(const tl_optimizer *o)
{
    return o ? o->o.learning_rate : 0;
}

int64_t tl_optimizer_steps(const tl_optimizer *o, const tl_variable *v)
{
    const tl_slots *s = o && v ? tl_slots_find(o, v) : NULL;
    return s ? s->t : 0;
}

tl_real *tl_optimizer_slot(const tl_optimizer *o, const tl_variable *v, int32_t k)
{
    const tl_slots *s = o && v ? tl_slots_find(o, v) : NULL;
    return s && k >= 0 && k < s->n ? s->slot[k] : NULL;
}

int64_t tl_optimizer_bytes(const tl_optimizer *o)
{
    int64_t bytes = 0;
    for (const tl_slots *s = o ? o->slots : NULL; s; s = s->next_of_optimizer)
        bytes += s->n * s->variable->size * (int64_t)sizeof(tl_real);
    return bytes;
}

tl_status tl_compute_gradients(tl_optimizer *o, tl_node *loss, tl_variable *const *vars, int32_t n,
                               tl_gradients *out)
{
    if (!o)
        return tl_fail(TL_ERR_ARGUMENT, "compute_gradients: the optimizer is NULL");
    return vars ? tl_backward_for(loss, vars, n, out) : tl_backward(loss, out);
}

static void restrict_all(const tl_gradients *g)
{
    for (int32_t i = 0; i < g->n; i++)
        if (!g->pair[i].variable->sparse && g->pair[i].variable->pattern)
            tl_restrict_gradient(&g->pair[i], g->pair[i].variable->pattern);
}

/* That a transform changed values and dropped pairs at most: what is left is a subsequence of what was there. */
static tl_status check_transform(const tl_gradients *before, const tl_gradients *after, int32_t number)
{
    int32_t j = 0;
    if (after->n < 0 || after->n > before->n || (after->n > 0 && !after->pair) ||
        after->graph != before->graph)
        return tl_fail(TL_ERR_ARGUMENT, "transform %d changed the list of pairs otherwise than by dropping",
                       (int)number);
    for (int32_t i = 0; i < after->n; i++, j++) {
        while (j < before->n && before->pair[j].variable != after->pair[i].variable)
            j++;
        if (j == before->n)
            return tl_fail(TL_ERR_ARGUMENT, "transform %d added or reordered a pair, at %d", (int)number,
                           (int)i);
        const tl_gradient *was = &before->pair[j], *is = &after->pair[i];
        if (is->rows != was->rows || is->n_rows != was->n_rows || (is->values && !was->values))
            return tl_fail(TL_ERR_ARGUMENT, "transform %d changed the rows of the gradient of %s",
                           (int)number, is->variable->name);
    }
    return TL_OK;
}

static tl_status run_transforms(const tl_optimizer *o, tl_gradients *g)
{
    for (int32_t k = 0; k < o->n_transforms; k++) {
        tl_gradients before = *g;
        before.pair = tl_arena_alloc(&g->graph->arena, g->n, sizeof *g->pair);
        if (!before.pair)
            return tl_fail_memory();
        memcpy(before.pair, g->pair, (size_t)g->n * sizeof *g->pair);
        tl_status status = o->transform[k].fn(g, o->transform[k].context);
        if (status == TL_OK)
            status = check_transform(&before, g, k);
        if (status != TL_OK)
            return status;
    }
    return TL_OK;
}

/* TL_ERR_NUMERIC with the first value that is not finite. */
static tl_status check_finite(const tl_gradients *g)
{
    for (int32_t i = 0; i < g->n; i++) {
        const tl_gradient *pair = &g->pair[i];
        int64_t n = tl_gradient_size(pair);
        for (int64_t k = 0; k < n; k++) {
            if (isfinite(pair->values[k]))
                continue;
            if (!pair->rows)
                return tl_fail(TL_ERR_NUMERIC, "the gradient of %s[%lld] is %g", pair->variable->name,
                               (long long)k, (double)pair->values[k]);
            int64_t width = n / pair->n_rows;
            return tl_fail(TL_ERR_NUMERIC, "the gradient of %s[row %d, %lld] is %g", pair->variable->name,
                           (int)pair->rows[k / width], (long long)(k % width), (double)pair->values[k]);
        }
    }
    return TL_OK;
}

static tl_status check_pairs(const tl_gradients *g)
{
    int32_t present = 0;
    for (int32_t i = 0; i < g->n; i++) {
        if (!g->pair[i].variable)
            return tl_fail(TL_ERR_ARGUMENT, "the variable of pair %d is NULL", (int)i);
        present += g->pair[i].values != NULL;
    }
    return present > 0 ? TL_OK : tl_fail(TL_ERR_ARGUMENT, "there is no gradient to apply");
}

/* Slots for every pair, or none that was not there. Those of step 0 are new: the first update follows at once. */
static tl_status make_slots(tl_optimizer *o, const tl_gradients *g)
{
    bool whole = true;
    for (int32_t i = 0; whole && i < g->n; i++)
        whole = !g->pair[i].values || tl_slots_make(o, g->pair[i].variable, o->class->n_slots);
    for (tl_slots *s = o->slots, *next; !whole && s; s = next) {
        next = s->next_of_optimizer;
        if (s->t == 0)
            tl_slots_free(s);
    }
    return whole ? TL_OK : TL_ERR_MEMORY;
}

/* Everything that can fail comes first; then the updates, which cannot. */
static tl_status apply(tl_optimizer *o, tl_gradients *g)
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
        restrict_all(g);
    }
    if (o->o.non_finite != TL_NON_FINITE_PROPAGATE && check_finite(g) != TL_OK)
        return o->o.non_finite == TL_NON_FINITE_SKIP_STEP ? TL_OK : TL_ERR_NUMERIC;
    if (make_slots(o, g) != TL_OK)
        return TL_ERR_MEMORY;
    for (int32_t i = 0; i < g->n; i++)
        if (g->pair[i].values)
            tl_update_variable(o, &g->pair[i]);
    return TL_OK;
}

tl_status tl_apply_gradients(tl_optimizer *o, tl_gradients *g)
{
    if (!o || !g || !g->graph)
        return tl_fail(TL_ERR_ARGUMENT, "apply_gradients: there is no %s",
                       o ? "gradient to apply" : "optimizer");
    if (g->graph->status != TL_OK)
        return tl_fail(g->graph->status, "%s", g->graph->error);
    tl_gradients copy = *g; /* a transform may drop pairs of its own copy of the list's head */
    tl_status status = apply(o, &copy);
    return status == TL_OK ? TL_OK : tl_graph_fail(g->graph, o->class->name, status);
}

tl_status tl_minimize(tl_optimizer *o, tl_node *loss)
{
    tl_gradients g;
    tl_status status = tl_compute_gradients(o, loss, NULL, 0, &g);
    return status == TL_OK ? tl_apply_gradients(o, &g) : status;
}
