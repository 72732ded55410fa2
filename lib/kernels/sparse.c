/* The sparse kernels. A tile of up to eight vectors of samples stays in registers along a row of the matrix,
 * so that an entry costs as many loads and products as there are vectors and no store. Where a row has
 * entries enough in a block of columns, the matrix is walked block by block: the rows of X that a block names
 * then stay in a cache. Where X is small, all of it is one block.
 *
 * The order of an element's sum is that of the row's entries either way. */
#include "lib/kernels/isa_names.h"
#include "lib/kernels/row_span.h"
#include "lib/kernels/vector.h"

enum { FULL = false, PART = true }; /* the last vector of a tile */

/* Vector v of `vecs` of a row of `width` values; the last may be a part of one. */
INLINE vec load_at(const tl_real *p, int v, const int vecs, int64_t width, const bool part)
{
    return part && v + 1 == vecs ? load_up_to(p + v * LANES, width - v * LANES) : load(p + v * LANES);
}

INLINE void store_at(tl_real *p, int v, const int vecs, int64_t width, const bool part, vec x)
{
    store_up_to(p + v * LANES, x, part && v + 1 == vecs ? width - v * LANES : LANES);
}

/* ---- What a chip cannot foresee ---- */

enum { FAR = 1 << 18 }; /* entries; values so far apart are not in a cache of the usual size */

/* A row that is read soon. (One that is only written gains nothing by it, nor does dX; but to ask whether Y is
 * read costs more than to ask for it.) */
INLINE void foresee_row(const tl_real *row, const int vecs)
{
    for (int v = 0; v < vecs; v++)
        __builtin_prefetch(row + v * LANES);
}

/* The row of a table that an entry some entries on will read. */
INLINE void foresee_table(const tl_sparse *s, int64_t e, const int vecs, const tl_real *x, int64_t ldx)
{
    enum { AHEAD = 12 };
    const int64_t last = s->row_ptr[s->rows] - 1, soon = e + AHEAD < last ? e + AHEAD : last;
    foresee_row(x + s->col[soon] * ldx, vecs);
}

/* A value and its gradient. Either may be NULL: not of this walk. */
INLINE void foresee_value(const tl_real *values, const tl_real *dvalues, int64_t at)
{
    if (values)
        __builtin_prefetch(values + at, 0, 2);
    if (dvalues)
        __builtin_prefetch(dvalues + at, 1, 2);
}

/* In a walk by rows: those of about the next row. */
INLINE void foresee_next_row(const tl_sparse *s, const run r, const tl_real *dvalues)
{
    enum { MOST = 512 };
    const int64_t nnz = s->row_ptr[s->rows];
    if (nnz < FAR)
        return;
    const int64_t e = r.first + r.n, wanted = r.n < MOST ? r.n : MOST,
                  end = e + wanted < nnz ? e + wanted : nnz;
    for (int64_t soon = e; soon < end; soon++)
        foresee_value(s->values, dvalues, s->perm[soon]);
}

/* In a walk by blocks: the lines that the next block needs and this one does not, some at each piece. */
typedef struct lines {
    const int32_t *next, *end;
    int64_t each;
} lines;

INLINE lines lines_after(const tl_blocks *k, int64_t part)
{
    const tl_block_part *p = k->part + part;
    const int64_t pieces = p[1].piece - p[0].piece, n = p[2].line - p[1].line;
    return (lines){ k->line + p[1].line, k->line + p[2].line, pieces > 0 ? (n + pieces - 1) / pieces : 0 };
}

INLINE void foresee_lines(lines *l, const tl_real *values, const tl_real *dvalues)
{
    for (int64_t n = l->each; n > 0 && l->next < l->end; n--)
        foresee_value(values, dvalues, *l->next++);
}

/* ---- One run. Here and below `vecs` and `part` are constants wherever they are handed on. ---- */

INLINE void add_row(tl_real value, const int vecs, const tl_real *restrict x, vec *sum)
{
    for (int v = 0; v < vecs; v++)
        sum[v] = load(x + v * LANES) * value + sum[v];
}

/* sum += the rows of X that a run names, by its values. table: NULL, or the matrix if X is one. */
INLINE void add_rows(const run r, const tl_real *values, const int vecs, const tl_real *restrict x,
                     int64_t ldx, vec *sum, const tl_sparse *table)
{
    int64_t k = 0;
    uint64_t four = r.four;
    for (; r.blocked && k + 4 <= r.n; k += 4) {
        const uint64_t next = four_near(r.near + k + 4);
        for (int q = 0; q < 4; q++)
            add_row(values[place(r, k + q)], vecs, x + one_near(four, q) * ldx, sum);
        four = next;
    }
    for (; k < r.n; k++) {
        if (table)
            foresee_table(table, r.first + k, vecs, x, ldx);
        add_row(values[place(r, k)], vecs, x + (r.blocked ? one_near(four, k % 4) : r.col[k]) * ldx, sum);
    }
}

/* y = (old: +=) the sum over a run; both at the run's row. */
INLINE void spmm_run(const run r, const tl_real *values, const int vecs, const bool part, int64_t width,
                     const tl_real *restrict x, int64_t ldx, tl_real *restrict y, bool old,
                     const tl_sparse *table)
{
    vec sum[TL_TILE_VECS];
    if (r.n == 0 && old)
        return;
    for (int v = 0; v < vecs; v++)
        sum[v] = old ? load_at(y, v, vecs, width, part) : (vec){ 0 };
    add_rows(r, values, vecs, x, ldx, sum, table);
    for (int v = 0; v < vecs; v++)
        store_at(y, v, vecs, width, part, sum[v]);
}

/* Entries k .. k+n-1 of a run, n a constant up to 4; if it is blocked, their columns are those in `four`.
 * dvalues = (add_values: +=) the products of a with the rows of b that they name; and, for `both`, da +=
 * those rows by the entries' values, each row loaded once. What is not added to old values is added to 0, so
 * that a zero has the sign that it would have in cleared memory. */
INLINE void meet(const run r, int64_t k, const int n, uint64_t four, const tl_real *values, const int vecs,
                 const vec *a, const tl_real *restrict b, int64_t ldb, const bool both, vec *da,
                 tl_real *restrict dvalues, bool add_values)
{
    vec sum[4] = { { 0 }, { 0 }, { 0 }, { 0 } };
    const tl_real *row[4];
    tl_real value[4];
    int64_t at[4];
    for (int q = 0; q < n; q++) {
        row[q] = b + (r.blocked ? one_near(four, q) : r.col[k + q]) * ldb;
        at[q] = place(r, k + q);
        value[q] = both ? values[at[q]] : 0;
    }
#pragma GCC unroll 8 /* before arrays become registers: else a and da stay in memory */
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
    if (n == 4 && !r.ordered) {
        quad *to = (quad *)(dvalues + at[0]);
        *to = (add_values ? *to : (quad){ 0 }) + total;
        return;
    }
    for (int q = 0; q < n; q++)
        dvalues[at[q]] = (add_values ? dvalues[at[q]] : 0) + total[q];
}

/* dvalues = (add_values: +=) the products of a run; for `both`, da = (old: +=) the sum over it. a and da: at
 * its row. */
INLINE void gradients_run(const run r, const tl_real *values, const int vecs, const bool part, int64_t width,
                          const tl_real *restrict a, const tl_real *restrict b, int64_t ldb, const bool both,
                          tl_real *restrict da, bool old, tl_real *restrict dvalues, bool add_values,
                          const tl_sparse *table)
{
    vec av[TL_TILE_VECS], dav[TL_TILE_VECS];
    if (r.n == 0 && (old || !both))
        return;
    for (int v = 0; v < vecs; v++) {
        av[v] = load_at(a, v, vecs, width, part);
        if (both)
            dav[v] = old ? load_at(da, v, vecs, width, part) : (vec){ 0 };
    }
    int64_t k = 0;
    uint64_t four = r.four;
    for (; k + 4 <= r.n; k += 4) {
        const uint64_t next = r.blocked ? four_near(r.near + k + 4) : 0;
        for (int q = 0; table && q < 4; q++)
            foresee_table(table, r.first + k + q, vecs, b, ldb);
        meet(r, k, 4, four, values, vecs, av, b, ldb, both, dav, dvalues, add_values);
        four = next;
    }
    if (r.n - k == 3)
        meet(r, k, 3, four, values, vecs, av, b, ldb, both, dav, dvalues, add_values);
    else if (r.n - k == 2)
        meet(r, k, 2, four, values, vecs, av, b, ldb, both, dav, dvalues, add_values);
    else if (r.n - k == 1)
        meet(r, k, 1, four, values, vecs, av, b, ldb, both, dav, dvalues, add_values);
    for (int v = 0; both && v < vecs; v++)
        store_at(da, v, vecs, width, part, dav[v]);
}

/* ---- Walks by rows ---- */

INLINE void spmm_rows(const tl_sparse *s, int64_t begin, int64_t end, const int vecs, const bool part,
                      int64_t width, const tl_real *restrict x, int64_t ldx, tl_real *restrict y, int64_t ldy,
                      bool add)
{
    for (int64_t i = begin; i < end; i++) {
        tl_real *yi = y + i * ldy;
        if (s->x_uncached)
            spmm_run(run_of_row(s, i, s->perm), s->values, vecs, part, width, x, ldx, yi, add, s);
        else if (s->perm)
            spmm_run(run_of_row(s, i, true), s->values, vecs, part, width, x, ldx, yi, add, NULL);
        else
            spmm_run(run_of_row(s, i, false), s->values, vecs, part, width, x, ldx, yi, add, NULL);
    }
}

INLINE void gradients_rows(const tl_sparse *s, int64_t begin, int64_t end, const int vecs, const bool part,
                           int64_t width, const tl_real *restrict a, int64_t lda, const tl_real *restrict b,
                           int64_t ldb, const bool both, tl_real *restrict da, int64_t ldda, bool add,
                           tl_real *restrict dvalues, bool add_values)
{
    for (int64_t i = begin; i < end; i++) {
        const tl_real *ai = a + i * lda;
        tl_real *dai = both ? da + i * ldda : NULL;
        if (both && s->perm)
            foresee_next_row(s, run_of_row(s, i, true), dvalues);
        if (s->perm || s->x_uncached)
            gradients_run(run_of_row(s, i, s->perm), s->values, vecs, part, width, ai, b, ldb, both, dai, add,
                          dvalues, add_values, s->x_uncached ? s : NULL);
        else
            gradients_run(run_of_row(s, i, false), s->values, vecs, part, width, ai, b, ldb, both, dai, add,
                          dvalues, add_values, NULL);
    }
}

/* ---- Walks by blocks, part by part ---- */

/* What the walk of a part goes by, whatever it computes. The loop over pieces is in a function that is not
 * inlined and gets this and the first row of its block: the compiler then has nothing else to keep in
 * registers there, and no sum of an address to take apart. */
typedef struct walk {
    spot first;
    const tl_segment *end;
    lines ahead;
    const tl_real *values;
    int64_t skipped;               /* columns before the block */
    bool ordered, old, add_values; /* old: Y or da is added to */
} walk;

INLINE walk walk_of_part(const tl_sparse *s, int64_t c, bool add, bool add_values)
{
    const tl_blocks *k = s->blocks;
    return (walk){ .first = first_spot(k, c),
                   .end = k->piece + k->part[c + 1].piece,
                   .ahead = lines_after(k, c),
                   .values = s->values,
                   .skipped = c % k->n_blocks * k->block,
                   .ordered = k->perm,
                   .old = add || c % k->n_blocks > 0,
                   .add_values = add_values };
}

INLINE void spmm_pieces(walk w, const bool ordered, const int vecs, const bool part, int64_t width,
                        const tl_real *restrict x, tl_real *restrict y, int64_t ldy)
{
    for (spot at = w.first, next; at.piece < w.end; at = next) {
        next = spot_after(at, ordered); /* its columns are asked for before they are needed */
        if (LANES >= TL_LINE)           /* else it waits for loads rather than for lines */
            foresee_row(y + next.piece->row * ldy, vecs);
        foresee_lines(&w.ahead, w.values, NULL);
        spmm_run(run_of_piece(at, ordered), w.values, vecs, part, width, x, vecs * LANES,
                 y + at.piece->row * ldy, w.old, NULL);
    }
}

INLINE void gradients_pieces(walk w, const bool ordered, const int vecs, const bool part, int64_t width,
                             const tl_real *restrict a, int64_t lda, const tl_real *restrict b,
                             const bool both, tl_real *restrict da, int64_t ldda, tl_real *restrict dvalues)
{
    for (spot at = w.first, next; at.piece < w.end; at = next) {
        next = spot_after(at, ordered);
        foresee_row(a + next.piece->row * lda, vecs);
        foresee_lines(&w.ahead, w.values, dvalues);
        gradients_run(run_of_piece(at, ordered), w.values, vecs, part, width, a + at.piece->row * lda, b,
                      vecs * LANES, both, both ? da + at.piece->row * ldda : NULL, w.old, dvalues,
                      w.add_values, NULL);
    }
}

/* ---- A copy of each walk for every kind of tile: its vectors, and whether the last is a part of one ---- */

/* Blocks come with wide tiles only. */
#define FOR_WIDE_TILES(DO) DO(4, PART) DO(5, PART) DO(6, PART) DO(7, PART) DO(8, PART) DO(8, FULL)
#define FOR_ALL_TILES(DO)  DO(1, PART) DO(2, PART) DO(3, PART) FOR_WIDE_TILES(DO)
_Static_assert(TL_TILE_VECS == 8, "the tiles above");

#define TILE(vecs, part) (2 * (vecs) + (part))

INLINE int64_t tile_of(int64_t width)
{
    return width == TL_TILE_VECS * LANES ? TILE(TL_TILE_VECS, FULL) : TILE((width + LANES - 1) / LANES, PART);
}

/* The loop over pieces: one for a part of a tile, two for a full one, with an order and without. */
#define PIECES(name, vecs, part, ...)                                                                        \
    if (part || w->ordered)                                                                                  \
        name##_pieces(*w, !part || w->ordered, vecs, part, width, __VA_ARGS__);                              \
    else                                                                                                     \
        name##_pieces(*w, false, vecs, part, width, __VA_ARGS__);

#define SPMM_WALK(vecs, part)                                                                                \
    static NOINLINE void spmm_##vecs##part(const walk *w, int64_t width, const tl_real *x, tl_real *y,       \
                                           int64_t ldy)                                                      \
    {                                                                                                        \
        PIECES(spmm, vecs, part, x, y, ldy)                                                                  \
    }
#define SDDMM_WALK(vecs, part)                                                                               \
    static NOINLINE void sddmm_##vecs##part(const walk *w, int64_t width, const tl_real *a, int64_t lda,     \
                                            const tl_real *b, tl_real *dvalues)                              \
    {                                                                                                        \
        PIECES(gradients, vecs, part, a, lda, b, false, NULL, 0, dvalues)                                    \
    }
#define GRADIENTS_WALK(vecs, part)                                                                           \
    static NOINLINE void gradients_##vecs##part(const walk *w, int64_t width, const tl_real *a, int64_t lda, \
                                                const tl_real *b, tl_real *da, int64_t ldda,                 \
                                                tl_real *dvalues)                                            \
    {                                                                                                        \
        PIECES(gradients, vecs, part, a, lda, b, true, da, ldda, dvalues)                                    \
    }
FOR_WIDE_TILES(SPMM_WALK)
FOR_WIDE_TILES(SDDMM_WALK)
FOR_WIDE_TILES(GRADIENTS_WALK)

/* ---- The kernels ---- */

#define ROWS_OR_BLOCKS(ROWS, BLOCKS, add, add_values)                                                        \
    if (!s->blocks)                                                                                          \
        switch (tile_of(width)) {                                                                            \
            FOR_ALL_TILES(ROWS)                                                                              \
        }                                                                                                    \
    else                                                                                                     \
        for (int64_t c = begin * s->blocks->n_blocks; c < end * s->blocks->n_blocks; c++) {                  \
            const walk w = walk_of_part(s, c, add, add_values);                                              \
            switch (tile_of(width)) {                                                                        \
                FOR_WIDE_TILES(BLOCKS)                                                                       \
            }                                                                                                \
        }

void TL_ISA(spmm)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, const tl_real *x,
                  int64_t ldx, tl_real *y, int64_t ldy, bool add)
{
#define SPMM_ROWS(vecs, part)                                                                                \
    case TILE(vecs, part):                                                                                   \
        spmm_rows(s, begin, end, vecs, part, width, x, ldx, y, ldy, add);                                    \
        break;
#define SPMM_BLOCKS(vecs, part)                                                                              \
    case TILE(vecs, part): spmm_##vecs##part(&w, width, x + w.skipped * ldx, y, ldy); break;
    ROWS_OR_BLOCKS(SPMM_ROWS, SPMM_BLOCKS, add, false)
}

void TL_ISA(sddmm)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, const tl_real *a,
                   int64_t lda, const tl_real *b, int64_t ldb, tl_real *dvalues, bool add_values)
{
#define SDDMM_ROWS(vecs, part)                                                                               \
    case TILE(vecs, part):                                                                                   \
        gradients_rows(s, begin, end, vecs, part, width, a, lda, b, ldb, false, NULL, 0, false, dvalues,     \
                       add_values);                                                                          \
        break;
#define SDDMM_BLOCKS(vecs, part)                                                                             \
    case TILE(vecs, part): sddmm_##vecs##part(&w, width, a, lda, b + w.skipped * ldb, dvalues); break;
    ROWS_OR_BLOCKS(SDDMM_ROWS, SDDMM_BLOCKS, false, add_values)
}

void TL_ISA(spmm_sddmm)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, const tl_real *a,
                        int64_t lda, const tl_real *b, int64_t ldb, tl_real *da, int64_t ldda, bool add,
                        tl_real *dvalues, bool add_values)
{
#define GRADIENTS_ROWS(vecs, part)                                                                           \
    case TILE(vecs, part):                                                                                   \
        gradients_rows(s, begin, end, vecs, part, width, a, lda, b, ldb, true, da, ldda, add, dvalues,       \
                       add_values);                                                                          \
        break;
#define GRADIENTS_BLOCKS(vecs, part)                                                                         \
    case TILE(vecs, part):                                                                                   \
        gradients_##vecs##part(&w, width, a, lda, b + w.skipped * ldb, da, ldda, dvalues);                   \
        break;
    ROWS_OR_BLOCKS(GRADIENTS_ROWS, GRADIENTS_BLOCKS, add, add_values)
}
