/* The whole vectors of a row go through the sparse kernel, tile by tile; its tail, less than a vector, is
 * summed by axpy. Long sums are made of the sums of blocks of entries. */
#include "lib/matrix/rows.h"
#include "lib/prefetch.h"
#include "matrix.h"
#include "parallel.h"

#include <string.h>

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

static void sum_rows(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, const tl_real *x,
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

enum { LONG = 256 }; /* entries: sums of more are made of the sums of so many, in double */

/* Sums entries first .. last-1, a long row, into y, some columns at a time. */
static void sum_long_row(const tl_sparse *s, int64_t first, int64_t last, int64_t width, const tl_real *x,
                         tl_real *y, bool add)
{
    enum { STRIP = 256 };
    const tl_kernels *kernel = tl_kernel_table();
    for (int64_t j = 0; j < width; j += STRIP) {
        const int64_t n = width - j < STRIP ? width - j : STRIP, tile = TL_TILE_VECS * kernel->lanes,
                      whole = n - n % kernel->lanes;
        double sum[STRIP] = { 0 };
        tl_real part[STRIP];
        for (int64_t k = first; k < last; k += LONG) {
            const int64_t row_ptr[2] = { k, last - k < LONG ? last : k + LONG };
            tl_sparse block = *s;
            block.rows = 1;
            block.row_ptr = row_ptr;
            block.row_begin = block.row_end = NULL;
            for (int64_t l = 0; l < whole; l += tile)
                kernel->spmm(&block, 0, 1, whole - l < tile ? whole - l : tile,
                             (tl_dense){ x + j + l, width }, (tl_dense_out){ part + l, STRIP }, false);
            for (int64_t l = whole; l < n; l++)
                part[l] = 0;
            for (int64_t e = k; whole < n && e < row_ptr[1]; e++)
                kernel->axpy(n - whole, s->values[e], x + s->col[e] * width + j + whole, part + whole);
            for (int64_t l = 0; l < n; l++)
                sum[l] += (double)part[l];
        }
        for (int64_t l = 0; l < n; l++)
            y[j + l] = (tl_real)((add ? (double)y[j + l] : 0) + sum[l]);
    }
}

void tl_sum_table_rows(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, const tl_real *x,
                       tl_real *y, bool add)
{
    for (int64_t i = begin; i < end; i++) {
        int64_t first = 0, last = 0, from = i;
        for (; i < end; i++) {
            first = s->row_begin ? s->row_begin[i] : s->row_ptr[i];
            last = s->row_end ? s->row_end[i] : s->row_ptr[i + 1];
            if (last - first > LONG)
                break;
        }
        if (from < i)
            sum_rows(s, from, i, width, x, y, add);
        if (i < end)
            sum_long_row(s, first, last, width, x, y + i * width, add);
    }
}

int64_t tl_table_rows_grain(int64_t rows, int64_t nnz, int64_t width)
{
    const double per_row = rows > 0 ? (double)(nnz + rows) / (double)rows * (double)(width + 1) : 1;
    return 1 + (int64_t)(TL_GRAIN / per_row);
}

/* ---- What ops call ---- */

typedef struct row_sums {
    tl_sparse s;
    int64_t width;
    const tl_real *x;
    tl_real *y;
    bool add;
} row_sums;

static void sum_range(void *context, int64_t begin, int64_t end)
{
    const row_sums *r = context;
    tl_sum_table_rows(&r->s, begin, end, r->width, r->x, r->y, r->add);
}

void tl_sum_rows(const tl_row_sums *s, const tl_real *x, tl_real *y, bool add)
{
    row_sums r = {
        .s = { .rows = s->n, .row_ptr = s->ptr, .col = s->row, .values = s->coef, .x_uncached = true },
        .width = s->width,
        .x = x,
        .y = y,
        .add = add,
    };
    if (s->n > 0)
        tl_parallel_for(s->n, tl_table_rows_grain(s->n, s->ptr[s->n] - s->ptr[0], s->width), sum_range, &r);
}

typedef struct gather {
    int64_t width;
    const int32_t *rows;
    const tl_real *x;
    tl_real *y;
} gather;

static void gather_range(void *context, int64_t begin, int64_t end)
{
    enum { PREFETCH_DISTANCE = 16, LONGEST = 8 * TL_CACHE_LINE }; /* measured with an uncached table */
    const gather *g = context;
    for (int64_t i = begin; i < end; i++) {
        if (i + PREFETCH_DISTANCE < end)
            tl_prefetch_row(g->x + g->rows[i + PREFETCH_DISTANCE] * g->width, g->width, LONGEST, false);
        memcpy(g->y + i * g->width, g->x + g->rows[i] * g->width, (size_t)g->width * sizeof *g->y);
    }
}

void tl_gather_rows(int64_t n, int64_t width, const int32_t *rows, const tl_real *x, tl_real *y)
{
    if (width > 0)
        tl_parallel_rows(n, width, gather_range, &(gather){ width, rows, x, y });
}
