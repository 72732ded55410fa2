/* The sparse kernels. A tile of up to TL_TILE_VECS vectors of samples stays in registers along a row of the
 * matrix: an entry then costs as many loads and fused products as there are vectors, and no store. Where rows
 * have enough entries in a block of columns, the matrix is walked block by block, so that the rows of X of
 * one block stay in L1. Either way an element is summed over the row's entries in ascending order. */
#include "lib/kernels/isa_names.h"
#include "lib/kernels/row_span.h"
#include "lib/kernels/vector.h"
#include "lib/prefetch.h"

enum { FULL = false, TAIL = true };

/* A tile of `width` samples. `vecs` and `tail` are compile-time constants wherever a tile is made. */
typedef struct tile {
    int vecs;  /* vectors in a row */
    bool tail; /* TAIL: the last one may be partial */
    int64_t width;
} tile;

/* Load and store vector v of a row. */
INLINE vec load_at(const tl_real *p, int v, const tile t)
{
    return t.tail && v + 1 == t.vecs ? load_up_to(p + v * LANES, t.width - v * LANES) : load(p + v * LANES);
}

INLINE void store_at(tl_real *p, int v, const tile t, vec x)
{
    store_up_to(p + v * LANES, x, t.tail && v + 1 == t.vecs ? t.width - v * LANES : LANES);
}

/* ---- Prefetching ---- */

/* Prefetches a row of a tile. (No gain for rows that are only written, such as dX. Testing whether Y is read
 * costs more than prefetching it.) */
INLINE void prefetch_tile_row(const tl_real *row, const int vecs)
{
    for (int v = 0; v < vecs; v++)
        __builtin_prefetch(row + v * LANES);
}

/* Prefetches the row of X that will be read PREFETCH_DISTANCE entries after e. */
INLINE void prefetch_x_row(const tl_sparse *s, int64_t e, const int vecs, const tl_real *x, int64_t ldx)
{
    enum { PREFETCH_DISTANCE = 12 };
    const int64_t last = s->row_ptr[s->rows] - 1,
                  ahead = e + PREFETCH_DISTANCE < last ? e + PREFETCH_DISTANCE : last;
    prefetch_tile_row(x + s->col[ahead] * ldx, vecs);
}

/* Prefetches a value and its gradient. Either array is NULL if the walk does not use it. */
INLINE void prefetch_value(const tl_real *values, const tl_real *dvalues, int64_t at)
{
    if (values)
        __builtin_prefetch(values + at, 0, 2);
    if (dvalues)
        __builtin_prefetch(dvalues + at, 1, 2);
}

/* In a walk by rows: prefetches as many values after row r as r has, which is about the next row. */
INLINE void prefetch_next_row(const tl_sparse *s, const row_span r, const tl_real *dvalues)
{
    enum { MAX_ENTRIES = 512, MIN_NNZ = 1 << 18 }; /* fewer values are in L2 anyway */
    const int64_t nnz = s->row_ptr[s->rows];
    if (nnz < MIN_NNZ)
        return;
    const int64_t begin = r.first + r.n, n = r.n < MAX_ENTRIES ? r.n : MAX_ENTRIES,
                  end = begin + n < nnz ? begin + n : nnz;
    for (int64_t e = begin; e < end; e++)
        prefetch_value(s->values, dvalues, s->perm[e]);
}

/* In a walk by blocks: the cache lines that the next part needs, prefetched a few per segment of this one. */
typedef struct prefetch_list {
    const int32_t *next, *end;
    int64_t per_segment;
} prefetch_list;

INLINE prefetch_list prefetch_list_after(const tl_blocks *k, int64_t part)
{
    const tl_block_part *p = k->part + part;
    const int64_t segments = p[1].segment - p[0].segment, n = p[2].prefetch - p[1].prefetch;
    return (prefetch_list){ k->prefetch_list + p[1].prefetch, k->prefetch_list + p[2].prefetch,
                            segments > 0 ? (n + segments - 1) / segments : 0 };
}

INLINE void prefetch_some(prefetch_list *l, const tl_real *values, const tl_real *dvalues)
{
    for (int64_t n = l->per_segment; n > 0 && l->next < l->end; n--)
        prefetch_value(values, dvalues, *l->next++);
}

/* ---- One span. From here on `vecs` is a compile-time constant at every call. ---- */

INLINE void add_row(tl_real value, const int vecs, const tl_real *restrict x, vec *sum)
{
    for (int v = 0; v < vecs; v++)
        sum[v] = load(x + v * LANES) * value + sum[v];
}

/* sum += the rows of X that the span's columns select, times its values. uncached: S, for prefetching X, or
 * NULL. */
INLINE void add_rows(const row_span r, const tl_real *values, const int vecs, const tl_real *restrict x,
                     int64_t ldx, vec *sum, const tl_sparse *uncached)
{
    int64_t k = 0;
    uint64_t cols4 = r.cols4;
    if (r.blocked)
        for (; k + 4 <= r.n; k += 4) {
            const uint64_t next = load_4_cols(r.col16 + k + 4);
            for (int q = 0; q < 4; q++)
                add_row(values[value_index(r, k + q)], vecs, x + col_of_4(cols4, q) * ldx, sum);
            cols4 = next;
        }
    for (; k < r.n; k++) {
        if (uncached)
            prefetch_x_row(uncached, r.first + k, vecs, x, ldx);
        add_row(values[value_index(r, k)], vecs, x + (r.blocked ? col_of_4(cols4, k % 4) : r.col[k]) * ldx,
                sum);
    }
}

/* y = (add: +=) the sum over a span; y is at the span's row. */
INLINE void spmm_span(const row_span r, const tl_real *values, const tile t, const tl_real *restrict x,
                      int64_t ldx, tl_real *restrict y, bool add, const tl_sparse *uncached)
{
    vec sum[TL_TILE_VECS];
    if (r.n == 0 && add)
        return;
    for (int v = 0; v < t.vecs; v++)
        sum[v] = add ? load_at(y, v, t) : (vec){ 0 };
    add_rows(r, values, t.vecs, x, ldx, sum, uncached);
    for (int v = 0; v < t.vecs; v++)
        store_at(y, v, t, sum[v]);
}

/* Entries k .. k+n-1 of a span, n a constant up to 4; if it is blocked, cols4 holds their columns. dvalues =
 * (add_values: +=) the products of a with their rows of b; if `both`, also da += these rows times the
 * entries' values, each row loaded once. A product that overwrites is added to 0, so that a zero has the sign
 * that accumulating into cleared memory would give it. */
INLINE void sddmm_4(const row_span r, int64_t k, const int n, uint64_t cols4, const tl_real *values,
                    const int vecs, const vec *a, const tl_real *restrict b, int64_t ldb, const bool both,
                    vec *da, tl_real *restrict dvalues, bool add_values)
{
    vec sum[4] = { { 0 }, { 0 }, { 0 }, { 0 } };
    const tl_real *row[4];
    tl_real value[4];
    int64_t at[4];
    for (int q = 0; q < n; q++) {
        row[q] = b + (r.blocked ? col_of_4(cols4, q) : r.col[k + q]) * ldb;
        at[q] = value_index(r, k + q);
        value[q] = both ? values[at[q]] : 0;
    }
#pragma GCC unroll 8 /* before arrays become registers: otherwise a and da stay in memory */
    for (int v = 0; v < vecs; v++)
        for (int q = 0; q < n; q++) {
            vec bv = load(row[q] + v * LANES);
            if (both)
                IN_REGISTER(bv);
            sum[q] = a[v] * bv + sum[q];
            if (both)
                da[v] = bv * value[q] + da[v];
        }
    quad total;
    sum_four(sum, &total);
    if (n == 4 && !r.permuted) {
        quad *to = (quad *)(dvalues + at[0]);
        *to = (add_values ? *to : (quad){ 0 }) + total;
        return;
    }
    for (int q = 0; q < n; q++)
        dvalues[at[q]] = (add_values ? dvalues[at[q]] : 0) + total[q];
}

/* dvalues = (add_values: +=) the products of a span; if `both`, also da = (add: +=) the sum over it. a and da
 * are at the span's row. */
INLINE void sddmm_span(const row_span r, const tl_real *values, const tile t, const tl_real *restrict a,
                       const tl_real *restrict b, int64_t ldb, const bool both, tl_real *restrict da,
                       bool add, tl_real *restrict dvalues, bool add_values, const tl_sparse *uncached)
{
    vec av[TL_TILE_VECS], dav[TL_TILE_VECS];
    if (r.n == 0 && (add || !both))
        return;
    for (int v = 0; v < t.vecs; v++) {
        av[v] = load_at(a, v, t);
        if (both)
            dav[v] = add ? load_at(da, v, t) : (vec){ 0 };
    }
    int64_t k = 0;
    uint64_t cols4 = r.cols4;
    for (; k + 4 <= r.n; k += 4) {
        const uint64_t next = r.blocked ? load_4_cols(r.col16 + k + 4) : 0;
        if (uncached)
            for (int q = 0; q < 4; q++)
                prefetch_x_row(uncached, r.first + k + q, t.vecs, b, ldb);
        sddmm_4(r, k, 4, cols4, values, t.vecs, av, b, ldb, both, dav, dvalues, add_values);
        cols4 = next;
    }
    if (r.n - k == 3)
        sddmm_4(r, k, 3, cols4, values, t.vecs, av, b, ldb, both, dav, dvalues, add_values);
    else if (r.n - k == 2)
        sddmm_4(r, k, 2, cols4, values, t.vecs, av, b, ldb, both, dav, dvalues, add_values);
    else if (r.n - k == 1)
        sddmm_4(r, k, 1, cols4, values, t.vecs, av, b, ldb, both, dav, dvalues, add_values);
    if (both)
        for (int v = 0; v < t.vecs; v++)
            store_at(da, v, t, dav[v]);
}

/* ---- Walks by rows ---- */

INLINE void spmm_rows(const tl_sparse *s, int64_t begin, int64_t end, const tile t, tl_dense x,
                      tl_dense_out y, bool add)
{
    for (int64_t i = begin; i < end; i++) {
        tl_real *yi = y.data + i * y.ld;
        if (s->x_uncached)
            spmm_span(span_of_row(s, i, s->perm), s->values, t, x.data, x.ld, yi, add, s);
        else if (s->perm)
            spmm_span(span_of_row(s, i, true), s->values, t, x.data, x.ld, yi, add, NULL);
        else
            spmm_span(span_of_row(s, i, false), s->values, t, x.data, x.ld, yi, add, NULL);
    }
}

INLINE void sddmm_rows(const tl_sparse *s, int64_t begin, int64_t end, const tile t, tl_dense a, tl_dense b,
                       const bool both, tl_dense_out da, bool add, tl_real *restrict dvalues, bool add_values)
{
    for (int64_t i = begin; i < end; i++) {
        const tl_real *ai = a.data + i * a.ld;
        tl_real *dai = both ? da.data + i * da.ld : NULL;
        if (both && s->perm)
            prefetch_next_row(s, span_of_row(s, i, true), dvalues);
        if (s->perm || s->x_uncached)
            sddmm_span(span_of_row(s, i, s->perm), s->values, t, ai, b.data, b.ld, both, dai, add, dvalues,
                       add_values, s->x_uncached ? s : NULL);
        else
            sddmm_span(span_of_row(s, i, false), s->values, t, ai, b.data, b.ld, both, dai, add, dvalues,
                       add_values, NULL);
    }
}

/* ---- Walks by blocks, part by part ---- */

/* The arguments of a walk through one part of a block that all kernels share. The loop over its segments is
 * in a function that is not inlined and that takes these and the block's rows of X: that keeps register
 * pressure low and the address arithmetic out of the loop. */
typedef struct block_args {
    cursor first;
    const tl_segment *end;
    prefetch_list ahead;
    const tl_real *values;
    int64_t first_col;              /* of the block */
    bool permuted, add, add_values; /* add: to Y or dA, also when an earlier block has written them */
} block_args;

INLINE block_args block_args_of(const tl_sparse *s, int64_t part, bool add, bool add_values)
{
    const tl_blocks *k = s->blocks;
    return (block_args){ .first = cursor_first(k, part),
                         .end = k->segment + k->part[part + 1].segment,
                         .ahead = prefetch_list_after(k, part),
                         .values = s->values,
                         .first_col = part % k->n_blocks * k->block,
                         .permuted = k->perm,
                         .add = add || part % k->n_blocks > 0,
                         .add_values = add_values };
}

INLINE void spmm_segments(block_args w, const bool permuted, const tile t, const tl_real *restrict x,
                          tl_dense_out y)
{
    for (cursor at = w.first, next; at.segment < w.end; at = next) {
        next = cursor_next(at, permuted); /* its columns are loaded before they are needed */
        if (LANES >= TL_CACHE_LINE)       /* narrower vectors are bound by load throughput, not by misses */
            prefetch_tile_row(y.data + next.segment->row * y.ld, t.vecs);
        prefetch_some(&w.ahead, w.values, NULL);
        spmm_span(span_of_segment(at, permuted), w.values, t, x, t.vecs * LANES,
                  y.data + at.segment->row * y.ld, w.add, NULL);
    }
}

INLINE void sddmm_segments(block_args w, const bool permuted, const tile t, tl_dense a,
                           const tl_real *restrict b, const bool both, tl_dense_out da,
                           tl_real *restrict dvalues)
{
    for (cursor at = w.first, next; at.segment < w.end; at = next) {
        next = cursor_next(at, permuted);
        prefetch_tile_row(a.data + next.segment->row * a.ld, t.vecs);
        prefetch_some(&w.ahead, w.values, dvalues);
        sddmm_span(span_of_segment(at, permuted), w.values, t, a.data + at.segment->row * a.ld, b,
                   t.vecs * LANES, both, both ? da.data + at.segment->row * da.ld : NULL, w.add, dvalues,
                   w.add_values, NULL);
    }
}

/* ---- A copy of each walk per number of vectors in a tile, and for a full tile ---- */

/* Only wide tiles are walked by blocks. */
#define FOR_WIDE_TILES(DO) DO(4, TAIL) DO(5, TAIL) DO(6, TAIL) DO(7, TAIL) DO(8, TAIL) DO(8, FULL)
#define FOR_ALL_TILES(DO)  DO(1, TAIL) DO(2, TAIL) DO(3, TAIL) FOR_WIDE_TILES(DO)
_Static_assert(TL_TILE_VECS == 8, "the tiles above");

#define TILE(vecs, tail) (2 * (vecs) + (tail))

INLINE int64_t tile_of(int64_t width)
{
    return width == TL_TILE_VECS * LANES ? TILE(TL_TILE_VECS, FULL) : TILE((width + LANES - 1) / LANES, TAIL);
}

/* The loop over segments: for a full tile two copies, permuted and not; for any other, one. */
#define SEGMENTS(name, vecs, tail, ...)                                                                      \
    if (tail || w->permuted)                                                                                 \
        name##_segments(*w, !tail || w->permuted, (tile){ vecs, tail, width }, __VA_ARGS__);                 \
    else                                                                                                     \
        name##_segments(*w, false, (tile){ vecs, tail, width }, __VA_ARGS__);

#define SPMM_WALK(vecs, tail)                                                                                \
    static NOINLINE void spmm_##vecs##tail(const block_args *w, int64_t width, const tl_real *x,             \
                                           tl_dense_out y)                                                   \
    {                                                                                                        \
        SEGMENTS(spmm, vecs, tail, x, y)                                                                     \
    }
#define SDDMM_WALK(vecs, tail)                                                                               \
    static NOINLINE void sddmm_##vecs##tail(const block_args *w, int64_t width, tl_dense a,                  \
                                            const tl_real *b, tl_real *dvalues)                              \
    {                                                                                                        \
        SEGMENTS(sddmm, vecs, tail, a, b, false, (tl_dense_out){ 0 }, dvalues)                               \
    }
#define SPMM_SDDMM_WALK(vecs, tail)                                                                          \
    static NOINLINE void spmm_sddmm_##vecs##tail(const block_args *w, int64_t width, tl_dense a,             \
                                                 const tl_real *b, tl_dense_out da, tl_real *dvalues)        \
    {                                                                                                        \
        SEGMENTS(sddmm, vecs, tail, a, b, true, da, dvalues)                                                 \
    }
FOR_WIDE_TILES(SPMM_WALK)
FOR_WIDE_TILES(SDDMM_WALK)
FOR_WIDE_TILES(SPMM_SDDMM_WALK)

/* ---- The kernels ---- */

#define ROWS_OR_BLOCKS(ROWS, BLOCKS, add, add_values)                                                        \
    if (!s->blocks)                                                                                          \
        switch (tile_of(width)) {                                                                            \
            FOR_ALL_TILES(ROWS)                                                                              \
        }                                                                                                    \
    else                                                                                                     \
        for (int64_t part = begin * s->blocks->n_blocks; part < end * s->blocks->n_blocks; part++) {         \
            const block_args w = block_args_of(s, part, add, add_values);                                    \
            switch (tile_of(width)) {                                                                        \
                FOR_WIDE_TILES(BLOCKS)                                                                       \
            }                                                                                                \
        }

void TL_ISA(spmm)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, tl_dense x, tl_dense_out y,
                  bool add)
{
#define SPMM_ROWS(vecs, tail)                                                                                \
    case TILE(vecs, tail):                                                                                   \
        spmm_rows(s, begin, end, (tile){ vecs, tail, width }, x, y, add);                                    \
        break;
#define SPMM_BLOCKS(vecs, tail)                                                                              \
    case TILE(vecs, tail): spmm_##vecs##tail(&w, width, x.data + w.first_col * x.ld, y); break;
    ROWS_OR_BLOCKS(SPMM_ROWS, SPMM_BLOCKS, add, false)
}

void TL_ISA(sddmm)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, tl_dense a, tl_dense b,
                   tl_real *dvalues, bool add_values)
{
#define SDDMM_ROWS(vecs, tail)                                                                               \
    case TILE(vecs, tail):                                                                                   \
        sddmm_rows(s, begin, end, (tile){ vecs, tail, width }, a, b, false, (tl_dense_out){ 0 }, false,      \
                   dvalues, add_values);                                                                     \
        break;
#define SDDMM_BLOCKS(vecs, tail)                                                                             \
    case TILE(vecs, tail): sddmm_##vecs##tail(&w, width, a, b.data + w.first_col * b.ld, dvalues); break;
    ROWS_OR_BLOCKS(SDDMM_ROWS, SDDMM_BLOCKS, false, add_values)
}

void TL_ISA(spmm_sddmm)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, tl_dense a, tl_dense b,
                        tl_dense_out da, bool add, tl_real *dvalues, bool add_values)
{
#define SPMM_SDDMM_ROWS(vecs, tail)                                                                          \
    case TILE(vecs, tail):                                                                                   \
        sddmm_rows(s, begin, end, (tile){ vecs, tail, width }, a, b, true, da, add, dvalues, add_values);    \
        break;
#define SPMM_SDDMM_BLOCKS(vecs, tail)                                                                        \
    case TILE(vecs, tail):                                                                                   \
        spmm_sddmm_##vecs##tail(&w, width, a, b.data + w.first_col * b.ld, da, dvalues);                     \
        break;
    ROWS_OR_BLOCKS(SPMM_SDDMM_ROWS, SPMM_SDDMM_BLOCKS, add, add_values)
}
