/* Variables and averages of a load. */
#include "graph/save/plan.h"
#include "lib/io/number.h"
#include "lib/memory.h"
#include "lib/status_private.h"

#include <string.h>

/* ---- Comparing ---- */

static void compare_kind(tl_load *l, const tl_variable *v, const tl_stored *s)
{
    const int64_t rows = tl_shape_rows(v->shape), cols = tl_shape_cols(v->shape);
    const tl_safetensor *values = &l->file.tensor[s->values];
    const tl_shape shape = values->rank <= TL_MAX_RANK ? tl_shape_from(values->rank, values->dim)
                                                       : (tl_shape){ .rank = -1 };
    if (values->type != TL_SAFETENSORS_REAL)
        tl_load_differs(l, "%.60s is %s in the file and %s here", v->name,
                        tl_safetensors_type_name(values->type),
                        tl_safetensors_type_name(TL_SAFETENSORS_REAL));
    const bool same = s->sparse ? s->rows == rows && (s->cols < 0 || s->cols == cols)
                                : tl_shape_equal(shape, v->shape);
    if (s->sparse != v->sparse)
        tl_load_differs(l, "%.60s is %s in the file and %s here", v->name, tl_stored_kind(s),
                        v->sparse ? "sparse" : "dense");
    else if (!same)
        tl_load_differs(l, "%.60s is %s in the file and %s here", v->name, tl_stored_shape_text(l, s).text,
                        tl_shape_text(v->shape).text);
    else if (s->crow >= 0 && s->rows != rows)
        tl_load_differs(l, "the mask of %.60s has %lld rows in the file and %lld here", v->name,
                        (long long)s->rows, (long long)rows);
}

static tl_status plan_average(tl_load *l, tl_planned *p, int32_t k)
{
    const char *name = p->entry->variable->name;
    tl_average *a = tl_average_of(p->entry->variable, k);
    const int32_t tensor = tl_load_find(l, "ema/%d/%s", (int)k, name);
    const char *t = tl_load_note(l, "ema/%d/%s/t", (int)k, name),
               *step = tl_load_note(l, "ema/%d/%s/step", (int)k, name),
               *decay = tl_load_note(l, "ema/%d/%s/decay", (int)k, name),
               *correction = tl_load_note(l, "ema/%d/%s/bias_correction", (int)k, name);
    if (!a || tensor < 0) {
        if (a || tensor >= 0)
            tl_load_differs(l, "an average of %.60s is %s", name, a ? "not in the file" : "in the file only");
        return TL_OK;
    }
    tl_planned_average *planned = tl_arena_alloc_zero(&l->arena, 1, sizeof *planned);
    if (!planned)
        return tl_fail_memory();
    planned->next = p->averages;
    planned->a = a;
    planned->tensor = tensor;
    p->averages = planned;
    double was;
    int64_t corrected;
    if (!tl_to_integer(t, &planned->t) || !tl_to_integer(step, &planned->step) ||
        !tl_to_number(decay, &was) || !tl_to_integer(correction, &corrected) ||
        !tl_load_fits(l, tensor, &p->values.stored, TL_SAFETENSORS_REAL))
        return tl_load_bad(l, "an average of %.80s is incomplete", name);
    if (was != a->ema->o.decay) {
        char here[TL_NUMBER_SIZE];
        tl_print_double(here, a->ema->o.decay);
        tl_load_differs(l, "the average of %.60s has decay %.30s in the file and %s here", name, decay, here);
    }
    if (corrected != a->ema->o.bias_correction)
        tl_load_differs(l, "the average of %.60s has bias_correction %d in the file and %d here", name,
                        (int)corrected, (int)a->ema->o.bias_correction);
    return TL_OK;
}

tl_status tl_plan_variable(tl_load *l, tl_planned *p)
{
    tl_variable *v = p->entry->variable;
    bool found;
    p->values.v = v;
    const tl_status status = tl_load_stored(l, v->name, &p->values.stored, &found);
    if (status != TL_OK)
        return status;
    if (!found) {
        tl_load_differs(l, "%.60s is not in the file", v->name);
        return TL_OK;
    }
    compare_kind(l, v, &p->values.stored);
    p->values.size = l->file.tensor[p->values.stored.values].size;
    const int32_t n = tl_count_averages(v);
    for (int32_t k = 0; k < n || tl_load_find(l, "ema/%d/%s", (int)k, v->name) >= 0; k++)
        if (plan_average(l, p, k) != TL_OK)
            return tl_last_status();
    return TL_OK;
}

/* ---- Reading ---- */

static tl_status read_reals(tl_load *l, int32_t tensor, int64_t n, tl_real **values)
{
    *values = tl_alloc(n, sizeof **values);
    return *values ? tl_safetensors_load(&l->file, tensor, *values) : tl_fail_memory();
}

tl_status tl_plan_pattern(tl_planned_values *p, tl_pattern *pattern)
{
    const tl_pattern *own = p->v->pattern;
    if (own == pattern || (own && pattern && tl_pattern_equal(own, pattern))) {
        tl_pattern_release(pattern);
        return TL_OK;
    }
    p->changes_pattern = true;
    p->pattern = pattern;
    return p->v->sparse ? tl_remap_alloc(&p->remap, p->v, pattern) : TL_OK;
}

tl_status tl_plan_read_variable(tl_load *l, tl_planned *p)
{
    const tl_stored *s = &p->values.stored;
    tl_pattern *pattern = NULL;
    tl_status status = TL_OK;
    if (s->crow >= 0)
        status = tl_load_pattern(l, s, tl_shape_cols(p->entry->variable->shape), &pattern);
    if (status == TL_OK)
        status = tl_plan_pattern(&p->values, pattern);
    if (status == TL_OK)
        status = read_reals(l, s->values, p->values.size, &p->values.values);
    for (tl_planned_average *a = p->averages; a && status == TL_OK; a = a->next)
        status = read_reals(l, a->tensor, p->values.size, &a->values);
    return status;
}

/* ---- Applying ---- */

/* The mask of a dense variable applies to what its companions hold, too. */
void tl_apply_values(tl_planned_values *p)
{
    tl_variable *v = p->v;
    tl_before_read(v, 0, NULL);
    v->changes++;
    if (p->changes_pattern && v->sparse)
        tl_remap_move(v, p->pattern, &p->remap);
    else if (p->changes_pattern)
        tl_variable_set_mask(v, p->pattern);
    tl_free(v->data);
    v->data = p->values;
    p->values = NULL;
    if (v->pattern && !v->sparse)
        tl_fill_off_pattern(v->data, TL_REAL, v->pattern, 0);
    for (tl_companion *c = v->companions; c; c = c->next)
        if (c->class->grown && p->remap.n_added > 0)
            c->class->grown(c, p->remap.n_added, p->remap.added);
}

void tl_apply_variable(tl_planned *p)
{
    tl_apply_values(&p->values);
    for (tl_planned_average *a = p->averages; a; a = a->next) {
        tl_free(a->a->companion.array[0].data);
        a->a->companion.array[0].data = a->values;
        a->values = NULL;
        a->a->step = a->t;
        a->a->ema->step = a->step;
    }
}

void tl_free_values(tl_planned_values *p)
{
    tl_free(p->values);
    tl_pattern_release(p->pattern);
    tl_remap_free(&p->remap);
}

void tl_free_variable(tl_planned *p)
{
    tl_free_values(&p->values);
    for (tl_planned_average *a = p->averages; a; a = a->next)
        tl_free(a->values);
}
