/* Exponential moving averages: companions of their variables.
 *
 * With bias correction, a_t = sum_k (1-d) d^k w_(t-k) / (1 - d^t) is computed in the recursive form a_t =
 * a_(t-1) + (1-d) / (1-d^t) (w_t - a_(t-1)): the corrected average itself is stored, and a connection that is
 * grown later can start at its value. */
#include "graph/optim/ema_private.h"
#include "lib/check.h"
#include "lib/memory.h"
#include "lib/status_private.h"
#include "parallel.h"

#include <math.h>
#include <string.h>

typedef tl_average average;

static tl_real *values_of(const average *a)
{
    return (tl_real *)a->companion.array[0].data;
}

/* ---- Companions ---- */

static void free_average(average *a)
{
    average **at = &a->ema->first;
    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    tl_companion_detach(&a->companion);
    tl_free(values_of(a));
    tl_free(a);
}

static void free_companion(tl_companion *c)
{
    free_average((average *)c);
}

/* The average of a new connection starts at its value. */
static void grown(tl_companion *c, int64_t n, const int32_t *entries)
{
    tl_real *values = values_of((average *)c);
    for (int64_t k = 0; k < n; k++)
        values[entries[k]] = c->variable->data[entries[k]];
}

const tl_companion_class tl_average_class = { .name = "ema", .grown = grown, .free = free_companion };

static average *find(const tl_ema *e, const tl_variable *v)
{
    for (tl_companion *c = v->companions; c; c = c->next)
        if (c->class == &tl_average_class && ((average *)c)->ema == e)
            return (average *)c;
    return NULL;
}

/* ---- The interface ---- */

tl_ema *tl_ema_new(tl_ema_options o)
{
    const char *who = "ema_new";
    o.decay = o.decay != 0 ? o.decay : 0.999;
    if (tl_check_reserved(who, &o, offsetof(tl_ema_options, reserved1), sizeof o) != TL_OK ||
        tl_check_range(who, "decay", o.decay, '(', 0, 1, ')') != TL_OK)
        return NULL;
    tl_ema *e = tl_alloc_zero(1, sizeof *e);
    if (!e) {
        tl_fail_memory();
        return NULL;
    }
    e->o = o;
    return e;
}

void tl_ema_free(tl_ema *e)
{
    if (!e)
        return;
    if (e->swapped)
        tl_ema_swap(e);
    while (e->first)
        free_average(e->first);
    tl_free(e);
}

/* Fails in the name of `who` if e is NULL, or while averages are swapped in. */
static tl_status check_ready(const char *who, const tl_ema *e)
{
    if (!e)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the averages are NULL", who);
    if (e->swapped)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the averages are swapped in", who);
    return TL_OK;
}

/* Fails in the name of `who` while v holds an average of another tl_ema: swaps that are not undone in reverse
 * order would lose the weights. */
static tl_status check_holds_weights(const char *who, const tl_ema *e, const tl_variable *v)
{
    for (const tl_companion *c = v->companions; c; c = c->next) {
        if (c->class != &tl_average_class)
            continue;
        const tl_ema *other = ((const average *)c)->ema;
        if (other != e && other->swapped)
            return tl_fail(TL_ERR_ARGUMENT, "%s: an average of another tl_ema is swapped into %s", who,
                           v->name);
    }
    return TL_OK;
}

static tl_status check_all_hold_weights(const char *who, const tl_ema *e)
{
    for (const average *a = e->first; a; a = a->next)
        if (check_holds_weights(who, e, a->companion.variable) != TL_OK)
            return TL_ERR_ARGUMENT;
    return TL_OK;
}

tl_status tl_ema_add(tl_ema *e, tl_variable *v)
{
    const char *who = "ema_add";
    if (check_ready(who, e) != TL_OK)
        return TL_ERR_ARGUMENT;
    if (!v)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the variable is NULL", who);
    if (find(e, v))
        return tl_fail(TL_ERR_ARGUMENT, "%s: %s was added before", who, v->name);
    if (check_holds_weights(who, e, v) != TL_OK)
        return TL_ERR_ARGUMENT;
    average *a = tl_alloc_zero(1, sizeof *a);
    tl_real *values = tl_alloc(v->size, sizeof *values);
    if (!a || !values) {
        tl_free(a);
        tl_free(values);
        return tl_fail_memory();
    }
    tl_before_read(v, 0, NULL);
    memcpy(values, v->data, (size_t)v->size * sizeof *values);
    a->companion = (tl_companion){ .class = &tl_average_class, .n_arrays = 1 };
    a->companion.array[0] = (tl_companion_array){ .name = "average", .data = values, .element = TL_REAL };
    a->ema = e;
    a->next = e->first;
    e->first = a;
    tl_companion_attach(&a->companion, v);
    return TL_OK;
}

typedef struct update {
    const tl_real *w;
    tl_real *a, rate;
} update;

static void update_range(void *context, int64_t begin, int64_t end)
{
    const update *u = context;
    if (u->rate == 1) { /* no share of what was there: not its NaN, nor what a difference rounds away */
        memcpy(u->a + begin, u->w + begin, (size_t)(end - begin) * sizeof *u->a);
        return;
    }
    for (int64_t k = begin; k < end; k++)
        u->a[k] += u->rate * (u->w[k] - u->a[k]);
}

/* Returns the share of the present values in an average's update `a->step`. */
static tl_real rate_of(const average *a)
{
    const tl_ema_options *o = &a->ema->o;
    const double share = 1 - o->decay;
    return (tl_real)(o->bias_correction ? share / (1 - pow(o->decay, (double)a->step)) : share);
}

tl_status tl_ema_update(tl_ema *e)
{
    const char *who = "ema_update";
    if (check_ready(who, e) != TL_OK || check_all_hold_weights(who, e) != TL_OK)
        return TL_ERR_ARGUMENT;
    e->step++;
    for (average *a = e->first; a; a = a->next) {
        tl_variable *v = a->companion.variable;
        a->step++;
        tl_before_read(v, 0, NULL);
        update u = { v->data, values_of(a), rate_of(a) };
        tl_parallel_for(v->size, TL_GRAIN, update_range, &u);
        if (v->pattern && !v->sparse)
            tl_fill_off_pattern(u.a, TL_REAL, v->pattern, 0);
    }
    return TL_OK;
}

typedef struct pair {
    tl_real *a, *b;
} pair;

static void swap_range(void *context, int64_t begin, int64_t end)
{
    const pair *p = context;
    for (int64_t k = begin; k < end; k++) {
        const tl_real a = p->a[k];
        p->a[k] = p->b[k];
        p->b[k] = a;
    }
}

tl_status tl_ema_swap(tl_ema *e)
{
    if (!e)
        return tl_fail(TL_ERR_ARGUMENT, "ema_swap: the averages are NULL");
    if (check_all_hold_weights("ema_swap", e) != TL_OK)
        return TL_ERR_ARGUMENT;
    for (average *a = e->first; a; a = a->next) {
        tl_variable *v = a->companion.variable;
        tl_before_read(v, 0, NULL);
        v->changes++;
        pair p = { v->data, values_of(a) };
        tl_parallel_for(v->size, TL_GRAIN, swap_range, &p);
    }
    e->swapped = !e->swapped;
    return TL_OK;
}

bool tl_ema_is_swapped(const tl_ema *e)
{
    return e && e->swapped;
}

const tl_real *tl_ema_values(const tl_ema *e, const tl_variable *v)
{
    const average *a = e && v ? find(e, v) : NULL;
    return a ? values_of(a) : NULL;
}

int64_t tl_ema_steps(const tl_ema *e)
{
    return e ? e->step : 0;
}

int64_t tl_ema_bytes(const tl_ema *e)
{
    int64_t bytes = 0;
    if (!e)
        return 0;
    for (const average *a = e->first; a; a = a->next)
        bytes += tl_companion_bytes(&a->companion);
    return bytes;
}
