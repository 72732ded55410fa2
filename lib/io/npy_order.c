/* The order of bytes in an element, and of elements in an array. */
#include "lib/io/npy_format.h"
#include "lib/memory.h"
#include "lib/status_private.h"

#include <string.h>

static inline void reverse_each(unsigned char *e, int64_t n, size_t width)
{
    for (int64_t k = 0; k < n; k++, e += width) {
        uint64_t v = 0;
        memcpy(&v, e, width);
        v = __builtin_bswap64(v);
        memcpy(e, (const unsigned char *)&v + sizeof v - width, width);
    }
}

void tl_npy_reverse(tl_npy *a)
{
    unsigned char *e = a->data;
    const int64_t n = a->size;
    switch (tl_npy_width(a->type)) { /* so that each loop is compiled for its width */
    case 2: reverse_each(e, n, 2); break;
    case 4: reverse_each(e, n, 4); break;
    case 8: reverse_each(e, n, 8); break;
    default: break;
    }
}

/* Copies the transpose of a matrix with these strides, tile by tile:
 * to[i * to_row + j] = from[i + j * from_col]. */
static inline void transpose_each(unsigned char *to, int64_t to_row, const unsigned char *from,
                                  int64_t from_col, int64_t rows, int64_t cols, size_t width)
{
    enum { TILE = 32 };
    for (int64_t i0 = 0; i0 < rows; i0 += TILE)
        for (int64_t j0 = 0; j0 < cols; j0 += TILE) {
            const int64_t i1 = i0 + TILE < rows ? i0 + TILE : rows, j1 = j0 + TILE < cols ? j0 + TILE : cols;
            for (int64_t i = i0; i < i1; i++)
                for (int64_t j = j0; j < j1; j++)
                    memcpy(to + (size_t)(i * to_row + j) * width, from + (size_t)(i + j * from_col) * width,
                           width);
        }
}

static void transpose(unsigned char *to, int64_t to_row, const unsigned char *from, int64_t from_col,
                      int64_t rows, int64_t cols, int64_t width)
{
    switch (width) {
    case 1: transpose_each(to, to_row, from, from_col, rows, cols, 1); break;
    case 2: transpose_each(to, to_row, from, from_col, rows, cols, 2); break;
    case 4: transpose_each(to, to_row, from, from_col, rows, cols, 4); break;
    default: transpose_each(to, to_row, from, from_col, rows, cols, 8); break;
    }
}

/* The copy is a transpose of the first and the last index for each value of those between. */
tl_status tl_npy_to_c_order(tl_npy *a)
{
    if (a->rank < 2 || a->size == 0)
        return TL_OK;
    const int64_t width = tl_npy_width(a->type), first = a->dim[0], last = a->dim[a->rank - 1];
    const int64_t d1 = a->rank > 2 ? a->dim[1] : 1, d2 = a->rank > 3 ? a->dim[2] : 1, between = d1 * d2;
    unsigned char *to = tl_alloc(a->size, (size_t)width);
    if (!to)
        return tl_fail_memory();
    for (int64_t k1 = 0; k1 < d1; k1++)
        for (int64_t k2 = 0; k2 < d2; k2++)
            transpose(to + (k1 * d2 + k2) * last * width, between * last,
                      (const unsigned char *)a->data + (k1 + k2 * d1) * first * width, first * between, first,
                      last, width);
    tl_free(a->data);
    a->data = to;
    return TL_OK;
}
