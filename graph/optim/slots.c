/* What optimizers remember of variables. Each set of slots is in two lists, so that whichever of the two
 * is freed first, nothing dangles. */
#include "graph/internal.h"
#include "graph/optim/update.h"

tl_slots *tl_slots_find(const tl_optimizer *o, const tl_variable *v)
{
    tl_slots *s = v->slots;
    while (s && s->optimizer != o)
        s = s->next_of_variable;
    return s;
}

tl_slots *tl_slots_get(tl_optimizer *o, tl_variable *v)
{
    tl_slots *s = tl_slots_find(o, v);
    if (s)
        return s;
    s = tl_alloc_zero(1, sizeof *s);
    if (!s) {
        tl_fail_memory();
        return NULL;
    }
    *s = (tl_slots){
        .optimizer = o, .variable = v, .next_of_optimizer = o->slots, .next_of_variable = v->slots
    };
    o->slots = v->slots = s;
    return s;
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

void tl_slots_release(tl_slots *s)
{
    for (int32_t k = 0; k < s->n; k++) {
        tl_free(s->slot[k]);
        s->slot[k] = NULL;
    }
    tl_free(s->age);
    tl_free(s->row_t);
    s->age = NULL;
    s->row_t = NULL;
    s->n = 0;
    s->made = false;
}

/* The slots themselves, at their start; off a mask they are +0. */
static tl_status make_slots(tl_slots *s)
{
    const tl_optimizer_class *class = s->optimizer->class;
    const tl_variable *v = s->variable;
    s->n = class->n_slots;
    if (class->start)
        class->start(s->optimizer->options, s->start);
    s->made = true;
    for (int32_t k = 0; k < s->n; k++) {
        s->slot[k] = tl_alloc_zero(v->size, sizeof(tl_real));
        if (!s->slot[k]) {
            tl_slots_release(s);
            return tl_fail_memory();
        }
        for (int64_t i = 0; s->start[k] != 0 && i < v->size; i++)
            s->slot[k][i] = s->start[k];
        if (v->pattern && !v->sparse)
            tl_fill_off_pattern(s->slot[k], v->pattern, 0);
    }
    return TL_OK;
}

tl_status tl_slots_alloc(tl_slots *s, const tl_gradient *pair)
{
    const tl_optimizer_options *o = tl_slots_options(s);
    const tl_variable *v = s->variable;
    if (!s->made && make_slots(s) != TL_OK)
        return TL_ERR_MEMORY;
    if (o->per_weight_age && !s->age) {
        s->age = tl_alloc_zero(v->size, sizeof *s->age);
        for (int64_t k = 0; s->age && k < v->size; k++)
            s->age[k] = (int32_t)s->t;
    }
    if (pair->rows && o->rows == TL_ROWS_EXACT && tl_slots_zero_grad(s) != TL_ZERO_GRAD_NOOP && !s->row_t)
        s->row_t = tl_alloc_zero(v->shape.dim[0], sizeof *s->row_t);
    bool whole = (s->age || !o->per_weight_age) && (s->row_t || !pair->rows || o->rows != TL_ROWS_EXACT ||
                                                    tl_slots_zero_grad(s) == TL_ZERO_GRAD_NOOP);
    return whole ? TL_OK : tl_fail_memory();
}

void tl_slots_free(tl_slots *s)
{
    tl_slots **at = &s->optimizer->slots;
    while (*at != s)
        at = &(*at)->next_of_optimizer;
    *at = s->next_of_optimizer;
    at = &s->variable->slots;
    while (*at != s)
        at = &(*at)->next_of_variable;
    *at = s->next_of_variable;
    tl_slots_release(s);
    tl_free(s);
}
