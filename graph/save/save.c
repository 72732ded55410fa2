/* Writes a checkpoint. */
#include "graph/save/checkpoint_private.h"
#include "graph/save/stored.h"
#include "lib/status_private.h"

#include "isa.h"
#include "version.h"

static void save_header(tl_save_list *l)
{
    tl_save_integer(l, TL_CHECKPOINT_MAJOR, "format_version");
    tl_save_text(l, tl_version(), "tulle");
    tl_save_text(l, sizeof(tl_real) == 4 ? "float" : "double", "real");
    tl_save_text(l, tl_kernel_level(), "kernels");
}

/* The shape of an array with an element per value: that of the values in the file. */
static tl_shape shape_of_values(const tl_variable *v)
{
    return v->sparse ? TL_SHAPE(v->size) : v->shape;
}

static void save_averages(tl_save_list *l, const tl_variable *v)
{
    for (int32_t k = 0; k < tl_count_averages(v); k++) {
        const tl_average *a = tl_average_of(v, k);
        tl_save_tensor(l, TL_SAFETENSORS_REAL, shape_of_values(v), a->companion.array[0].data, "ema/%d/%s",
                       (int)k, v->name);
        tl_save_integer(l, a->step, "ema/%d/%s/t", (int)k, v->name);
        tl_save_integer(l, a->ema->step, "ema/%d/%s/step", (int)k, v->name);
        tl_save_number(l, a->ema->o.decay, "ema/%d/%s/decay", (int)k, v->name);
        tl_save_integer(l, a->ema->o.bias_correction, "ema/%d/%s/bias_correction", (int)k, v->name);
    }
}

static void save_fields(tl_save_list *l, const tl_option *field, const void *options, const char *prefix)
{
    l->failed |= !prefix;
    for (; prefix && field && field->name; field++)
        tl_save_number(l, tl_option_value(field, options), "%s/%s", prefix, field->name);
}

static void save_slots(tl_save_list *l, const tl_slots *s, const char *prefix)
{
    const tl_variable *v = s->companion.variable;
    tl_save_integer(l, s->t, "%s/t", prefix);
    tl_save_integer(l, s->offset, "%s/offset", prefix);
    tl_save_integer(l, s->large, "%s/large", prefix);
    if (s->has_options)
        save_fields(l, tl_common_fields, &s->options, tl_arena_text(&l->arena, "%s/options", prefix));
    for (int32_t k = 0; k < TL_SLOTS_ROW_STEP; k++) {
        const tl_companion_array *a = &s->companion.array[k];
        if (a->data)
            tl_save_tensor(l, a->element == TL_INT32 ? TL_SAFETENSORS_I32 : TL_SAFETENSORS_REAL,
                           shape_of_values(v), a->data, "%s/%s", prefix, a->name);
    }
}

/* Slots are in the order of the list, whichever of them were made first. */
static void save_optimizer(tl_save_list *l, const tl_checkpoint *c, const tl_optimizer *o, const char *name)
{
    const char *prefix = tl_arena_text(&l->arena, "optimizer/%s", name);
    l->failed |= !prefix;
    if (!prefix)
        return;
    tl_save_text(l, o->class->name, "%s/class", prefix);
    tl_save_integer(l, o->class->n_slots, "%s/slots", prefix);
    tl_save_integer(l, o->step, "%s/step", prefix);
    tl_save_integer(l, o->schedule != NULL, "%s/schedule", prefix);
    tl_save_integer(l, o->n_transforms, "%s/transforms", prefix);
    save_fields(l, tl_common_fields, &o->o, prefix);
    save_fields(l, o->class->fields, o->options, prefix);
    for (int32_t k = 0; k < c->n; k++) {
        const tl_variable *v = c->entry[k].kind == TL_ENTRY_VARIABLE ? c->entry[k].variable : NULL;
        const tl_slots *s = v ? tl_slots_find(o, v) : NULL;
        const char *own = s ? tl_arena_text(&l->arena, "%s/%s", prefix, v->name) : NULL;
        l->failed |= s && !own;
        if (own)
            save_slots(l, s, own);
    }
}

static void save_entry(tl_save_list *l, const tl_checkpoint *c, const tl_entry *e)
{
    switch (e->kind) {
    case TL_ENTRY_VARIABLE:
        tl_save_variable(l, e->variable);
        save_averages(l, e->variable);
        break;
    case TL_ENTRY_OPTIMIZER: save_optimizer(l, c, e->optimizer, e->name); break;
    case TL_ENTRY_RANDOM:
        tl_save_unsigned(l, e->random->seed, "random/%s/seed", e->name);
        tl_save_unsigned(l, e->random->position, "random/%s/position", e->name);
        break;
    case TL_ENTRY_INTEGER: tl_save_integer(l, *e->integer, "integer/%s", e->name); break;
    case TL_ENTRY_NUMBER: tl_save_number(l, *e->number, "number/%s", e->name); break;
    }
}

/* Pending row updates are applied by the variables, before any slot is looked at. */
tl_status tl_checkpoint_save(const tl_checkpoint *c, const char *path)
{
    const char *who = "checkpoint_save";
    if (!c || !path)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the %s is NULL", who, c ? "path" : "checkpoint");
    const tl_status status = tl_checkpoint_check(c, who);
    if (status != TL_OK)
        return status;
    for (int32_t k = 0; k < c->n; k++)
        if (c->entry[k].kind == TL_ENTRY_VARIABLE)
            tl_before_read(c->entry[k].variable, 0, NULL);
    tl_save_list l = { .failed = false };
    save_header(&l);
    for (int32_t k = 0; k < c->n; k++)
        save_entry(&l, c, &c->entry[k]);
    const tl_status written = tl_save_list_write(&l, who, path);
    tl_save_list_free(&l);
    return written;
}
