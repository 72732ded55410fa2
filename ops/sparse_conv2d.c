/* sparse_conv2d: conv2d with filters that are the rows of a sparse matrix, filters x (c kh kw).
 *
 * P, of conv2d, is not made: its row for a place of the window is a run of a plane, and rows overlap. Of each
 * channel there is a plane per column of the window and per remainder of rows by the stride: of plane (j, a),
 * row r has what column j of the window reads, pixel after pixel, in row r stride + a of the padded image.
 * Y = W P;  dW += dY P^T at W's pattern;  dA += W^T dY, each element added where P read it. */
#include "ops.h"
#include "runs.h"
#include "tangent.h"
#include "vmath.h"
#include "window.h"

#include <string.h>

enum {
    TILE = 1 << 18, /* about the values in a part's tiles: they stay in L2 */
    NARROW = 64     /* the narrowest tile, where images are wider */
};

typedef struct state {
    tl_windows window;
    int64_t images, channels, filters;
    int64_t high, wide; /* rows and columns of Y in a tile */
    int64_t rows;       /* of a plane; it has `wide` columns */
    int64_t chunks;     /* of images; each has its own sum for dW */
    tl_runs runs;
    tl_parts parts; /* a piece is planes of A and, for backward, of dA, and a tile of dY */
} state;

/* ---- Shape ---- */

static int64_t round_up(int64_t n)
{
    return tl_divide_up(n, TL_RUN_PADDING) * TL_RUN_PADDING;
}

/* Return the values in the planes of a channel, in those of all with their padding, and in a row of a tile of
 * dY with its own. */
static int64_t channel_size(const state *s)
{
    return s->window.w.kernel * s->window.h.stride * s->rows * s->wide;
}

static int64_t planes_size(const state *s)
{
    return round_up(s->channels * channel_size(s)) + TL_RUN_PADDING;
}

static int64_t row_size(const state *s)
{
    return round_up(s->high * s->wide);
}

static int64_t piece_size(const state *s)
{
    return 2 * planes_size(s) + s->filters * row_size(s);
}

static void set_tile(state *s, int64_t high, int64_t wide)
{
    const tl_window *h = &s->window.h;
    s->high = high;
    s->wide = wide;
    s->rows = high + (h->kernel - 1) * h->dilation / h->stride;
}

static tl_status plan(state *s, int64_t nnz, bool backward)
{
    set_tile(s, s->window.h.out, s->window.w.out);
    const tl_status status = tl_shape_check(
        TL_SHAPE(s->channels * s->window.w.kernel, s->window.h.stride, s->rows, s->wide));
    if (status != TL_OK)
        return status;
    while (piece_size(s) > TILE && s->high > 1)
        set_tile(s, s->high / 2, s->wide);
    while (piece_size(s) > TILE && s->wide > NARROW)
        set_tile(s, s->high, s->wide / 2);
    if (planes_size(s) > INT32_MAX)
        return tl_fail(TL_ERR_SHAPE, "a tile has %lld values, and must not have more than %d",
                       (long long)planes_size(s), INT32_MAX);
    s->parts = tl_parts_of(backward ? piece_size(s) : planes_size(s));
    s->chunks = backward ? tl_between(s->images, 0, tl_parts_of(nnz).n) : 0;
    return TL_OK;
}

static tl_status find_runs(tl_node *y)
{
    state *s = y->scratch;
    const tl_window *h = &s->window.h, *w = &s->window.w;
    int32_t *run = tl_scratch(y, s->channels * h->kernel * w->kernel, sizeof *run);
    s->runs = (tl_runs){ .pattern = y->in[1]->pattern,
                         .run = run,
                         .entry_run = tl_scratch(y, y->in[1]->size, sizeof *s->runs.entry_run) };
    if (!run || !s->runs.entry_run)
        return TL_ERR_MEMORY;
    for (int64_t c = 0; c < s->channels; c++)
        for (int64_t i = 0; i < h->kernel * h->dilation; i += h->dilation)
            for (int64_t j = 0; j < w->kernel; j++)
                *run++ = (int32_t)(c * channel_size(s) +
                                   ((j * h->stride + i % h->stride) * s->rows + i / h->stride) * s->wide);
    return tl_runs_prepare(&s->runs, y->requires_grad);
}

static tl_status check_inputs(const tl_node *a, const tl_node *w, const tl_windows *window)
{
    const int64_t area = window->h.kernel * window->w.kernel, channels = a->shape.dim[1];
    if (w->shape.dim[1] % area == 0 && w->shape.dim[1] / area == channels)
        return TL_OK;
    return tl_fail(TL_ERR_SHAPE,
                   "%s has not a column for each of %lld x %lld x %lld values under a window of %s",
                   tl_node_text(w).text, (long long)channels, (long long)window->h.kernel,
                   (long long)window->w.kernel, tl_node_text(a).text);
}

static tl_status shape(tl_node *y)
{
    const tl_sparse_conv_options *o = y->attr;
    const tl_node *a = y->in[0], *w = y->in[1];
    const int64_t kernel[] = { o->kernel[0], o->kernel[1] };
    state *s = y->scratch = tl_scratch(y, 1, sizeof *s);
    if (!s)
        return TL_ERR_MEMORY;
    tl_status status = tl_windows_over(a, kernel, o->stride, o->padding, o->dilation, &s->window);
    if (status == TL_OK)
        status = check_inputs(a, w, &s->window);
    if (status != TL_OK)
        return status;
    s->images = a->shape.dim[0];
    s->channels = a->shape.dim[1];
    s->filters = w->shape.dim[0];
    status = tl_shape_dense(y, TL_SHAPE(s->images, s->filters, s->window.h.out, s->window.w.out));
    if (status == TL_OK)
        status = plan(s, w->size, y->requires_grad);
    if (status == TL_OK)
        status = find_runs(y);
    if (status != TL_OK)
        return status;
    return tl_reserve_workspace(y, tl_parts_size(&s->parts) + s->chunks * w->size, sizeof(tl_real));
}

/* ---- Tiles ---- */

/* Rows i and columns j of one image of Y: one row, or whole ones, so that its n pixels follow one another. */
typedef struct tile {
    int64_t image;
    tl_span i, j;
    int64_t n;
} tile;

static int64_t tiles_across(const state *s)
{
    return tl_divide_up(s->window.w.out, s->wide);
}

static int64_t tiles_per_image(const state *s)
{
    return tl_divide_up(s->window.h.out, s->high) * tiles_across(s);
}

static tile tile_at(const state *s, int64_t t)
{
    const int64_t of = t % tiles_per_image(s), i = of / tiles_across(s) * s->high,
                  j = of % tiles_across(s) * s->wide;
    const tl_span rows = { i, tl_between(i + s->high, i, s->window.h.out) },
                  cols = { j, tl_between(j + s->wide, j, s->window.w.out) };
    return (tile){ t / tiles_per_image(s), rows, cols, (rows.end - rows.begin) * (cols.end - cols.begin) };
}

/* Returns where filter f of a tile begins in Y. */
static int64_t filter_at(const state *s, tile t, int64_t f)
{
    return ((t.image * s->filters + f) * s->window.h.out + t.i.begin) * s->window.w.out + t.j.begin;
}

/* Copies channels c of the image under a tile to their planes, or adds these to the image. */
static void move_planes(const state *s, tile t, tl_span c, tl_real *images, tl_real *planes, bool add)
{
    const tl_window *h = &s->window.h, *w = &s->window.w;
    const int64_t n = w->kernel * h->stride, width = t.j.end - t.j.begin;
    for (int64_t k = c.begin * n; k < c.end * n; k++) {
        const int64_t offset = k / h->stride % w->kernel * w->dilation;
        tl_real *image = images + (t.image * s->channels + k / n) * h->in * w->in;
        for (int64_t r = 0; r < s->rows; r++) {
            const int64_t from = tl_window_at(h, t.i.begin + r, k % h->stride);
            tl_real *row = planes + (k * s->rows + r) * s->wide;
            if (from < 0 || from >= h->in)
                memset(row, 0, (size_t)width * sizeof *row); /* what was to be added is not read again */
            else if (add)
                tl_window_add(w, offset, t.j, row, image + from * w->in);
            else
                tl_window_read(w, offset, t.j, image + from * w->in, row);
        }
    }
}

/* Copies a tile of dY, with what pads its rows. */
static void read_upstream(const tl_node *y, tile t, tl_real *to)
{
    const state *s = y->scratch;
    for (int64_t f = 0; f < s->filters; f++) {
        tl_real *row = to + f * row_size(s);
        memcpy(row, y->grad + filter_at(s, t, f), (size_t)t.n * sizeof *row);
        memset(row + t.n, 0, (size_t)(row_size(s) - t.n) * sizeof *row);
    }
}

/* ---- Work on several threads ---- */

typedef struct pass {
    const tl_node *y;
    tl_parts parts;
    int64_t blocks; /* of filters, or of channels */
    tl_real *sums;  /* for dW: chunks x nnz; NULL: not computed */
} pass;

/* ---- Forward ---- */

/* A unit is a block of filters of a tile. */
static void forward_units(void *context, int64_t begin, int64_t end)
{
    const pass *p = context;
    const tl_node *a = p->y->in[0], *w = p->y->in[1];
    const state *s = p->y->scratch;
    tl_real *planes = tl_parts_piece(&p->parts, p->y, begin);
    for (int64_t u = begin; u < end; u++) {
        const tile t = tile_at(s, u / p->blocks);
        const tl_span f = tl_block_of(u % p->blocks, p->blocks, s->filters);
        move_planes(s, t, (tl_span){ 0, s->channels }, (tl_real *)a->val, planes, false);
        tl_runs_forward(&s->runs, f.begin, f.end, t.n, w->val, planes, p->y->out + filter_at(s, t, 0),
                        s->window.h.out * s->window.w.out);
    }
}

static void forward(tl_node *y)
{
    const state *s = y->scratch;
    const int64_t tiles = s->images * tiles_per_image(s);
    pass p = { .y = y, .parts = s->parts, .blocks = tl_parts_blocks(tiles, s->filters) };
    tl_parts_run(&p.parts, tiles * p.blocks, forward_units, &p);
}

/* ---- Backward ---- */

static void backward_tile(const tl_node *y, tile t, tl_span c, tl_real *planes, tl_real *sums)
{
    const tl_node *a = y->in[0];
    const state *s = y->scratch;
    const int64_t area = s->window.h.kernel * s->window.w.kernel;
    tl_real *moved = a->grad ? planes + planes_size(s) : NULL, *dy = planes + 2 * planes_size(s);
    read_upstream(y, t, dy);
    if (sums)
        move_planes(s, t, c, (tl_real *)a->val, planes, false);
    if (moved)
        memset(moved + c.begin * channel_size(s), 0,
               (size_t)((c.end - c.begin) * channel_size(s)) * sizeof *moved);
    tl_runs_backward(&s->runs, c.begin * area, c.end * area, t.n,
                     &(tl_runs_gradients){ .values = y->in[1]->val,
                                           .x = planes,
                                           .dy = dy,
                                           .lddy = row_size(s),
                                           .dvalues = sums,
                                           .dx = moved });
    if (moved)
        move_planes(s, t, c, a->grad, moved, true);
}

/* A unit is a block of channels of a chunk of images: no other unit adds to them, or has their entries. */
static void backward_units(void *context, int64_t begin, int64_t end)
{
    const pass *p = context;
    const tl_node *a = p->y->in[0];
    const state *s = p->y->scratch;
    const int64_t size = s->window.h.in * s->window.w.in, per_image = tiles_per_image(s);
    for (int64_t u = begin; u < end; u++) {
        const int64_t chunk = u / p->blocks;
        const tl_span c = tl_block_of(u % p->blocks, p->blocks, s->channels),
                      images = tl_block_of(chunk, s->chunks, s->images);
        if (a->overwrite)
            for (int64_t i = images.begin; i < images.end; i++)
                memset(a->grad + (i * s->channels + c.begin) * size, 0,
                       (size_t)((c.end - c.begin) * size) * sizeof *a->grad);
        for (int64_t t = images.begin * per_image; t < images.end * per_image; t++)
            backward_tile(p->y, tile_at(s, t), c, tl_parts_piece(&p->parts, p->y, begin),
                          p->sums ? p->sums + chunk * p->y->in[1]->size : NULL);
    }
}

/* Adds up the chunks, in their order. */
static void sum_chunks(void *context, int64_t begin, int64_t end)
{
    const pass *p = context;
    const tl_node *w = p->y->in[1];
    const int64_t chunks = ((const state *)p->y->scratch)->chunks;
    for (int64_t e = begin; e < end; e++) {
        double sum = w->overwrite ? 0 : (double)w->grad[e];
        for (int64_t c = 0; c < chunks; c++)
            sum += (double)p->sums[c * w->size + e];
        w->grad[e] = (tl_real)sum;
    }
}

static void backward(tl_node *y)
{
    const state *s = y->scratch;
    const tl_node *w = y->in[1];
    pass p = { .y = y, .parts = s->parts, .blocks = tl_parts_blocks(s->chunks, s->channels) };
    if (w->grad) {
        p.sums = (tl_real *)tl_workspace(y) + tl_parts_size(&p.parts);
        memset(p.sums, 0, (size_t)(s->chunks * w->size) * sizeof *p.sums);
    }
    tl_parts_run(&p.parts, s->chunks * p.blocks, backward_units, &p);
    if (w->grad)
        tl_parallel_rows(w->size, s->chunks, sum_chunks, &p);
}

/* Filters of which the gradient of all cells is computed, over one tile. */
typedef struct filter_rows {
    const tl_node *y;
    tile t;
    const tl_real *planes;
    int64_t first;
    tl_real *rows;
} filter_rows;

static void add_filter_rows(void *context, int64_t begin, int64_t end)
{
    const filter_rows *r = context;
    const state *s = r->y->scratch;
    const int64_t cols = tl_shape_cols(r->y->in[1]->shape);
    for (int64_t f = begin; f < end; f++) {
        const tl_real *dy = r->y->grad + filter_at(s, r->t, r->first + f);
        for (int64_t k = 0; k < cols; k++)
            r->rows[f * cols + k] += tl_vdot(r->t.n, dy, r->planes + s->runs.run[k]);
    }
}

static void gradient_rows(const tl_node *y, int32_t i, int64_t first, int64_t n, tl_real *rows)
{
    (void)i; /* only W is sparse */
    const state *s = y->scratch;
    tl_real *planes = tl_workspace(y);
    for (int64_t k = 0; k < s->images * tiles_per_image(s); k++) {
        filter_rows r = { y, tile_at(s, k), planes, first, rows };
        move_planes(s, r.t, (tl_span){ 0, s->channels }, (tl_real *)y->in[0]->val, planes, false);
        tl_parallel_rows(n, r.t.n * tl_shape_cols(y->in[1]->shape), add_filter_rows, &r);
    }
}

static void describe(const tl_node *y, tl_description *to)
{
    if (y->out)
        tl_windows_describe(&((const state *)y->scratch)->window, to);
}

static const tl_op op = {
    .name = "sparse_conv2d",
    .n_in = 2,
    .in_kind = { TL_DENSE, TL_SPARSE },
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0 | 1 << 1,
    .tangent = tl_multilinear_tangent,
    .describe = describe,
    .gradient_rows = gradient_rows,
};

tl_node *tl_sparse_conv2d(tl_node *x, tl_node *w, const tl_sparse_conv_options *o)
{
    const tl_sparse_conv_options options = o ? *o : (tl_sparse_conv_options){ 0 };
    return tl_apply(&op, (tl_node *[]){ x, w }, &options, sizeof options);
}
