/* What optimizers remember of variables. Each set of slots is in two lists, so that whichever of the two is freed
 * first, nothing dangles. */
#include "internal.h"

tl_slots *tl_slots_find(const tl_optimizer *o, const tl_variable *v)
{
    tl_slots *s = v->slots;
    while (s && s->optimizer != o)
        s = s->next_of_variable;
    return s;
}

tl_slots *tl_slots_make(tl_optimizer *o, tl_variable *v, int32_t n)
{
    tl_slots *s = tl_slots_find(o, v);
    if (s)
        return s;
    s = tl_alloc_zero(1, sizeof *s);
    bool whole = s != NULL;
    for (int32_t k = 0; whole && k < n; k++)
        whole = (s->slot[k] = tl_alloc_zero(v->size, sizeof(tl_real))) != NULL;
    if (!whole) {
        for (int32_t k = 0; s && k < n; k++)
            tl_free(s->slot[k]);
        tl_free(s);
        tl_fail_memory();
        return NULL;
    }
    s->n = n;
    s->optimizer = o;
    s->variable = v;
    s->next_of_optimizer = o->slots;
    s->next_of_variable = v->slots;
    o->slots = v->slots = s;
    return s;
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
    for (int32_t k = 0; k < s->n; k++)
        tl_free(s->slot[k]);
    tl_free(s);
}
