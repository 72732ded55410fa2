/* The order of the stages, and reports. */
#include "graph/check/op_check_private.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    tl_stage_fn *run;
} stages[] = {
    [TL_STAGE_NULL] = { "null", tl_stage_null },
    [TL_STAGE_ERRORS] = { "errors", tl_stage_errors },
    [TL_STAGE_SHAPE] = { "shape", tl_stage_shape },
    [TL_STAGE_VALUE] = { "value", tl_stage_value },
    [TL_STAGE_SPECIAL] = { "special", tl_stage_special },
    [TL_STAGE_GRADIENT] = { "gradient", tl_stage_gradient },
    [TL_STAGE_SECOND_ORDER] = { "second order", tl_stage_second_order },
    [TL_STAGE_CONSTANTS] = { "constants", tl_stage_constants },
    [TL_STAGE_SHARED] = { "shared", tl_stage_shared },
    [TL_STAGE_REUSED] = { "reused", tl_stage_reused },
    [TL_STAGE_EMPTY] = { "empty", tl_stage_empty },
    [TL_STAGE_THREADS] = { "threads", tl_stage_threads },
    [TL_STAGE_PLACE] = { "place", tl_stage_place },
    [TL_STAGE_MEMORY] = { "memory", tl_stage_memory },
    [TL_STAGE_STEADY] = { "steady", tl_stage_steady },
    [TL_STAGE_MINIMIZE] = { "minimize", tl_stage_minimize },
    [TL_STAGE_INFERENCE] = { "inference", tl_stage_inference },
    [TL_STAGE_BETWEEN] = { "between", tl_stage_between },
    [TL_STAGE_ABSENT] = { "absent", tl_stage_absent },
};

int32_t tl_stage_count(void)
{
    return (int32_t)(sizeof stages / sizeof *stages);
}

const char *tl_stage_name(int32_t stage)
{
    return stage >= 0 && stage < tl_stage_count() ? stages[stage].name : "";
}

/* Checks a bound of errors: with NaN or infinity every comparison would hold. */
static tl_status check_bound(const char *who, const char *name, double bound)
{
    if (bound >= 0 && bound < HUGE_VAL)
        return TL_OK;
    return tl_fail(TL_ERR_ARGUMENT, "%s: %s is %g, and must be 0 or a positive number", who, name, bound);
}

static tl_status check_case(const tl_subject *s, int32_t stage)
{
    const tl_op_case *c = s->op;
    if (!c || !c->name || !c->op || !c->reference || !c->sample)
        return tl_fail(TL_ERR_ARGUMENT, "op_check: a case needs a name, an op, a reference and samples");
    if (stage < 0 || stage >= tl_stage_count())
        return tl_fail(TL_ERR_ARGUMENT, "op_check: stage %d is not in 0..%d", (int)stage,
                       (int)tl_stage_count() - 1);
    if (check_bound(c->name, "ulps", c->ulps) != TL_OK ||
        check_bound(c->name, "tolerance", c->tolerance) != TL_OK)
        return TL_ERR_ARGUMENT;
    for (int32_t k = 0; k < c->n_samples; k++) {
        if (tl_sample_count(s, &c->sample[k]) < 1 || tl_sample_count(s, &c->sample[k]) > TL_SAMPLE_IN)
            return tl_fail(TL_ERR_ARGUMENT, "%s: sample %d has %d operands, not 1 to %d", c->name, (int)k,
                           (int)tl_sample_count(s, &c->sample[k]), TL_SAMPLE_IN);
        if (check_bound(c->name, "a sample's tolerance", c->sample[k].tolerance) != TL_OK)
            return TL_ERR_ARGUMENT;
    }
    return TL_OK;
}

tl_status tl_run_stage(tl_subject s, int32_t stage)
{
    s.stage = stage;
    if (check_case(&s, stage) != TL_OK || tl_check_set_allocator() != TL_OK)
        return TL_ERR_ARGUMENT;
    if (s.op->skip & TL_SKIP(stage))
        return TL_OK;
    tl_check_poison(true);
    const tl_status status = stages[stage].run(&s);
    tl_check_poison(false);
    return status;
}

tl_status tl_check_op_stage(const tl_op_case *c, int32_t stage)
{
    return tl_run_stage((tl_subject){ .op = c }, stage);
}

tl_status tl_check_op(const tl_op_case *c)
{
    tl_status status = TL_OK;
    for (int32_t k = 0; status == TL_OK && k < tl_stage_count(); k++)
        status = tl_check_op_stage(c, k);
    return status;
}

/* ---- Reports ---- */

/* Appends to a text of `size` bytes, which may be cut. */
static void append(char *text, size_t size, const char *format, ...) TL_PRINTF(3, 4);
static void append(char *text, size_t size, const char *format, ...)
{
    const size_t length = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + length, size - length, format, arguments);
    va_end(arguments);
}

/* Appends the operands: "3x4, sparse 4x5"; with the number of the sample if the author counts them. */
static void append_operands(char *text, size_t size, const tl_subject *s, const tl_sample *sample)
{
    const tl_op_case *c = s->op;
    const bool numbered = !s->unary && !s->binary && sample >= c->sample && sample < c->sample + c->n_samples;
    append(text, size, " of ");
    if (numbered)
        append(text, size, "sample %d (", (int)(sample - c->sample));
    for (int32_t i = 0; i < tl_sample_count(s, sample); i++) {
        const tl_operand *o = &sample->in[i];
        append(text, size, "%s%s%s", i > 0 ? ", " : "", tl_operand_is_sparse(o) ? "sparse " : "",
               tl_operand_is_absent(o) ? "none" : tl_shape_text(o->shape).text);
    }
    if (numbered)
        append(text, size, ")");
}

tl_status tl_report(const tl_subject *s, const tl_sample *sample, const char *format, ...)
{
    char head[256] = "", text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    append(head, sizeof head, "%s: %s", s->op->name, tl_stage_name(s->stage));
    if (sample)
        append_operands(head, sizeof head, s, sample);
    return tl_fail(TL_ERR_NUMERIC, "%s: %s", head, text);
}

tl_status tl_report_error(const tl_subject *s, const tl_sample *sample, const char *what)
{
    return tl_report(s, sample, "%s: %s", what, tl_error());
}

tl_status tl_check_no_memory(void)
{
    return tl_fail(TL_ERR_MEMORY, "op_check: out of memory");
}
