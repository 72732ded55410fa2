/* The list of a variable's companions, and their pending updates. */
#include "graph/variable/variable_private.h"

void tl_companion_attach(tl_companion *c, tl_variable *v)
{
    c->variable = v;
    c->next = v->companions;
    v->companions = c;
}

void tl_companion_detach(tl_companion *c)
{
    tl_companion **at = &c->variable->companions;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
}

int64_t tl_companion_array_size(const tl_companion *c, const tl_companion_array *a)
{
    return a->per_row ? c->variable->shape.dim[0] : c->variable->size;
}

int64_t tl_companion_bytes(const tl_companion *c)
{
    int64_t bytes = 0;
    for (int32_t k = 0; k < c->n_arrays; k++) {
        const tl_companion_array *a = &c->array[k];
        if (a->data)
            bytes += tl_companion_array_size(c, a) * (int64_t)tl_element_size(a->element);
    }
    return bytes;
}

static bool has_pending(const tl_companion *c)
{
    return c->class->has_pending && c->class->has_pending(c);
}

void tl_before_read(tl_variable *v, int64_t n, const int32_t *rows)
{
    const tl_companion *c = v->companions;
    while (c && !has_pending(c))
        c = c->next;
    if (!c)
        return;
    pthread_mutex_lock(&v->lock);
    for (tl_companion *each = v->companions; each; each = each->next)
        if (has_pending(each))
            each->class->before_read(each, n, rows);
    pthread_mutex_unlock(&v->lock);
}

void tl_before_write(tl_variable *v, const tl_companion *except)
{
    for (tl_companion *c = v->companions; c; c = c->next)
        if (c != except && has_pending(c))
            c->class->before_read(c, 0, NULL);
}
