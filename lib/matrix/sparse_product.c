/* Drivers of the sparse kernels: layouts, blocks, and tasks for the threads. A tile of samples is packed,
 * multiplied and unpacked before the next one, while it is still in the cache. */
#include "lib/kernels/kernels.h"
#include "lib/matrix/blocks.h"
#include "lib/matrix/packing.h"
#include "matrix.h"
#include "parallel.h"

#include <string.h>

/* Return the numbers of rows of W X and of X. */
static int64_t rows_of_product(const tl_sparse_product *p)
{
    return p->transposed ? tl_pattern_cols(p->pattern) : tl_pattern_rows(p->pattern);
}

static int64_t depth_of(const tl_sparse_product *p)
{
    return p->transposed ? tl_pattern_rows(p->pattern) : tl_pattern_cols(p->pattern);
}

static tl_samples x_of(const tl_sparse_product *p)
{
    return (tl_samples){ depth_of(p), p->n, p->x_by_sample };
}

static tl_samples y_of(const tl_sparse_product *p)
{
    return (tl_samples){ rows_of_product(p), p->n, p->y_by_sample };
}

/* ---- Blocks of the pattern ---- */

/* Returns whether tiles are too narrow for blocks: their rows of X fit in a cache, or blocks gain little. */
static bool narrow(int64_t width)
{
    return 2 * width < TL_TILE_VECS * tl_kernel_table()->lanes;
}

/* Returns the columns of a block for tiles of up to n samples; 0: row by row. docs/internals.md (How wide a
 * block is) says why. */
static int64_t block_width(const tl_pattern *p, int64_t n)
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
    const int64_t block = block_width(p, n);
    return block == 0 || tl_pattern_blocks(p, block, perm) ? TL_OK : TL_ERR_MEMORY;
}

/* S or its transpose, for tiles of up to n samples. */
static tl_sparse sparse_of(const tl_pattern *p, bool transposed, const tl_real *values, int64_t n)
{
    const int32_t *perm = NULL;
    if (transposed)
        p = tl_pattern_transpose(p, &perm);
    const int64_t block = block_width(p, n);
    const tl_csr s = tl_pattern_csr(p);
    return (tl_sparse){ .rows = s.rows,
                        .row_ptr = s.row_ptr,
                        .col = s.col,
                        .perm = perm,
                        .values = values,
                        .blocks = block > 0 ? tl_pattern_blocks(p, block, perm) : NULL };
}

/* ---- One tile: a task per range of rows ---- */

typedef struct tile_job {
    tl_sparse s;
    tl_tile a, b, out;
    tl_real *dvalues;
    bool add, add_values;
    int64_t depth; /* rows of b */
    int64_t n_ranges;
} tile_job;

/* Returns what a kernel takes as the beginning of range r: its first row or, with blocks, r. */
static int64_t range_begin(const tile_job *j, int64_t r)
{
    return j->s.blocks ? r : tl_pattern_range(j->s.row_ptr, j->s.rows, j->n_ranges, r);
}

static tl_dense rows_of(tl_tile t)
{
    return (tl_dense){ t.data, t.ld };
}

static tl_dense_out rows_to(tl_tile t)
{
    return (tl_dense_out){ t.data, t.ld };
}

static void spmm_ranges(void *context, int64_t begin, int64_t end)
{
    const tile_job *j = context;
    tl_kernel_table()->spmm(&j->s, range_begin(j, begin), range_begin(j, end), j->b.width, rows_of(j->b),
                            rows_to(j->out), j->add);
}

static void sddmm_ranges(void *context, int64_t begin, int64_t end)
{
    const tile_job *j = context;
    tl_kernel_table()->sddmm(&j->s, range_begin(j, begin), range_begin(j, end), j->b.width, rows_of(j->a),
                             rows_of(j->b), j->dvalues, j->add_values);
}

static void spmm_sddmm_ranges(void *context, int64_t begin, int64_t end)
{
    const tile_job *j = context;
    tl_kernel_table()->spmm_sddmm(&j->s, range_begin(j, begin), range_begin(j, end), j->b.width,
                                  rows_of(j->a), rows_of(j->b), rows_to(j->out), j->add, j->dvalues,
                                  j->add_values);
}

static void run_tile(tile_job j, void (*body)(void *context, int64_t begin, int64_t end))
{
    enum { MAX_CACHED = 1 << 22 }; /* values of b that usually fit in a cache */
    if (narrow(j.b.width))
        j.s.blocks = NULL;
    j.s.x_uncached = !j.s.blocks && j.depth * j.b.width > MAX_CACHED;
    j.n_ranges = j.s.blocks ? j.s.blocks->n_ranges
                            : tl_pattern_ranges(j.s.rows, (double)j.s.row_ptr[j.s.rows] * (double)j.b.width);
    tl_parallel_for(j.n_ranges, 1, body, &j);
}

/* ---- The product ---- */

/* Returns tile t for random access by the kernels: in place if possible, otherwise packed in `buffer`. */
static tl_tile read_tile(tl_samples m, int64_t t, const tl_real *data, tl_real *buffer)
{
    if (tl_tile_readable(m))
        return tl_tile_in_place(m, t, (tl_real *)data);
    const tl_tile packed = tl_tile_packed(m, t, buffer);
    tl_pack_tile(m, t, data, packed);
    return packed;
}

/* Returns tile t for a walk row by row: in place, or a view of `buffer`, packed already or to be filled. */
static tl_tile stream_tile(tl_samples m, int64_t t, const tl_real *data, tl_real *buffer)
{
    return m.by_sample ? tl_tile_packed(m, t, buffer) : tl_tile_in_place(m, t, (tl_real *)data);
}

static int64_t tile_buffer_size(tl_samples m)
{
    return tl_tile_readable(m) ? 0 : tl_packed_tile_size(m);
}

tl_status tl_sparse_product_prepare(tl_sparse_product *p)
{
    if (!p || !p->pattern || p->n < 0)
        return tl_fail(TL_ERR_ARGUMENT, "sparse_product_prepare: %s",
                       !p            ? "the product is NULL"
                       : !p->pattern ? "the pattern is NULL"
                                     : "a negative number of samples");
    const int32_t *perm = NULL;
    const tl_pattern *transpose = tl_pattern_transpose(p->pattern, &perm);
    if (!transpose || prepare(p->pattern, NULL, p->n) != TL_OK || prepare(transpose, perm, p->n) != TL_OK)
        return TL_ERR_MEMORY;
    p->n_packed = p->x_by_sample ? tl_packed_size(x_of(p)) : 0;
    /* a tile of X and one of Y, or of dX and dY */
    p->n_workspace = tile_buffer_size(x_of(p)) + tile_buffer_size(y_of(p));
    return TL_OK;
}

static tl_real *y_buffer(const tl_sparse_product *p, const tl_sparse_operands *o)
{
    return o->workspace ? o->workspace + tile_buffer_size(x_of(p)) : NULL;
}

/* Returns where tile t of X is packed. If X is stored by sample, backward reads it there, too, unless there
 * is no backward. */
static tl_real *x_buffer(const tl_sparse_product *p, const tl_sparse_operands *o, int64_t t)
{
    return p->x_by_sample && p->packed ? p->packed + tl_packed_before(x_of(p), t) : o->workspace;
}

void tl_sparse_product_forward(const tl_sparse_product *p, const tl_sparse_operands *o)
{
    const tl_sparse s = sparse_of(p->pattern, p->transposed, o->values, p->n);
    const tl_samples xm = x_of(p), ym = y_of(p);
    if (ym.features == 0) /* the samples may be many */
        return;
    for (int64_t t = 0; t < tl_tile_count(p->n); t++) {
        const tl_tile xt = read_tile(xm, t, o->x, x_buffer(p, o, t)),
                      yt = stream_tile(ym, t, o->y, y_buffer(p, o));
        run_tile((tile_job){ .s = s, .b = xt, .depth = xm.features, .out = yt }, spmm_ranges);
        if (ym.by_sample)
            tl_unpack_tile(ym, t, yt, o->y, false);
    }
}

/* Returns tile t of X as forward packed it, packed again if X may have changed; in place if features are
 * rows. */
static tl_tile x_again(const tl_sparse_product *p, const tl_sparse_operands *o, int64_t t)
{
    const tl_samples m = x_of(p);
    return m.by_sample && p->x_mutable ? read_tile(m, t, o->x, x_buffer(p, o, t))
                                       : stream_tile(m, t, o->x, x_buffer(p, o, t));
}

/* Computes dX and, unless dvalues is NULL, the values' gradient. */
static void backward_to_x(const tl_sparse_product *p, const tl_sparse_operands *o)
{
    const tl_sparse transpose = sparse_of(p->pattern, !p->transposed, o->values, p->n);
    const tl_samples xm = x_of(p), ym = y_of(p);
    for (int64_t t = 0; t < tl_tile_count(p->n); t++) {
        const tl_tile dxt = stream_tile(xm, t, o->dx, o->workspace);
        run_tile((tile_job){ .s = transpose,
                             .a = x_again(p, o, t),
                             .b = read_tile(ym, t, o->dy, y_buffer(p, o)),
                             .depth = ym.features,
                             .out = dxt,
                             .dvalues = o->dvalues,
                             .add = !xm.by_sample && o->add_dx,
                             .add_values = t > 0 || o->add_dvalues },
                 o->dvalues ? spmm_sddmm_ranges : spmm_ranges);
        if (xm.by_sample)
            tl_unpack_tile(xm, t, dxt, o->dx, o->add_dx);
    }
}

/* Computes the values' gradient alone: that of entry (i, j) of S is the dot product of row i of one of dY and
 * X and row j of the other. */
static void backward_to_values(const tl_sparse_product *p, const tl_sparse_operands *o)
{
    const tl_sparse s = sparse_of(p->pattern, false, NULL, p->n);
    const tl_samples xm = x_of(p), ym = y_of(p);
    for (int64_t t = 0; t < tl_tile_count(p->n); t++) {
        const tl_tile xt = xm.by_sample ? x_again(p, o, t) : read_tile(xm, t, o->x, o->workspace),
                      dyt = read_tile(ym, t, o->dy, y_buffer(p, o));
        run_tile((tile_job){ .s = s,
                             .a = p->transposed ? xt : dyt,
                             .b = p->transposed ? dyt : xt,
                             .depth = tl_pattern_cols(p->pattern),
                             .dvalues = o->dvalues,
                             .add_values = t > 0 || o->add_dvalues },
                 sddmm_ranges);
    }
}

void tl_sparse_product_backward(const tl_sparse_product *p, const tl_sparse_operands *o)
{
    const int64_t nnz = tl_pattern_nnz(p->pattern);
    if (o->dvalues && !o->add_dvalues && p->n == 0) /* no tile clears them */
        memset(o->dvalues, 0, (size_t)nnz * sizeof *o->dvalues);
    if (nnz == 0 && depth_of(p) == 0) /* as in forward */
        return;
    if (o->dx)
        backward_to_x(p, o);
    else if (o->dvalues)
        backward_to_values(p, o);
}

static tl_matrix features_by_samples(tl_samples m, const tl_real *data)
{
    const tl_matrix rows = tl_matrix_rows(data, m.by_sample ? m.features : m.n);
    return m.by_sample ? tl_matrix_transposed(rows) : rows;
}

void tl_sparse_product_gradient_rows(const tl_sparse_product *p, const tl_sparse_operands *o, int64_t first,
                                     int64_t n, tl_real *rows)
{
    const tl_matrix x = features_by_samples(x_of(p), o->x), dy = features_by_samples(y_of(p), o->dy);
    tl_matrix left = p->transposed ? x : dy;
    if (p->n == 0) /* there may be no data to point to */
        return;
    left.data += first * left.row;
    tl_gemm(n, tl_pattern_cols(p->pattern), p->n, left, tl_matrix_transposed(p->transposed ? dy : x), rows,
            true);
}
