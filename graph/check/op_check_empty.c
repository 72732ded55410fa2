/* Stage: operands without elements. */
#include "graph/check/op_check_private.h"

#include <string.h>

/* Checks that a refusal is one of the op, and that the graph works after it. */
static tl_status check_refused(tl_graph *g, const tl_operands *o)
{
    const tl_subject *s = o->subject;
    const tl_status status = tl_graph_status(g);
    const size_t length = strlen(s->op->name);
    if (s->unary)
        return tl_report(s, o->sample, "refused: %s", tl_graph_error(g));
    if (status != TL_ERR_SHAPE && status != TL_ERR_ARGUMENT && status != TL_ERR_INDEX)
        return tl_report(s, o->sample, "refused with %s: %s", tl_status_name(status), tl_graph_error(g));
    if (!s->op->composed && strncmp(tl_graph_error(g), s->op->name, length) != 0)
        return tl_report(s, o->sample, "the text is \"%s\", without the op's name", tl_graph_error(g));
    return TL_OK;
}

/* Checks the result and its gradients, or that the op refuses the operands. */
static tl_status check_empty(const tl_operands *o)
{
    tl_node *in[TL_SAMPLE_IN];
    tl_answer a = { 0 };
    tl_graph *g = tl_graph_new();
    if (!g)
        return TL_ERR_MEMORY;
    tl_record_leaves(g, o, 0, in);
    const tl_node *y = tl_call(o, in);
    tl_status status = y ? tl_answer_compute(o, &a) : check_refused(g, o);
    if (status == TL_OK && y)
        status = tl_compare_shape(o, &a, y);
    if (status == TL_OK && y)
        status = tl_compare_values(o, &a, y);
    if (status == TL_OK && y &&
        tl_check_gradient_of(o, o->gradable, tl_build_call, &(tl_build_context){ o, o->gradable }) != TL_OK)
        status = tl_report_error(o->subject, o->sample, "the gradient");
    tl_answer_free(&a);
    tl_graph_free(g);
    return status;
}

static tl_status check_variant(const tl_subject *s, const tl_sample *sample)
{
    tl_operands o;
    tl_status status = tl_operands_draw(s, sample, TL_DRAW_SMOOTH, &o);
    if (status == TL_OK)
        status = check_empty(&o);
    tl_operands_free(&o);
    return status;
}

/* Sets a size of one operand to 0, and with `all` every size that equals it. A pattern of the author's own
 * then fits no longer, and any other is empty, too. */
static tl_sample without(const tl_subject *s, const tl_sample *sample, int32_t i, int32_t d, bool all)
{
    tl_sample variant = *sample;
    const int64_t size = sample->in[i].shape.dim[d];
    for (int32_t j = 0; j < tl_sample_count(s, sample); j++) {
        tl_operand *o = &variant.in[j];
        for (int32_t e = 0; e < o->shape.rank; e++)
            if ((all && o->shape.dim[e] == size) || (j == i && e == d)) {
                o->shape.dim[e] = 0;
                o->density = tl_operand_is_sparse(o) ? 0.5 : 0;
                o->keep = NULL;
            }
    }
    return variant;
}

tl_status tl_stage_empty(const tl_subject *s)
{
    tl_status status = TL_OK;
    for (int32_t k = 0; status == TL_OK && k < s->op->n_samples; k++) {
        const tl_sample *sample = &s->op->sample[k];
        if (!tl_sample_is_small(s, sample))
            continue;
        for (int32_t i = 0; i < tl_sample_count(s, sample); i++)
            for (int32_t d = 0; status == TL_OK && d < 2 * sample->in[i].shape.rank; d++) {
                const tl_sample variant = without(s, sample, i, d / 2, d % 2 != 0);
                status = check_variant(s, &variant);
            }
    }
    return status;
}
