/* avg_pool2d: Y(n, c, :) = the mean of what is under each window of A(n, c), of padding only 0.
 * dA += dY / (the number of elements in the mean), for each of them. */
#include "ops.h"
#include "tangent.h"
#include "window.h"

#include <string.h>

enum { STRIP = 256 }; /* pixels of a row of Y that are summed together */

static tl_status shape(tl_node *y)
{
    const tl_pool_options *o = y->attr;
    tl_windows *w = y->scratch = tl_scratch(y, 1, sizeof *w);
    return w ? tl_pool_shape(y, o->window, o->stride, o->padding, w) : TL_ERR_MEMORY;
}

/* Returns how many inputs along the axis output j reads; 0 or less: none. */
static int64_t inputs_of(const tl_window *w, int64_t j, bool with_padding)
{
    const int64_t first = tl_window_at(w, j, 0), begin = first < 0 ? 0 : first,
                  end = first + w->kernel < w->in ? first + w->kernel : w->in;
    return with_padding ? w->kernel : end - begin;
}

/* Returns what the sum under the window of pixel (i, j) of Y is divided by: 1 or more, even of nothing. */
static double divisor(const tl_node *y, int64_t i, int64_t j)
{
    const tl_windows *w = y->scratch;
    const bool with_padding = ((const tl_pool_options *)y->attr)->count_padding;
    const int64_t n = inputs_of(&w->h, i, with_padding) * inputs_of(&w->w, j, with_padding);
    return (double)tl_between(n, 1, INT64_MAX);
}

/* A strip of Y: pixels `of` of row i of a channel, which has its values in A from `channel` on. */
typedef struct strip {
    int64_t channel, i;
    tl_span of;
} strip;

static strip strip_at(const tl_node *y, int64_t row, int64_t j)
{
    const tl_windows *w = y->scratch;
    return (strip){ row / w->h.out * w->h.in * w->w.in,
                    row % w->h.out,
                    { j, tl_between(j + STRIP, j, w->w.out) } };
}

static void average(const tl_node *y, strip at, tl_real *out)
{
    const tl_windows *w = y->scratch;
    double sum[STRIP] = { 0 };
    for (int64_t k = 0; k < w->h.kernel * w->w.kernel; k++) {
        const int64_t row = tl_window_at(&w->h, at.i, k / w->w.kernel), offset = k % w->w.kernel;
        const tl_span in = tl_window_inside(&w->w, offset, at.of);
        if (row < 0 || row >= w->h.in || in.begin == in.end)
            continue;
        const tl_real *x = y->in[0]->val + at.channel + row * w->w.in + tl_window_at(&w->w, in.begin, offset);
        for (int64_t j = 0; j < in.end - in.begin; j++)
            sum[in.begin - at.of.begin + j] += (double)x[j * w->w.stride];
    }
    for (int64_t j = at.of.begin; j < at.of.end; j++)
        out[j] = (tl_real)(sum[j - at.of.begin] / divisor(y, at.i, j));
}

static void forward_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const int64_t width = y->shape.dim[3];
    for (int64_t row = begin; row < end; row++)
        for (int64_t j = 0; j < width; j += STRIP)
            average(y, strip_at(y, row, j), y->out + row * width);
}

static void forward(tl_node *y)
{
    const tl_windows *w = y->scratch;
    tl_parallel_rows(y->size / w->w.out, w->w.out * w->h.kernel * w->w.kernel, forward_rows, y);
}

static void spread(const tl_node *y, strip at, const tl_real *dy)
{
    const tl_windows *w = y->scratch;
    tl_real share[STRIP];
    for (int64_t j = at.of.begin; j < at.of.end; j++)
        share[j - at.of.begin] = (tl_real)((double)dy[j] / divisor(y, at.i, j));
    for (int64_t k = 0; k < w->h.kernel * w->w.kernel; k++) {
        const int64_t row = tl_window_at(&w->h, at.i, k / w->w.kernel);
        if (row >= 0 && row < w->h.in)
            tl_window_add(&w->w, k % w->w.kernel, at.of, share, y->in[0]->grad + at.channel + row * w->w.in);
    }
}

/* Windows overlap within a channel only. */
static void backward_channels(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context, *a = y->in[0];
    const tl_windows *w = y->scratch;
    const int64_t size = w->h.in * w->w.in;
    for (int64_t c = begin; c < end; c++) {
        if (a->overwrite)
            memset(a->grad + c * size, 0, (size_t)size * sizeof *a->grad);
        for (int64_t row = c * w->h.out; row < (c + 1) * w->h.out; row++)
            for (int64_t j = 0; j < w->w.out; j += STRIP)
                spread(y, strip_at(y, row, j), y->grad + row * w->w.out);
    }
}

static void backward(tl_node *y)
{
    const tl_windows *w = y->scratch;
    tl_parallel_rows(y->shape.dim[0] * y->shape.dim[1], w->h.out * w->w.out * w->h.kernel * w->w.kernel,
                     backward_channels, y);
}

static void describe(const tl_node *y, tl_description *to)
{
    tl_describe_name(to, "AveragePool");
    if (y->out)
        tl_windows_describe(y->scratch, to);
    tl_describe_boolean(to, "count_include_pad", ((const tl_pool_options *)y->attr)->count_padding);
}

static const tl_op op = {
    .name = "avg_pool2d",
    .n_in = 1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0,
    .tangent = tl_linear_tangent,
    .describe = describe,
};

tl_node *tl_avg_pool2d(tl_node *x, const tl_pool_options *o)
{
    const tl_pool_options options = o ? *o : (tl_pool_options){ 0 };
    return tl_apply(&op, (tl_node *[]){ x }, &options, sizeof options);
}
