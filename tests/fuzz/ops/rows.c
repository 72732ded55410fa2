/* Functions of rows, and reductions. */
#include "tests/fuzz/ops/program.h"

#include "ops.h"

/* ---- Rows ---- */

static int64_t last(const fuzz_program *p, int32_t i)
{
    return i < 0 ? 0 : tl_shape_cols(p->item[i].shape);
}

static bool bias(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 2;
    c->in[0] = tl_fuzz_pick(p, FUZZ_DENSE, 1, TL_MAX_RANK);
    c->in[1] = c->in[0] < 0 ? -1 : tl_fuzz_want(p, FUZZ_DENSE, TL_SHAPE(last(p, c->in[0])), NULL);
    return true;
}

/* Chooses gain and bias of a norm, or none. */
static bool norm_of(fuzz_program *p, fuzz_item *c, int64_t n, int32_t n_vectors)
{
    c->n_in = 1 + n_vectors;
    c->c = 0.1 * (double)(1 + tl_fuzz_draw(4));
    for (int32_t k = 1; k <= n_vectors; k++) {
        const bool absent = tl_fuzz_rarely(4);
        c->in[k] = absent ? -1 : tl_fuzz_want(p, FUZZ_DENSE, TL_SHAPE(n), NULL);
        if (!absent && c->in[k] < 0)
            return false;
    }
    return true;
}

static bool norm(fuzz_program *p, fuzz_item *c)
{
    c->in[0] = tl_fuzz_pick(p, FUZZ_DENSE, 1, TL_MAX_RANK);
    return c->in[0] >= 0 && norm_of(p, c, last(p, c->in[0]), 2);
}

static bool rms(fuzz_program *p, fuzz_item *c)
{
    c->in[0] = tl_fuzz_pick(p, FUZZ_DENSE, 1, TL_MAX_RANK);
    return c->in[0] >= 0 && norm_of(p, c, last(p, c->in[0]), 1);
}

static tl_node *layer_norm(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    return tl_layer_norm(in[0], in[1], in[2], c->c);
}

static tl_node *rms_norm(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    return tl_rms_norm(in[0], in[1], c->c);
}

/* Its running moments, as variables: begin and end, -1: none. */
static bool batch(fuzz_program *p, fuzz_item *c)
{
    c->in[0] = tl_fuzz_pick(p, FUZZ_DENSE, 2, TL_MAX_RANK);
    if (c->in[0] < 0 || p->item[c->in[0]].shape.rank == 3 ||
        !norm_of(p, c, p->item[c->in[0]].shape.dim[1], 2))
        return false;
    const tl_shape channels = TL_SHAPE(p->item[c->in[0]].shape.dim[1]);
    c->flag = tl_fuzz_draw(2) == 0;
    c->begin = c->end = -1;
    if (c->flag && tl_fuzz_draw(2) == 0)
        return true;
    fuzz_variable v = { .shape = channels, .held = true, .start = tl_fuzz_values(p, channels.dim[0]) };
    c->begin = tl_fuzz_add_variable(p, v);
    v.start = tl_fuzz_values(p, channels.dim[0]);
    for (int64_t k = 0; k < channels.dim[0]; k++)
        v.start[k] = (tl_real)fabs((double)v.start[k]);
    c->end = tl_fuzz_add_variable(p, v);
    p->has_effects = true;
    return c->begin >= 0 && c->end >= 0;
}

static tl_variable *moment(const fuzz_world *w, int64_t k)
{
    return k >= 0 && k < w->p->n_variables ? w->variable[k] : NULL;
}

static tl_node *batch_norm(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    return tl_batch_norm(in[0], in[1], in[2],
                         &(tl_batch_norm_options){ .mean = moment(w, c->begin),
                                                   .variance = moment(w, c->end),
                                                   .epsilon = c->c,
                                                   .training = c->flag });
}

/* ---- Axes ---- */

/* Chooses one of the axes, or all. */
static bool along(fuzz_program *p, fuzz_item *c)
{
    if (c->in[0] < 0)
        return false;
    c->n_in = 1;
    c->axis = (int32_t)tl_fuzz_draw(p->item[c->in[0]].shape.rank + 1) - 1;
    return true;
}

static bool axis(fuzz_program *p, fuzz_item *c)
{
    c->in[0] = tl_fuzz_pick(p, FUZZ_DENSE, 0, TL_MAX_RANK);
    return along(p, c);
}

static bool axis_of_any(fuzz_program *p, fuzz_item *c)
{
    c->in[0] = tl_fuzz_pick(p, FUZZ_EITHER, 0, TL_MAX_RANK);
    return along(p, c);
}

static bool axis_of_some(fuzz_program *p, fuzz_item *c)
{
    return axis(p, c) && (c->axis == TL_ALL_AXES ? tl_shape_size(p->item[c->in[0]].shape)
                                                 : p->item[c->in[0]].shape.dim[c->axis]) > 0;
}

static bool segments(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 1;
    c->in[0] = tl_fuzz_pick(p, FUZZ_DENSE, 1, TL_MAX_RANK);
    if (c->in[0] < 0)
        return false;
    const int64_t n = p->item[c->in[0]].shape.dim[0];
    c->n = tl_fuzz_draw(6);
    c->row_ptr = tl_fuzz_block(p, c->n + 1, sizeof *c->row_ptr);
    c->row_ptr[0] = tl_fuzz_rarely(4) ? tl_fuzz_draw(n + 1) : 0;
    for (int64_t i = 0; i < c->n; i++)
        c->row_ptr[i + 1] = c->row_ptr[i] + tl_fuzz_draw((n - c->row_ptr[i]) / (c->n - i) * 2 + 1);
    for (int64_t i = 0; i <= c->n; i++)
        c->row_ptr[i] = c->row_ptr[i] < n ? c->row_ptr[i] : n;
    return true;
}

const fuzz_op tl_fuzz_rowwise[] = {
    { "batch_norm", batch, .apply = batch_norm, .optional = 2 },
    { "bias", bias, .two = tl_bias },
    { "bias_relu", bias, .two = tl_bias_relu, .smooth = tl_fuzz_nowhere },
    { "layer_norm", norm, .apply = layer_norm, .optional = 2 },
    { "log_softmax", tl_fuzz_rows, .one = tl_log_softmax },
    { "reduce_logsumexp", axis_of_some, .along = tl_reduce_logsumexp },
    { "reduce_max", axis_of_some, .along = tl_reduce_max, .smooth = tl_fuzz_nowhere },
    { "reduce_mean", axis, .along = tl_reduce_mean },
    { "reduce_sum", axis_of_any, .along = tl_reduce_sum },
    { "rms_norm", rms, .apply = rms_norm, .optional = 1 },
    { "segment_max", segments, .segments = tl_segment_max, .smooth = tl_fuzz_nowhere },
    { "segment_mean", segments, .segments = tl_segment_mean },
    { "segment_sum", segments, .segments = tl_segment_sum },
    { 0 },
};
