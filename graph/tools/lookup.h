/* Tools for ops that read rows of tables by id, and combine them. */
#ifndef TL_LOOKUP_H
#define TL_LOOKUP_H

#include "op.h"

/* For `shape`: declares the result of a lookup in y->in[0], a table of rows along its first dimension: dense,
 * of the shape of the ids followed by that of a row. TL_ERR_SHAPE if the table has rank 0, if `ids` is not a
 * shape, or if the rank would be above TL_MAX_RANK; TL_ERR_ARGUMENT for more than 2^31 - 1 ids. */
TL_API tl_status tl_shape_lookup(tl_node *y, tl_shape ids);

/* Returns the number of values in a row of a table. */
TL_API int64_t tl_lookup_width(const tl_node *table);

/* Y(to[k], :) = X(rows[k], :) for k = 0 .. n-1, on all threads; rows are `width` values, and no row of Y is
 * named twice. Numbers of rows are not checked. Rows are read at random, and prefetched. */
TL_API void tl_place_rows(int64_t n, int64_t width, const int32_t *rows, const int32_t *to, const tl_real *x,
                          tl_real *y) TL_REAL_SYMBOL(tl_place_rows);

/* The largest elements of bags or segments of rows, or the smallest. */
typedef struct tl_row_extremes {
    int64_t n, width;
    const int64_t *ptr; /* n + 1, ascending: bag i has the entries ptr[i] .. ptr[i + 1] - 1 */
    const int32_t *row; /* of each entry, in any order; NULL: entry e is row e */
    bool smallest;
} tl_row_extremes;

/* Y(i, j) = the largest X(row[e], j) over the entries e of bag i, and from(i, j) = e width + j for the first
 * e whose element that is; 0 and -1 of no entries. A NaN is beyond any number. On all threads. */
TL_API void tl_extreme_rows(const tl_row_extremes *r, const tl_real *x, tl_real *y, int64_t *from)
    TL_REAL_SYMBOL(tl_extreme_rows);

#endif
