/* What lies around the sparse kernels: layouts, blocks, and pieces of work for the threads.
 *
 * The kernels want features as rows and a tile of samples side by side. A matrix that lies otherwise is
 * packed: tile after tile, each with its rows one after the other, padded to whole vectors by zeros;
 * packing absorbs the layout. */
#include "sparse_product.h"
#include "kernels.h"
#include "parallel.h"
#include "pattern_private.h"

#include <string.h>

int64_t tl_sparse_product_rows(const tl_sparse_product *p)
{
    return p->transposed ? tl_pattern_cols(p->pattern) : tl_pattern_rows(p->pattern);
}

int64_t tl_sparse_product_depth(const tl_sparse_product *p)
{
    return p->transposed ? tl_pattern_rows(p->pattern) : tl_pattern_cols(p->pattern);
}

/* ---- Tiles of samples ---- */

typedef struct tiles {
    int64_t n, width, count; /* samples; in a full tile; tiles */
} tiles;

static tiles tiles_of(int64_t n)
{
    const int64_t width = TL_TILE_VECS * tl_kernel_table()->lanes;
    return (tiles){ n, width, (n + width - 1) / width };
}

static int64_t width_of(tiles t, int64_t tile)
{
    return tile + 1 < t.count ? t.width : t.n - tile * t.width;
}

static int64_t padded(int64_t width)
{
    const int64_t lanes = tl_kernel_table()->lanes;
    return (width + lanes - 1) / lanes * lanes;
}

/* Whether a matrix with features as rows can be read where it lies: in one tile, of whole vectors. */
static bool fits(int64_t n)
{
    return n <= tiles_of(n).width && n == padded(n);
}

int64_t tl_sparse_product_x_room(const tl_sparse_product *p)
{
    return p->x_by_sample || !fits(p->n) ? tl_sparse_product_depth(p) * padded(p->n) : 0;
}

int64_t tl_sparse_product_y_room(const tl_sparse_product *p)
{
    return p->y_by_sample || !fits(p->n) ? tl_sparse_product_rows(p) * padded(p->n) : 0;
}

/* A matrix of features x samples, as it lies or packed, for the kernels: row k of tile t is at tile_at() +
 * k ld. */
typedef struct operand {
    tl_real *data;
    int64_t features, ld;
    bool packed;
} operand;

static tl_real *tile_at(operand m, tiles t, int64_t tile, int64_t *ld)
{
    *ld = m.packed ? padded(width_of(t, tile)) : m.ld;
    return m.data + (m.packed ? tile * t.width * m.features : tile * t.width);
}

/* ---- Packing ---- */

typedef struct packing {
    const tl_real *from;
    tl_real *to; /* in unpack: where the result goes */
    operand packed;
    tiles t;
    bool by_sample, add;
} packing;

static void pack_rows(void *context, int64_t begin, int64_t end)
{
    const packing *c = context;
    const tl_kernels *kernel = tl_kernel_table();
    for (int64_t tile = 0; tile < c->t.count; tile++) {
        int64_t ld, width = width_of(c->t, tile), first = tile * c->t.width;
        tl_real *to = tile_at(c->packed, c->t, tile, &ld);
        if (c->by_sample)
            kernel->transpose(width, end - begin, c->from + first * c->packed.features + begin,
                              c->packed.features, to + begin * ld, ld, false);
        for (int64_t k = begin; k < end; k++) {
            if (!c->by_sample)
                memcpy(to + k * ld, c->from + k * c->t.n + first, (size_t)width * sizeof *to);
            for (int64_t j = width; j < ld; j++)
                to[k * ld + j] = 0;
        }
    }
}

static void unpack_rows(void *context, int64_t begin, int64_t end)
{
    const packing *c = context;
    for (int64_t tile = 0; tile < c->t.count; tile++) {
        int64_t ld;
        const tl_real *from = tile_at(c->packed, c->t, tile, &ld);
        tl_kernel_table()->transpose(end - begin, width_of(c->t, tile), from + begin * ld, ld,
                                     c->to + tile * c->t.width * c->packed.features + begin,
                                     c->packed.features, c->add);
    }
}

static int64_t packing_grain(int64_t n)
{
    return 1 + (1 << 15) / (n + 1);
}

/* x for the kernels to read. */
static operand pack(const tl_real *x, int64_t features, int64_t n, bool by_sample, tl_real *room)
{
    if (!by_sample && fits(n))
        return (operand){ (tl_real *)x, features, n, false };
    packing c = {
        .from = x, .packed = { room, features, 0, true }, .t = tiles_of(n), .by_sample = by_sample
    };
    tl_parallel_for(features, packing_grain(n), pack_rows, &c);
    return c.packed;
}

/* ---- Blocks of the pattern ---- */

/* How many columns a block has, 0 for row by row. Blocks whose rows of X fit in L1 pay where a row has a
 * few entries in each: it then costs a load and a store of its part of Y. Else blocks that fit in L2,
 * where X as a whole does not. */
static int64_t block_of(const tl_pattern *p)
{
    const int64_t small = tl_kernel_table()->block, large = 16 * small;
    const double cells = (double)tl_pattern_rows(p) * (double)tl_pattern_cols(p);
    const double in_small = cells > 0 ? (double)tl_pattern_nnz(p) * (double)small / cells : 0;
    if (tl_pattern_cols(p) > small && in_small >= 2.5)
        return small;
    return tl_pattern_cols(p) > large + large / 2 && 16 * in_small >= 4 ? large : 0;
}

static tl_status prepare(const tl_pattern *p)
{
    const int64_t block = block_of(p);
    return block == 0 || tl_pattern_blocks(p, block) ? TL_OK : TL_ERR_MEMORY;
}

tl_status tl_sparse_product_prepare(const tl_sparse_product *p)
{
    const tl_pattern *turned = tl_pattern_transpose(p->pattern, NULL);
    return turned && prepare(p->pattern) == TL_OK && prepare(turned) == TL_OK ? TL_OK : TL_ERR_MEMORY;
}

static tl_sparse sparse_of(const tl_pattern *p, const int32_t *order, const tl_real *values, int64_t n)
{
    tl_sparse s = { .rows = tl_pattern_rows(p),
                    .row_ptr = tl_pattern_row_ptr(p),
                    .col = tl_pattern_col(p),
                    .order = order,
                    .values = values,
                    .n_blocks = 1 };
    const int64_t block = block_of(p);
    if (block > 0 && 2 * n >= TL_TILE_VECS * tl_kernel_table()->lanes) {
        s.start = tl_pattern_blocks(p, block);
        s.n_blocks = (tl_pattern_cols(p) + block - 1) / block;
    }
    return s;
}

/* ---- Pieces of work: a tile of samples by a range of rows, of about the same work each ---- */

typedef struct product {
    tl_sparse s;
    tiles t;
    operand a, b; /* spmm: b is X; sddmm: rows of a meet rows of b */
    operand out;  /* spmm: Y */
    tl_real *values;
    bool add;
    int64_t ranges;
} product;

/* Where range r of the rows begins: a row costs its entries and a little more. */
static int64_t range_begin(const product *c, int64_t r)
{
    const int64_t row_cost = 4, total = c->s.row_ptr[c->s.rows] + row_cost * c->s.rows;
    const double target = (double)total * (double)r / (double)c->ranges;
    int64_t low = 0, high = c->s.rows;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if ((double)(c->s.row_ptr[middle] + row_cost * middle) < target)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The part of Y that a range has stays in L2 while the blocks go by. */
static int64_t count_ranges(const tl_sparse *s)
{
    const int64_t n = (s->rows + 255) / 256;
    return n < 1 ? 1 : n > 256 ? 256 : n;
}

static void spmm_pieces(void *context, int64_t begin, int64_t end)
{
    const product *c = context;
    for (int64_t piece = begin; piece < end; piece++) {
        int64_t tile = piece / c->ranges, range = piece % c->ranges, ldx, ldy;
        const tl_real *x = tile_at(c->b, c->t, tile, &ldx);
        tl_real *y = tile_at(c->out, c->t, tile, &ldy);
        tl_kernel_table()->spmm(&c->s, range_begin(c, range), range_begin(c, range + 1), width_of(c->t, tile),
                                x, ldx, y, ldy, c->add);
    }
}

/* out = W x or W^T x */
static void spmm(const tl_pattern *p, bool transposed, const tl_real *values, operand x, int64_t n,
                 operand out, bool add)
{
    const int32_t *order = NULL;
    const tl_pattern *w = transposed ? tl_pattern_transpose(p, &order) : p;
    product c = { .s = sparse_of(w, order, values, n), .t = tiles_of(n), .b = x, .out = out, .add = add };
    c.ranges = count_ranges(&c.s);
    tl_parallel_for(c.t.count * c.ranges, 1, spmm_pieces, &c);
}

static void sddmm_ranges(void *context, int64_t begin, int64_t end)
{
    const product *c = context;
    for (int64_t range = begin; range < end; range++)
        for (int64_t tile = 0; tile < c->t.count; tile++) {
            int64_t lda, ldb;
            const tl_real *a = tile_at(c->a, c->t, tile, &lda), *b = tile_at(c->b, c->t, tile, &ldb);
            tl_kernel_table()->sddmm(&c->s, range_begin(c, range), range_begin(c, range + 1),
                                     width_of(c->t, tile), a, lda, b, ldb, c->values);
        }
}

static void sddmm(const tl_pattern *p, operand a, operand b, int64_t n, tl_real *values)
{
    product c = { .s = sparse_of(p, NULL, NULL, n), .t = tiles_of(n), .a = a, .b = b, .values = values };
    c.ranges = count_ranges(&c.s);
    tl_parallel_for(c.ranges, 1, sddmm_ranges, &c);
}

/* out = W x, written to `to` as that lies */
static void multiply(const tl_pattern *p, bool transposed, const tl_real *values, operand x, int64_t n,
                     tl_real *to, int64_t features, bool by_sample, tl_real *room, bool add)
{
    if (!by_sample) {
        spmm(p, transposed, values, x, n, (operand){ to, features, n, false }, add);
        return;
    }
    operand packed = { room, features, 0, true };
    spmm(p, transposed, values, x, n, packed, false);
    packing c = { .to = to, .packed = packed, .t = tiles_of(n), .add = add };
    tl_parallel_for(features, packing_grain(n), unpack_rows, &c);
}

void tl_sparse_product_forward(const tl_sparse_product *p, const tl_real *values, const tl_real *x,
                               tl_real *y)
{
    operand xs = pack(x, tl_sparse_product_depth(p), p->n, p->x_by_sample, p->x_packed);
    multiply(p->pattern, p->transposed, values, xs, p->n, y, tl_sparse_product_rows(p), p->y_by_sample,
             p->y_packed, false);
}

void tl_sparse_product_backward(const tl_sparse_product *p, const tl_real *values, const tl_real *x,
                                const tl_real *dy, tl_real *dvalues, tl_real *dx)
{
    operand dys = pack(dy, tl_sparse_product_rows(p), p->n, p->y_by_sample, p->y_packed);
    if (dvalues) {
        operand xs = pack(x, tl_sparse_product_depth(p), p->n, p->x_by_sample, p->x_packed);
        /* entry (i, j) of S joins row i of one factor with row j of the other */
        sddmm(p->pattern, p->transposed ? xs : dys, p->transposed ? dys : xs, p->n, dvalues);
    }
    if (dx)
        multiply(p->pattern, !p->transposed, values, dys, p->n, dx, tl_sparse_product_depth(p),
                 p->x_by_sample, p->x_packed, true);
}
