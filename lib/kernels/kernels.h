/* The table of kernels: every hot loop on plain arrays, compiled once per instruction set (ISA).
 *
 * This header specifies them; reference.c computes the same in plain loops. Unless a comment below says
 * otherwise, a kernel agrees with its reference to the bit, on every instruction set. In all of them:
 *
 * - An output element is computed by the same operations in the same order wherever it is stored and however
 *   the loop is split: results do not depend on the number of threads.
 * - A product that is added to something is fused with the addition if the instruction set has fused
 *   multiply-add (avx2, avx512), and rounded first if it has not (baseline).
 * - A sum starts at 0 and takes its terms in the order of their index. (With `add`, the sums of spmm, of dA
 *   in spmm_sddmm, of table_rows and of gemm_small start at the old value.) "By halves" reduces n partial
 *   sums to one: p[l] += p[l + n/2] for all l < n/2, then the same with n/2 in place of n, until one is left.
 * - begin and end select rows (or columns) begin .. end-1; nothing outside of them is written.
 * - With `add` the result is added to the output; otherwise it overwrites the output, whatever was there.
 * - Outputs do not overlap inputs, unless a comment allows it. */
#ifndef TL_KERNELS_H
#define TL_KERNELS_H

#include <float.h>
#include <stdatomic.h>

#include "base.h"
#include "lib/kernels/blocks.h"
#include "views.h"

#define TL_TILE_VECS    8   /* vectors in a tile of samples: they and one operand stay in registers */
#define TL_GEMM_DEPTH   128 /* products in a sum of gemm_small */
#define TL_WIDEST_BLOCK 16  /* the widest block, in units of the table's `block` */

/* A row-major matrix with row stride `ld`: element (i, j) is data[i * ld + j]. */
typedef struct tl_dense {
    const tl_real *data;
    int64_t ld;
} tl_dense;

/* The same, to be written. */
typedef struct tl_dense_out {
    tl_real *data;
    int64_t ld;
} tl_dense_out;

/* A sparse matrix S in compressed rows. Columns ascend within a row, unless a caller says otherwise. */
typedef struct tl_sparse {
    int64_t rows;
    const int64_t *row_ptr;
    const int32_t *col;
    const int32_t *perm; /* of a transpose: the value of entry e is values[perm[e]]; NULL: values[e] */
    const tl_real *values;
    /* Unless NULL, row i has entries row_begin[i] .. row_end[i] - 1; row_ptr may then be NULL if perm is NULL
     * and x_uncached is false. */
    const int32_t *row_begin, *row_end;
    const tl_blocks *blocks; /* walk by blocks of columns; NULL: row by row */
    bool x_uncached;         /* X does not fit in a cache: prefetch its rows */
} tl_sparse;

/* What weight decay does in a step with a gradient of 0, before the step; d is constant c7. */
typedef enum tl_decay {
    TL_DECAY_NONE,
    TL_DECAY_COUPLED,  /* g = 0 + d w, the product rounded */
    TL_DECAY_DECOUPLED /* w *= d, rounded */
} tl_decay;
enum { TL_DECAY_CONSTANT = 7, TL_STEP_CONSTANTS };

/* An integer as large as a value. */
#ifdef TULLE_DOUBLE
typedef int64_t tl_lane;
#else
typedef int32_t tl_lane;
#endif

/* Arguments of a step of an optimizer: n rows of `width` weights. With g = NULL: of n steps with a gradient
 * of 0, in their order, on `width` weights. */
typedef struct tl_update_args {
    int64_t n, width;
    const int32_t *row;      /* g[i] updates row row[i] of w and of the slots; NULL: row i */
    const tl_real *const *g; /* g[i]: the gradient of one row, `width` values */
    tl_real *w, *slot[4];    /* as many slots as the step has */
    const tl_real *constant; /* c0 .. c6, of which a step uses some; n steps: c0 .. c7 of each */
    tl_decay decay;          /* n steps only, as is */
    const tl_lane *first;    /* ascending, >= 0: weight k takes steps first[k] .. n-1; NULL: all */
} tl_update_args;

/* The smallest normal number, and the least epsilon beside which the root of a smaller one does not count. */
#ifdef TULLE_DOUBLE
#define TL_SMALLEST DBL_MIN
#else
#define TL_SMALLEST FLT_MIN
#endif
#define TL_FLUSHING_EPSILON ((tl_real)(sizeof(tl_real) == sizeof(double) ? 0x1p-501 : 0x1p-53))

/* Steps of optimizers, element by element: weight w, gradient g, slots s0 .., constants c0 .. Operators are
 * evaluated from left to right (a / b c is (a / b) c); in a sum of two products the first is the fused one.
 * Moving averages, that is all slots except those of adagrad and ftrl and the maximum of amsgrad, are flushed
 * to 0 when they become subnormal; s0 and s1 of adam, and s and m of rmsprop, only if epsilon (c2, c1) is not
 * below TL_FLUSHING_EPSILON. */
typedef void tl_update_kernel(const tl_update_args *args);
typedef struct tl_updates {
    tl_update_kernel *sgd;      /* w -= c0 g */
    tl_update_kernel *momentum; /* s0 = c1 s0 + g, w -= c0 s0 */
    tl_update_kernel *nesterov; /* s0 = c1 s0 + g, w -= c0 (c1 s0 + g) */
    tl_update_kernel *adagrad;  /* s0 += g g, w -= c0 g / (sqrt(s0) + c1) */
    /* [centered][with momentum]. s0 = c2 s0 + c3 g g, q = g / (sqrt(s0) + c1), w -= c0 q.
     * Centered: with d = g - m, s0 = c2 (c3 d d + s0), fused; the next slot is m = c2 m + c3 g.
     * With momentum: the last slot is a = c4 a + q, and w -= c0 a. */
    tl_update_kernel *rmsprop[2][2];
    tl_update_kernel *adam;    /* s0 = c3 s0 + c4 g, s1 = c5 s1 + c6 g g, w -= c0 s0 / (c1 sqrt(s1) + c2) */
    tl_update_kernel *amsgrad; /* the same with s2 under the root, s2 = s1 > s2 ? s1 : s2 */
    /* r = sqrt(s0), s0 += g g, s1 += g - (sqrt(s0) - r) / c0 w; w = 0 where |s1| <= c1, otherwise
     * ((s1 > 0 ? c1 : -c1) - s1) / (sqrt(s0) / c0 + c2). With c0 = 0: nothing. */
    tl_update_kernel *ftrl;
} tl_updates;

/* How a row is normalised: X^ = (x - mean - rest) scale. */
typedef struct tl_row_norm {
    tl_real mean, rest, scale;
} tl_row_norm;

typedef struct tl_kernels {
    const char *name; /* of the instruction set */
    int64_t lanes;    /* values in a vector */
    int64_t block;    /* columns of the narrowest block: as many rows of X, a full tile wide, fill L1 */

    /* ---- Sparse products, for a tile of `width` samples ----
     *
     * width is 1 to TL_TILE_VECS * lanes. Rows of X and B are read up to the next whole vector; rows of the
     * other matrices are not read or written past `width`.
     *
     * If S has blocks, begin and end count ranges instead of rows, the tile has at least TL_TILE_VECS / 2
     * vectors, and the ld of X (or B) is width rounded up to whole vectors. */

    /* SpMM: Y = S X. An element is summed over the row's entries. */
    void (*spmm)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, tl_dense x, tl_dense_out y,
                 bool add);

    /* SDDMM, the product A B^T sampled at the entries of S: for entry e in row i, dvalues[perm[e]] (without
     * perm: dvalues[e]) becomes 0 (add_values: its old value) + the dot product of row i of A and row col[e]
     * of B. That has a partial sum per lane, sum k mod lanes taking term k, which are added by halves. B is 0
     * from `width` to the next whole vector. */
    void (*sddmm)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, tl_dense a, tl_dense b,
                  tl_real *dvalues, bool add_values);

    /* dA = S B as by spmm, and dvalues as by sddmm, in one walk that loads each row of B once. */
    void (*spmm_sddmm)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, tl_dense a, tl_dense b,
                       tl_dense_out da, bool add, tl_real *dvalues, bool add_values);

    /* Y = S X for X and Y of any width, without padding; nothing past X's end is read. S has neither blocks
     * nor a permutation, and its columns need not ascend. Without values they are 1. An element is
     * summed over the row's entries in double, and rounded once. */
    void (*table_rows)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, const tl_real *x,
                       tl_real *y, bool add);

    /* ---- Dense products ---- */

    /* C = A B, m x k by k x n, for small and thin shapes. An element is summed over k, by TL_GEMM_DEPTH at a
     * time: each of these sums but the first starts from 0, and is added to what is there, so that long sums
     * do not lose digits. */
    void (*gemm_small)(int64_t m, int64_t n, int64_t k, tl_matrix a, tl_matrix b, tl_dense_out c, bool add);

    /* y[k] += a x[k] */
    void (*axpy)(int64_t n, tl_real a, const tl_real *x, tl_real *y);

    /* y[k] = a x[k], rounded once. */
    void (*scale)(int64_t n, double a, const tl_real *x, tl_real *y);

    /* Returns the sum of x[k] y[k]: 64 partial sums, sum k mod 64 taking term k, then by halves. */
    tl_real (*dot)(int64_t n, const tl_real *x, const tl_real *y);

    /* ---- Elementwise, sums and layout ---- */

    /* y[k] += x[k] */
    void (*add)(int64_t n, const tl_real *x, tl_real *y);

    /* Returns the largest magnitude in x: NaN if x contains one, 0 if x is empty. Sets *minus_zero if x
     * contains -0, otherwise clears it. */
    tl_real (*max_abs)(int64_t n, const tl_real *x, bool *minus_zero);

    /* y = X^T (add: +=); x is rows x cols with leading dimension ldx, y has leading dimension ldy. */
    void (*transpose)(int64_t rows, int64_t cols, const tl_real *x, int64_t ldx, tl_real *y, int64_t ldy,
                      bool add);

    /* sum[j] += the sum over i of x[i ld + j] or, unless z is NULL, of x[i ld + j] z[i ld + j], computed in
     * double, in the order of i. */
    void (*sum_rows)(int64_t rows, int64_t cols, int64_t ld, const tl_real *x, const tl_real *z, double *sum);

    /* Column sums of X or, unless z is NULL, of the elementwise product of X and Z, computed in double: y[j]
     * += sign * the sum over i of x[i cols + j] (z[i cols + j]). If cols is 1: 16 partial sums, sum i mod 16
     * taking term i, then by halves. */
    void (*col_sums)(int64_t rows, int64_t cols, int64_t begin, int64_t end, int sign, const tl_real *x,
                     const tl_real *z, tl_real *y);

    /* ---- Rows: softmax and normalisation ----
     *
     * X^ is (x[k] - mean - rest) scale. Sums are computed in double, in 32 partial sums, sum k mod 32 taking
     * term k, which are added by halves. */

    /* Returns the largest x[k]: NaN if x contains one, -Inf if x is empty. */
    tl_real (*largest)(int64_t n, const tl_real *x);

    /* Returns the sum of x[k] or, unless z is NULL, of x[k] z[k], computed in double: 64 partial sums, sum
     * k mod 64 taking term k, which are added by halves. */
    double (*sum_run)(int64_t n, const tl_real *x, const tl_real *z);

    /* sum[0] += the sum of x[k] - from, in double, and sum[1] += that of the squares of this. */
    void (*deviations)(int64_t n, const tl_real *x, double from, double *sum);

    /* y[k] = X^ gain[k] + bias[k], or X^ if gain and bias are NULL. */
    void (*normalise)(int64_t n, const tl_real *x, tl_row_norm m, const tl_real *gain, const tl_real *bias,
                      tl_real *y);

    /* With g = dy[k] gain[k], or dy[k] if gain is NULL: sum[0] += the sum of g, sum[1] += that of g X^. */
    void (*norm_sums)(int64_t n, const tl_real *x, tl_row_norm m, const tl_real *dy, const tl_real *gain,
                      double *sum);

    /* dx[k] = (add: +=) scale (g - mean - X^ slope), the product g fused with its difference. */
    void (*norm_gradient)(int64_t n, const tl_real *x, tl_row_norm m, const tl_real *dy, const tl_real *gain,
                          tl_real mean, tl_real slope, tl_real *dx, bool add);

    /* sum[k] += dy[k] X^ and, unless dy_sum is NULL, dy_sum[k] += dy[k], in double. */
    void (*norm_terms)(int64_t n, const tl_real *x, tl_row_norm m, const tl_real *dy, double *sum,
                       double *dy_sum);

    /* The functions of vmath.h, where their errors are stated; outputs may be inputs. Except sqrt, these do
     * not agree with the reference to the bit: it calls the scalar functions of the C library. */
    void (*exp)(int64_t n, const tl_real *x, tl_real *y);
    void (*expm1)(int64_t n, const tl_real *x, tl_real *y);
    void (*log)(int64_t n, const tl_real *x, tl_real *y);
    void (*log1p)(int64_t n, const tl_real *x, tl_real *y);
    void (*tanh)(int64_t n, const tl_real *x, tl_real *y);
    void (*sigmoid)(int64_t n, const tl_real *x, tl_real *y);
    void (*erf)(int64_t n, const tl_real *x, tl_real *y);
    void (*erfc)(int64_t n, const tl_real *x, tl_real *y);
    void (*sin)(int64_t n, const tl_real *x, tl_real *y);
    void (*cos)(int64_t n, const tl_real *x, tl_real *y);
    void (*sqrt)(int64_t n, const tl_real *x, tl_real *y);
    void (*pow)(int64_t n, const tl_real *x, const tl_real *y, tl_real *z);
    void (*pow_scalar)(int64_t n, const tl_real *x, tl_real exponent, tl_real *y);
    void (*softplus)(int64_t n, const tl_real *x, tl_real *y);
    void (*softplus_gradient)(int64_t n, const tl_real *x, const tl_real *dy, tl_real *dx);
    void (*silu)(int64_t n, const tl_real *x, tl_real *y);
    void (*silu_gradient)(int64_t n, const tl_real *x, const tl_real *dy, tl_real *dx);
    void (*gelu)(int64_t n, const tl_real *x, tl_real *y);
    void (*gelu_gradient)(int64_t n, const tl_real *x, const tl_real *dy, tl_real *dx);

    /* ---- Random numbers, optimizers ---- */

    /* Computes the blocks of tl_philox(key, 0, c, ..) for c = counter .. counter+n-1, four words each. */
    void (*philox)(uint64_t key, uint64_t counter, int64_t n, uint32_t *out);

    const tl_updates *updates;
} tl_kernels;

extern _Atomic(const tl_kernels *) tl_chosen_kernels; /* NULL: not yet chosen */
const tl_kernels *tl_choose_kernels(void);

/* Returns the table that the CPU and TULLE_KERNELS choose, without choosing it for the process. */
const tl_kernels *tl_find_kernels(void);

/* Returns the table of the instruction set that tl_kernel_level() names; chosen at the first call. */
static inline const tl_kernels *tl_kernel_table(void)
{
    const tl_kernels *table = atomic_load_explicit(&tl_chosen_kernels, memory_order_acquire);
    return table ? table : tl_choose_kernels();
}

#endif
