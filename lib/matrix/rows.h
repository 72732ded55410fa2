/* Weighted sums of rows of a table: of those that a bag names, or of all gradients that meet in a row. */
#ifndef TL_ROWS_H
#define TL_ROWS_H

#include "lib/kernels/kernels.h"

/* Rows begin .. end-1 of Y = S X (add: Y += S X), for rows of any width that lie one after the other and
 * may not be read past their end. S has no blocks and no order; its columns need not ascend. Each element is
 * summed over the row's entries in their order. */
void tl_sum_table_rows(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, const tl_real *x,
                       tl_real *y, bool add);

/* How many rows of S with `nnz` entries in all make a piece of work for a thread. */
int64_t tl_table_rows_grain(int64_t rows, int64_t nnz, int64_t width);

#endif
