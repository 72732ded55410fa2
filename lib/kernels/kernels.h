/* The table of kernels: every hot loop on plain arrays, compiled once per instruction set from kernels.c.
 *
 * Rules: a kernel computes each output element by the same operations in the same order wherever the element
 * sits and however the loop is split, so results do not depend on the number of threads. Sums run in the
 * order that is stated here. `fma` is one rounding where the chip has it, two on the baseline. */
#ifndef TL_KERNELS_H
#define TL_KERNELS_H

#include "base.h"

typedef struct tl_kernels {
    const char *name;

    /* y[k] += x[k] */
    void (*add)(int64_t n, const tl_real *x, tl_real *y);

    /* y[k] = fma(a, x[k], y[k]) */
    void (*axpy)(int64_t n, tl_real a, const tl_real *x, tl_real *y);

    /* sum of x[k] y[k]: 16 sums over k mod 16, each ascending, then added in halves (l += l + 8, 4, 2, 1) */
    tl_real (*dot)(int64_t n, const tl_real *x, const tl_real *y);

    /* y[j] += the sum over i, ascending, in double, of x[i cols + j] */
    void (*sum_rows)(int64_t rows, int64_t cols, const tl_real *x, tl_real *y);

    /* y = x^T, x is rows x cols; add: y += x^T */
    void (*transpose)(int64_t rows, int64_t cols, const tl_real *x, tl_real *y, bool add);

    /* Rows begin .. end-1 of Y = S X (add: Y += S X), X and Y row-major with n columns; entry e of S is
     * values[order ? order[e] : e]. Each element is summed over the row's entries, ascending. */
    void (*spmm)(int64_t begin, int64_t end, int64_t n, const int64_t *row_ptr, const int32_t *col,
                 const int32_t *order, const tl_real *values, const tl_real *x, tl_real *y, bool add);

    /* Entries of rows begin .. end-1: values[e] += dot(row i of a, row col[e] of b), rows of n. */
    void (*sddmm)(int64_t begin, int64_t end, int64_t n, const int64_t *row_ptr, const int32_t *col,
                  const tl_real *a, const tl_real *b, tl_real *values);

    /* C = A B (add: C += A B), m x k by k x n by plain loops; element (i, j) of A at a[i ars + j acs], of B
     * likewise; C row-major. Each product is summed over k ascending before it is added. */
    void (*gemm_small)(int64_t m, int64_t n, int64_t k, const tl_real *a, int64_t ars, int64_t acs,
                       const tl_real *b, int64_t brs, int64_t bcs, tl_real *c, bool add);
} tl_kernels;

/* The table for this chip: the best that it can run, or TULLE_KERNELS = baseline | avx2 | avx512 if it can run
 * that. Chosen at the first call, constant from then on. */
const tl_kernels *tl_kernel_table(void);

#endif
