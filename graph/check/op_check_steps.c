/* Stages: the memory of steps, when it is short and when nothing changes, and steps of an optimizer. */
#include "graph/check/op_check_private.h"
#include "optimizer.h"

#include <stdlib.h>
#include <string.h>

/* ---- memory ---- */

/* Fills a graph's memory piece by piece, so that the op's own requests are, one after the other, the first
 * that need a new block. */
static void fill_graph(tl_graph *g, int32_t pieces)
{
    for (int32_t k = 0; k < pieces; k++)
        tl_input(g, TL_SHAPE(0), NULL);
}

/* Runs the op with its k-th allocation after `pieces` failing. *failed tells whether there were so many. */
static tl_status run_short(tl_graph *g, const tl_operands *o, int32_t pieces, int64_t k, bool *failed,
                           tl_run *r)
{
    fill_graph(g, pieces);
    const int64_t before = tl_check_allocations();
    tl_check_fail_allocation(k);
    const tl_status status = tl_run_call(g, o, o->gradable, NULL, r);
    tl_check_fail_allocation(0);
    *failed = tl_check_allocations() >= before + k;
    if (*failed && status != TL_ERR_MEMORY)
        return tl_report(o->subject, o->sample, "allocation %lld fails, and the status is %s", (long long)k,
                         tl_status_name(status));
    if (!*failed && status != TL_OK)
        return tl_report_error(o->subject, o->sample, "refused");
    return TL_OK;
}

/* Runs the op short of memory and then, in the same graph, with enough of it. */
static tl_status check_short(const tl_subject *s, const tl_sample *sample, int32_t pieces, int64_t k,
                             const tl_run *expected, bool *failed)
{
    tl_operands o;
    tl_run r = { 0 }, again = { 0 };
    const int64_t blocks = tl_check_live_blocks();
    tl_status status = tl_operands_draw(s, sample, TL_DRAW_SMOOTH, &o);
    tl_graph *g = tl_graph_new();
    if (!g)
        status = TL_ERR_MEMORY;
    if (status == TL_OK)
        status = run_short(g, &o, pieces, k, failed, &r);
    tl_graph_reset(g);
    if (status == TL_OK && tl_run_call(g, &o, o.gradable, NULL, &again) != TL_OK)
        status = tl_report_error(s, sample, "after a failed allocation the next call fails");
    if (status == TL_OK)
        status = tl_compare_runs(&o, expected, &again, "after a failed allocation");
    tl_run_free(&r);
    tl_run_free(&again);
    tl_graph_free(g);
    tl_operands_free(&o);
    const int64_t left = tl_check_live_blocks() - blocks;
    if (status == TL_OK && left != 0)
        return tl_report(s, sample, "allocation %lld fails, and %lld blocks are left", (long long)k,
                         (long long)left);
    return status;
}

/* Returns how many pieces a block has, 0 if each request is a block of its own: a library built to find
 * overruns (heap_arena). */
static int32_t pieces_of_block(void)
{
    tl_graph *g = tl_graph_new();
    int32_t n = 0;
    fill_graph(g, 1);
    const int64_t bytes = tl_graph_bytes(g);
    while (tl_graph_bytes(g) == bytes && n < 10000) {
        fill_graph(g, 1);
        n++;
    }
    tl_graph_free(g);
    return n > 1 ? n : 0;
}

/* Fails each allocation after `pieces` in turn. *n is how many there are. */
static tl_status check_each(const tl_subject *s, const tl_sample *sample, int32_t pieces,
                            const tl_run *expected, int64_t *n)
{
    bool failed = true;
    tl_status status = TL_OK;
    for (*n = 0; status == TL_OK && failed; *n += failed)
        status = check_short(s, sample, pieces, *n + 1, expected, &failed);
    return status;
}

/* Checks a call in an empty graph and in one that has a block; then in ever less of the block, until the call
 * fits into the rest of it. */
static tl_status check_memory(const tl_subject *s, const tl_sample *sample)
{
    tl_operands o;
    tl_run expected = { 0 };
    int64_t n, least = 0;
    tl_graph *g = tl_graph_new();
    tl_status status = tl_operands_draw(s, sample, TL_DRAW_SMOOTH, &o);
    if (status == TL_OK && tl_run_call(g, &o, o.gradable, NULL, &expected) != TL_OK)
        status = tl_report_error(s, sample, "refused");
    tl_graph_free(g);
    tl_operands_free(&o);
    if (status == TL_OK)
        status = check_each(s, sample, 0, &expected, &n);
    if (status == TL_OK)
        status = check_each(s, sample, 1, &expected, &least);
    bool fits = false;
    for (int32_t pieces = pieces_of_block(); status == TL_OK && !fits && pieces > 1; pieces--) {
        status = check_each(s, sample, pieces, &expected, &n);
        fits = n == least;
    }
    tl_run_free(&expected);
    return status;
}

tl_status tl_stage_memory(const tl_subject *s)
{
    const tl_sample *sample = tl_first_sample(s);
    if (!sample)
        return TL_ERR_NUMERIC;
    /* the first sample, and the last small one: of an op of two kinds, likely one of each */
    tl_status status = check_memory(s, sample);
    const tl_sample *last = sample;
    for (int32_t k = 0; k < s->op->n_samples; k++)
        if (tl_sample_is_small(s, &s->op->sample[k]))
            last = &s->op->sample[k];
    return status == TL_OK && last != sample ? check_memory(s, last) : status;
}

/* ---- steady ---- */

static tl_status check_steady(const tl_operands *o)
{
    tl_run r;
    tl_graph *g = tl_graph_new();
    tl_status status = g ? TL_OK : TL_ERR_MEMORY;
    for (int step = 1; status == TL_OK && step <= 3; step++) {
        const int64_t before = tl_check_allocations();
        status = tl_run_call(g, o, o->gradable, NULL, &r);
        tl_graph_reset(g);
        const int64_t n = tl_check_allocations() - before;
        tl_run_free(&r);
        if (status != TL_OK)
            status = tl_report_error(o->subject, o->sample, "refused");
        else if (step > 1 && n > 0)
            status = tl_report(o->subject, o->sample, "step %d allocates %lld blocks", step, (long long)n);
    }
    tl_graph_free(g);
    return status;
}

tl_status tl_stage_steady(const tl_subject *s)
{
    if (pieces_of_block() == 0) /* every step allocates */
        return TL_OK;
    return tl_check_samples(s, TL_DRAW_SMOOTH, check_steady);
}

/* ---- minimize ---- */

/* Records the op among others whose gradients are recycled, and returns the loss, whose weights it allocates:
 * *u, to be freed after the step. */
static tl_node *build_loss(tl_graph *g, const tl_operands *o, tl_real **u)
{
    tl_node *in[TL_SAMPLE_IN];
    tl_record_leaves(g, o, o->gradable, in);
    for (int32_t i = 0; i < o->n; i++)
        if (o->gradable >> i & 1)
            in[i] = tl_copy_node(tl_copy_node(in[i]));
    tl_node *y = tl_copy_node(tl_copy_node(tl_call(o, in)));
    if (!y || !(*u = malloc((size_t)(y->size + 1) * sizeof **u)))
        return NULL;
    tl_fill_upstream(*u, y->size);
    return tl_dot_node(y, *u);
}

/* Makes a step: as a whole, or its two halves. */
static tl_status step(const tl_operands *o, bool whole)
{
    tl_real *u = NULL;
    tl_gradients gradients;
    tl_graph *g = tl_graph_new();
    tl_optimizer *sgd = tl_sgd((tl_sgd_options){ .learning_rate = 0.125 });
    tl_status status = g && sgd ? TL_OK : TL_ERR_MEMORY;
    tl_node *loss = status == TL_OK ? build_loss(g, o, &u) : NULL;
    if (status == TL_OK && whole)
        status = tl_minimize(sgd, loss);
    else if (status == TL_OK) {
        status = tl_compute_gradients(sgd, loss, NULL, 0, &gradients);
        if (status == TL_OK)
            status = tl_apply_gradients(sgd, &gradients);
    }
    tl_optimizer_free(sgd);
    tl_graph_free(g);
    free(u);
    return status;
}

static tl_status check_minimize(const tl_subject *s, const tl_sample *sample)
{
    tl_operands o[2] = { { 0 }, { 0 } };
    tl_status status = TL_OK;
    for (int k = 0; status == TL_OK && k < 2; k++) {
        status = tl_operands_draw(s, sample, TL_DRAW_SMOOTH, &o[k]);
        if (status == TL_OK && o[k].gradable != 0 && step(&o[k], k == 1) != TL_OK)
            status = tl_report_error(s, sample, "the step");
    }
    for (int32_t i = 0; status == TL_OK && i < o[0].n; i++)
        for (int64_t k = 0; status == TL_OK && o[0].v[i] && k < tl_variable_size(o[0].v[i]); k++) {
            const tl_real *x = tl_variable_values(o[0].v[i]), *y = tl_variable_values(o[1].v[i]);
            if (memcmp(&x[k], &y[k], sizeof *x) != 0)
                status = tl_report(s, sample, "tl_minimize steps %s[%lld] to %.17g, not %.17g",
                                   tl_variable_name(o[0].v[i]), (long long)k, (double)y[k], (double)x[k]);
        }
    tl_operands_free(&o[0]);
    tl_operands_free(&o[1]);
    return status;
}

/* Of all sizes: small gradients are not recycled. */
tl_status tl_stage_minimize(const tl_subject *s)
{
    tl_status status = TL_OK;
    for (int32_t k = 0; status == TL_OK && k < s->op->n_samples; k++)
        if (tl_sample_works(&s->op->sample[k]))
            status = check_minimize(s, &s->op->sample[k]);
    return status;
}
