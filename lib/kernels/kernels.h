/* The table of kernels: every hot loop on plain arrays, compiled once per instruction set.
 *
 * Rules: a kernel computes each output element by the same operations in the same order wherever the element
 * sits and however the loop is split, so results do not depend on the number of threads. Sums run in the
 * order that is stated here. A product is fused with the sum it goes into where the chip can do that.
 *
 * The specification is stated.c: the same in plain loops, which every kernel must agree with to the bit
 * unless something else is said. */
#ifndef TL_KERNELS_H
#define TL_KERNELS_H

#include <stdatomic.h>

#include "base.h"
#include "lib/kernels/blocks.h"

#define TL_TILE_VECS    8  /* vectors in a tile of samples: they and one operand stay in registers */
#define TL_WIDEST_BLOCK 16 /* times the table's `block`: the most columns in a block */

/* The entries of a sparse matrix, for kernels that walk some of its rows. */
typedef struct tl_sparse {
    int64_t rows;
    const int64_t *row_ptr;
    const int32_t *col;
    const int32_t *perm; /* entry e has values[order[e]]; NULL: values[e] */
    const tl_real *values;
    /* Unless NULL, row i has the entries row_begin[i] .. row_end[i] - 1, and row_ptr is not looked at; it may
     * then be NULL if perm is NULL and x_uncached is false. */
    const int32_t *row_begin, *row_end;
    const tl_blocks *blocks; /* or NULL: row by row */
    bool x_uncached;         /* rows of X are read that no cache holds */
} tl_sparse;

/* Runs of weights for the steps of optimizers, `width` in each. */
typedef struct tl_update_args {
    int64_t n, width;
    const int32_t *row;      /* run i is row row[i] of w and of the slots; NULL: row i */
    const tl_real *const *g; /* the gradient of each run */
    tl_real *w, *slot[4];    /* as many slots as the step has */
    const tl_real *constant; /* seven, of which a step takes some */
} tl_update_args;

/* Steps of optimizers on weights w with gradients g, slots s and constants c, element by element. Products
 * and quotients are taken from the left; of a sum of two products the first is the fused one. An average (any
 * slot but the sums of adagrad and ftrl and amsgrad's maximum) that becomes subnormal becomes 0. */
typedef void tl_update_kernel(const tl_update_args *runs);
typedef struct tl_updates {
    tl_update_kernel *sgd;      /* w -= c0 g */
    tl_update_kernel *momentum; /* s0 = c1 s0 + g, w -= c0 s0 */
    tl_update_kernel *nesterov; /* s0 = c1 s0 + g, w -= c0 (c1 s0 + g) */
    tl_update_kernel *adagrad;  /* s0 += g g, w -= c0 g / (sqrt(s0) + c1) */
    /* s0 = c2 s0 + c3 g g, q = g / (sqrt(s0) + c1), w -= c0 q. [centered][with momentum]: centered, of the
     * next slot m = c2 m + c3 g, and s0 - m m, or 0 where that is less, under the root; with momentum, of the
     * last slot a = c4 a + q in place of q. */
    tl_update_kernel *rmsprop[2][2];
    tl_update_kernel *adam;    /* s0 = c3 s0 + c4 g, s1 = c5 s1 + c6 g g, w -= c0 s0 / (c1 sqrt(s1) + c2) */
    tl_update_kernel *amsgrad; /* the same with s2 under the root, s2 = s1 where s1 > s2 */
    /* r = sqrt(s0), s0 += g g, s1 += g - (sqrt(s0) - r) / c0 w, and w = 0 where |s1| <= c1, else
     * (c1 - s1 where s1 > 0, else -c1 - s1) / (sqrt(s0) / c0 + c2); nothing where c0 = 0 */
    tl_update_kernel *ftrl;
} tl_updates;

typedef struct tl_kernels {
    const char *name;
    int64_t lanes; /* values in a vector */
    int64_t block; /* columns whose rows of X, a tile wide, fill the first cache */

    /* Rows begin .. end-1 of Y = S X (add: Y += S X) for a tile of `width` samples, 1 to TL_TILE_VECS
     * vectors. Row k of X is at x + k ldx and can be read to a whole vector, of Y at y + i ldy. Each element
     * is summed over the row's entries, ascending.
     *
     * Of a matrix with blocks, for this kernel and the next two: begin and end are ranges, a tile has
     * TL_TILE_VECS / 2 vectors or more, and the rows of X (or b) are as far apart as the whole vectors that
     * hold a tile's row. */
    void (*spmm)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, const tl_real *x, int64_t ldx,
                 tl_real *y, int64_t ldy, bool add);

    /* Entries of rows begin .. end-1: dvalues[e] (through the order, if there is one) = (add_values: +=) the
     * product of row i of a, `width` values, with row col[e] of b, which is 0 from there to a whole vector.
     * Summed by lanes, each ascending, which are then added by halves. */
    void (*sddmm)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, const tl_real *a,
                  int64_t lda, const tl_real *b, int64_t ldb, tl_real *dvalues, bool add_values);

    /* In one walk what spmm and sddmm compute, to the bit: dA = S B (add: dA += S B), and dvalues =
     * (add_values: +=) the products. */
    void (*spmm_sddmm)(const tl_sparse *s, int64_t begin, int64_t end, int64_t width, const tl_real *a,
                       int64_t lda, const tl_real *b, int64_t ldb, tl_real *da, int64_t ldda, bool add,
                       tl_real *dvalues, bool add_values);

    /* y(j, i) = x(i, j), or += ; x is rows x cols with rows ldx apart, y with rows ldy apart */
    void (*transpose)(int64_t rows, int64_t cols, const tl_real *x, int64_t ldx, tl_real *y, int64_t ldy,
                      bool add);

    /* the largest magnitude among x, 0 of none; NaN if there is one. *minus_zero: whether -0 is there */
    tl_real (*max_abs)(int64_t n, const tl_real *x, bool *minus_zero);

    /* y[k] += x[k] */
    void (*add)(int64_t n, const tl_real *x, tl_real *y);

    /* y[k] += a x[k] */
    void (*axpy)(int64_t n, tl_real a, const tl_real *x, tl_real *y);

    /* sum of x[k] y[k]: 64 sums over k mod 64, each ascending, added by halves */
    tl_real (*dot)(int64_t n, const tl_real *x, const tl_real *y);

    /* For columns j = begin .. end-1: y[j] += sign times the sum over i, in double, of x[i cols + j], or of
     * its product with z there unless z is NULL: ascending; of a single column, by i mod 16, each ascending,
     * and these by halves */
    void (*col_sums)(int64_t rows, int64_t cols, int64_t begin, int64_t end, int sign, const tl_real *x,
                     const tl_real *z, tl_real *y);

    /* y = max(a + b, 0), and NaN where the sum is: `rows` rows of `cols` values, with one b for all of
     * them. */
    void (*bias_relu)(int64_t rows, int64_t cols, const tl_real *a, const tl_real *b, tl_real *y);

    /* Columns begin .. end-1 of such rows, with g = dy where y > 0, else 0: da = g (add: += g); db[j] += the
     * sum of g over the rows, in double, ascending. Either may be NULL. */
    void (*bias_relu_backward)(int64_t rows, int64_t cols, int64_t begin, int64_t end, const tl_real *y,
                               const tl_real *dy, tl_real *da, bool add, tl_real *db);

    /* y[k] = exp(x[k]), tanh(x[k]) and log(1 + x[k]), within four units in the last place, and
     * 1 / (1 + exp(-x[k])), within six; y may be x. (Not to the bit what stated.c has, which asks for one
     * number at a time.) */
    void (*exp)(int64_t n, const tl_real *x, tl_real *y);
    void (*tanh)(int64_t n, const tl_real *x, tl_real *y);
    void (*log1p)(int64_t n, const tl_real *x, tl_real *y);
    void (*sigmoid)(int64_t n, const tl_real *x, tl_real *y);

    /* Blocks counter .. counter+n-1 of tl_philox(key, 0, counter, ..), four words each. */
    void (*philox)(uint64_t key, uint64_t counter, int64_t n, uint32_t *out);

    /* C = A B (add: C += A B), m x k by k x n, for thin and tiny shapes; element (i, j) of A at a[i ars + j
     * acs], of B likewise, of C at c[i ldc + j]. Each is summed over k ascending, from 0 or from C. */
    void (*gemm_small)(int64_t m, int64_t n, int64_t k, const tl_real *a, int64_t ars, int64_t acs,
                       const tl_real *b, int64_t brs, int64_t bcs, tl_real *c, int64_t ldc, bool add);

    const tl_updates *updates;
} tl_kernels;

/* The table for this chip: the best that it can run, or TULLE_KERNELS = baseline | avx2 | avx512 if it can
 * run that. Chosen at the first call, constant from then on. */
extern _Atomic(const tl_kernels *) tl_chosen_kernels; /* NULL: not yet chosen */
const tl_kernels *tl_choose_kernels(void);
static inline const tl_kernels *tl_kernel_table(void)
{
    const tl_kernels *table = atomic_load_explicit(&tl_chosen_kernels, memory_order_acquire);
    return table ? table : tl_choose_kernels();
}

#endif
