/* The sparse kernels. A tile of up to eight vectors of samples stays in registers along a row of the matrix,
 * so that an entry costs as many loads and products as there are vectors and no store. Where a row has
 * entries enough in a block of columns, the matrix is walked block by block: the rows of X that a block names
 * then stay in a cache.
 *
 * The order of an element's sum is that of the row's entries either way. */
#include "built.h"
#include "vector.h"

/* Entries of row i in block b, or in the whole row. */
INLINE void entries(const tl_sparse s, int64_t b, int64_t i, int64_t *first, int64_t *end)
{
    if (s.start) {
        *first = s.start[b * s.rows + i];
        *end = s.start[(b + 1) * s.rows + i];
    } else {
        *first = s.row_ptr[i];
        *end = s.row_ptr[i + 1];
    }
}

/* Vector v of `vecs` of a row of `width` values; the last may be a part of one. */
INLINE vec load_at(const tl_real *p, int v, const int vecs, int64_t width, const bool part)
{
    return part && v + 1 == vecs ? load_up_to(p + v * LANES, width - v * LANES) : load(p + v * LANES);
}

INLINE void store_at(tl_real *p, int v, const int vecs, int64_t width, const bool part, vec x)
{
    store_up_to(p + v * LANES, x, part && v + 1 == vecs ? width - v * LANES : LANES);
}

/* A walk by blocks reads a few entries here and a few there, which no prefetcher of a chip foresees: those of
 * a row some rows below are asked for. */
INLINE void foresee_entries(const tl_sparse s, const tl_real *values, int64_t b, int64_t i, int64_t end)
{
    enum { BELOW = 6, LINE = 16 };
    if (!s.start || i + BELOW >= end)
        return;
    const int64_t e = s.start[b * s.rows + i + BELOW];
    __builtin_prefetch(s.col + e);
    __builtin_prefetch(s.col + e + LINE);
    if (s.order) {
        __builtin_prefetch(s.order + e);
        __builtin_prefetch(s.order + e + LINE);
    } else {
        __builtin_prefetch(values + e);
        __builtin_prefetch(values + e + LINE);
    }
}

/* The row of a table that an entry some entries on will read. */
INLINE void foresee_row(const tl_sparse s, int64_t e, const int vecs, const tl_real *x, int64_t ldx)
{
    enum { AHEAD = 12 };
    const int64_t last = s.row_ptr[s.rows] - 1, soon = e + AHEAD < last ? e + AHEAD : last;
    for (int v = 0; v < vecs; v++)
        __builtin_prefetch(x + s.col[soon] * ldx + v * LANES);
}

/* Through an order, neighbours in a column are far apart in `values`. Where a block's share of them fits in
 * the second cache and all of them do not, their lines are met again in the rows below: every fourth row asks
 * for what it will need in the next block. Without blocks, each row asks for what the next one needs.
 * dvalues: NULL for a walk that only reads. */
INLINE void foresee_values(const tl_sparse s, int64_t i, int64_t e, int64_t last, const tl_real *dvalues)
{
    enum { EVERY = 4, MANY = 1 << 18, MOST = 512 };
    if (!s.order || (s.start && i % EVERY != 0))
        return;
    const int64_t nnz = s.row_ptr[s.rows];
    if (nnz < MANY)
        return;
    const int64_t wanted = last - e < MOST ? last - e : MOST, end = last + wanted < nnz ? last + wanted : nnz;
    for (int64_t soon = last; soon < end; soon++) {
        __builtin_prefetch(s.values + s.order[soon], 0, 2);
        if (dvalues)
            __builtin_prefetch(dvalues + s.order[soon], 1, 2);
    }
}

/* sum += the rows of X that entries e .. last-1 name, by their values. Here and in the functions below `vecs`
 * and `part` are constants wherever they are handed on; so are `ordered` and `table`, where that pays. */
INLINE void add_rows(const tl_sparse s, int64_t e, int64_t last, const int vecs, const tl_real *restrict x,
                     int64_t ldx, vec *sum, const bool ordered, const bool table)
{
    for (; e < last; e++) {
        if (table)
            foresee_row(s, e, vecs, x, ldx);
        const tl_real value = s.values[ordered ? s.order[e] : e];
        const tl_real *xe = x + s.col[e] * ldx;
        for (int v = 0; v < vecs; v++)
            sum[v] = load(xe + v * LANES) * value + sum[v];
    }
}

INLINE void spmm_tile(const tl_sparse s, int64_t begin, int64_t end, const int vecs, const bool part,
                      int64_t width, const tl_real *restrict x, int64_t ldx, tl_real *restrict y, int64_t ldy,
                      bool add)
{
    for (int64_t b = 0; b < s.n_blocks; b++)
        for (int64_t i = begin; i < end; i++) {
            int64_t e, last;
            entries(s, b, i, &e, &last);
            foresee_entries(s, s.values, b, i, end);
            if (s.start) /* else rows of X are waited for, not values */
                foresee_values(s, i, e, last, NULL);
            const bool old = add || b > 0;
            if (e == last && old)
                continue;
            vec sum[TL_TILE_VECS];
            for (int v = 0; v < vecs; v++)
                sum[v] = old ? load_at(y + i * ldy, v, vecs, width, part) : (vec){ 0 };
            if (s.table)
                add_rows(s, e, last, vecs, x, ldx, sum, s.order, true);
            else if (s.order)
                add_rows(s, e, last, vecs, x, ldx, sum, true, false);
            else
                add_rows(s, e, last, vecs, x, ldx, sum, false, false);
            for (int v = 0; v < vecs; v++)
                store_at(y + i * ldy, v, vecs, width, part, sum[v]);
        }
}

/* Entries e .. e+n-1 of a row, n a constant up to 4: dvalues += the products of a with the rows of b that
 * they name; and, unless da is NULL, da += those rows by the entries' values, each row loaded once for
 * both. */
INLINE void meet(const tl_sparse s, int64_t e, const int n, const int vecs, const vec *a,
                 const tl_real *restrict b, int64_t ldb, vec *da, tl_real *restrict dvalues)
{
    vec sum[4] = { { 0 }, { 0 }, { 0 }, { 0 } };
    const tl_real *row[4];
    tl_real value[4];
    int64_t at[4];
    for (int q = 0; q < n; q++) {
        row[q] = b + s.col[e + q] * ldb;
        at[q] = s.order ? s.order[e + q] : e + q;
        value[q] = da ? s.values[at[q]] : 0;
    }
    for (int v = 0; v < vecs; v++)
        for (int q = 0; q < n; q++) {
            vec bv = load(row[q] + v * LANES);
            if (da)
                IN_REGISTER(bv);
            sum[q] = a[v] * bv + sum[q];
            if (da)
                da[v] = bv * value[q] + da[v];
        }
    quad part[4], total;
    for (int q = 0; q < 4; q++)
        fold(&sum[q], &part[q]);
    sum_quads(part, &total);
    if (n == 4 && !s.order) {
        *(quad *)(dvalues + e) += total;
        return;
    }
    for (int q = 0; q < n; q++)
        dvalues[at[q]] += total[q];
}

INLINE void meet_in_fours(const tl_sparse s, int64_t e, int64_t last, const int vecs, const vec *a,
                          const tl_real *b, int64_t ldb, vec *da, tl_real *dvalues)
{
    for (; e + 4 <= last; e += 4) {
        for (int q = 0; s.table && q < 4; q++)
            foresee_row(s, e + q, vecs, b, ldb);
        meet(s, e, 4, vecs, a, b, ldb, da, dvalues);
    }
    if (last - e == 3)
        meet(s, e, 3, vecs, a, b, ldb, da, dvalues);
    else if (last - e == 2)
        meet(s, e, 2, vecs, a, b, ldb, da, dvalues);
    else if (last - e == 1)
        meet(s, e, 1, vecs, a, b, ldb, da, dvalues);
}

INLINE void meet_all(const tl_sparse s, int64_t e, int64_t last, const int vecs, const vec *a,
                     const tl_real *b, int64_t ldb, vec *da, tl_real *dvalues)
{
    tl_sparse plain = s;
    plain.order = NULL, plain.table = false; /* so that the loop asks for neither */
    if (s.order || s.table)
        meet_in_fours(s, e, last, vecs, a, b, ldb, da, dvalues);
    else
        meet_in_fours(plain, e, last, vecs, a, b, ldb, da, dvalues);
}

INLINE void sddmm_tile(const tl_sparse s, int64_t begin, int64_t end, const int vecs, const bool part,
                       int64_t width, const tl_real *a, int64_t lda, const tl_real *b, int64_t ldb,
                       tl_real *dvalues)
{
    for (int64_t block = 0; block < s.n_blocks; block++)
        for (int64_t i = begin; i < end; i++) {
            int64_t e, last;
            entries(s, block, i, &e, &last);
            foresee_entries(s, dvalues, block, i, end);
            if (e == last)
                continue;
            vec ai[TL_TILE_VECS];
            for (int v = 0; v < vecs; v++)
                ai[v] = load_at(a + i * lda, v, vecs, width, part);
            meet_all(s, e, last, vecs, ai, b, ldb, NULL, dvalues);
        }
}

INLINE void gradients_tile(const tl_sparse s, int64_t begin, int64_t end, const int vecs, const bool part,
                           int64_t width, const tl_real *restrict a, int64_t lda, const tl_real *restrict b,
                           int64_t ldb, tl_real *restrict da, int64_t ldda, bool add,
                           tl_real *restrict dvalues)
{
    for (int64_t block = 0; block < s.n_blocks; block++)
        for (int64_t i = begin; i < end; i++) {
            int64_t e, last;
            entries(s, block, i, &e, &last);
            foresee_entries(s, dvalues, block, i, end);
            foresee_values(s, i, e, last, dvalues);
            for (int v = 0; v < vecs && !add && block == 0; v++)
                store_at(da + i * ldda, v, vecs, width, part, (vec){ 0 });
            if (e == last)
                continue;
            vec ai[TL_TILE_VECS], dai[TL_TILE_VECS];
            for (int v = 0; v < vecs; v++) {
                ai[v] = load_at(a + i * lda, v, vecs, width, part);
                dai[v] = load_at(da + i * ldda, v, vecs, width, part);
            }
            meet_all(s, e, last, vecs, ai, b, ldb, dai, dvalues);
            for (int v = 0; v < vecs; v++)
                store_at(da + i * ldda, v, vecs, width, part, dai[v]);
        }
}

/* A copy of a tile function for each number of vectors; for the usual one, a full tile, another without
 * parts. */
#define FOR_EACH_COUNT(DO)                                                                                   \
    if (width == TL_TILE_VECS * LANES)                                                                       \
        DO(8, false);                                                                                        \
    else                                                                                                     \
        switch ((width + LANES - 1) / LANES) {                                                               \
        case 1: DO(1, true); break;                                                                          \
        case 2: DO(2, true); break;                                                                          \
        case 3: DO(3, true); break;                                                                          \
        case 4: DO(4, true); break;                                                                          \
        case 5: DO(5, true); break;                                                                          \
        case 6: DO(6, true); break;                                                                          \
        case 7: DO(7, true); break;                                                                          \
        case 8: DO(8, true); break;                                                                          \
        }

void TL_LEVEL(spmm)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, const tl_real *x,
                    int64_t ldx, tl_real *y, int64_t ldy, bool add)
{
#define SPMM(n, part) spmm_tile(*s, begin, end, n, part, width, x, ldx, y, ldy, add)
    FOR_EACH_COUNT(SPMM)
}

void TL_LEVEL(sddmm)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, const tl_real *a,
                     int64_t lda, const tl_real *b, int64_t ldb, tl_real *dvalues)
{
#define SDDMM(n, part) sddmm_tile(*s, begin, end, n, part, width, a, lda, b, ldb, dvalues)
    FOR_EACH_COUNT(SDDMM)
}

void TL_LEVEL(gradients)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, const tl_real *a,
                         int64_t lda, const tl_real *b, int64_t ldb, tl_real *da, int64_t ldda, bool add,
                         tl_real *dvalues)
{
#define GRADIENTS(n, part)                                                                                   \
    gradients_tile(*s, begin, end, n, part, width, a, lda, b, ldb, da, ldda, add, dvalues)
    FOR_EACH_COUNT(GRADIENTS)
}
