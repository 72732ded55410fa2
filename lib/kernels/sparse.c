/* The sparse kernels. A tile of up to eight vectors of samples stays in registers along a row of the matrix,
 * so that an entry costs as many loads and products as there are vectors and no store. Where a row has
 * several entries in a block of columns, the matrix is walked block by block: the rows of X that a block
 * names then stay in L1.
 *
 * The order of an element's sum is that of the row's entries either way. */
#include "built.h"
#include "vector.h"

/* Entries of row i in block b, or in the whole row. */
INLINE void entries(const tl_sparse *s, int64_t b, int64_t i, int64_t *first, int64_t *end)
{
    if (s->start) {
        *first = s->start[b * s->rows + i];
        *end = s->start[(b + 1) * s->rows + i];
    } else {
        *first = s->row_ptr[i];
        *end = s->row_ptr[i + 1];
    }
}

/* Vector v of a row of `width` values. */
INLINE vec load_at(const tl_real *p, int v, int64_t width, bool part)
{
    int64_t left = width - v * LANES;
    return part && left < LANES ? load_part(p + v * LANES, left) : load(p + v * LANES);
}

INLINE void store_at(tl_real *p, int v, int64_t width, bool part, vec x)
{
    int64_t left = width - v * LANES;
    if (part && left < LANES)
        store_part(p + v * LANES, x, left);
    else
        store(p + v * LANES, x);
}

/* `vecs` and `part` are constants wherever this is called. */
INLINE void spmm_tile(const tl_sparse *s, int64_t begin, int64_t end, const int vecs, const bool part,
                      int64_t width, const tl_real *x, int64_t ldx, tl_real *y, int64_t ldy, bool add)
{
    for (int64_t b = 0; b < s->n_blocks; b++)
        for (int64_t i = begin; i < end; i++) {
            int64_t e, last;
            entries(s, b, i, &e, &last);
            const bool old = add || b > 0;
            if (e == last && old)
                continue;
            vec sum[TL_TILE_VECS];
            for (int v = 0; v < vecs; v++)
                sum[v] = old ? load_at(y + i * ldy, v, width, part) : (vec){ 0 };
            for (; e < last; e++) {
                const tl_real value = s->values[s->order ? s->order[e] : e];
                const tl_real *xe = x + s->col[e] * ldx;
                for (int v = 0; v < vecs; v++)
                    sum[v] = load(xe + v * LANES) * value + sum[v];
            }
            for (int v = 0; v < vecs; v++)
                store_at(y + i * ldy, v, width, part, sum[v]);
        }
}

/* values[e + q] += the products of row a with the rows of b that entries e .. e+n-1 name; n is a constant. */
INLINE void dots(const tl_sparse *s, int64_t e, const int n, const int vecs, const vec *a, const tl_real *b,
                 int64_t ldb, tl_real *values)
{
    vec sum[4] = { { 0 }, { 0 }, { 0 }, { 0 } };
    for (int v = 0; v < vecs; v++)
        for (int q = 0; q < n; q++)
            sum[q] = a[v] * load(b + s->col[e + q] * ldb + v * LANES) + sum[q];
    quad part[4], total;
    for (int q = 0; q < 4; q++)
        fold(&sum[q], &part[q]);
    sum_quads(part, &total);
    for (int q = 0; q < n; q++)
        values[e + q] += total[q];
}

INLINE void sddmm_tile(const tl_sparse *s, int64_t begin, int64_t end, const int vecs, const tl_real *a,
                       int64_t lda, const tl_real *b, int64_t ldb, tl_real *values)
{
    for (int64_t block = 0; block < s->n_blocks; block++)
        for (int64_t i = begin; i < end; i++) {
            int64_t e, last;
            entries(s, block, i, &e, &last);
            if (e == last)
                continue;
            vec ai[TL_TILE_VECS];
            for (int v = 0; v < vecs; v++)
                ai[v] = load(a + i * lda + v * LANES);
            for (; e + 4 <= last; e += 4)
                dots(s, e, 4, vecs, ai, b, ldb, values);
            if (last - e == 3)
                dots(s, e, 3, vecs, ai, b, ldb, values);
            else if (last - e == 2)
                dots(s, e, 2, vecs, ai, b, ldb, values);
            else if (last - e == 1)
                dots(s, e, 1, vecs, ai, b, ldb, values);
        }
}

/* One copy of a tile function for each number of vectors. */
#define FOR_EACH_COUNT(DO) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8)

void TL_LEVEL(spmm)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, const tl_real *x,
                    int64_t ldx, tl_real *y, int64_t ldy, bool add)
{
#define SPMM(n)                                                                                              \
    case n:                                                                                                  \
        if (width == n * LANES)                                                                              \
            spmm_tile(s, begin, end, n, false, width, x, ldx, y, ldy, add);                                  \
        else                                                                                                 \
            spmm_tile(s, begin, end, n, true, width, x, ldx, y, ldy, add);                                   \
        break;
    switch ((width + LANES - 1) / LANES) {
        FOR_EACH_COUNT(SPMM)
    }
}

void TL_LEVEL(sddmm)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, const tl_real *a,
                     int64_t lda, const tl_real *b, int64_t ldb, tl_real *values)
{
#define SDDMM(n)                                                                                             \
    case n: sddmm_tile(s, begin, end, n, a, lda, b, ldb, values); break;
    switch ((width + LANES - 1) / LANES) {
        FOR_EACH_COUNT(SDDMM)
    }
}
