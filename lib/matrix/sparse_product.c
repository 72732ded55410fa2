/* What lies around the sparse kernels: layouts, blocks, and pieces of work for the threads. A tile of samples
 * is packed, multiplied and unpacked before the next, so that it is still in the cache. */
#include "lib/matrix/sparse_product.h"
#include "lib/kernels/kernels.h"
#include "lib/matrix/packing.h"
#include "parallel.h"
#include "lib/pattern/pattern_private.h"

#include <string.h>

int64_t tl_sparse_product_rows(const tl_sparse_product *p)
{
    return p->transposed ? tl_pattern_cols(p->pattern) : tl_pattern_rows(p->pattern);
}

int64_t tl_sparse_product_depth(const tl_sparse_product *p)
{
    return p->transposed ? tl_pattern_rows(p->pattern) : tl_pattern_cols(p->pattern);
}

static tl_samples x_of(const tl_sparse_product *p)
{
    return (tl_samples){ tl_sparse_product_depth(p), p->n, p->x_by_sample };
}

static tl_samples y_of(const tl_sparse_product *p)
{
    return (tl_samples){ tl_sparse_product_rows(p), p->n, p->y_by_sample };
}

/* ---- Blocks of the pattern ---- */

/* Kernels walk narrow tiles by rows: those rows of X fit in a cache, or there is little to win. */
static bool narrow(int64_t width)
{
    return 2 * width < TL_TILE_VECS * tl_kernel_table()->lanes;
}

/* Columns in a block for tiles of n samples or fewer; 0: row by row. What a row has in a block costs a load
 * and a store of its part of Y besides, so that it should have some entries; but the more columns, the fewer
 * of their rows of X are in the first cache. As measured at densities from 0.5 to 0.01, both together cost
 * least at about three quarters of the narrowest block and what holds seven entries more. X that is no larger
 * than the widest block is one, unless there were six: down to half an entry a row, its walk is no slower
 * than one by rows, as it asks for columns ahead. */
static int64_t block_of(const tl_pattern *p, int64_t n)
{
    const int64_t narrowest = tl_kernel_table()->block, widest = TL_WIDEST_BLOCK * narrowest,
                  cols = tl_pattern_cols(p), nnz = tl_pattern_nnz(p);
    if (narrow(n) || nnz == 0)
        return 0;
    const double density = (double)nnz / ((double)tl_pattern_rows(p) * (double)cols),
                 best = 0.75 * (double)narrowest + 7 / density;
    const int64_t block = best < (double)narrowest ? narrowest
                          : best < (double)widest  ? (int64_t)best
                                                   : widest;
    if (cols <= widest && cols < 6 * block)
        return cols;
    return density * (double)block >= 4 && cols > block + block / 2 ? block : 0;
}

static tl_status prepare(const tl_pattern *p, const int32_t *perm, int64_t n)
{
    const int64_t block = block_of(p, n);
    return block == 0 || tl_pattern_blocks(p, block, perm) ? TL_OK : TL_ERR_MEMORY;
}

tl_status tl_sparse_product_prepare(const tl_sparse_product *p)
{
    const int32_t *perm = NULL;
    const tl_pattern *turned = tl_pattern_transpose(p->pattern, &perm);
    return turned && prepare(p->pattern, NULL, p->n) == TL_OK && prepare(turned, perm, p->n) == TL_OK
               ? TL_OK
               : TL_ERR_MEMORY;
}

/* S or its transpose, for tiles of n samples or fewer. */
static tl_sparse sparse_of(const tl_pattern *p, bool transposed, const tl_real *values, int64_t n)
{
    const int32_t *perm = NULL;
    if (transposed)
        p = tl_pattern_transpose(p, &perm);
    const int64_t block = block_of(p, n);
    const tl_csr s = tl_pattern_csr(p);
    return (tl_sparse){ .rows = s.rows,
                        .row_ptr = s.row_ptr,
                        .col = s.col,
                        .perm = perm,
                        .values = values,
                        .blocks = block > 0 ? tl_pattern_blocks(p, block, perm) : NULL };
}

/* ---- A tile, in ranges of rows for the threads ---- */

typedef struct walk {
    tl_sparse s;
    tl_tile a, b, out;
    tl_real *dvalues;
    bool add, add_values;
    int64_t depth; /* rows of b */
    int64_t ranges;
} walk;

/* What a kernel takes for range r: a row, or with blocks the range itself. */
static int64_t begin_of(const walk *w, int64_t r)
{
    return w->s.blocks ? r : tl_pattern_range(w->s.row_ptr, w->s.rows, w->ranges, r);
}

static void spmm_ranges(void *context, int64_t begin, int64_t end)
{
    const walk *w = context;
    tl_kernel_table()->spmm(&w->s, begin_of(w, begin), begin_of(w, end), w->b.width, w->b.at, w->b.ld,
                            w->out.at, w->out.ld, w->add);
}

static void sddmm_ranges(void *context, int64_t begin, int64_t end)
{
    const walk *w = context;
    tl_kernel_table()->sddmm(&w->s, begin_of(w, begin), begin_of(w, end), w->b.width, w->a.at, w->a.ld,
                             w->b.at, w->b.ld, w->dvalues, w->add_values);
}

static void gradients_ranges(void *context, int64_t begin, int64_t end)
{
    const walk *w = context;
    tl_kernel_table()->spmm_sddmm(&w->s, begin_of(w, begin), begin_of(w, end), w->b.width, w->a.at, w->a.ld,
                                  w->b.at, w->b.ld, w->out.at, w->out.ld, w->add, w->dvalues, w->add_values);
}

static void walk_ranges(walk w, void (*body)(void *context, int64_t begin, int64_t end))
{
    enum { LARGE = 1 << 22 }; /* values: b is then not in a cache of the usual size */
    if (narrow(w.b.width))
        w.s.blocks = NULL;
    w.s.x_uncached = !w.s.blocks && w.depth * w.b.width > LARGE;
    w.ranges = w.s.blocks ? w.s.blocks->n_ranges
                          : tl_pattern_ranges(w.s.rows, (double)w.s.row_ptr[w.s.rows] * (double)w.b.width);
    tl_parallel_for(w.ranges, 1, body, &w);
}

/* ---- The product ---- */

/* A tile for the kernels to read any row of, packed at `room` unless it can be read where it lies. */
static tl_tile read_tile(tl_samples m, int64_t t, const tl_real *data, tl_real *room)
{
    if (tl_tile_readable(m))
        return tl_tile_in_place(m, t, (tl_real *)data);
    const tl_tile packed = tl_tile_packed(m, t, room);
    tl_pack_tile(m, t, data, packed);
    return packed;
}

/* A tile for the kernels to go through row by row: in place, or at `room`, which it fills. */
static tl_tile pass_tile(tl_samples m, int64_t t, const tl_real *data, tl_real *room)
{
    return m.by_sample ? tl_tile_packed(m, t, room) : tl_tile_in_place(m, t, (tl_real *)data);
}

int64_t tl_sparse_product_x_packed(const tl_sparse_product *p)
{
    return p->x_by_sample ? tl_packed_size(x_of(p)) : 0;
}

static int64_t tile_room(tl_samples m)
{
    return tl_tile_readable(m) ? 0 : tl_packed_tile_size(m);
}

/* Tiles of X and Y, or of dX and dY. */
int64_t tl_sparse_product_workspace(const tl_sparse_product *p)
{
    return tile_room(x_of(p)) + tile_room(y_of(p));
}

static tl_real *y_room(const tl_sparse_product *p)
{
    return p->workspace ? p->workspace + tile_room(x_of(p)) : NULL;
}

/* Where tile t of X is packed, by forward and for backward if it lies by sample. */
static tl_real *x_room(const tl_sparse_product *p, int64_t t)
{
    return p->x_by_sample ? p->x_packed + tl_packed_before(x_of(p), t) : p->workspace;
}

void tl_sparse_product_forward(const tl_sparse_product *p, const tl_real *values, const tl_real *x,
                               tl_real *y)
{
    const tl_sparse w = sparse_of(p->pattern, p->transposed, values, p->n);
    const tl_samples xm = x_of(p), ym = y_of(p);
    for (int64_t t = 0; t < tl_tile_count(p->n); t++) {
        const tl_tile xt = read_tile(xm, t, x, x_room(p, t)), yt = pass_tile(ym, t, y, y_room(p));
        walk_ranges((walk){ .s = w, .b = xt, .depth = xm.features, .out = yt }, spmm_ranges);
        if (ym.by_sample)
            tl_unpack_tile(ym, t, yt, y, false);
    }
}

/* X as forward packed it, packed anew if it may have changed; in place if features are rows. */
static tl_tile x_again(const tl_sparse_product *p, int64_t t, const tl_real *x)
{
    const tl_samples m = x_of(p);
    return m.by_sample && p->x_mutable ? read_tile(m, t, x, x_room(p, t)) : pass_tile(m, t, x, x_room(p, t));
}

/* dX, with the values' gradient or without. */
static void backward_to_x(const tl_sparse_product *p, const tl_real *values, const tl_real *x,
                          const tl_real *dy, tl_real *dvalues, bool add_values, tl_real *dx, bool add_x)
{
    const tl_sparse turned = sparse_of(p->pattern, !p->transposed, values, p->n);
    const tl_samples xm = x_of(p), ym = y_of(p);
    for (int64_t t = 0; t < tl_tile_count(p->n); t++) {
        const tl_tile dxt = pass_tile(xm, t, dx, p->workspace);
        walk_ranges((walk){ .s = turned,
                            .a = x_again(p, t, x),
                            .b = read_tile(ym, t, dy, y_room(p)),
                            .depth = ym.features,
                            .out = dxt,
                            .dvalues = dvalues,
                            .add = !xm.by_sample && add_x,
                            .add_values = t > 0 || add_values },
                    dvalues ? gradients_ranges : spmm_ranges);
        if (xm.by_sample)
            tl_unpack_tile(xm, t, dxt, dx, add_x);
    }
}

/* The values' gradient alone: entry (i, j) of S joins row i of one factor with row j of the other. */
static void backward_to_values(const tl_sparse_product *p, const tl_real *x, const tl_real *dy,
                               tl_real *dvalues, bool add_values)
{
    const tl_sparse s = sparse_of(p->pattern, false, NULL, p->n);
    const tl_samples xm = x_of(p), ym = y_of(p);
    for (int64_t t = 0; t < tl_tile_count(p->n); t++) {
        walk w = { .s = s,
                   .depth = tl_pattern_cols(p->pattern),
                   .dvalues = dvalues,
                   .add_values = t > 0 || add_values };
        w.b = xm.by_sample ? x_again(p, t, x) : read_tile(xm, t, x, p->workspace);
        w.a = read_tile(ym, t, dy, y_room(p));
        if (p->transposed) {
            const tl_tile other = w.a;
            w.a = w.b;
            w.b = other;
        }
        walk_ranges(w, sddmm_ranges);
    }
}

void tl_sparse_product_backward(const tl_sparse_product *p, const tl_real *values, const tl_real *x,
                                const tl_real *dy, tl_real *dvalues, bool add_values, tl_real *dx, bool add_x)
{
    if (dvalues && !add_values && p->n == 0) /* no tile */
        memset(dvalues, 0, (size_t)tl_pattern_nnz(p->pattern) * sizeof *dvalues);
    if (dx)
        backward_to_x(p, values, x, dy, dvalues, add_values, dx, add_x);
    else if (dvalues)
        backward_to_values(p, x, dy, dvalues, add_values);
}
