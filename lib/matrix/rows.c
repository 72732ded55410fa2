/* The whole vectors of a row go through the sparse kernel, tile by tile; its tail, less than a vector, is
 * summed by axpy. */
#include "lib/matrix/rows.h"
#include "parallel.h"

static void sum_tails(const tl_sparse *s, int64_t begin, int64_t end, int64_t first, int64_t width,
                      const tl_real *x, tl_real *y, bool add)
{
    for (int64_t i = begin; i < end; i++) {
        if (!add)
            for (int64_t j = first; j < width; j++)
                y[i * width + j] = 0;
        const int64_t last = s->row_end ? s->row_end[i] : s->row_ptr[i + 1];
        for (int64_t k = s->row_begin ? s->row_begin[i] : s->row_ptr[i]; k < last; k++)
            tl_kernel_table()->axpy(width - first, s->values[k], x + s->col[k] * width + first,
                                    y + i * width + first);
    }
}

void tl_sum_table_rows(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, const tl_real *x,
                       tl_real *y, bool add)
{
    const tl_kernels *kernel = tl_kernel_table();
    const int64_t tile = TL_TILE_VECS * kernel->lanes, whole = width - width % kernel->lanes;
    for (int64_t j = 0; j < whole; j += tile)
        kernel->spmm(s, begin, end, whole - j < tile ? whole - j : tile, (tl_dense){ x + j, width },
                     (tl_dense_out){ y + j, width }, add);
    if (whole < width)
        sum_tails(s, begin, end, whole, width, x, y, add);
}

int64_t tl_table_rows_grain(int64_t rows, int64_t nnz, int64_t width)
{
    const double per_row = rows > 0 ? (double)(nnz + rows) / (double)rows * (double)(width + 1) : 1;
    return 1 + (int64_t)(TL_GRAIN / per_row);
}
