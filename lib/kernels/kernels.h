/* The table of kernels: every hot loop on plain arrays, compiled once per instruction set (ISA).
 *
 * This header specifies them; reference.c computes the same in plain loops. Unless a comment below says
 * otherwise, a kernel agrees with its reference to the bit, on every instruction set. In all of them:
 *
 * - An output element is computed by the same operations in the same order wherever it is stored and however
 *   the loop is split: results do not depend on the number of threads.
 * - A product that is added to something is fused with the addition if the instruction set has fused
 *   multiply-add (avx2, avx512), and rounded first if it has not (baseline).
 * - A sum is ascending: it takes its terms in the order of their index, from 0 (in spmm and gemm_small with
 *   `add`: from the old value). "By halves" reduces n partial sums: p[l] += p[l + n/2] for all l < n/2, then
 *   the same for the first n/2, until one is left.
 * - begin and end select rows (or columns) begin .. end-1; nothing outside of them is written.
 * - With `add` the result is added to the output; otherwise it overwrites the output, whatever was there.
 * - Outputs do not overlap inputs, unless a comment allows it. */
#ifndef TL_KERNELS_H
#define TL_KERNELS_H

#include <stdatomic.h>

#include "base.h"
#include "lib/kernels/blocks.h"
#include "lib/kernels/views.h"

#define TL_TILE_VECS    8  /* vectors in a tile of samples: they and one operand stay in registers */
#define TL_WIDEST_BLOCK 16 /* times the table's `block`: the most columns in a block */

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
    bool x_uncached;         /* X does not fit in a cache: its rows are prefetched */
} tl_sparse;

/* Arguments of a step of an optimizer: n rows of `width` weights. */
typedef struct tl_update_args {
    int64_t n, width;
    const int32_t *row;      /* g[i] is the gradient of row row[i] of w and of the slots; NULL: of row i */
    const tl_real *const *g; /* a gradient per row */
    tl_real *w, *slot[4];    /* as many slots as the step has */
    const tl_real *constant; /* c0 .. c6, of which a step uses some */
} tl_update_args;

/* Steps of optimizers, element by element: weight w, gradient g, slots s0 .., constants c0 .. Expressions are
 * evaluated from left to right; in a sum of two products the first is the fused one. A moving average (any
 * slot except the sums of adagrad and ftrl and the maximum of amsgrad) that becomes subnormal becomes 0. */
typedef void tl_update_kernel(const tl_update_args *args);
typedef struct tl_updates {
    tl_update_kernel *sgd;      /* w -= c0 g */
    tl_update_kernel *momentum; /* s0 = c1 s0 + g, w -= c0 s0 */
    tl_update_kernel *nesterov; /* s0 = c1 s0 + g, w -= c0 (c1 s0 + g) */
    tl_update_kernel *adagrad;  /* s0 += g g, w -= c0 g / (sqrt(s0) + c1) */
    /* s0 = c2 s0 + c3 g g, q = g / (sqrt(s0) + c1), w -= c0 q. [centered][with momentum].
     * Centered: the next slot is m = c2 m + c3 g; s0 - m m, or 0 where that is less, is under the root.
     * With momentum: the last slot is a = c4 a + q; it replaces q. */
    tl_update_kernel *rmsprop[2][2];
    tl_update_kernel *adam;    /* s0 = c3 s0 + c4 g, s1 = c5 s1 + c6 g g, w -= c0 s0 / (c1 sqrt(s1) + c2) */
    tl_update_kernel *amsgrad; /* the same with s2 under the root: s2 = s1 where s1 > s2 */
    /* r = sqrt(s0), s0 += g g, s1 += g - (sqrt(s0) - r) / c0 w; w = 0 where |s1| <= c1, otherwise
     * ((s1 > 0 ? c1 : -c1) - s1) / (sqrt(s0) / c0 + c2). With c0 = 0: nothing. */
    tl_update_kernel *ftrl;
} tl_updates;

typedef struct tl_kernels {
    const char *name; /* of the instruction set */
    int64_t lanes;    /* values in a vector */
    int64_t block;    /* columns whose rows of X, a full tile wide, fill L1: the narrowest block */

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

    /* SDDMM, the product A B^T sampled at the entries of S: for entry e in row i, dvalues[perm[e]] (or [e]) =
     * (add_values: +=) the dot product of row i of A and row col[e] of B: one sum per lane, over k mod lanes,
     * then by halves. B is 0 from `width` to the next whole vector. */
    void (*sddmm)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, tl_dense a, tl_dense b,
                  tl_real *dvalues, bool add_values);

    /* Both in one walk, which loads each row of B once: dA = S B, and dvalues as by sddmm; the same bits. */
    void (*spmm_sddmm)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, tl_dense a, tl_dense b,
                       tl_dense_out da, bool add, tl_real *dvalues, bool add_values);

    /* ---- Dense products ---- */

    /* C = A B, m x k by k x n, for small and thin shapes. An element is summed over k. */
    void (*gemm_small)(int64_t m, int64_t n, int64_t k, tl_matrix a, tl_matrix b, tl_dense_out c, bool add);

    /* y[k] += a x[k] */
    void (*axpy)(int64_t n, tl_real a, const tl_real *x, tl_real *y);

    /* Returns the sum of x[k] y[k]: 64 sums, over k mod 64, then by halves. */
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

    /* Column sums in double, of X or, unless z is NULL, of the elementwise product of X and Z: y[j] += sign *
     * the sum over i of x[i cols + j]. Of a single column: 16 sums, over i mod 16, then by halves. */
    void (*col_sums)(int64_t rows, int64_t cols, int64_t begin, int64_t end, int sign, const tl_real *x,
                     const tl_real *z, tl_real *y);

    /* y[i cols + j] = max(a[i cols + j] + b[j], 0); a NaN stays one. */
    void (*bias_relu)(int64_t rows, int64_t cols, const tl_real *a, const tl_real *b, tl_real *y);

    /* Its gradients, in columns begin .. end-1: with g = dy where y > 0, otherwise 0, da = g (add: += g) and
     * db[j] += the sum of g over the rows, in double. da and db may be NULL. */
    void (*bias_relu_backward)(int64_t rows, int64_t cols, int64_t begin, int64_t end, const tl_real *y,
                               const tl_real *dy, tl_real *da, bool add, tl_real *db);

    /* y[k] = exp(x[k]), tanh(x[k]) and log(1 + x[k]), within 4 units in the last place, and the sigmoid
     * 1 / (1 + exp(-x[k])), within 6; y may be x. (Not to the bit what the reference has, which calls the
     * scalar functions of the C library.) */
    void (*exp)(int64_t n, const tl_real *x, tl_real *y);
    void (*tanh)(int64_t n, const tl_real *x, tl_real *y);
    void (*log1p)(int64_t n, const tl_real *x, tl_real *y);
    void (*sigmoid)(int64_t n, const tl_real *x, tl_real *y);

    /* ---- Random numbers, optimizers ---- */

    /* Blocks counter .. counter+n-1 of tl_philox(key, 0, counter, ..), four words each. */
    void (*philox)(uint64_t key, uint64_t counter, int64_t n, uint32_t *out);

    const tl_updates *updates;
} tl_kernels;

/* Returns the table of the instruction set that tl_kernel_level() names; chosen at the first call. */
extern _Atomic(const tl_kernels *) tl_chosen_kernels; /* NULL: not yet chosen */
const tl_kernels *tl_choose_kernels(void);
static inline const tl_kernels *tl_kernel_table(void)
{
    const tl_kernels *table = atomic_load_explicit(&tl_chosen_kernels, memory_order_acquire);
    return table ? table : tl_choose_kernels();
}

#endif
