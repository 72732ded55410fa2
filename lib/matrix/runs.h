/* Products of a sparse matrix with rows that overlap, for authors of ops: row k of X is the run of n values
 * that begins at x + run[k]. A convolution is such a product: a run is what one place of the window reads of
 * an image.
 *
 * Nothing here fails but tl_runs_prepare, and all runs on the caller's thread. The bits of an element depend
 * on n and the instruction set alone. */
#ifndef TL_RUNS_H
#define TL_RUNS_H

#include "pattern.h"

/* The values of the widest vector: arrays of runs are read so far past their end. */
enum { TL_RUN_PADDING = 16 };

typedef struct tl_runs {
    const tl_pattern *pattern; /* of S; not retained */
    const int32_t *run;        /* [columns of S] */
    int32_t *entry_run;        /* [nnz], the caller's: tl_runs_prepare sets it to the run of each entry */
} tl_runs;

/* Builds the transpose, which the pattern caches and owns, if there will be a backward. TL_ERR_ARGUMENT for
 * NULL; TL_ERR_MEMORY. */
TL_API tl_status tl_runs_prepare(const tl_runs *r, bool backward);

/* Y = S X, rows begin .. end-1 of it; row i is at y + i ldy. An element is summed over its row's entries in
 * their order. */
TL_API void tl_runs_forward(const tl_runs *r, int64_t begin, int64_t end, int64_t n, const tl_real *values,
                            const tl_real *x, tl_real *y, int64_t ldy) TL_REAL_SYMBOL(tl_runs_forward);

/* The arrays of a backward. Row i of dY is at dy + i lddy, and 0 from n to the next multiple of
 * TL_RUN_PADDING. */
typedef struct tl_runs_gradients {
    const tl_real *values, *x;
    const tl_real *dy;
    int64_t lddy;
    tl_real *dvalues, *dx; /* added to; NULL: not computed */
} tl_runs_gradients;

/* For the columns begin .. end-1 of S: dX = S^T dY, added to dx at the runs of X, and dvalues = dY X^T at the
 * entries of S, in one walk. */
TL_API void tl_runs_backward(const tl_runs *r, int64_t begin, int64_t end, int64_t n,
                             const tl_runs_gradients *o) TL_REAL_SYMBOL(tl_runs_backward);

#endif
