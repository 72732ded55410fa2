/* Stages: the same bits on any number of threads, wherever an element is, and on a graph for inference. */
#include "graph/check/op_check_private.h"

#include <stdio.h>
#include <stdlib.h>

/* Runs the op in a graph of its own; `refused` opens the report if it fails. */
static tl_status run(const tl_operands *o, const tl_real *upstream, const char *refused, tl_run *r)
{
    tl_graph *g = tl_graph_new();
    *r = (tl_run){ 0 };
    if (!g)
        return TL_ERR_MEMORY;
    tl_status status = tl_run_call(g, o, o->gradable, upstream, r);
    if (status != TL_OK)
        status = tl_report_error(o->subject, o->sample, refused);
    tl_graph_free(g);
    return status;
}

/* ---- threads ---- */

static tl_status compare_threads(const tl_operands *o)
{
    tl_run one, many;
    tl_set_num_threads(1);
    tl_status status = run(o, NULL, "refused", &one);
    for (int n = 2; status == TL_OK && n <= 7; n += 5) {
        char how[32];
        snprintf(how, sizeof how, "on %d threads", n);
        tl_set_num_threads(n);
        status = run(o, NULL, "refused", &many);
        if (status == TL_OK)
            status = tl_compare_runs(o, &one, &many, how);
        tl_run_free(&many);
    }
    tl_run_free(&one);
    return status;
}

tl_status tl_stage_threads(const tl_subject *s)
{
    const int threads = tl_num_threads();
    tl_status status = TL_OK;
    bool large = false;
    for (int32_t k = 0; status == TL_OK && k < s->op->n_samples; k++) {
        const tl_sample *sample = &s->op->sample[k];
        if (!tl_sample_works(sample))
            continue;
        tl_operands o;
        status = tl_operands_draw(s, sample, TL_DRAW_SMOOTH, &o);
        for (int32_t i = 0; i < o.n; i++)
            large = large || (o.v[i] && tl_variable_size(o.v[i]) > TL_GRAIN);
        if (status == TL_OK)
            status = compare_threads(&o);
        tl_operands_free(&o);
    }
    tl_set_num_threads(threads);
    if (status == TL_OK && !large)
        return tl_report(s, NULL,
                         "no sample has an operand of more than %d values, so one thread does it all: "
                         "add one, or skip the stage",
                         (int)TL_GRAIN);
    return status;
}

/* ---- place ---- */

/* Returns the operands off which rows are cut: those that have the first dimension of the result. */
static uint32_t row_operands(const tl_operands *o, tl_shape y)
{
    uint32_t cut = o->subject->op->row_operands;
    if (cut == 0 && !o->subject->binary)
        cut = 1;
    for (int32_t i = 0; i < o->n && o->subject->binary; i++)
        if (o->sample->in[i].shape.rank == y.rank && o->sample->in[i].shape.dim[0] == y.dim[0])
            cut |= (uint32_t)1 << i;
    return cut;
}

/* Returns the part of a run after the first rows; gradients of operands that were not cut are left out. */
static tl_run rest_of(const tl_operands *o, const tl_run *r, uint32_t cut, int64_t first, int64_t rows)
{
    const int64_t skipped = r->size / rows * first;
    tl_run rest = { .size = r->size - skipped, .y = r->y + skipped };
    for (int32_t i = 0; i < o->n; i++)
        if ((cut >> i & 1) && r->gradient[i])
            rest.gradient[i] = r->gradient[i] +
                               tl_variable_size(o->v[i]) / o->sample->in[i].shape.dim[0] * first;
    return rest;
}

/* Checks that a run without the first rows has the bits of `r`, whose upstream gradient is u. */
static tl_status compare_rest(const tl_operands *o, const tl_run *r, const tl_real *u, uint32_t cut,
                              int64_t first, int64_t rows)
{
    tl_sample sample;
    tl_operands rest;
    tl_run moved = { 0 };
    tl_status status = tl_operands_cut(o, cut, first, &sample, &rest);
    char how[64], refused[128];
    snprintf(how, sizeof how, "without the first %lld rows", (long long)first);
    snprintf(refused, sizeof refused, "refused %s of the operands in .row_operands", how);
    if (status == TL_OK)
        status = run(&rest, u + r->size / rows * first, refused, &moved);
    if (status == TL_OK) {
        const tl_run expected = rest_of(o, r, cut, first, rows);
        status = tl_compare_runs(&rest, &expected, &moved, how);
    }
    tl_run_free(&moved);
    tl_operands_free(&rest);
    return status;
}

static tl_status compare_places(const tl_operands *o)
{
    tl_run r;
    tl_status status = run(o, NULL, "refused", &r);
    tl_node *in[TL_SAMPLE_IN];
    tl_graph *g = tl_graph_new();
    tl_record_leaves(g, o, 0, in);
    const tl_shape y = tl_shape_of(tl_call(o, in));
    tl_graph_free(g);
    tl_real *u = malloc((size_t)(r.size + 1) * sizeof *u);
    if (!u && status == TL_OK)
        status = tl_check_no_memory();
    if (u)
        tl_fill_upstream(u, r.size);
    const int64_t rows = y.rank > 0 ? y.dim[0] : 0;
    const uint32_t cut = row_operands(o, y);
    for (int64_t first = 1; status == TL_OK && r.size > 0 && first < rows && first <= 600;
         first += 1 + first / 4)
        status = compare_rest(o, &r, u, cut, first, rows);
    free(u);
    tl_run_free(&r);
    return status;
}

tl_status tl_stage_place(const tl_subject *s)
{
    tl_status status = TL_OK;
    for (int32_t k = 0; status == TL_OK && k < s->op->n_samples; k++) {
        const tl_sample *sample = &s->op->sample[k];
        if (!tl_sample_works(sample) || tl_operand_is_sparse(&sample->in[0]) ||
            tl_shape_size(sample->in[0].shape) > 10000) /* which takes long, and shows no more */
            continue;
        tl_operands o;
        status = tl_operands_draw(s, sample, TL_DRAW_SMOOTH, &o);
        if (status == TL_OK)
            status = compare_places(&o);
        tl_operands_free(&o);
    }
    return status;
}

/* ---- inference ---- */

/* Inputs are copies, which have values only when the op runs. */
static tl_status compare_inference(const tl_operands *o)
{
    tl_graph *g[] = { tl_graph_new(), tl_graph_new_inference() };
    tl_run r[2] = { { 0 } };
    tl_status status = g[0] && g[1] ? TL_OK : tl_check_no_memory();
    for (int k = 0; status == TL_OK && k < 2; k++) {
        tl_node *in[TL_SAMPLE_IN];
        tl_record_leaves(g[k], o, k == 1 ? o->gradable : 0, in);
        for (int32_t i = 0; i < o->n; i++)
            in[i] = in[i] ? tl_copy_node(in[i]) : NULL;
        const tl_node *y = tl_call(o, in);
        r[k] = (tl_run){ .size = y ? y->size : 0, .y = (tl_real *)(uintptr_t)tl_value(y) };
        if (!r[k].y)
            status = tl_report_error(o->subject, o->sample, "refused");
    }
    if (status == TL_OK)
        status = tl_compare_runs(o, &r[0], &r[1], "on a graph for inference");
    tl_graph_free(g[0]);
    tl_graph_free(g[1]);
    return status;
}

tl_status tl_stage_inference(const tl_subject *s)
{
    return tl_check_samples(s, TL_DRAW_VALUES, compare_inference);
}
