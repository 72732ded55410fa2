/* Stage: variables that change between forward and backward, as by a step of another graph. */
#include "graph/check/op_check_private.h"

/* Reverses the values of the operands that have a gradient: other values of the same domain. */
static void reverse_operands(const tl_operands *o)
{
    for (int32_t i = 0; i < o->n; i++) {
        if (!o->v[i] || !(o->gradable >> i & 1))
            continue;
        const int64_t n = tl_variable_size(o->v[i]);
        tl_real *x = tl_variable_data(o->v[i]);
        for (int64_t k = 0; k < n / 2; k++) {
            const tl_real first = x[k];
            x[k] = x[n - 1 - k];
            x[n - 1 - k] = first;
        }
    }
}

/* Compares gradients after a change with those of a call that begins after it. */
static tl_status compare_gradients(const tl_operands *o)
{
    tl_run changed = { 0 }, begun = { 0 };
    tl_graph *g[] = { tl_graph_new(), tl_graph_new() };
    tl_status status = g[0] && g[1] ? TL_OK : tl_check_no_memory();
    if (status == TL_OK && (tl_run_call_between(g[0], o, reverse_operands, &changed) != TL_OK ||
                            tl_run_call(g[1], o, o->gradable, NULL, &begun) != TL_OK))
        status = tl_report_error(o->subject, o->sample, "refused");
    changed.size = begun.size = 0; /* the results are those of two calls */
    if (status == TL_OK)
        status = tl_compare_runs(o, &begun, &changed, "where the operands change before backward");
    tl_run_free(&changed);
    tl_run_free(&begun);
    tl_graph_free(g[0]);
    tl_graph_free(g[1]);
    return status;
}

/* In a composition, only some of the inputs of its ops are variables. */
tl_status tl_stage_between(const tl_subject *s)
{
    return s->op->composed ? TL_OK : tl_check_samples(s, TL_DRAW_VALUES, compare_gradients);
}
