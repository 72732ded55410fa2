/* Gives a sparse variable another pattern: its values and every companion move together, or nothing does. */
#include "graph/variable/variable_private.h"
#include "lib/memory.h"
#include "lib/status_private.h"

#include <string.h>

/* Sets source[e] to the index in `from` of entry e of `to`, -1 if it is new. Returns the number of new
 * entries. */
static int64_t find_sources(tl_csr from, tl_csr to, int32_t *source)
{
    int64_t n_new = 0;
    for (int64_t i = 0; i < to.rows; i++)
        for (int64_t e = to.row_ptr[i], f = from.row_ptr[i]; e < to.row_ptr[i + 1]; e++) {
            while (f < from.row_ptr[i + 1] && from.col[f] < to.col[e])
                f++;
            const bool kept = f < from.row_ptr[i + 1] && from.col[f] == to.col[e];
            source[e] = kept ? (int32_t)f : -1;
            n_new += !kept;
        }
    return n_new;
}

static bool moves(const tl_companion_array *a)
{
    return a->data && !a->per_row;
}

void tl_remap_free(tl_remap *r)
{
    for (int64_t k = 0; k < r->n_arrays; k++)
        tl_free(r->array[k]);
    tl_free(r->array);
    tl_free(r->values);
    tl_free(r->added);
    tl_free(r->source);
}

tl_status tl_remap_alloc(tl_remap *r, const tl_variable *v, const tl_pattern *to)
{
    const int64_t nnz = tl_pattern_nnz(to);
    int64_t n_arrays = 0;
    for (const tl_companion *c = v->companions; c; c = c->next)
        n_arrays += c->n_arrays;
    r->source = tl_alloc(nnz, sizeof *r->source);
    r->values = tl_alloc(nnz, sizeof *r->values);
    r->array = tl_alloc(n_arrays, sizeof *r->array);
    if (!r->source || !r->values || !r->array)
        return tl_fail_memory();
    for (const tl_companion *c = v->companions; c; c = c->next)
        for (int32_t k = 0; k < c->n_arrays; k++) {
            if (!moves(&c->array[k]))
                continue;
            void *array = tl_alloc(nnz, tl_element_size(c->array[k].element));
            if (!array)
                return tl_fail_memory();
            r->array[r->n_arrays++] = array;
        }
    r->n_added = find_sources(tl_pattern_csr(v->pattern), tl_pattern_csr(to), r->source);
    r->added = tl_alloc(r->n_added, sizeof *r->added);
    if (!r->added)
        return tl_fail_memory();
    int64_t at = 0;
    for (int64_t e = 0; e < nnz; e++)
        if (r->source[e] < 0)
            r->added[at++] = (int32_t)e;
    return TL_OK;
}

/* Fills `to`: kept entries from `from`, new ones with `start`. */
static void move_array(void *to, const void *from, tl_element element, tl_real start, int64_t n,
                       const int32_t *source)
{
    char *at = to;
    const char *old = from;
    tl_fill(to, element, 0, n, start);
    if (tl_element_size(element) == 4) {
        for (int64_t e = 0; e < n; e++)
            if (source[e] >= 0)
                memcpy(at + e * 4, old + source[e] * (int64_t)4, 4);
    } else {
        for (int64_t e = 0; e < n; e++)
            if (source[e] >= 0)
                memcpy(at + e * 8, old + source[e] * (int64_t)8, 8);
    }
}

void tl_remap_move(tl_variable *v, tl_pattern *to, tl_remap *r)
{
    const int64_t nnz = tl_pattern_nnz(to);
    move_array(r->values, v->data, TL_REAL, 0, nnz, r->source);
    v->changes++;
    tl_free(v->data);
    v->data = r->values;
    r->values = NULL;
    void **next = r->array;
    for (tl_companion *c = v->companions; c; c = c->next)
        for (int32_t k = 0; k < c->n_arrays; k++) {
            tl_companion_array *a = &c->array[k];
            if (!moves(a))
                continue;
            move_array(*next, a->data, a->element, a->start, nnz, r->source);
            tl_free(a->data);
            a->data = *next++;
        }
    r->n_arrays = 0;
    tl_pattern_retain(to);
    tl_pattern_release(v->pattern);
    v->pattern = to;
    v->size = nnz;
}

typedef tl_real initialiser(void *context, int64_t row, int64_t col);

static void initialise(tl_variable *v, const tl_remap *r, initialiser *init, void *context)
{
    const tl_csr s = tl_pattern_csr(v->pattern);
    for (int64_t i = 0; i < s.rows; i++)
        for (int64_t e = s.row_ptr[i]; e < s.row_ptr[i + 1]; e++)
            if (r->source[e] < 0)
                v->data[e] = init(context, i, s.col[e]);
}

static tl_status change_pattern(const char *who, tl_variable *v, tl_pattern *to, initialiser *init,
                                void *context)
{
    if (!v || !to)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the %s is NULL", who, v ? "pattern" : "variable");
    if (!v->sparse)
        return tl_fail(TL_ERR_KIND, "%s: %s is dense; use tl_variable_set_mask", who, v->name);
    if (tl_check_pattern_shape(who, v, to) != TL_OK)
        return TL_ERR_SHAPE;
    tl_before_read(v, 0, NULL);
    tl_remap r = { 0 };
    const tl_status status = tl_remap_alloc(&r, v, to);
    if (status == TL_OK) {
        tl_remap_move(v, to, &r);
        if (init)
            initialise(v, &r, init, context);
        for (tl_companion *c = v->companions; c; c = c->next)
            if (c->class->grown && r.n_added > 0)
                c->class->grown(c, r.n_added, r.added);
    }
    tl_remap_free(&r);
    return status;
}

tl_status tl_variable_set_pattern(tl_variable *v, tl_pattern *pattern)
{
    return change_pattern("variable_set_pattern", v, pattern, NULL, NULL);
}

tl_status tl_variable_grow(tl_variable *v, tl_pattern *pattern,
                           tl_real (*init)(void *context, int64_t row, int64_t col), void *context)
{
    return change_pattern("variable_grow", v, pattern, init, context);
}
