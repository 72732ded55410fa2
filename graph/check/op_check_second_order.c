/* Stage: tl_derivative through the op, and the gradient of that derivative. */
#include "derivative.h"
#include "graph/check/op_check_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Records the call and its derivative in the direction, for tl_gradcheck. context: tl_direction. */
static tl_node *build_derivative(tl_graph *g, void *context)
{
    const tl_direction *d = context;
    const tl_operands *o = d->o;
    tl_node *in[TL_SAMPLE_IN], *x[TL_SAMPLE_IN], *dx[TL_SAMPLE_IN];
    int32_t n = 0;
    tl_record_leaves(g, o, o->gradable, in);
    for (int32_t i = 0; i < o->n; i++) {
        if (!(o->gradable >> i & 1))
            continue;
        x[n] = in[i];
        dx[n++] = tl_variable_is_sparse(o->v[i]) ? tl_input_sparse(g, tl_variable_pattern(o->v[i]), d->dx[i])
                                                 : tl_input(g, tl_variable_shape(o->v[i]), d->dx[i]);
    }
    return tl_derivative(tl_call(o, in), n, x, dx);
}

/* Checks that there is no derivative, and that the message names the op. */
static tl_status check_no_tangent(tl_graph *g, const tl_direction *d)
{
    const tl_subject *s = d->o->subject;
    if (build_derivative(g, (void *)(uintptr_t)d))
        return tl_report(s, d->o->sample, "the case says that there is no tangent, and there is one");
    if (!s->op->composed && strncmp(tl_graph_error(g), s->op->name, strlen(s->op->name)) != 0)
        return tl_report(s, d->o->sample, "the text is \"%s\", without the op's name", tl_graph_error(g));
    return TL_OK;
}

/* Compares the derivative, element by element, with the difference between the results at both ends. */
static tl_status compare_derivative(const tl_direction *d, const tl_node *dy)
{
    const tl_operands *o = d->o;
    const bool is_double = sizeof(tl_real) == sizeof(double);
    const double tolerance = o->subject->op->tolerance != 0 ? o->subject->op->tolerance
                             : is_double                    ? 1e-6
                                                            : 2e-2;
    tl_run ahead, back;
    tl_status status = tl_direction_values(d, TL_FORWARD, &ahead);
    const tl_status other = tl_direction_values(d, TL_BACK, &back);
    if (status == TL_OK)
        status = other;
    if (status == TL_OK && ahead.size != dy->size)
        status = tl_report(o->subject, o->sample, "y has %lld values, and its derivative %lld",
                           (long long)ahead.size, (long long)dy->size);
    for (int64_t k = 0; status == TL_OK && k < dy->size; k++) {
        const double numeric = ((double)ahead.y[k] - (double)back.y[k]) / (2 * tl_direction_step());
        const double analytic = (double)tl_value(dy)[k];
        const double scale = fmax(1, fmax(fabs(analytic), fabs(numeric)));
        if (!(fabs(analytic - numeric) <= tolerance * scale))
            status = tl_report(o->subject, o->sample,
                               "the derivative of y[%lld]: analytic %.9g, numeric %.9g", (long long)k,
                               analytic, numeric);
    }
    tl_run_free(&ahead);
    tl_run_free(&back);
    return status;
}

static tl_status check_derivative(const tl_operands *o)
{
    tl_direction d;
    tl_graph *g = tl_graph_new();
    tl_status status = tl_direction_new(o, &d);
    if (status == TL_OK && !g)
        status = TL_ERR_MEMORY;
    const bool none = o->subject->op->no_tangent || o->sample->no_tangent;
    if (status == TL_OK && none)
        status = check_no_tangent(g, &d);
    if (status == TL_OK && !none) {
        const tl_node *dy = build_derivative(g, &d);
        status = dy ? compare_derivative(&d, dy)
                    : tl_report(o->subject, o->sample, "no derivative: %s", tl_graph_error(g));
    }
    tl_graph_free(g);
    if (status == TL_OK && !none && tl_check_gradient_of(o, o->gradable, build_derivative, &d) != TL_OK)
        status = tl_report_error(o->subject, o->sample, "the gradient of the derivative");
    tl_direction_free(&d);
    return status;
}

tl_status tl_stage_second_order(const tl_subject *s)
{
    tl_status status = TL_OK;
    for (int32_t k = 0; status == TL_OK && k < s->op->n_samples; k++) {
        tl_operands o;
        if (!tl_sample_is_small(s, &s->op->sample[k]))
            continue;
        status = tl_operands_draw(s, &s->op->sample[k], TL_DRAW_SMOOTH, &o);
        if (status == TL_OK && o.gradable != 0)
            status = check_derivative(&o);
        tl_operands_free(&o);
    }
    return status;
}
