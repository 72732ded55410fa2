/* The arrays of slots, and the options that apply to them. */
#include "graph/optim/slots.h"
#include "lib/memory.h"
#include "lib/status_private.h"

tl_slots *tl_slots_find(const tl_optimizer *o, const tl_variable *v)
{
    for (tl_companion *c = v->companions; c; c = c->next)
        if (c->class == &tl_slots_class && ((tl_slots *)c)->optimizer == o)
            return (tl_slots *)c;
    return NULL;
}

const tl_optimizer_options *tl_slots_options(const tl_slots *s)
{
    return s->has_options ? &s->options : &s->optimizer->o;
}

double tl_slots_rate(const tl_slots *s, int64_t step)
{
    const tl_optimizer *o = s->optimizer;
    const double own = s->has_options ? s->options.learning_rate : 0;
    const double rate = own != 0 ? own : o->o.learning_rate;
    return o->schedule ? o->schedule(step, rate, o->schedule_context) : rate;
}

tl_zero_grad tl_slots_zero_grad(const tl_slots *s)
{
    const tl_optimizer_options *o = tl_slots_options(s);
    const bool always = o->weight_decay > 0 || o->per_weight_age;
    return always ? TL_ZERO_GRAD_CHANGES : s->optimizer->class->zero_grad;
}

void tl_slots_release(tl_slots *s)
{
    for (int32_t k = 0; k < TL_SLOTS_ARRAYS; k++) {
        tl_free(s->companion.array[k].data);
        s->companion.array[k].data = NULL;
    }
    tl_free(s->past.constant);
    s->past = (tl_past){ 0 };
    s->n = 0;
    s->allocated = s->weights_known = false;
}

/* Allocates array k of the companion and fills it with `value`. */
static tl_status alloc_array(tl_slots *s, int32_t k, tl_real value)
{
    tl_companion_array *a = &s->companion.array[k];
    const int64_t n = tl_companion_array_size(&s->companion, a);
    a->data = tl_alloc_zero(n, tl_element_size(a->element));
    if (!a->data)
        return tl_fail_memory();
    if (value != 0)
        tl_fill(a->data, a->element, 0, n, value);
    return TL_OK;
}

/* Sets the number of slots and the initial value of each. */
static void begin(tl_slots *s)
{
    const tl_optimizer_class *class = s->optimizer->class;
    tl_real start[TL_MAX_SLOTS] = { 0 };
    if (class->start)
        class->start(s->optimizer->options, start);
    s->n = class->n_slots;
    s->allocated = true;
    for (int32_t k = 0; k < s->n; k++)
        s->companion.array[k].start = start[k];
}

/* Allocates the slots with their initial values; off a mask they are +0. */
static tl_status alloc_slots(tl_slots *s)
{
    const tl_variable *v = s->companion.variable;
    begin(s);
    for (int32_t k = 0; k < s->n; k++) {
        if (alloc_array(s, k, s->companion.array[k].start) != TL_OK) {
            tl_slots_release(s);
            return TL_ERR_MEMORY;
        }
        if (v->pattern && !v->sparse)
            tl_fill_off_pattern(tl_slots_array(s, k), TL_REAL, v->pattern, 0);
    }
    return TL_OK;
}

tl_status tl_slots_alloc(tl_slots *s, bool row_sparse)
{
    const tl_optimizer_options *o = tl_slots_options(s);
    if (!s->allocated && alloc_slots(s) != TL_OK)
        return TL_ERR_MEMORY;
    if (o->per_weight_age && !tl_slots_age(s)) {
        if (alloc_array(s, TL_SLOTS_AGE, 0) != TL_OK)
            return TL_ERR_MEMORY;
        for (int64_t k = 0; k < s->companion.variable->size; k++)
            tl_slots_age(s)[k] = (int32_t)s->t;
    }
    const bool may_skip_rows = row_sparse && s->companion.variable->size > 0 && o->rows == TL_ROWS_EXACT &&
                               tl_slots_zero_grad(s) != TL_ZERO_GRAD_NOOP;
    if (may_skip_rows && !tl_slots_row_step(s))
        return alloc_array(s, TL_SLOTS_ROW_STEP, 0);
    return TL_OK;
}

/* The state was saved when every row was up to date, and which rows ever had a step is not in it. */
void tl_slots_restore(tl_slots *s, const tl_slots_state *state)
{
    tl_slots_release(s);
    if (state->t > 0)
        begin(s);
    for (int32_t k = 0; k < TL_SLOTS_ROW_STEP; k++)
        s->companion.array[k].data = state->array[k];
    s->t = s->all_step = state->t;
    s->offset = state->offset;
    s->dense_step_seen = state->t > 0;
    s->gaps = s->longest = s->cost = s->replayed_rows = s->replayed_to = 0; /* nothing is pending */
    s->large = state->large;
    s->tried = 0;
    s->has_options = state->has_options;
    s->options = state->options;
}
