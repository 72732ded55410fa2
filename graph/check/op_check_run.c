/* Calls of an op with a sample's operands, and their backward passes. */
#include "gradient.h"
#include "graph/check/op_check_private.h"

#include <stdlib.h>
#include <string.h>

/* A constant without elements has no array either. */
void tl_record_leaves(tl_graph *g, const tl_operands *o, uint32_t variables, tl_node **in)
{
    for (int32_t i = 0; i < o->n; i++) {
        tl_variable *v = o->v[i];
        const tl_real *values = v && tl_variable_size(v) > 0 ? tl_variable_values(v) : NULL;
        if (!v)
            in[i] = NULL;
        else if (variables >> i & 1)
            in[i] = tl_use(g, v);
        else if (tl_variable_is_sparse(v))
            in[i] = tl_input_sparse(g, tl_variable_pattern(v), values);
        else
            in[i] = tl_input(g, tl_variable_shape(v), values);
    }
}

tl_node *tl_call(const tl_operands *o, tl_node *const *in)
{
    return o->subject->op->op(in, o->sample->attr);
}

tl_node *tl_build_call(tl_graph *g, void *context)
{
    const tl_build_context *c = context;
    tl_node *in[TL_SAMPLE_IN];
    tl_record_leaves(g, c->o, c->variables, in);
    return tl_call(c->o, in);
}

tl_status tl_check_gradient_of(const tl_operands *o, uint32_t variables, tl_build build, void *context)
{
    tl_variable *vars[TL_SAMPLE_IN];
    int32_t n = 0;
    for (int32_t i = 0; i < o->n; i++) {
        bool listed = false; /* a shared variable */
        for (int32_t j = 0; j < i; j++)
            listed = listed || ((variables >> j & 1) && o->v[j] == o->v[i]);
        if ((variables >> i & 1) && o->v[i] && !listed)
            vars[n++] = o->v[i];
    }
    if (n == 0)
        return TL_OK;
    const tl_gradcheck_options options = { .tolerance = o->subject->op->tolerance };
    return tl_gradcheck(build, context, vars, n, &options);
}

/* ---- Runs ---- */

void tl_fill_upstream(tl_real *u, int64_t n)
{
    tl_draws r = { .state = 97 };
    for (int64_t k = 0; k < n; k++)
        u[k] = (tl_real)(2 * tl_draw_uniform(&r) - 1);
}

static tl_real *copy_values(const tl_real *from, int64_t n)
{
    tl_real *to = calloc((size_t)(n + 1), sizeof *to);
    if (to && from && n > 0)
        memcpy(to, from, (size_t)n * sizeof *to);
    return to;
}

/* Returns a gradient of any kind as values of its variable; NULL if memory is short. */
static tl_real *copy_gradient(const tl_gradient *pair)
{
    const int64_t size = tl_variable_size(pair->variable);
    if (!pair->rows || !pair->values)
        return copy_values(pair->values, size);
    tl_real *to = copy_values(NULL, size);
    const tl_shape shape = tl_variable_shape(pair->variable);
    const int64_t width = shape.dim[0] > 0 ? size / shape.dim[0] : 0;
    for (int64_t i = 0; to && i < pair->n_rows; i++)
        memcpy(to + pair->rows[i] * width, pair->values + i * width, (size_t)width * sizeof *to);
    return to;
}

/* Runs backward from <u, y>, and copies the gradients. */
static tl_status run_backward(tl_node *y, const tl_real *u, const tl_operands *o, uint32_t variables,
                              tl_run *r)
{
    tl_variable *vars[TL_SAMPLE_IN];
    int32_t of[TL_SAMPLE_IN], n = 0;
    for (int32_t i = 0; i < o->n; i++)
        if ((variables >> i & 1) && o->v[i]) {
            of[n] = i;
            vars[n++] = o->v[i];
        }
    tl_gradients out;
    tl_status status = n > 0 ? tl_backward_for(tl_dot_node(y, u), vars, n, &out) : TL_OK;
    for (int32_t k = 0; status == TL_OK && k < n; k++)
        if (!(r->gradient[of[k]] = copy_gradient(&out.pair[k])))
            status = tl_check_no_memory();
    return status;
}

static tl_status run(tl_graph *g, const tl_operands *o, uint32_t variables, const tl_real *upstream,
                     void (*change)(const tl_operands *o), tl_run *r)
{
    tl_node *in[TL_SAMPLE_IN];
    *r = (tl_run){ 0 };
    tl_record_leaves(g, o, variables, in);
    tl_node *y = tl_call(o, in);
    if (!y)
        return tl_graph_status(g) != TL_OK ? tl_fail(tl_graph_status(g), "%s", tl_graph_error(g))
                                           : tl_fail(TL_ERR_ARGUMENT, "NULL without an error");
    r->size = y->size;
    tl_real *u = upstream ? NULL : malloc((size_t)(y->size + 1) * sizeof *u);
    if (!upstream && u)
        tl_fill_upstream(u, y->size);
    tl_status status = !upstream && !u ? tl_check_no_memory() : TL_OK;
    if (status == TL_OK && !(r->y = copy_values(tl_value(y), y->size)))
        status = tl_check_no_memory();
    if (status == TL_OK && change)
        change(o);
    if (status == TL_OK)
        status = run_backward(y, upstream ? upstream : u, o, variables, r);
    free(u);
    return status;
}

tl_status tl_run_call(tl_graph *g, const tl_operands *o, uint32_t variables, const tl_real *upstream,
                      tl_run *r)
{
    return run(g, o, variables, upstream, NULL, r);
}

tl_status tl_run_call_between(tl_graph *g, const tl_operands *o, void (*change)(const tl_operands *o),
                              tl_run *r)
{
    return run(g, o, o->gradable, NULL, change, r);
}

void tl_run_free(tl_run *r)
{
    free(r->y);
    for (int32_t i = 0; i < TL_SAMPLE_IN; i++)
        free(r->gradient[i]);
    *r = (tl_run){ 0 };
}

/* Returns the first index at which two arrays differ, n if they do not. */
static int64_t first_difference(const tl_real *a, const tl_real *b, int64_t n)
{
    int64_t k = 0;
    while (k < n && memcmp(&a[k], &b[k], sizeof *a) == 0)
        k++;
    return k;
}

tl_status tl_compare_runs(const tl_operands *o, const tl_run *a, const tl_run *b, const char *how)
{
    if (a->size != b->size)
        return tl_report(o->subject, o->sample, "y has %lld values, and %lld %s", (long long)a->size,
                         (long long)b->size, how);
    int64_t k = first_difference(a->y, b->y, a->size);
    if (k < a->size)
        return tl_report(o->subject, o->sample, "y[%lld] differs %s: %.17g, not %.17g", (long long)k, how,
                         (double)b->y[k], (double)a->y[k]);
    for (int32_t i = 0; i < o->n; i++) {
        if (!a->gradient[i] || !b->gradient[i])
            continue;
        const int64_t n = tl_variable_size(o->v[i]);
        k = first_difference(a->gradient[i], b->gradient[i], n);
        if (k < n)
            return tl_report(o->subject, o->sample, "the gradient of %s[%lld] differs %s: %.17g, not %.17g",
                             tl_variable_name(o->v[i]), (long long)k, how, (double)b->gradient[i][k],
                             (double)a->gradient[i][k]);
    }
    return TL_OK;
}
