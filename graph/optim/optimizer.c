/* Optimizers: creation and release, options, schedules, transforms, and the list of slots. */
#include "graph/optim/past.h"
#include "graph/optim/replay.h"
#include "lib/check.h"
#include "lib/memory.h"
#include "lib/status_private.h"

#include <string.h>

static tl_status check_options(const tl_optimizer_class *class, const tl_optimizer_options *o)
{
    const size_t used = offsetof(tl_optimizer_options, common_reserved1);
    if (tl_check_reserved(class->name, o, used, sizeof *o) != TL_OK)
        return TL_ERR_ARGUMENT;
    if (tl_check_at_least_zero(class->name, "learning_rate", o->learning_rate) != TL_OK ||
        tl_check_at_least_zero(class->name, "weight_decay", o->weight_decay) != TL_OK)
        return TL_ERR_ARGUMENT;
    if (o->rows != TL_ROWS_EXACT && o->rows != TL_ROWS_LAZY)
        return tl_fail(TL_ERR_ARGUMENT, "%s: rows %d is not a tl_rows_policy", class->name, (int)o->rows);
    if (o->non_finite < TL_NON_FINITE_ERROR || o->non_finite > TL_NON_FINITE_PROPAGATE)
        return tl_fail(TL_ERR_ARGUMENT, "%s: non_finite %d is not a tl_non_finite", class->name,
                       (int)o->non_finite);
    return TL_OK;
}

/* ---- Slots ---- */

/* Slots are in a list of the optimizer and in one of the variable, either of which may be freed first. */

static bool has_pending(const tl_companion *c)
{
    return tl_slots_row_step((const tl_slots *)c) != NULL;
}

static void before_read(tl_companion *c, int64_t n, const int32_t *rows)
{
    tl_slots *s = (tl_slots *)c;
    if (rows) {
        tl_slots_replay_rows(s, n, rows, true);
        return;
    }
    tl_slots_replay(s);
    s->weights_known = false; /* all may be about to be written */
}

static void free_companion(tl_companion *c)
{
    tl_slots_free((tl_slots *)c);
}

const tl_companion_class tl_slots_class = {
    .name = "optimizer",
    .has_pending = has_pending,
    .before_read = before_read,
    .free = free_companion,
};

tl_slots *tl_slots_get(tl_optimizer *o, tl_variable *v)
{
    static const char *const name[TL_MAX_SLOTS] = { "slot0", "slot1", "slot2", "slot3" };
    tl_slots *s = tl_slots_find(o, v);
    if (s)
        return s;
    s = tl_alloc_zero(1, sizeof *s);
    if (!s) {
        tl_fail_memory();
        return NULL;
    }
    s->companion = (tl_companion){ .class = &tl_slots_class, .n_arrays = TL_SLOTS_ARRAYS };
    for (int32_t k = 0; k < TL_MAX_SLOTS; k++)
        s->companion.array[k] = (tl_companion_array){ .name = name[k], .element = TL_REAL };
    s->companion.array[TL_SLOTS_AGE] = (tl_companion_array){ .name = "age", .element = TL_INT32 };
    s->companion.array[TL_SLOTS_ROW_STEP] =
        (tl_companion_array){ .name = "row_step", .element = TL_INT64, .per_row = true };
    s->optimizer = o;
    s->next = o->slots;
    o->slots = s;
    tl_companion_attach(&s->companion, v);
    return s;
}

void tl_slots_free(tl_slots *s)
{
    tl_slots **at = &s->optimizer->slots;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    tl_companion_detach(&s->companion);
    tl_slots_release(s);
    tl_free(s);
}

/* ---- Optimizers ---- */

static tl_status check_class(const tl_optimizer_class *class)
{
    const char *who = "optimizer_new";
    if (!class || !(class->update || class->kernel) || class->n_slots < 0 || class->n_slots > TL_MAX_SLOTS)
        return tl_fail(TL_ERR_ARGUMENT, "%s: a class needs an update and 0 to %d slots", who, TL_MAX_SLOTS);
    if (!class->name)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the class has no name", who);
    if (class->zero_grad < TL_ZERO_GRAD_CHANGES || class->zero_grad > TL_ZERO_GRAD_NOOP)
        return tl_fail(TL_ERR_ARGUMENT, "%s: zero_grad %d of %s is not a tl_zero_grad", who,
                       (int)class->zero_grad, class->name);
    return TL_OK;
}

tl_optimizer *tl_optimizer_new(const tl_optimizer_class *class, tl_optimizer_options common,
                               const void *options, size_t size)
{
    if (check_class(class) != TL_OK || check_options(class, &common) != TL_OK)
        return NULL;
    if (size > 0 && !options) {
        tl_fail(TL_ERR_ARGUMENT, "%s: the options are NULL", class->name);
        return NULL;
    }
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
    tl_optimizer_flush(o); /* only the slots know which steps rows have skipped */
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
    if (o->n_transforms == o->capacity) {
        const int32_t capacity = 2 * o->capacity + 4;
        struct tl_registered *more = tl_alloc(capacity, sizeof *more);
        if (!more)
            return tl_fail_memory();
        if (o->n_transforms > 0)
            memcpy(more, o->transform, (size_t)o->n_transforms * sizeof *more);
        tl_free(o->transform);
        o->transform = more;
        o->capacity = capacity;
    }
    o->transform[o->n_transforms++] = (struct tl_registered){ fn, context };
    return TL_OK;
}

tl_status tl_optimizer_flush(tl_optimizer *o)
{
    if (!o)
        return tl_fail(TL_ERR_ARGUMENT, "optimizer_flush: the optimizer is NULL");
    for (tl_slots *s = o->slots; s; s = s->next)
        tl_before_read(s->companion.variable, 0, NULL);
    return TL_OK;
}

/* Pending rows are replayed before an option changes: the steps that they skipped used the old one. */
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
    tl_before_read(v, 0, NULL);
    s->has_options = true;
    s->options = options;
    return TL_OK;
}

tl_optimizer_options tl_optimizer_options_for(const tl_optimizer *o, const tl_variable *v)
{
    if (!o || !v) {
        tl_fail(TL_ERR_ARGUMENT, "optimizer_options_for: the %s is NULL", o ? "variable" : "optimizer");
        return (tl_optimizer_options){ 0 };
    }
    const tl_slots *s = tl_slots_find(o, v);
    if (s && s->has_options)
        return s->options;
    tl_optimizer_options options = o->o;
    options.learning_rate = 0; /* follows the optimizer's */
    return options;
}

int64_t tl_optimizer_steps(const tl_optimizer *o, const tl_variable *v)
{
    const tl_slots *s = o && v ? tl_slots_find(o, v) : NULL;
    return s ? s->t : 0;
}

const tl_real *tl_optimizer_slot(const tl_optimizer *o, const tl_variable *v, int32_t k)
{
    const tl_slots *s = o && v ? tl_slots_find(o, v) : NULL;
    if (!s || !s->allocated || k < 0 || k >= s->n)
        return NULL;
    tl_before_read(s->companion.variable, 0, NULL);
    return tl_slots_array(s, k);
}

int64_t tl_optimizer_bytes(const tl_optimizer *o)
{
    int64_t bytes = 0;
    if (!o)
        return 0;
    for (const tl_slots *s = o->slots; s; s = s->next)
        bytes += tl_companion_bytes(&s->companion) + tl_past_bytes(s);
    return bytes;
}
