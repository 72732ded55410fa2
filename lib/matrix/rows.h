/* Weighted sums of a table's rows: over the rows in a bag, or over all gradients of one row. */
#ifndef TL_ROWS_H
#define TL_ROWS_H

#include "lib/kernels/kernels.h"

/* Computes rows begin .. end-1 of Y = S X (add: +=). X and Y have `width` columns and no padding; X is not
 * read past its end. S has neither blocks nor a permutation; its columns need not ascend. Each element is
 * summed over the row's entries in their order: the first 256, the next 256 and so on, and these sums in
 * double. */
void tl_sum_table_rows(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, const tl_real *x,
                       tl_real *y, bool add);

/* Returns the grain of a parallel loop over the rows of S, which have `nnz` entries in all. */
int64_t tl_table_rows_grain(int64_t rows, int64_t nnz, int64_t width);

#endif
