/* The list of a variable's companions, and their pending updates. */
#define _GNU_SOURCE /* PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP */
#include "graph/variable/variable_private.h"

/* ---- Locks, and forks ---- */

#ifdef __GLIBC__ /* a fork waits for those that read now, not for those that come */
#define GATE PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP
#else
#define GATE PTHREAD_RWLOCK_INITIALIZER
#endif

/* Held for reading with any variable's lock. A fork holds it for writing: a child then inherits no locked
 * variable, and none whose rows are half done. */
static pthread_rwlock_t gate = GATE;

/* Set while the thread holds the gate. A signal handler that interrupts it may fork: it would wait for ever,
 * and goes without. */
static _Thread_local volatile bool inside;

static void before_fork(void)
{
    if (!inside)
        pthread_rwlock_wrlock(&gate);
}

static void after_fork_in_parent(void)
{
    if (!inside)
        pthread_rwlock_unlock(&gate);
}

static void after_fork_in_child(void)
{
    if (!inside)
        gate = (pthread_rwlock_t)GATE; /* whose owner is a thread of the parent */
}

static void install_fork_handlers(void)
{
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

void tl_prepare_forks(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install_fork_handlers);
}

static void lock(tl_variable *v)
{
    inside = true;
    pthread_rwlock_rdlock(&gate);
    pthread_mutex_lock(&v->lock);
}

static void unlock(tl_variable *v)
{
    pthread_mutex_unlock(&v->lock);
    pthread_rwlock_unlock(&gate);
    inside = false;
}

/* ---- Companions ---- */

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

/* Checks whether the program may have written off a mask. */
static bool has_writes(tl_variable *v)
{
    return v->pattern && !v->sparse && atomic_load_explicit(&v->written, memory_order_relaxed);
}

/* Takes back what the program wrote off the mask, in n rows or in all. */
static void clear_writes(tl_variable *v, int64_t n, const int32_t *rows)
{
    const int64_t width = tl_row_width(v);
    if (!rows) {
        tl_clear_off_mask(v, 0, v->size);
        return;
    }
    for (int64_t k = 0; k < n; k++)
        tl_clear_off_mask(v, rows[k] * width, width);
}

void tl_before_read(tl_variable *v, int64_t n, const int32_t *rows)
{
    if (has_writes(v)) { /* readers of the same variable clear nothing twice: the second finds +0 */
        lock(v);
        clear_writes(v, n, rows);
        unlock(v);
    }
    tl_apply_pending(v, n, rows);
}

void tl_apply_pending(tl_variable *v, int64_t n, const int32_t *rows)
{
    const tl_companion *c = v->companions;
    while (c && !has_pending(c))
        c = c->next;
    if (!c)
        return;
    lock(v);
    for (tl_companion *each = v->companions; each; each = each->next)
        if (has_pending(each))
            each->class->before_read(each, n, rows);
    unlock(v);
}

void tl_before_write(tl_variable *v, const tl_companion *except)
{
    v->changes++;
    if (has_writes(v))
        clear_writes(v, 0, NULL);
    atomic_store_explicit(&v->written, false, memory_order_relaxed);
    for (tl_companion *c = v->companions; c; c = c->next)
        if (c != except && has_pending(c))
            c->class->before_read(c, 0, NULL);
}
