/* The optimizer's life: its options, its schedule, what it holds. Its step is in apply.c. */
#include "graph/internal.h"
#include "graph/optim/update.h"

#include <math.h>
#include <string.h>

static tl_status check_options(const tl_optimizer_class *class, const tl_optimizer_options *o)
{
    if (!(o->learning_rate >= 0) || isinf((tl_real)o->learning_rate))
        return tl_fail(TL_ERR_ARGUMENT, "%s: learning_rate %g is not 0 or more", class->name,
                       o->learning_rate);
    if (!(o->weight_decay >= 0) || isinf((tl_real)o->weight_decay))
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
    if (!class || !(class->update || class->kernel) || class->n_slots < 0 || class->n_slots > TL_MAX_SLOTS) {
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
    tl_optimizer_flush(o); /* nobody else knows what steps rows have missed */
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

tl_status tl_optimizer_flush(tl_optimizer *o)
{
    if (!o)
        return tl_fail(TL_ERR_ARGUMENT, "optimizer_flush: the optimizer is NULL");
    for (tl_slots *s = o->slots; s; s = s->next_of_optimizer)
        tl_catch_up(s->variable);
    return TL_OK;
}

/* Rows that lag behind are brought up to date before an option changes: the steps that they missed had the
 * old one. */
tl_status tl_optimizer_set_learning_rate(tl_optimizer *o, double learning_rate)
{
    if (!o)
        return tl_fail(TL_ERR_ARGUMENT, "optimizer_set_learning_rate: the optimizer is NULL");
    tl_optimizer_options changed = o->o;
    changed.learning_rate = learning_rate;
    if (check_options(o->class, &changed) != TL_OK)
        return TL_ERR_ARGUMENT;
    tl_optimizer_flush(o);
    o->o = changed;
    return TL_OK;
}

double tl_optimizer_learning_rate(const tl_optimizer *o)
{
    if (!o)
        return 0;
    return o->schedule ? o->schedule(o->step + 1, o->o.learning_rate, o->schedule_context)
                       : o->o.learning_rate;
}

tl_status tl_optimizer_set_schedule(tl_optimizer *o, tl_schedule fn, const void *context)
{
    if (tl_optimizer_flush(o) != TL_OK)
        return tl_fail(TL_ERR_ARGUMENT, "optimizer_set_schedule: the optimizer is NULL");
    o->schedule = fn;
    o->schedule_context = context;
    return TL_OK;
}

tl_status tl_optimizer_set_options_for(tl_optimizer *o, tl_variable *v, tl_optimizer_options options)
{
    if (!o || !v)
        return tl_fail(TL_ERR_ARGUMENT, "optimizer_set_options_for: the %s is NULL",
                       o ? "variable" : "optimizer");
    if (check_options(o->class, &options) != TL_OK)
        return TL_ERR_ARGUMENT;
    tl_slots *s = tl_slots_get(o, v);
    if (!s)
        return TL_ERR_MEMORY;
    tl_catch_up(v);
    s->has_options = true;
    s->options = options;
    return TL_OK;
}

int64_t tl_optimizer_steps(const tl_optimizer *o, const tl_variable *v)
{
    const tl_slots *s = o && v ? tl_slots_find(o, v) : NULL;
    return s ? s->t : 0;
}

const tl_real *tl_optimizer_slot(const tl_optimizer *o, const tl_variable *v, int32_t k)
{
    const tl_slots *s = o && v ? tl_slots_find(o, v) : NULL;
    if (!s || !s->made || k < 0 || k >= s->n)
        return NULL;
    tl_catch_up(s->variable);
    return s->slot[k];
}

int64_t tl_optimizer_bytes(const tl_optimizer *o)
{
    int64_t bytes = 0;
    for (const tl_slots *s = o ? o->slots : NULL; s; s = s->next_of_optimizer) {
        bytes += s->n * s->variable->size * (int64_t)sizeof(tl_real);
        bytes += s->age ? s->variable->size * (int64_t)sizeof *s->age : 0;
        bytes += s->row_t ? s->variable->shape.dim[0] * (int64_t)sizeof *s->row_t : 0;
    }
    return bytes;
}
