/* conv2d: Y(n, f, :) = the sum over c, and the places k of a window, of W(f, c, k) A(n, c, what k reads).
 *
 * P has a row per c and k, and a column per pixel of Y, with what it reads of A: then, group by group,
 * Y = W P;  dW += dY P^T;  dA += W^T dY, each element added where P read it.
 * P is made tile by tile: the columns of a part of an image, of one, or of several small ones. */
#include "matrix.h"
#include "ops.h"
#include "tangent.h"
#include "vmath.h"
#include "window.h"

#include <string.h>

/* A tile of P has about TILE values, but no more than MAX_COLUMNS columns unless it is a whole image of up to
 * twice as many pixels, and MIN_COLUMNS where the images have as many: W is packed anew for each tile. */
enum { TILE = 1 << 17, MIN_COLUMNS = 128, MAX_COLUMNS = 1024 };

typedef struct state {
    tl_windows window;
    int64_t images, groups, channels, filters; /* the latter of one group */
    int64_t depth, pixels;                     /* rows of P, in a group, and columns, of an image */
    int64_t together, columns;                 /* images in a tile, and pixels of each */
    int64_t chunks;                            /* of tiles; each has its own sum for dW */
    tl_parts parts;                            /* a piece is a tile of P and one of Y */
} state;

/* ---- Shape ---- */

static int64_t tiles_of(const state *s)
{
    return tl_divide_up(s->images, s->together) * tl_divide_up(s->pixels, s->columns);
}

static int64_t weights_of(const state *s)
{
    return s->groups * s->filters * s->depth;
}

static tl_status plan(tl_node *y)
{
    state *s = y->scratch;
    s->depth = s->channels * s->window.h.kernel * s->window.w.kernel;
    s->pixels = s->window.h.out * s->window.w.out;
    const int64_t ideal = tl_between(TILE / (s->depth + 1), MIN_COLUMNS, MAX_COLUMNS);
    s->columns = s->pixels <= 2 * ideal ? s->pixels : ideal;
    s->together = tl_between(MIN_COLUMNS / s->pixels, 1, s->images > 0 ? s->images : 1);
    const tl_status status = tl_shape_check(TL_SHAPE(s->depth, s->together * s->columns));
    if (status != TL_OK)
        return status;
    s->parts = tl_parts_of((s->depth + s->filters) * s->together * s->columns);
    s->chunks = y->requires_grad ? tl_between(tiles_of(s), 0, tl_parts_of(weights_of(s)).n) : 0;
    if (!y->requires_grad) /* forward divides its work no further */
        s->parts.n = tl_between(tiles_of(s) * s->groups, 1, s->parts.n);
    return tl_reserve_workspace(y, tl_parts_size(&s->parts) + s->chunks * weights_of(s), sizeof(tl_real));
}

/* Replaces 0 groups by 1, and checks that so many groups divide A and W. */
static tl_status set_groups(const tl_node *a, const tl_node *w, int32_t *groups)
{
    const int64_t channels = a->shape.dim[1], filters = w->shape.dim[0];
    if (*groups < 0)
        return tl_fail(TL_ERR_ARGUMENT, "groups = %d is negative", (int)*groups);
    *groups = *groups == 0 ? 1 : *groups;
    if (channels % *groups != 0 || filters % *groups != 0)
        return tl_fail(TL_ERR_SHAPE, "%lld channels and %lld filters cannot be divided into %d groups",
                       (long long)channels, (long long)filters, (int)*groups);
    if (w->shape.dim[1] != channels / *groups)
        return tl_fail(TL_ERR_SHAPE, "%s with %d groups has %lld channels in each, and %s is for %lld",
                       tl_node_text(a).text, (int)*groups, (long long)(channels / *groups),
                       tl_node_text(w).text, (long long)w->shape.dim[1]);
    return TL_OK;
}

static tl_status shape(tl_node *y)
{
    tl_conv_options *o = y->attr;
    const tl_node *a = y->in[0], *w = y->in[1];
    state *s = y->scratch = tl_scratch(y, 1, sizeof *s);
    if (!s)
        return TL_ERR_MEMORY;
    if (w->shape.rank != 4)
        return tl_fail(TL_ERR_SHAPE, "%s is not of rank 4: filters, channels of a group, height, width",
                       tl_node_text(w).text);
    tl_status status = tl_windows_over(a, &w->shape.dim[2], o->stride, o->padding, o->dilation, &s->window);
    if (status == TL_OK)
        status = set_groups(a, w, &o->groups);
    if (status != TL_OK)
        return status;
    s->images = a->shape.dim[0];
    s->groups = o->groups;
    s->channels = w->shape.dim[1];
    s->filters = w->shape.dim[0] / o->groups;
    status = tl_shape_dense(y, TL_SHAPE(s->images, w->shape.dim[0], s->window.h.out, s->window.w.out));
    return status == TL_OK ? plan(y) : status;
}

/* ---- Tiles ---- */

/* Columns of P: these pixels of these images. */
typedef struct tile {
    tl_span image, pixel;
    int64_t columns;
} tile;

static tile tile_at(const state *s, int64_t t)
{
    const int64_t per_image = tl_divide_up(s->pixels, s->columns), image = t / per_image * s->together,
                  pixel = t % per_image * s->columns;
    const tl_span images = { image, tl_between(image + s->together, image, s->images) },
                  pixels = { pixel, tl_between(pixel + s->columns, pixel, s->pixels) };
    return (tile){ images, pixels, (images.end - images.begin) * (pixels.end - pixels.begin) };
}

/* Returns where channel 0 of a group, or filter 0, is in an image of A, or of Y. */
static int64_t channel_at(const state *s, int64_t image, int64_t group)
{
    return (image * s->groups + group) * s->channels * s->window.h.in * s->window.w.in;
}

static int64_t filter_at(const state *s, int64_t image, int64_t group)
{
    return (image * s->groups + group) * s->filters * s->pixels;
}

/* Copies these pixels of row k of P from the image, or adds them to it. */
static void move_row(const state *s, int64_t k, tl_span pixel, tl_real *image, tl_real *row, bool add)
{
    const tl_window *h = &s->window.h, *w = &s->window.w;
    const int64_t at_h = k / w->kernel % h->kernel * h->dilation, at_w = k % w->kernel * w->dilation;
    int64_t i = pixel.begin / w->out, j = pixel.begin % w->out;
    image += k / (h->kernel * w->kernel) * h->in * w->in;
    for (int64_t p = pixel.begin; p < pixel.end; i++) {
        const tl_span of = { j, tl_between(j + pixel.end - p, j, w->out) };
        const int64_t from = tl_window_at(h, i, at_h), n = of.end - j;
        if (from < 0 || from >= h->in)
            memset(row, 0, (size_t)n * sizeof *row); /* what was to be added is not read again */
        else if (add)
            tl_window_add(w, at_w, of, row, image + from * w->in);
        else
            tl_window_read(w, at_w, of, image + from * w->in, row);
        row += n;
        p += n;
        j = 0;
    }
}

/* Moves the pixels of row k for which row k - w.kernel, of the window's row above, has what the next row of Y
 * reads: where windows step as their rows do, these are all but a last row of them. Returns how many. */
static int64_t move_overlap(const state *s, int64_t pixels, tl_real *row, tl_real *above, bool add)
{
    const int64_t step = s->window.w.out, n = tl_between(pixels - step, 0, pixels);
    if (add)
        tl_vadd(n, row, above + step);
    else
        memcpy(row, above + step, (size_t)n * sizeof *row);
    return n;
}

/* Moves rows k of a tile of P: upwards where they are added, so that a row has received all that it will. */
static void move_patches(const state *s, tile t, int64_t group, tl_span k, tl_real *images, tl_real *patches,
                         bool add)
{
    const tl_window *h = &s->window.h;
    const int64_t n = t.pixel.end - t.pixel.begin, kernel = s->window.w.kernel;
    for (int64_t i = t.image.begin; i < t.image.end; i++)
        for (int64_t m = k.begin; m < k.end; m++) {
            const int64_t l = add ? k.begin + k.end - 1 - m : m;
            const bool overlaps = h->stride == h->dilation && l - kernel >= k.begin &&
                                  l / kernel % h->kernel > 0;
            tl_real *row = patches + (l - k.begin) * t.columns + (i - t.image.begin) * n;
            const int64_t moved = overlaps ? move_overlap(s, n, row, row - kernel * t.columns, add) : 0;
            move_row(s, l, (tl_span){ t.pixel.begin + moved, t.pixel.end }, images + channel_at(s, i, group),
                     row + moved, add);
        }
}

/* Returns rows k of a tile of P, made in `buffer` unless they are in A as such. */
static tl_matrix patches_of(const tl_node *y, tile t, int64_t group, tl_span k, tl_real *buffer)
{
    const state *s = y->scratch;
    const tl_window *h = &s->window.h, *w = &s->window.w;
    const tl_real *a = y->in[0]->val;
    const bool pointwise = h->kernel * w->kernel * h->stride * w->stride == 1 && h->padding + w->padding == 0;
    if (pointwise && s->together == 1)
        return (tl_matrix){ a + channel_at(s, t.image.begin, group) + k.begin * s->pixels + t.pixel.begin,
                            s->pixels, 1 };
    move_patches(s, t, group, k, (tl_real *)a, buffer, false);
    return tl_matrix_rows(buffer, t.columns);
}

/* Returns the filters' values in a tile of dY as a matrix with the columns of P, copied to `buffer` if they
 * are of several images. */
static tl_matrix upstream_of(const tl_node *y, tile t, int64_t group, tl_real *buffer)
{
    const state *s = y->scratch;
    if (s->together == 1)
        return tl_matrix_rows(y->grad + filter_at(s, t.image.begin, group) + t.pixel.begin, s->pixels);
    for (int64_t i = t.image.begin; i < t.image.end; i++)
        for (int64_t f = 0; f < s->filters; f++)
            memcpy(buffer + f * t.columns + (i - t.image.begin) * s->pixels,
                   y->grad + filter_at(s, i, group) + f * s->pixels, (size_t)s->pixels * sizeof *buffer);
    return tl_matrix_rows(buffer, t.columns);
}

/* ---- Work on several threads ---- */

typedef struct pass {
    const tl_node *y;
    tl_parts parts;
    int64_t blocks; /* of channels, or of rows of P */
    tl_real *sums;  /* for dW: chunks x groups x depth x filters */
} pass;

/* ---- Forward ---- */

static void forward_tile(const tl_node *y, tile t, int64_t group, tl_real *buffer)
{
    const state *s = y->scratch;
    const tl_matrix w = tl_matrix_rows(y->in[1]->val + group * s->filters * s->depth, s->depth),
                    patches = patches_of(y, t, group, (tl_span){ 0, s->depth }, buffer);
    const int64_t n = t.pixel.end - t.pixel.begin;
    if (t.columns == s->pixels) {
        tl_gemm(s->filters, n, s->depth, w, patches, y->out + filter_at(s, t.image.begin, group), false);
        return;
    }
    tl_real *out = buffer + s->depth * t.columns;
    tl_gemm(s->filters, t.columns, s->depth, w, patches, out, false);
    for (int64_t i = t.image.begin; i < t.image.end; i++)
        for (int64_t f = 0; f < s->filters; f++)
            memcpy(y->out + filter_at(s, i, group) + f * s->pixels + t.pixel.begin,
                   out + f * t.columns + (i - t.image.begin) * n, (size_t)n * sizeof *out);
}

static void forward_units(void *context, int64_t begin, int64_t end)
{
    const pass *p = context;
    const state *s = p->y->scratch;
    for (int64_t u = begin; u < end; u++)
        forward_tile(p->y, tile_at(s, u / s->groups), u % s->groups, tl_parts_piece(&p->parts, p->y, begin));
}

static void forward(tl_node *y)
{
    const state *s = y->scratch;
    pass p = { .y = y, .parts = s->parts };
    tl_parts_run(&p.parts, tiles_of(s) * s->groups, forward_units, &p);
}

/* ---- Backward ---- */

/* A unit is a block of channels of the images that share tiles: no other unit adds to them. */
static void images_units(void *context, int64_t begin, int64_t end)
{
    const pass *p = context;
    const tl_node *a = p->y->in[0], *w = p->y->in[1];
    const state *s = p->y->scratch;
    const int64_t area = s->window.h.kernel * s->window.w.kernel, size = s->window.h.in * s->window.w.in,
                  per_image = tl_divide_up(s->pixels, s->columns);
    tl_real *buffer = tl_parts_piece(&p->parts, p->y, begin);
    for (int64_t u = begin; u < end; u++) {
        const int64_t group = u / p->blocks % s->groups, images = u / p->blocks / s->groups;
        const tl_span c = tl_block_of(u % p->blocks, p->blocks, s->channels),
                      k = { c.begin * area, c.end * area }, all = tile_at(s, images * per_image).image;
        const int64_t channels = c.end - c.begin;
        const tl_matrix rows = { w->val + group * s->filters * s->depth + k.begin, 1, s->depth };
        if (a->overwrite)
            for (int64_t i = all.begin; i < all.end; i++)
                memset(a->grad + channel_at(s, i, group) + c.begin * size, 0,
                       (size_t)(channels * size) * sizeof *a->grad);
        for (int64_t t = images * per_image; t < (images + 1) * per_image; t++) {
            const tile at = tile_at(s, t);
            const tl_matrix dy = upstream_of(p->y, at, group, buffer + s->depth * at.columns);
            tl_gemm(channels * area, at.columns, s->filters, rows, dy, buffer, false);
            move_patches(s, at, group, k, a->grad, buffer, true);
        }
    }
}

/* A unit is a block of rows of the transpose of dW, summed over a chunk of tiles. */
static void weights_units(void *context, int64_t begin, int64_t end)
{
    const pass *p = context;
    const state *s = p->y->scratch;
    tl_real *buffer = tl_parts_piece(&p->parts, p->y, begin);
    for (int64_t u = begin; u < end; u++) {
        const int64_t group = u / p->blocks % s->groups, chunk = u / p->blocks / s->groups;
        const tl_span k = tl_block_of(u % p->blocks, p->blocks, s->depth),
                      tiles = tl_block_of(chunk, s->chunks, tiles_of(s));
        tl_real *sum = p->sums + ((chunk * s->groups + group) * s->depth + k.begin) * s->filters;
        for (int64_t t = tiles.begin; t < tiles.end; t++) {
            const tile at = tile_at(s, t);
            const tl_matrix patches = patches_of(p->y, at, group, k, buffer),
                            dy = upstream_of(p->y, at, group, buffer + s->depth * at.columns);
            tl_gemm(k.end - k.begin, s->filters, at.columns, patches, tl_matrix_transposed(dy), sum,
                    t > tiles.begin);
        }
    }
}

/* Adds up the chunks, in their order. */
static void sum_chunks(void *context, int64_t begin, int64_t end)
{
    const pass *p = context;
    const state *s = p->y->scratch;
    const tl_node *w = p->y->in[1];
    for (int64_t f = begin; f < end; f++)
        for (int64_t k = 0; k < s->depth; k++) {
            const tl_real *from = p->sums + (f / s->filters * s->depth + k) * s->filters + f % s->filters;
            tl_real *to = w->grad + f * s->depth + k;
            double sum = w->overwrite ? 0 : (double)*to;
            for (int64_t c = 0; c < s->chunks; c++)
                sum += (double)from[c * weights_of(s)];
            *to = (tl_real)sum;
        }
}

static void backward(tl_node *y)
{
    const state *s = y->scratch;
    if (y->in[0]->grad) {
        const int64_t units = tl_divide_up(s->images, s->together) * s->groups;
        pass p = { .y = y, .parts = s->parts, .blocks = tl_parts_blocks(units, s->channels) };
        tl_parts_run(&p.parts, units * p.blocks, images_units, &p);
    }
    if (y->in[1]->grad) {
        const int64_t units = s->chunks * s->groups;
        pass p = { .y = y,
                   .parts = s->parts,
                   .blocks = tl_parts_blocks(units, s->depth),
                   .sums = (tl_real *)tl_workspace(y) + tl_parts_size(&s->parts) };
        tl_parts_run(&p.parts, units * p.blocks, weights_units, &p);
        tl_parallel_rows(s->groups * s->filters, s->chunks * s->depth, sum_chunks, &p);
    }
}

static void describe(const tl_node *y, tl_description *to)
{
    tl_describe_name(to, "Conv");
    if (!y->out)
        return;
    tl_windows_describe(&((const state *)y->scratch)->window, to);
    tl_describe_integer(to, "group", ((const tl_conv_options *)y->attr)->groups);
}

static const tl_op op = {
    .name = "conv2d",
    .n_in = 2,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0 | 1 << 1,
    .tangent = tl_multilinear_tangent,
    .describe = describe,
};

tl_node *tl_conv2d(tl_node *x, tl_node *w, const tl_conv_options *o)
{
    const tl_conv_options options = o ? *o : (tl_conv_options){ 0 };
    return tl_apply(&op, (tl_node *[]){ x, w }, &options, sizeof options);
}
