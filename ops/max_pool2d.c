/* max_pool2d: Y(n, c, :) = the largest element of A(n, c) under each window, of padding only -Inf.
 * dA += dY at the first that is. */
#include "ops.h"
#include "tangent.h"
#include "window.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 1024 }; /* the most pixels of Y that are compared together */

typedef struct state {
    tl_windows window;
    int64_t *from;  /* for each element of Y, the one of A that it is, or -1 */
    int64_t *reach; /* for each place of the window, the element there, from that at place 0 on */
} state;

static tl_status shape(tl_node *y)
{
    const tl_pool_options *o = y->attr;
    state *s = y->scratch = tl_scratch(y, 1, sizeof *s);
    if (!s)
        return TL_ERR_MEMORY;
    const tl_status status = tl_pool_shape(y, o->window, o->stride, o->padding, &s->window);
    if (status != TL_OK)
        return status;
    const int64_t kernel = s->window.w.kernel, places = s->window.h.kernel * kernel;
    s->from = tl_scratch(y, y->size, sizeof *s->from);
    s->reach = tl_scratch(y, places, sizeof *s->reach);
    if (!s->from || !s->reach)
        return TL_ERR_MEMORY;
    for (int64_t k = 0; k < places; k++)
        s->reach[k] = k / kernel * s->window.w.in + k % kernel;
    return TL_OK;
}

/* A block of a channel of Y: rows i and columns j. */
typedef struct block {
    int64_t channel;
    tl_span i, j;
} block;

/* Takes the elements at place k of the windows of a row, or compares them with the largest so far. */
static void read_row(int64_t n, int64_t stride, const tl_real *x, int32_t k, tl_real *restrict max,
                     int32_t *restrict place)
{
    for (int64_t j = 0; j < n; j++) {
        max[j] = x[j * stride];
        place[j] = k;
    }
}

static void compare_row(int64_t n, int64_t stride, const tl_real *x, int32_t k, tl_real *restrict max,
                        int32_t *restrict place)
{
    for (int64_t j = 0; j < n; j++) {
        const tl_real now = x[j * stride], old = max[j];
        /* a NaN is larger than any number, and the first one stays */
        const bool larger = place[j] < 0 || (!(now <= old) && old == old);
        max[j] = larger ? now : old;
        place[j] = larger ? k : place[j];
    }
}

/* Reduces a block to the largest elements and their places in the windows, or -Inf and -1. */
static void compare_places(const tl_node *y, block b, tl_real *max, int32_t *place)
{
    const tl_windows *of = &((const state *)y->scratch)->window;
    const tl_window *h = &of->h, *w = &of->w;
    const int64_t first = b.channel * h->in * w->in, width = b.j.end - b.j.begin;
    const bool padded = h->padding + w->padding > 0; /* otherwise place 0 of all windows is in the image */
    if (padded)
        for (int64_t p = 0; p < (b.i.end - b.i.begin) * width; p++) {
            max[p] = -(tl_real)INFINITY;
            place[p] = -1;
        }
    for (int64_t k = 0; k < h->kernel * w->kernel; k++) {
        const tl_span i = tl_window_inside(h, k / w->kernel, b.i),
                      j = tl_window_inside(w, k % w->kernel, b.j);
        if (j.begin == j.end)
            continue;
        for (int64_t r = i.begin; r < i.end; r++) {
            const int64_t at = (r - b.i.begin) * width + j.begin - b.j.begin,
                          row = first + tl_window_at(h, r, k / w->kernel) * w->in;
            const tl_real *x = y->in[0]->val + row + tl_window_at(w, j.begin, k % w->kernel);
            if (k == 0 && !padded)
                read_row(width, w->stride, x, 0, max + at, place + at);
            else
                compare_row(j.end - j.begin, w->stride, x, (int32_t)k, max + at, place + at);
        }
    }
}

static void reduce_block(const tl_node *y, block b)
{
    const state *s = y->scratch;
    const tl_window *h = &s->window.h, *w = &s->window.w;
    const int64_t width = b.j.end - b.j.begin;
    tl_real max[BLOCK];
    int32_t place[BLOCK];
    compare_places(y, b, max, place);
    for (int64_t r = b.i.begin; r < b.i.end; r++) {
        const int64_t at = (r - b.i.begin) * width, to = (b.channel * h->out + r) * w->out + b.j.begin,
                      origin = (b.channel * h->in + tl_window_at(h, r, 0)) * w->in +
                               tl_window_at(w, b.j.begin, 0);
        for (int64_t p = 0; p < width; p++) {
            const int32_t k = place[at + p];
            y->out[to + p] = max[at + p];
            s->from[to + p] = k < 0 ? -1 : origin + p * w->stride + s->reach[k];
        }
    }
}

/* Returns how many rows are compared together: as many as are in a block, or one that is longer. */
static int64_t rows_of_block(const tl_windows *w)
{
    return tl_between(BLOCK / w->w.out, 1, w->h.out);
}

/* The rows that are compared together, of all channels, one after the other. */
static void forward_blocks(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const tl_windows *w = &((const state *)y->scratch)->window;
    const int64_t high = rows_of_block(w), of_channel = tl_divide_up(w->h.out, high);
    for (int64_t k = begin; k < end; k++) {
        const int64_t i = k % of_channel * high;
        for (int64_t j = 0; j < w->w.out; j += BLOCK)
            reduce_block(y, (block){ k / of_channel,
                                     { i, tl_between(i + high, i, w->h.out) },
                                     { j, tl_between(j + BLOCK, j, w->w.out) } });
    }
}

static void forward(tl_node *y)
{
    const tl_windows *w = &((const state *)y->scratch)->window;
    const int64_t high = rows_of_block(w), channels = y->shape.dim[0] * y->shape.dim[1];
    tl_parallel_rows(channels * tl_divide_up(w->h.out, high), high * w->w.out * w->h.kernel * w->w.kernel,
                     forward_blocks, y);
}

/* Windows overlap within a channel only. */
static void backward_channels(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context, *a = y->in[0];
    const state *s = y->scratch;
    const int64_t size = s->window.h.in * s->window.w.in, pixels = s->window.h.out * s->window.w.out;
    for (int64_t c = begin; c < end; c++) {
        if (a->overwrite)
            memset(a->grad + c * size, 0, (size_t)size * sizeof *a->grad);
        for (int64_t k = c * pixels; k < (c + 1) * pixels; k++)
            if (s->from[k] >= 0)
                a->grad[s->from[k]] += y->grad[k];
    }
}

static void backward(tl_node *y)
{
    const tl_shape of = y->shape;
    tl_parallel_rows(of.dim[0] * of.dim[1], of.dim[2] * of.dim[3], backward_channels, y);
}

/* The same elements, of the direction. */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    return tl_pick(dx[0], y->shape, ((const state *)y->scratch)->from);
}

static void describe(const tl_node *y, tl_description *to)
{
    tl_describe_name(to, "MaxPool");
    if (y->out)
        tl_windows_describe(&((const state *)y->scratch)->window, to);
}

static const tl_op op = {
    .name = "max_pool2d",
    .n_in = 1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0,
    .tangent = tangent,
    .describe = describe,
};

tl_node *tl_max_pool2d(tl_node *x, const tl_pool_options *o)
{
    const tl_pool_options options = o ? *o : (tl_pool_options){ 0 };
    return tl_apply(&op, (tl_node *[]){ x }, &options, sizeof options);
}
