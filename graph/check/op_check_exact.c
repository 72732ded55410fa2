/* Exact gradients, of ops that are exact: at integers, where the result is linear in an element, its
 * difference is the slope, and the gradient must be that number. */
#include "graph/check/op_check_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Returns <U, Y> by the reference, for the operands as they are in it. */
static double inner_product(const tl_operands *o, tl_answer *a, const tl_real *u)
{
    const int64_t n = tl_shape_size(a->shape);
    double sum = 0;
    memset(a->r.y, 0, (size_t)n * sizeof *a->r.y);
    o->subject->op->reference(&a->r);
    for (int64_t k = 0, e = 0; k < n; k++)
        if (!a->r.sparse || a->r.y_keep[k])
            sum += (double)u[e++] * a->r.y[k];
    return sum;
}

/* Compares the gradient at element *x of an operand, which is moved and put back. */
static tl_status compare_slope(const tl_operands *o, tl_answer *a, const tl_real *u, double *x, int32_t i,
                               int64_t k, tl_real gradient)
{
    const double at = *x, here = inner_product(o, a, u);
    *x = at + 1;
    const double above = inner_product(o, a, u);
    *x = at - 1;
    const double below = inner_product(o, a, u);
    *x = at;
    const double slope = (above - below) / 2;
    if (above - here != here - below || 8 * slope != rint(8 * slope) || (double)gradient == slope)
        return TL_OK;
    return tl_report(o->subject, o->sample, "the gradient of %s[%lld] is %.17g, not %.17g",
                     tl_variable_name(o->v[i]), (long long)k, (double)gradient, slope);
}

static tl_status compare_gradients(const tl_operands *o, tl_answer *a, const tl_run *r, const tl_real *u)
{
    tl_status status = TL_OK;
    for (int32_t i = 0; i < o->n; i++) {
        int64_t e = 0;
        for (int64_t k = 0; status == TL_OK && r->gradient[i] && e < tl_variable_size(o->v[i]); k++) {
            if (a->r.keep[i] && !a->r.keep[i][k])
                continue;
            status = compare_slope(o, a, u, (double *)(uintptr_t)&a->r.in[i][k], i, e, r->gradient[i][e]);
            e++;
        }
    }
    return status;
}

/* Fills integers of -5 to 5, but for 0, where functions of one operand have kinks. */
static void fill_integers(tl_real *x, int64_t n, int64_t stride)
{
    for (int64_t k = 0; k < n; k++) {
        const int64_t at = k * stride % 11 - 5;
        x[k] = (tl_real)(at == 0 ? 2 : at);
    }
}

tl_status tl_check_exact_gradient(const tl_operands *o)
{
    tl_answer a = { 0 };
    tl_run r = { 0 };
    tl_graph *g = tl_graph_new();
    for (int32_t i = 0; i < o->n; i++)
        if (o->v[i])
            fill_integers(tl_variable_data(o->v[i]), tl_variable_size(o->v[i]), i + 2);
    tl_status status = g ? tl_answer_compute(o, &a) : TL_ERR_MEMORY;
    const int64_t size = status == TL_OK ? tl_shape_size(a.shape) : 0;
    tl_real *u = malloc((size_t)(size + 1) * sizeof *u);
    if (status == TL_OK && !u)
        status = tl_check_no_memory();
    if (u)
        fill_integers(u, size, 7);
    if (status == TL_OK && tl_run_call(g, o, o->gradable, u, &r) != TL_OK)
        status = tl_report_error(o->subject, o->sample, "refused");
    if (status == TL_OK)
        status = compare_gradients(o, &a, &r, u);
    tl_answer_free(&a);
    free(u);
    tl_run_free(&r);
    tl_graph_free(g);
    return status;
}
