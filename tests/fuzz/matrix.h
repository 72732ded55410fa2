/* Sparse matrices that are read, written and read again. */
#ifndef TL_FUZZ_MATRIX_H
#define TL_FUZZ_MATRIX_H

#include "tests/fuzz/fuzz.h"

#include <string.h>

/* Reads a matrix; what was read is written, and read again the same. */
static inline tl_status tl_fuzz_matrix(const char *path, const char *copy,
                                       tl_status (*read)(const char *, tl_mtx *),
                                       tl_status (*write)(const char *, const tl_mtx *))
{
    tl_mtx a, b;
    const tl_status status = read(path, &a);
    if (status != TL_OK)
        return status;
    tl_status again = write(copy, &a);
    if (again == TL_OK)
        again = read(copy, &b);
    if (again == TL_OK) {
        FUZZ_CHECK(a.rows == b.rows && a.cols == b.cols && !a.pattern == !b.pattern);
        FUZZ_CHECK(!a.pattern || tl_pattern_equal(a.pattern, b.pattern));
        const int64_t n = a.pattern ? tl_pattern_nnz(a.pattern) : a.rows * a.cols;
        for (int64_t k = 0; k < n; k++) /* a NaN may lose its bits as text */
            FUZZ_CHECK(a.values[k] == b.values[k] || a.values[k] != a.values[k]);
        tl_mtx_free(&b);
    }
    FUZZ_CHECK(again == TL_OK || again == TL_ERR_MEMORY);
    tl_mtx_free(&a);
    return TL_OK;
}

#endif
