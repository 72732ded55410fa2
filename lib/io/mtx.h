/* Matrix Market files: a sparse or dense matrix of real numbers as text, plain or gzipped. Format: Boisvert,
 * Pozo and Remington, "The Matrix Market Exchange Formats: Initial Design", NISTIR 5935, 1996. */
#ifndef TL_MTX_H
#define TL_MTX_H

#include "pattern.h"

/* A matrix from a file. */
typedef struct tl_mtx {
    int64_t rows, cols;
    tl_pattern *pattern; /* NULL: dense */
    tl_real *values;     /* [nnz] in the order of the pattern, or [rows * cols] row-major */
} tl_mtx;

/* Reads a whole file, which may be gzipped if the library was built with zlib. It may be a matrix or a vector
 * (a matrix of one column), `coordinate` or `array`; real, double, integer, unsigned-integer or pattern (all
 * values are 1); general, symmetric or skew-symmetric (both triangles are returned; the diagonal is as it
 * is). Words are in any case; lines may be indented or end in CRLF, and blank lines and comments may be
 * anywhere after the first line. Values of a repeated coordinate are added, as SciPy's mmread(path).tocsr()
 * does; but a symmetric file whose entries repeat because both triangles are listed is refused. Numbers are
 * rounded to tl_real, integers too.
 *
 * On success *out owns memory, which tl_mtx_free frees. On failure *out is zeroed and tl_error() names the
 * file, the line, what was found there and what was expected: TL_ERR_IO, TL_ERR_MEMORY, TL_ERR_ARGUMENT
 * (NULL), or TL_ERR_FORMAT: among others for complex values, for a file shorter or longer than its sizes
 * say, for numbers that tl_real cannot hold, and for sizes beyond those of a pattern. Sizes are not
 * trusted: memory is taken as entries arrive; row pointers are for at most 2^24 rows, or 64 per entry if
 * that is more. */
TL_API tl_status tl_mtx_read(const char *path, tl_mtx *out) TL_REAL_SYMBOL(tl_mtx_read);

/* Writes a matrix, `general` and real: with a pattern as `coordinate`, where NULL values make it a `pattern`
 * file, otherwise as `array`. Numbers have as many digits as they need to be read back unchanged. The file is
 * written whole or not at all. TL_ERR_IO, TL_ERR_MEMORY, TL_ERR_ARGUMENT (NULL), TL_ERR_SHAPE (sizes that
 * differ from the pattern's, or that are negative). */
TL_API tl_status tl_mtx_write(const char *path, const tl_mtx *m) TL_REAL_SYMBOL(tl_mtx_write);

/* Releases the pattern, frees the values and zeroes *m. Does nothing if m is NULL or *m is zeroed. */
TL_API void tl_mtx_free(tl_mtx *m);

#endif
