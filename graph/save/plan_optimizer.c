/* Optimizers and their slots of a load. */
#include "graph/save/plan.h"
#include "lib/io/number.h"
#include "lib/memory.h"
#include "lib/status_private.h"

#include <string.h>

/* ---- Comparing ---- */

/* Compares options with what was saved under `prefix`. `skip` is not compared; NULL: all are. */
static void compare_fields(tl_load *l, const char *who, const char *prefix, const tl_option *field,
                           const void *options, const char *skip)
{
    for (; field && field->name; field++) {
        const char *note = tl_load_note(l, "%s/%s", prefix, field->name);
        const double here = tl_option_value(field, options);
        double was;
        char text[TL_NUMBER_SIZE];
        if (skip && strcmp(skip, field->name) == 0)
            continue;
        if (!tl_to_number(note, &was))
            tl_load_differs(l, "%.40s: %.30s is not in the file", who, field->name);
        else if (was != here) {
            tl_print_double(text, here);
            tl_load_differs(l, "%.40s: %.30s is %.30s in the file and %s here", who, field->name, note, text);
        }
    }
}

/* Reads the options of a single variable. */
static bool read_options(tl_load *l, const char *prefix, tl_optimizer_options *o)
{
    double value[6];
    for (int k = 0; tl_common_fields[k].name; k++)
        if (!tl_to_number(tl_load_note(l, "%s/options/%s", prefix, tl_common_fields[k].name), &value[k]))
            return false;
    *o = (tl_optimizer_options){
        .learning_rate = value[0],
        .weight_decay = value[1],
        .decoupled = value[2] != 0,
        .rows = value[3] != 0 ? TL_ROWS_LAZY : TL_ROWS_EXACT,
        .non_finite = value[4] == 0   ? TL_NON_FINITE_ERROR
                      : value[4] == 1 ? TL_NON_FINITE_SKIP_STEP
                                      : TL_NON_FINITE_PROPAGATE,
        .per_weight_age = value[5] != 0,
    };
    return true;
}

/* Finds the arrays of slots; each has an element per value of the variable. */
static tl_status find_arrays(tl_load *l, tl_planned_slots *planned, const tl_stored *v, const char *prefix)
{
    const int32_t n = planned->state.t > 0 ? planned->s->optimizer->class->n_slots : 0;
    for (int32_t k = 0; k < TL_SLOTS_ROW_STEP; k++) {
        const tl_companion_array *a = &planned->s->companion.array[k];
        const tl_safetensors_type type = a->element == TL_INT32 ? TL_SAFETENSORS_I32 : TL_SAFETENSORS_REAL;
        const int32_t tensor = k < n || k == TL_SLOTS_AGE ? tl_load_find(l, "%s/%s", prefix, a->name) : -1;
        planned->tensor[k] = tensor;
        if (tensor < 0 && k >= n)
            continue;
        if (tensor < 0 || !tl_load_fits(l, tensor, v, type))
            return tl_load_bad(l, "%.100s/%s is missing or not like its variable", prefix, a->name);
    }
    return TL_OK;
}

static tl_status plan_slots(tl_load *l, tl_planned *p, tl_optimizer *o, const tl_planned *of)
{
    tl_variable *v = of->entry->variable;
    const char *prefix = tl_arena_text(&l->arena, "optimizer/%s/%s", p->entry->name, v->name);
    tl_planned_slots *planned = tl_arena_alloc_zero(&l->arena, 1, sizeof *planned);
    if (!prefix || !planned)
        return tl_fail_memory();
    const char *t = tl_load_note(l, "%s/t", prefix), *offset = tl_load_note(l, "%s/offset", prefix),
               *large = tl_load_note(l, "%s/large", prefix);
    planned->s = tl_slots_find(o, v);
    planned->present = t != NULL;
    if (!t && !planned->s)
        return TL_OK;
    planned->created = !planned->s;
    if (!planned->s && !(planned->s = tl_slots_get(o, v)))
        return TL_ERR_MEMORY;
    planned->next = p->slots;
    p->slots = planned;
    if (!t)
        return TL_OK;
    int64_t is_large;
    tl_slots_state *state = &planned->state;
    if (!tl_to_integer(t, &state->t) || !tl_to_integer(offset, &state->offset) ||
        !tl_to_integer(large, &is_large) || state->t < 0)
        return tl_load_bad(l, "%.100s/t, /offset or /large is no number", prefix);
    state->large = is_large != 0;
    state->has_options = tl_load_note(l, "%s/options/rows", prefix) != NULL;
    if (state->has_options && !read_options(l, prefix, &state->options))
        return tl_load_bad(l, "%.100s/options are incomplete", prefix);
    return find_arrays(l, planned, &of->values.stored, prefix);
}

static void compare_functions(const char *name, const char *what, const char *note, bool here, char *warnings)
{
    int64_t was = here;
    tl_to_integer(note, &was);
    if (was && !here)
        tl_add_warning(warnings, "optimizer %.60s had %s when it was saved and has none now", name, what);
    else if (!was && here)
        tl_add_warning(warnings, "optimizer %.60s has %s now and had none when it was saved", name, what);
}

tl_status tl_plan_optimizer(tl_load *l, tl_planned *p, int32_t n, const tl_planned *all, char *warnings)
{
    const char *name = p->entry->name, *prefix = tl_arena_text(&l->arena, "optimizer/%s", name);
    tl_optimizer *o = p->entry->optimizer;
    if (!prefix)
        return tl_fail_memory();
    const char *class = tl_load_note(l, "%s/class", prefix);
    if (!class || strcmp(class, o->class->name) != 0) {
        if (class)
            tl_load_differs(l, "optimizer %.40s is of class %.30s in the file and %.30s here", name, class,
                            o->class->name);
        else
            tl_load_differs(l, "optimizer %.40s is not in the file", name);
        return TL_OK;
    }
    const int32_t before = l->n_differences;
    compare_fields(l, name, prefix, tl_common_fields, &o->o, "learning_rate");
    compare_fields(l, name, prefix, o->class->fields, o->options, NULL);
    compare_functions(name, "a schedule", tl_load_note(l, "%s/schedule", prefix), o->schedule != NULL,
                      warnings);
    compare_functions(name, "transforms", tl_load_note(l, "%s/transforms", prefix), o->n_transforms > 0,
                      warnings);
    int64_t slots;
    if (!tl_to_integer(tl_load_note(l, "%s/step", prefix), &p->step) ||
        !tl_to_integer(tl_load_note(l, "%s/slots", prefix), &slots) ||
        !tl_to_number(tl_load_note(l, "%s/learning_rate", prefix), &p->learning_rate))
        return tl_load_bad(l, "%.100s/step, /slots or /learning_rate is missing", prefix);
    if (slots != o->class->n_slots && l->n_differences == before)
        tl_load_differs(l, "optimizer %.40s has %d slots in the file and %d here", name, (int)slots,
                        (int)o->class->n_slots);
    if (slots != o->class->n_slots)
        return TL_OK;
    for (int32_t k = 0; k < n; k++)
        if (all[k].entry->kind == TL_ENTRY_VARIABLE && all[k].values.stored.values >= 0) {
            const tl_status status = plan_slots(l, p, o, &all[k]);
            if (status != TL_OK)
                return status;
        }
    return TL_OK;
}

/* ---- Reading ---- */

tl_status tl_plan_read_optimizer(tl_load *l, tl_planned *p)
{
    for (tl_planned_slots *s = p->slots; s; s = s->next)
        for (int32_t k = 0; s->present && k < TL_SLOTS_ROW_STEP; k++) {
            if (s->tensor[k] < 0)
                continue;
            const tl_safetensor *t = &l->file.tensor[s->tensor[k]];
            s->state.array[k] = tl_alloc(t->size, (size_t)tl_safetensors_type_size(t->type));
            if (!s->state.array[k])
                return tl_fail_memory();
            const tl_status status = tl_safetensors_load(&l->file, s->tensor[k], s->state.array[k]);
            if (status != TL_OK)
                return status;
        }
    return TL_OK;
}

/* ---- Applying ---- */

/* Slots that the file has not are of variables that had no step yet. */
void tl_apply_optimizer(tl_planned *p)
{
    tl_optimizer *o = p->entry->optimizer;
    o->step = p->step;
    o->o.learning_rate = p->learning_rate;
    for (tl_planned_slots *s = p->slots; s; s = s->next) {
        s->created = false;
        if (s->present)
            tl_slots_restore(s->s, &s->state);
        else
            tl_slots_free(s->s);
        memset(s->state.array, 0, sizeof s->state.array);
    }
}

void tl_free_optimizer(tl_planned *p)
{
    for (tl_planned_slots *s = p->slots; s; s = s->next) {
        for (int32_t k = 0; k < TL_SLOTS_ROW_STEP; k++)
            tl_free(s->state.array[k]);
        if (s->created)
            tl_slots_free(s->s);
    }
}
