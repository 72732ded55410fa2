/* Stages: what an op refuses. What every op refuses follows from its declaration. */
#include "graph/check/op_check_private.h"

#include <stdio.h>
#include <string.h>

/* A call that is to be refused, of the first sample. */
typedef struct refusal {
    const tl_subject *s;
    const tl_operands *o;
    const tl_op *op; /* the declaration */
    tl_graph *g, *other;
    tl_node *in[TL_SAMPLE_IN];
} refusal;

static tl_kind declared_kind(const tl_op *op, int32_t i)
{
    const int32_t kinds = sizeof op->in_kind / sizeof *op->in_kind;
    const int32_t at = op->max_in != 0 && i >= op->min_in ? op->min_in - 1 : i;
    return op->in_kind[at < kinds ? at : kinds - 1];
}

/* Begins a call with constants. */
static void begin(refusal *r)
{
    tl_graph_reset(r->g);
    tl_graph_reset(r->other);
    tl_record_leaves(r->g, r->o, 0, r->in);
}

/* Calls the op and checks that it is refused with this text after its name; only that if it is composed. */
static tl_status refused(refusal *r, const char *what, int32_t i, tl_status status, const char *text)
{
    const tl_subject *s = r->s;
    char expected[256];
    snprintf(expected, sizeof expected, "%s: input %d%s", s->op->name, (int)i, text);
    if (tl_call(r->o, r->in))
        return tl_report(s, NULL, "input %d %s is accepted", (int)i, what);
    if (s->op->composed && tl_graph_status(r->g) != TL_OK)
        return TL_OK;
    if (tl_graph_status(r->g) != status)
        return tl_report(s, NULL, "input %d %s: the status is %s, not %s", (int)i, what,
                         tl_status_name(tl_graph_status(r->g)), tl_status_name(status));
    if (strcmp(tl_graph_error(r->g), expected) != 0)
        return tl_report(s, NULL, "input %d %s: the text is \"%s\", not \"%s\"", (int)i, what,
                         tl_graph_error(r->g), expected);
    return TL_OK;
}

/* Returns whether a sample of the author's shows that input i may be left out, or that it may be of either
 * kind. */
static bool may_be_absent(const tl_subject *s, int32_t i)
{
    for (int32_t k = 0; k < s->op->n_samples; k++)
        if (s->op->sample[k].status == TL_OK && tl_operand_is_absent(&s->op->sample[k].in[i]))
            return true;
    return false;
}

static bool may_be_either(const tl_subject *s, int32_t i)
{
    bool dense = false, sparse = false;
    for (int32_t k = 0; k < s->op->n_samples; k++) {
        const tl_sample *sample = &s->op->sample[k];
        if (sample->status != TL_OK || i >= tl_sample_count(s, sample))
            continue;
        sparse = sparse || tl_operand_is_sparse(&sample->in[i]);
        dense = dense || !tl_operand_is_sparse(&sample->in[i]);
    }
    return dense && sparse;
}

/* ---- What every op refuses ---- */

static tl_status null_inputs(refusal *r)
{
    int32_t present = 0;
    for (int32_t i = 0; i < r->o->n; i++)
        present += r->o->v[i] != NULL;
    begin(r);
    memset(r->in, 0, sizeof r->in);
    if (tl_call(r->o, r->in))
        return tl_report(r->s, NULL, "no input is given, and there is a result");
    tl_status status = TL_OK;
    for (int32_t i = 0; status == TL_OK && present > 1 && i < r->o->n - r->op->n_optional; i++) {
        if (!r->o->v[i] || may_be_absent(r->s, i))
            continue;
        begin(r);
        r->in[i] = NULL;
        status = refused(r, "that is NULL", i, TL_ERR_ARGUMENT, " is NULL");
    }
    return status;
}

static tl_status failed_graph(refusal *r)
{
    begin(r);
    tl_use(r->g, NULL);
    char before[512];
    snprintf(before, sizeof before, "%s", tl_graph_error(r->g));
    if (tl_call(r->o, r->in))
        return tl_report(r->s, NULL, "the graph has failed, and there is a result");
    if (strcmp(tl_graph_error(r->g), before) != 0)
        return tl_report(r->s, NULL, "the graph had failed with \"%s\", and now has \"%s\"", before,
                         tl_graph_error(r->g));
    return TL_OK;
}

static tl_status other_graph(refusal *r)
{
    tl_status status = TL_OK;
    int32_t first = 0;
    while (first < r->o->n && !r->o->v[first])
        first++;
    for (int32_t i = first + 1; status == TL_OK && i < r->o->n; i++) {
        tl_node *foreign[TL_SAMPLE_IN];
        if (!r->o->v[i])
            continue;
        begin(r);
        tl_record_leaves(r->other, r->o, 0, foreign);
        r->in[i] = foreign[i];
        char text[160];
        snprintf(text, sizeof text, " (%s) belongs to another graph",
                 tl_shape_text(tl_shape_of(foreign[i])).text);
        status = refused(r, "of another graph", i, TL_ERR_ARGUMENT, text);
    }
    return status;
}

static tl_status other_kind(refusal *r)
{
    tl_pattern *p = tl_pattern_from_mask(2, 2, (const uint8_t[]){ 1, 0, 0, 1 });
    const tl_real values[2] = { 1, 2 };
    tl_status status = p ? TL_OK : TL_ERR_MEMORY;
    for (int32_t i = 0; status == TL_OK && i < r->o->n; i++) {
        const tl_kind kind = declared_kind(r->op, i);
        if (!r->o->v[i] || kind == TL_ANY || may_be_either(r->s, i) || r->s->op->composed)
            continue;
        begin(r);
        const tl_shape shape = tl_variable_shape(r->o->v[i]);
        tl_variable *v = kind == TL_SPARSE ? tl_variable_dense("", shape) : NULL;
        r->in[i] = v ? tl_input(r->g, shape, tl_variable_values(v)) : tl_input_sparse(r->g, p, values);
        char text[160];
        snprintf(text, sizeof text, " (%s) is %s, and must be %s", tl_shape_text(tl_shape_of(r->in[i])).text,
                 v ? "dense" : "sparse", v ? "sparse" : "dense");
        status = refused(r, "of the other kind", i, TL_ERR_KIND, text);
        tl_graph_reset(r->g);
        tl_variable_free(v);
    }
    tl_pattern_release(p);
    return status;
}

static tl_status gradient_in_vain(refusal *r)
{
    tl_status status = TL_OK;
    for (int32_t i = 0; status == TL_OK && i < r->o->n; i++) {
        if (!r->o->v[i] || (r->o->gradable >> i & 1) || r->s->op->composed)
            continue;
        begin(r);
        r->in[i] = tl_use(r->g, r->o->v[i]);
        char text[160];
        snprintf(text, sizeof text, " (%s, %s) requires a gradient, and the op has none for it",
                 tl_variable_name(r->o->v[i]), tl_shape_text(tl_shape_of(r->in[i])).text);
        status = refused(r, "that wants a gradient", i, TL_ERR_ARGUMENT, text);
    }
    return status;
}

/* Finds the declaration: that of the result. */
static tl_status find_declaration(refusal *r)
{
    begin(r);
    const tl_node *y = tl_call(r->o, r->in);
    if (!y)
        return tl_report(r->s, r->o->sample, "refused: %s", tl_graph_error(r->g));
    r->op = y->op;
    if (!r->op || (!r->s->op->composed && strcmp(r->op->name, r->s->op->name) != 0))
        return tl_report(r->s, NULL, "the result is one of %s: say .composed if there are several ops",
                         r->op ? r->op->name : "no op");
    return TL_OK;
}

tl_status tl_stage_null(const tl_subject *s)
{
    const tl_sample *sample = tl_first_sample(s);
    tl_operands o = { 0 };
    if (!sample)
        return TL_ERR_NUMERIC;
    tl_status status = tl_operands_draw(s, sample, TL_DRAW_VALUES, &o);
    refusal r = { .s = s, .o = &o, .g = tl_graph_new(), .other = tl_graph_new() };
    if (status == TL_OK && (!r.g || !r.other))
        status = TL_ERR_MEMORY;
    tl_status (*const steps[])(refusal *) = { find_declaration, null_inputs, failed_graph,
                                              other_graph,      other_kind,  gradient_in_vain };
    for (size_t k = 0; status == TL_OK && k < sizeof steps / sizeof *steps; k++)
        status = steps[k](&r);
    tl_graph_free(r.g);
    tl_graph_free(r.other);
    tl_operands_free(&o);
    return status;
}

/* ---- What this op refuses ---- */

/* Checks one sample that is to be refused, and then that the graph works: `good` is a sample that does. */
static tl_status check_error(tl_graph *g, const tl_operands *o, const tl_operands *good)
{
    const tl_subject *s = o->subject;
    tl_node *in[TL_SAMPLE_IN];
    char expected[512];
    tl_record_leaves(g, o, o->gradable, in);
    if (tl_graph_status(g) != TL_OK)
        return tl_report(s, o->sample, "the operands are refused: %s", tl_graph_error(g));
    if (tl_call(o, in))
        return tl_report(s, o->sample, "accepted, and not refused with %s",
                         tl_status_name(o->sample->status));
    if (tl_graph_status(g) != o->sample->status)
        return tl_report(s, o->sample, "the status is %s, not %s: %s", tl_status_name(tl_graph_status(g)),
                         tl_status_name(o->sample->status), tl_graph_error(g));
    snprintf(expected, sizeof expected, "%s: %s", s->op->name, o->sample->error ? o->sample->error : "");
    const size_t length = o->sample->error ? sizeof expected : strlen(expected);
    if ((o->sample->error || !s->op->composed) && strncmp(tl_graph_error(g), expected, length) != 0)
        return tl_report(s, o->sample, "the text is \"%s\", not \"%s\"", tl_graph_error(g), expected);
    tl_graph_reset(g);
    tl_record_leaves(g, good, 0, in);
    if (!tl_call(good, in))
        return tl_report(s, o->sample, "after the refusal, and a reset, the next call fails: %s",
                         tl_graph_error(g));
    return TL_OK;
}

tl_status tl_stage_errors(const tl_subject *s)
{
    const tl_sample *first = tl_first_sample(s);
    tl_operands good = { 0 };
    if (!first)
        return TL_ERR_NUMERIC;
    tl_status status = tl_operands_draw(s, first, TL_DRAW_VALUES, &good);
    for (int32_t k = 0; status == TL_OK && k < s->op->n_samples; k++) {
        const tl_sample *sample = &s->op->sample[k];
        if (sample->status == TL_OK)
            continue;
        tl_operands o;
        tl_graph *g = tl_graph_new();
        status = g ? tl_operands_draw(s, sample, TL_DRAW_VALUES, &o) : TL_ERR_MEMORY;
        if (status == TL_OK)
            status = check_error(g, &o, &good);
        tl_graph_free(g);
        if (g)
            tl_operands_free(&o);
    }
    tl_operands_free(&good);
    return status;
}
