/* Stages: what an op computes, against its reference and against values that are known. */
#include "graph/check/op_check_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Checks a result in g. */
typedef tl_status check_result(const tl_operands *o, const tl_answer *a, const tl_node *y);

static tl_status check_sample(const tl_subject *s, const tl_sample *sample, check_result *check)
{
    tl_operands o;
    tl_answer a = { 0 };
    tl_node *in[TL_SAMPLE_IN];
    tl_graph *g = tl_graph_new();
    if (!g)
        return TL_ERR_MEMORY;
    tl_status status = tl_operands_draw(s, sample, TL_DRAW_VALUES, &o);
    if (status == TL_OK)
        status = tl_answer_compute(&o, &a); /* before the call, which may change its inputs */
    if (status == TL_OK) {
        tl_record_leaves(g, &o, 0, in);
        const tl_node *y = tl_call(&o, in);
        status = y ? check(&o, &a, y) : tl_report(s, sample, "refused: %s", tl_graph_error(g));
    }
    tl_answer_free(&a);
    tl_graph_free(g);
    tl_operands_free(&o);
    return status;
}

/* The small ones: a shape has the same rule at every size, and "value" checks it of all. */
tl_status tl_stage_shape(const tl_subject *s)
{
    tl_status status = TL_OK;
    for (int32_t k = 0; status == TL_OK && k < s->op->n_samples; k++)
        if (tl_sample_is_small(s, &s->op->sample[k]))
            status = check_sample(s, &s->op->sample[k], tl_compare_shape);
    return status;
}

/* Checks that the inputs are as they were drawn. */
static tl_status check_inputs(const tl_operands *o)
{
    tl_operands drawn;
    tl_status status = tl_operands_draw(o->subject, o->sample, TL_DRAW_VALUES, &drawn);
    for (int32_t i = 0; status == TL_OK && i < o->n; i++) {
        if (!o->v[i] || tl_variable_size(o->v[i]) == 0)
            continue;
        if (memcmp(tl_variable_values(o->v[i]), tl_variable_values(drawn.v[i]),
                   (size_t)tl_variable_size(o->v[i]) * sizeof(tl_real)) != 0)
            status = tl_report(o->subject, o->sample, "the op changes its input %d", (int)i);
    }
    tl_operands_free(&drawn);
    return status;
}

static tl_status check_values(const tl_operands *o, const tl_answer *a, const tl_node *y)
{
    tl_status status = tl_compare_shape(o, a, y);
    if (status == TL_OK)
        status = tl_compare_values(o, a, y);
    return status == TL_OK ? check_inputs(o) : status;
}

tl_status tl_stage_value(const tl_subject *s)
{
    tl_status status = TL_OK;
    for (int32_t k = 0; status == TL_OK && k < s->op->n_samples; k++)
        if (tl_sample_works(&s->op->sample[k]))
            status = check_sample(s, &s->op->sample[k], check_values);
    return status;
}

/* ---- Examples ---- */

static bool agrees(double got, double want, double tolerance, bool signs)
{
    if (isnan(want) || isinf(want) || tolerance == 0)
        return (isnan(got) && isnan(want)) ||
               (got == want && !(signs && want == 0 && signbit(got) != signbit(want)));
    return fabs(got - want) <= tolerance * fmax(1, fabs(want)); /* a NaN fails */
}

/* Compares n values that are known; `signs`: those of zeros, too. */
static tl_status compare_known(const tl_operands *o, const char *what, const tl_real *got, const double *want,
                               int64_t n, bool signs)
{
    for (int64_t k = 0; k < n; k++) {
        const double rounded = o->sample->tolerance == 0 ? (double)(tl_real)want[k] : want[k];
        if (!agrees((double)got[k], rounded, o->sample->tolerance, signs))
            return tl_report(o->subject, o->sample, "%s[%lld] is %.9g, not %.9g", what, (long long)k,
                             (double)got[k], want[k]);
    }
    return TL_OK;
}

static tl_status compare_example(const tl_operands *o, const tl_run *r)
{
    const tl_sample *sample = o->sample;
    tl_status status = sample->y ? compare_known(o, "y", r->y, sample->y, r->size, true) : TL_OK;
    for (int32_t i = 0; status == TL_OK && i < o->n; i++) {
        char what[] = "the gradient of a";
        what[sizeof what - 2] = (char)('a' + i);
        if (sample->gradient[i])
            status = compare_known(o, what, r->gradient[i], sample->gradient[i], tl_variable_size(o->v[i]),
                                   false);
    }
    return status;
}

static tl_status check_example(const tl_subject *s, const tl_sample *sample)
{
    tl_operands o;
    tl_run r = { 0 };
    uint32_t variables = 0;
    tl_graph *g = tl_graph_new();
    if (!g)
        return TL_ERR_MEMORY;
    for (int32_t i = 0; i < TL_SAMPLE_IN; i++)
        variables |= sample->gradient[i] ? (uint32_t)1 << i : 0;
    tl_status status = tl_operands_draw(s, sample, TL_DRAW_VALUES, &o);
    tl_real *u = calloc(TL_REFERENCE_MAX, sizeof *u);
    if (!u)
        status = tl_check_no_memory();
    if (status == TL_OK) {
        tl_node *in[TL_SAMPLE_IN];
        tl_record_leaves(g, &o, 0, in);
        const tl_node *y = tl_call(&o, in);
        for (int64_t k = 0; y && k < y->size && k < TL_REFERENCE_MAX; k++)
            u[k] = sample->upstream ? (tl_real)sample->upstream[k] : 1;
        tl_graph_reset(g);
        if (tl_run_call(g, &o, variables, u, &r) != TL_OK)
            status = tl_report_error(s, sample, "refused");
    }
    if (status == TL_OK)
        status = compare_example(&o, &r);
    free(u);
    tl_run_free(&r);
    tl_graph_free(g);
    tl_operands_free(&o);
    return status;
}

tl_status tl_stage_special(const tl_subject *s)
{
    tl_status status = TL_OK;
    for (int32_t k = 0; status == TL_OK && k < s->op->n_samples; k++)
        if (s->op->sample[k].status == TL_OK && !tl_sample_works(&s->op->sample[k]))
            status = check_example(s, &s->op->sample[k]);
    return status;
}
