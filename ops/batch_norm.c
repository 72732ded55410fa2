/* batch_norm: Y = X^ gain + bias, with X^ = (A - mean) / sqrt(variance + epsilon), by columns of a matrix or
 * channels of images. In training the moments are those of A, and with G = dY gain
 * dA += (G - mean of G - X^ mean of G X^) / sqrt(..); otherwise they are given, and dA += G / sqrt(..).
 * dgain += sum of dY X^;  dbias += sum of dY. */
#include "normalise.h"
#include "ops.h"
#include "strided.h"
#include "tangent.h"
#include "variable.h"

#include <math.h>

enum { NARROW = 16 }; /* runs of a channel that are shorter than this are gathered first */

typedef struct state {
    tl_axis of;          /* the channels of A */
    bool gathered;       /* A is copied to the workspace, channel by channel .. */
    tl_axis run;         /* .. and these are its channels there, otherwise `of` again */
    tl_moments *moments; /* one per channel */
    tl_norm_sums *sums;  /* the same, for backward */
} state;

/* ---- Shape ---- */

static tl_status check_vector(const char *what, tl_shape s, int64_t n)
{
    if (tl_shape_equal(s, TL_SHAPE(n)))
        return TL_OK;
    return tl_fail(TL_ERR_SHAPE, "the %s is %s, and must be [%lld]", what, tl_shape_text(s).text,
                   (long long)n);
}

/* Checks a running moment. */
static tl_status check_running(const char *what, const tl_variable *v, int64_t n, bool training)
{
    if (!v && training)
        return TL_OK;
    if (!v)
        return tl_fail(TL_ERR_ARGUMENT, "`%s` is NULL, and there is no training to compute it", what);
    if (tl_variable_is_sparse(v))
        return tl_fail(TL_ERR_KIND, "`%s` is sparse, and must be dense", what);
    return check_vector(what, tl_variable_shape(v), n);
}

static tl_status check_options(tl_batch_norm_options *o, int64_t channels)
{
    if (!(o->epsilon >= 0 && o->epsilon < INFINITY))
        return tl_fail(TL_ERR_ARGUMENT, "epsilon is %g, and must be 0 or a positive number", o->epsilon);
    if (!(o->momentum >= 0 && o->momentum <= 1))
        return tl_fail(TL_ERR_ARGUMENT, "momentum is %g, and must be in [0, 1]", o->momentum);
    o->epsilon = o->epsilon == 0 ? 1e-5 : o->epsilon;
    o->momentum = o->momentum == 0 ? 0.1 : o->momentum;
    if (!o->mean != !o->variance)
        return tl_fail(TL_ERR_ARGUMENT, "`%s` is NULL, and `%s` is not", o->mean ? "variance" : "mean",
                       o->mean ? "mean" : "variance");
    if (o->mean && o->mean == o->variance)
        return tl_fail(TL_ERR_ARGUMENT, "`mean` and `variance` are the same variable");
    const tl_status status = check_running("mean", o->mean, channels, o->training);
    return status == TL_OK ? check_running("variance", o->variance, channels, o->training) : status;
}

static const tl_batch_norm_options *options_of(const tl_node *y)
{
    return y->attr;
}

/* Reads the running moments. They are no inputs: on a graph for inference, nobody notices if they change
 * between the call of the op and forward. */
static void read_moments(const tl_node *y)
{
    const tl_batch_norm_options *o = options_of(y);
    const state *s = y->scratch;
    const tl_real *mean = tl_variable_values(o->mean), *variance = tl_variable_values(o->variance);
    for (int64_t c = 0; c < s->of.n; c++)
        s->moments[c] = (tl_moments){ .mean = mean[c],
                                      .scale = (tl_real)(1 / sqrt((double)variance[c] + o->epsilon)) };
}

static tl_status shape(tl_node *y)
{
    const tl_node *a = y->in[0], *gain = y->in[1], *bias = y->in[2];
    const tl_shape size = a->shape;
    state *s = y->scratch = tl_scratch(y, 1, sizeof *s);
    if (!s)
        return TL_ERR_MEMORY;
    if (size.rank != 2 && size.rank != 4)
        return tl_fail(TL_ERR_SHAPE, "%s is neither a matrix nor of rank 4", tl_node_text(a).text);
    s->of = (tl_axis){ size.dim[0], size.dim[1], size.rank == 2 ? 1 : size.dim[2] * size.dim[3] };
    tl_status status = check_options(y->attr, s->of.n);
    if (status == TL_OK && gain)
        status = check_vector("gain", gain->shape, s->of.n);
    if (status == TL_OK && bias)
        status = check_vector("bias", bias->shape, s->of.n);
    if (status != TL_OK)
        return status;
    s->gathered = s->of.inner < NARROW;
    s->run = s->gathered ? (tl_axis){ 1, s->of.n, s->of.outer * s->of.inner } : s->of;
    s->moments = tl_scratch(y, s->of.n, sizeof *s->moments);
    s->sums = tl_scratch(y, s->of.n, sizeof *s->sums);
    if (!s->moments || !s->sums)
        return TL_ERR_MEMORY;
    if (!options_of(y)->training)
        read_moments(y);
    if (s->gathered && tl_reserve_workspace(y, 2 * a->size, sizeof(tl_real)) != TL_OK)
        return TL_ERR_MEMORY;
    return tl_shape_dense(y, size);
}

/* ---- Channels ---- */

/* Returns values of A's shape channel by channel: those at `to`, if they have to be gathered. */
static const tl_real *gather(const tl_node *y, const tl_real *x, tl_real *to)
{
    const state *s = y->scratch;
    const tl_axis of = s->of;
    const tl_strided copy = { .shape = TL_SHAPE(of.n, of.outer, of.inner),
                              .from = { of.inner, of.n * of.inner, 1 },
                              .to = { of.outer * of.inner, of.inner, 1 } };
    if (!s->gathered)
        return x;
    tl_copy_strided(&copy, x, to, false);
    return to;
}

/* The way back. */
static void scatter(const tl_node *y, const tl_real *x, tl_real *to, bool add)
{
    const tl_axis of = ((const state *)y->scratch)->of;
    const tl_strided copy = { .shape = TL_SHAPE(of.n, of.outer, of.inner),
                              .from = { of.outer * of.inner, of.inner, 1 },
                              .to = { of.inner, of.n * of.inner, 1 } };
    tl_copy_strided(&copy, x, to, add);
}

/* A loop over channels. */
typedef struct pass {
    const tl_node *y;
    const tl_real *x, *dy;
    tl_real *out; /* Y or dA */
    bool add;
} pass;

static void parallel_channels(void (*body)(void *context, int64_t begin, int64_t end), pass *p)
{
    const state *s = p->y->scratch;
    tl_parallel_rows(s->of.n, s->of.outer * s->of.inner, body, p);
}

/* ---- Forward ---- */

static void compute_moments(void *context, int64_t begin, int64_t end)
{
    const pass *p = context;
    const state *s = p->y->scratch;
    const tl_norm norm = { .epsilon = options_of(p->y)->epsilon, .centred = true };
    for (int64_t c = begin; c < end; c++)
        s->moments[c] = tl_moments_of(s->run, c, p->x, norm);
}

/* Moves the running moments towards those of the batch; the variance is that of all but one. */
static void update_running(const tl_node *y)
{
    const tl_batch_norm_options *o = options_of(y);
    const state *s = y->scratch;
    const double n = (double)(s->of.outer * s->of.inner), unbiased = n / (n > 1 ? n - 1 : 1);
    if (!o->mean)
        return;
    tl_real *mean = tl_variable_data(o->mean), *variance = tl_variable_data(o->variance);
    for (int64_t c = 0; c < s->of.n; c++) {
        const double m = (double)s->moments[c].mean + (double)s->moments[c].rest,
                     v = (double)s->moments[c].variance * unbiased;
        mean[c] = (tl_real)((1 - o->momentum) * (double)mean[c] + o->momentum * m);
        variance[c] = (tl_real)((1 - o->momentum) * (double)variance[c] + o->momentum * v);
    }
}

static void forward_channels(void *context, int64_t begin, int64_t end)
{
    const pass *p = context;
    const state *s = p->y->scratch;
    const tl_node *gain = p->y->in[1], *bias = p->y->in[2];
    for (int64_t c = begin; c < end; c++)
        for (int64_t o = 0; o < s->run.outer; o++) {
            const int64_t first = (o * s->run.n + c) * s->run.inner;
            const tl_real g = gain ? gain->val[c] : 1, b = bias ? bias->val[c] : 0;
            tl_real *out = p->out + first;
            tl_normalise(s->run.inner, p->x + first, s->moments[c], out);
            for (int64_t k = 0; k < s->run.inner && (gain || bias); k++)
                out[k] = out[k] * g + b;
        }
}

static void forward(tl_node *y)
{
    const state *s = y->scratch;
    if (y->size == 0)
        return;
    tl_real *workspace = tl_workspace(y);
    pass p = { .y = y, .x = gather(y, y->in[0]->val, workspace), .out = s->gathered ? workspace : y->out };
    if (options_of(y)->training) {
        parallel_channels(compute_moments, &p);
        update_running(y);
    }
    parallel_channels(forward_channels, &p);
    if (s->gathered)
        scatter(y, workspace, y->out, false);
}

/* ---- Backward ---- */

static void compute_sums(void *context, int64_t begin, int64_t end)
{
    const pass *p = context;
    const state *s = p->y->scratch;
    for (int64_t c = begin; c < end; c++)
        s->sums[c] = tl_norm_sums_of(s->run, c, p->x, s->moments[c], p->dy);
}

static void backward_channels(void *context, int64_t begin, int64_t end)
{
    const pass *p = context;
    const state *s = p->y->scratch;
    const tl_node *gain = p->y->in[1];
    const double n = (double)(s->of.outer * s->of.inner);
    const bool training = options_of(p->y)->training;
    for (int64_t c = begin; c < end; c++) {
        const tl_moments m = s->moments[c];
        const tl_real scale = m.scale * (gain ? gain->val[c] : 1);
        const tl_real mean = training ? (tl_real)(s->sums[c].g / n) : 0;
        const tl_real slope = (training ? (tl_real)(s->sums[c].gx / n) : 0) * m.scale;
        for (int64_t o = 0; o < s->run.outer; o++) {
            const int64_t first = (o * s->run.n + c) * s->run.inner;
            const tl_real *x = p->x + first, *dy = p->dy + first;
            tl_real *out = p->out + first;
            for (int64_t k = 0; k < s->run.inner; k++) {
                const tl_real g = scale * (dy[k] - mean - (x[k] - m.mean - m.rest) * slope);
                out[k] = (p->add ? out[k] : 0) + g;
            }
        }
    }
}

/* Adds the sums to the gradients of gain and bias. */
static void deliver_sums(const tl_node *y)
{
    const state *s = y->scratch;
    const tl_node *gain = y->in[1], *bias = y->in[2];
    for (int64_t c = 0; c < s->of.n && gain && gain->grad; c++)
        gain->grad[c] = (gain->overwrite ? 0 : gain->grad[c]) + (tl_real)s->sums[c].gx;
    for (int64_t c = 0; c < s->of.n && bias && bias->grad; c++)
        bias->grad[c] = (bias->overwrite ? 0 : bias->grad[c]) + (tl_real)s->sums[c].g;
}

static void backward(tl_node *y)
{
    const state *s = y->scratch;
    const tl_node *a = y->in[0];
    tl_real *workspace = tl_workspace(y), *second = s->gathered ? workspace + a->size : NULL;
    pass p = { .y = y,
               .x = gather(y, a->val, workspace),
               .dy = gather(y, y->grad, second),
               .out = s->gathered ? second : a->grad,
               .add = !s->gathered && !a->overwrite };
    if (options_of(y)->training && tl_node_has_changed(a))
        parallel_channels(compute_moments, &p);
    parallel_channels(compute_sums, &p);
    deliver_sums(y);
    if (!a->grad)
        return;
    parallel_channels(backward_channels, &p);
    if (s->gathered)
        scatter(y, second, a->grad, !a->overwrite);
}

/* ---- Tangent: X^' gain + X^ dgain + dbias ---- */

/* Returns a node of A's shape as a matrix with a row per channel, or such a matrix as a node of A's shape. */
static tl_node *channels_first(tl_node *a)
{
    if (a->shape.rank == 2)
        return tl_transpose(a);
    const int64_t n = a->shape.dim[1];
    tl_node *first = tl_permute(a, (const int32_t[]){ 1, 0, 2, 3 });
    return tl_reshape(first, TL_SHAPE(n, a->shape.dim[0] * a->shape.dim[2] * a->shape.dim[3]));
}

static tl_node *channels_second(tl_node *rows, tl_shape s)
{
    if (s.rank == 2)
        return tl_transpose(rows);
    tl_node *first = tl_reshape(rows, TL_SHAPE(s.dim[1], s.dim[0], s.dim[2], s.dim[3]));
    return tl_permute(first, (const int32_t[]){ 1, 0, 2, 3 });
}

/* Returns a vector with an element per channel so that it is broadcast to A. */
static tl_node *per_channel(tl_node *v, tl_shape s)
{
    return s.rank == 2 ? v : tl_reshape(v, TL_SHAPE(s.dim[1], 1, 1));
}

/* Returns the mean or the scale of each channel, as a constant that is broadcast to A. */
static tl_node *moment_of(tl_node *y, bool scale)
{
    const state *s = y->scratch;
    tl_real *x = tl_scratch(y, s->of.n, sizeof *x);
    if (!x)
        return NULL;
    for (int64_t c = 0; c < s->of.n; c++)
        x[c] = scale ? s->moments[c].scale : s->moments[c].mean;
    return per_channel(tl_input(y->graph, TL_SHAPE(s->of.n), x), y->shape);
}

/* Returns how X^ moves where A moves by da. */
static tl_node *normalised_direction(tl_node *y, tl_node *da)
{
    const tl_norm norm = { .epsilon = options_of(y)->epsilon, .centred = true };
    if (options_of(y)->training) {
        tl_node *rows = tl_norm_direction(channels_first(y->in[0]), channels_first(da), norm);
        return channels_second(rows, y->shape);
    }
    tl_node *scale = moment_of(y, true);
    return scale ? tl_mul(da, scale) : NULL;
}

/* Returns X^ of training, without a second update of the running moments, or with the moments that Y was
 * computed with, whatever the running ones are now. */
static tl_node *normalised(tl_node *y)
{
    tl_batch_norm_options o = *options_of(y);
    o.mean = o.variance = NULL;
    if (o.training)
        return tl_batch_norm(y->in[0], NULL, NULL, &o);
    tl_node *mean = moment_of(y, false), *scale = mean ? moment_of(y, true) : NULL;
    return scale ? tl_mul(tl_sub(y->in[0], mean), scale) : NULL;
}

static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    tl_node *part[] = { NULL, NULL, NULL }, *gain = y->in[1];
    if (dx[0]) {
        tl_node *moved = normalised_direction(y, dx[0]);
        if (!moved)
            return NULL;
        part[0] = gain ? tl_mul(moved, per_channel(gain, y->shape)) : moved;
    }
    if (dx[1]) {
        tl_node *x = normalised(y);
        if (!x)
            return NULL;
        part[1] = tl_mul(x, per_channel(dx[1], y->shape));
    }
    part[2] = tl_broadcast_to(per_channel(dx[2], y->shape), y->shape); /* of NULL, it is NULL */
    return tl_sum_of(3, part);
}

static void describe(const tl_node *y, tl_description *to)
{
    const tl_batch_norm_options *o = options_of(y);
    tl_describe_name(to, "BatchNormalization");
    tl_describe_number(to, "epsilon", o->epsilon);
    tl_describe_number(to, "momentum", o->momentum);
    tl_describe_boolean(to, "training", o->training);
}

/* Training has an effect, on the running moments; inference has none, and can wait. */
#define BATCH_NORM(effects)                                                                                  \
    {                                                                                                        \
        .name = "batch_norm", .n_in = 3, .n_optional = 2, .shape = shape, .forward = forward,                \
        .backward = backward, .can_overwrite = 1 << 0 | 1 << 1 | 1 << 2, .has_effects = (effects),           \
        .tangent = tangent, .describe = describe                                                             \
    }

static const tl_op training_op = BATCH_NORM(true), inference_op = BATCH_NORM(false);

tl_node *tl_batch_norm(tl_node *a, tl_node *gain, tl_node *bias, const tl_batch_norm_options *o)
{
    const tl_batch_norm_options options = o ? *o : (tl_batch_norm_options){ 0 };
    return tl_apply(options.training ? &training_op : &inference_op, (tl_node *[]){ a, gain, bias }, &options,
                    sizeof options);
}
