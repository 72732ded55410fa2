/* Matrix Market files: a sparse or dense matrix of real numbers as text, plain or gzipped. Format: Boisvert, Pozo
 * and Remington, "The Matrix Market Exchange Formats: Initial Design", NISTIR 5935, 1996. */
#ifndef TL_MTX_H
#define TL_MTX_H

#include "pattern.h"

/* A matrix from a file. */
typedef struct tl_mtx {
    int64_t rows, cols;
    tl_pattern *pattern; /* NULL: dense */
    tl_real *values;     /* [nnz] in the order of the pattern, or [rows * cols] row-major */
} tl_mtx;

#endif
