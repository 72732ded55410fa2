/* Stages: gradients against differences, in every situation that a backward function may be called in. */
#include "graph/check/op_check_private.h"

#include <math.h>
#include <stdlib.h>

/* Checks one sample's operands, which were drawn away from kinks. */
typedef tl_status check_operands(const tl_operands *o);

static tl_status check_drawn(const tl_subject *s, const tl_sample *sample, check_operands *check)
{
    tl_operands o;
    tl_status status = tl_operands_draw(s, sample, TL_DRAW_SMOOTH, &o);
    if (status == TL_OK)
        status = check(&o);
    tl_operands_free(&o);
    return status;
}

static tl_status check_small(const tl_subject *s, check_operands *check)
{
    tl_status status = TL_OK;
    for (int32_t k = 0; status == TL_OK && k < s->op->n_samples; k++)
        if (tl_sample_is_small(s, &s->op->sample[k]))
            status = check_drawn(s, &s->op->sample[k], check);
    return status;
}

/* Runs tl_gradcheck and reports what it says. */
static tl_status gradcheck(const tl_operands *o, uint32_t variables, tl_build build, void *context,
                           const char *how)
{
    if (tl_check_gradient_of(o, variables, build, context) == TL_OK)
        return TL_OK;
    return tl_report(o->subject, o->sample, "%s%s", how, tl_error());
}

/* ---- gradient ---- */

/* Compares the slope in a random direction, which any wrong element of a gradient changes. */
static tl_status compare_slopes(const tl_direction *d, const tl_run *r, const tl_run *ahead,
                                const tl_run *back)
{
    const tl_operands *o = d->o;
    const bool is_double = sizeof(tl_real) == sizeof(double);
    const double tolerance = o->subject->op->tolerance != 0 ? o->subject->op->tolerance
                             : is_double                    ? 1e-6
                                                            : 2e-2;
    double analytic = 0, numeric = 0, norm = 0;
    tl_real *u = malloc((size_t)(r->size + 1) * sizeof *u);
    if (!u)
        return tl_check_no_memory();
    tl_fill_upstream(u, r->size);
    for (int64_t k = 0; k < r->size; k++)
        numeric += (double)u[k] * ((double)ahead->y[k] - (double)back->y[k]) / (2 * tl_direction_step());
    free(u);
    for (int32_t i = 0; i < o->n; i++)
        for (int64_t k = 0; r->gradient[i] && k < tl_variable_size(o->v[i]); k++) {
            const double term = (double)d->dx[i][k] * (double)r->gradient[i][k];
            analytic += term;
            norm += term * term;
        }
    if (fabs(analytic - numeric) <= tolerance * fmax(sqrt(norm), fabs(analytic))) /* a NaN fails */
        return TL_OK;
    return tl_report(o->subject, o->sample, "in a random direction: analytic %.9g, numeric %.9g", analytic,
                     numeric);
}

static tl_status check_direction(const tl_operands *o)
{
    tl_direction d = { 0 };
    tl_run r = { 0 }, ahead = { 0 }, back = { 0 };
    tl_graph *g = tl_graph_new();
    tl_status status = g ? tl_direction_new(o, &d) : TL_ERR_MEMORY;
    if (status == TL_OK && tl_run_call(g, o, o->gradable, NULL, &r) != TL_OK)
        status = tl_report_error(o->subject, o->sample, "refused");
    if (status == TL_OK)
        status = tl_direction_values(&d, TL_FORWARD, &ahead);
    if (status == TL_OK)
        status = tl_direction_values(&d, TL_BACK, &back);
    if (status == TL_OK)
        status = compare_slopes(&d, &r, &ahead, &back);
    tl_run_free(&r);
    tl_run_free(&ahead);
    tl_run_free(&back);
    tl_direction_free(&d);
    tl_graph_free(g);
    return status;
}

static tl_status check_gradient(const tl_operands *o)
{
    const tl_status status = gradcheck(o, o->gradable, tl_build_call, &(tl_build_context){ o, o->gradable },
                                       "");
    bool open = true; /* any value will do */
    for (int32_t i = 0; i < o->n; i++)
        open = open && o->sample->in[i].low == o->sample->in[i].high;
    return status == TL_OK && o->subject->op->ulps == 0 && open ? tl_check_exact_gradient(o) : status;
}

tl_status tl_stage_gradient(const tl_subject *s)
{
    tl_status status = check_small(s, check_gradient);
    for (int32_t k = 0; status == TL_OK && k < s->op->n_samples; k++)
        if (tl_sample_works(&s->op->sample[k]) && !tl_sample_is_small(s, &s->op->sample[k]))
            status = check_drawn(s, &s->op->sample[k], check_direction);
    return status;
}

/* ---- constants ---- */

/* Checks every subset of up to four inputs; of more, each input alone and all but it. */
static tl_status check_constants(const tl_operands *o)
{
    tl_status status = TL_OK;
    for (uint32_t variables = 1; status == TL_OK && variables < o->gradable; variables++) {
        const uint32_t rest = o->gradable & ~variables;
        const bool alone = (variables & (variables - 1)) == 0 || (rest & (rest - 1)) == 0;
        if ((variables & ~o->gradable) == 0 && (o->gradable < 16 || alone))
            status = gradcheck(o, variables, tl_build_call, &(tl_build_context){ o, variables },
                               "with constants: ");
    }
    return status;
}

tl_status tl_stage_constants(const tl_subject *s)
{
    return check_small(s, check_constants);
}

/* ---- shared ---- */

/* Checks one variable as operands i and j. */
static tl_status check_pair(const tl_subject *s, const tl_sample *sample, int32_t i, int32_t j)
{
    tl_sample both = *sample;
    double low[2], high[2];
    tl_operand_range(s, sample, i, TL_DRAW_SMOOTH, &low[0], &high[0]);
    tl_operand_range(s, sample, j, TL_DRAW_SMOOTH, &low[1], &high[1]);
    both.in[i].low = fmax(low[0], low[1]);
    both.in[i].high = fmin(high[0], high[1]);
    if (both.in[i].low > both.in[i].high) /* no value is in both ranges */
        return TL_OK;
    tl_operands o;
    tl_status status = tl_operands_draw(s, &both, TL_DRAW_SMOOTH, &o);
    if (status == TL_OK) {
        tl_variable *own = o.v[j];
        if (s->binary && s->binary->kink_distance)
            tl_operands_avoid_diagonal(s, o.v[i], both.in[i].low, both.in[i].high);
        o.v[j] = o.v[i];
        tl_build_context context = { &o, o.gradable };
        status = gradcheck(&o, o.gradable, tl_build_call, &context, "one variable twice: ");
        o.v[j] = own;
    }
    tl_operands_free(&o);
    return status;
}

tl_status tl_stage_shared(const tl_subject *s)
{
    tl_status status = TL_OK;
    int32_t pairs = 0;
    bool several = false; /* operands, in any sample */
    for (int32_t k = 0; status == TL_OK && k < s->op->n_samples; k++) {
        const tl_sample *sample = &s->op->sample[k];
        several = several || tl_sample_count(s, sample) > 1;
        if (!tl_sample_is_small(s, sample))
            continue;
        for (int32_t i = 0; i < tl_sample_count(s, sample); i++)
            for (int32_t j = i + 1; status == TL_OK && j < tl_sample_count(s, sample); j++) {
                const tl_operand *a = &sample->in[i], *b = &sample->in[j];
                if (a->constant || b->constant || tl_operand_is_absent(a) ||
                    tl_operand_is_sparse(a) != tl_operand_is_sparse(b) || !tl_shape_equal(a->shape, b->shape))
                    continue;
                status = check_pair(s, sample, i, j);
                pairs++;
            }
    }
    if (status == TL_OK && several && pairs == 0)
        return tl_report(s, NULL,
                         "no sample has two operands of one shape and kind: add one, or skip the stage");
    return status;
}

/* ---- reused ---- */

typedef enum reuse {
    READ_AFTER,  /* the op adds to gradients that are there */
    READ_BEFORE, /* others add to what the op has computed */
    CALLED_TWICE
} reuse;

typedef struct reuse_context {
    const tl_operands *o;
    reuse how;
} reuse_context;

/* Builds the op's result and, joined with it, other uses of its inputs. */
static tl_node *build_reused(tl_graph *g, void *context)
{
    const reuse_context *c = context;
    tl_node *in[TL_SAMPLE_IN], *parts[TL_SAMPLE_IN + 1];
    int32_t n = 0;
    tl_record_leaves(g, c->o, c->o->gradable, in);
    for (int32_t i = 0; c->how != CALLED_TWICE && i < c->o->n; i++)
        if (c->o->gradable >> i & 1)
            parts[n++] = in[i] = tl_copy_node(in[i]);
    if (c->how == READ_BEFORE)
        parts[0] = tl_join_nodes(n, parts);
    tl_node *y = tl_call(c->o, in);
    if (c->how == CALLED_TWICE)
        parts[n++] = tl_call(c->o, in);
    if (c->how == READ_BEFORE)
        n = 1;
    parts[n] = y;
    return tl_join_nodes(n + 1, parts);
}

static tl_status check_reused(const tl_operands *o)
{
    static const char *const how[] = { "inputs read after it: ", "inputs read before it: ",
                                       "called twice: " };
    tl_status status = TL_OK;
    for (int32_t k = READ_AFTER; status == TL_OK && o->gradable != 0 && k <= CALLED_TWICE; k++)
        status = gradcheck(o, o->gradable, build_reused, &(reuse_context){ o, (reuse)k }, how[k]);
    return status;
}

tl_status tl_stage_reused(const tl_subject *s)
{
    return check_small(s, check_reused);
}
