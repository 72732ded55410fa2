/* Tools for ops that reduce: sums and means over an axis with their gradients, walks along an axis, and sums
 * of an op's own terms.
 *
 * All of them run on all threads, and their bits do not depend on how many there are. Sums are computed in
 * double and rounded once. Arrays of results overlap no operand; those without elements may be NULL. */
#ifndef TL_REDUCE_H
#define TL_REDUCE_H

#include "describe.h"

/* How an axis divides a tensor: outer x n x inner, of which the n along the axis are reduced and outer x
 * inner remain. Element (i, k, j) is stored at (i n + k) inner + j; the last axis has inner = 1. */
typedef struct tl_axis {
    int64_t outer, n, inner;
} tl_axis;

/* For `shape`: sets *of to the division of a's shape by this axis, 0..rank-1, and *rest to the shape without
 * it. TL_ALL_AXES divides into 1 x size x 1, which leaves a scalar. TL_ERR_ARGUMENT for any other axis. */
TL_API tl_status tl_axis_of(const tl_node *a, int32_t axis, tl_axis *of, tl_shape *rest);

/* For `shape` of an op that reduces input 0: declares the result, dense, of the shape without the axis, and
 * stores the division, a tl_axis, in y->scratch. TL_ERR_ARGUMENT, TL_ERR_MEMORY. */
TL_API tl_status tl_shape_reduced(tl_node *y, int32_t axis);

/* For `describe`: states the attribute "axis", a number or "all". */
TL_API void tl_describe_axis(tl_description *to, int32_t axis);

/* ---- Sums ---- */

/* Sums over the axis of A or, elementwise, of A B; or these with the sign changed. */
typedef struct tl_axis_sum {
    tl_axis of;
    const tl_real *a, *b; /* outer x n x inner; b = NULL: all 1 */
    bool negate;
} tl_axis_sum;

/* y = (add: +=) the sums, outer x inner; of nothing, 0. The rounded sum is added. A sum has its terms in the
 * order of the axis or, if inner is 1, in 16 partial sums, sum k mod 16 taking term k, which are then added
 * by halves.
 *
 * Column sums of a matrix are the case { 1, rows, cols }: the gradient of a row that was broadcast. */
TL_API void tl_sum_axis(const tl_axis_sum *s, tl_real *y, bool add) TL_REAL_SYMBOL(tl_sum_axis);

/* y = the means over the axis, outer x inner; of nothing, 0: the rounded sum divided by n. A mean of finite
 * values is finite, even if their sum is not. The mean of equal values is this value if their sum is
 * exact. */
TL_API void tl_mean_axis(tl_axis of, const tl_real *a, tl_real *y) TL_REAL_SYMBOL(tl_mean_axis);

/* The gradient of c times a sum: da(i, k, j) = (add: +=) c dy(i, j), the product rounded first. */
TL_API void tl_repeat_axis(tl_axis of, tl_real c, const tl_real *dy, tl_real *da, bool add)
    TL_REAL_SYMBOL(tl_repeat_axis);

/* ---- Runs: on one thread, of elements that follow one another ---- */

/* Returns the sum of x[k] or, unless z is NULL, of x[k] z[k], in double and not rounded: fewer than 16 terms
 * in their order, otherwise 64 partial sums, sum k mod 64 taking term k, which are then added by halves. */
TL_API double tl_sum_run(int64_t n, const tl_real *x, const tl_real *z) TL_REAL_SYMBOL(tl_sum_run);

/* Returns the largest x[k]: NaN if one is, -Inf of none. */
TL_API tl_real tl_max_run(int64_t n, const tl_real *x) TL_REAL_SYMBOL(tl_max_run);

/* ---- Walks along an axis ---- */

/* The n elements along the axis at one place of the others: element k is stored at first + k stride, and what
 * they reduce to at `index`. A line along the last axis is a row, of stride 1. */
typedef struct tl_line {
    int64_t index, first, stride, n;
} tl_line;

/* Calls body(context, line) for each of the outer x inner lines, in tasks of about TL_GRAIN elements. For
 * reductions that are no sums, and for functions of whole rows, such as a softmax:
 *
 *     static void largest(void *context, tl_line l)
 *     {
 *         const tl_node *y = context;
 *         const tl_real *a = y->in[0]->val + l.first;
 *         tl_real max = a[0];
 *         for (int64_t k = 1; k < l.n; k++)
 *             max = a[k * l.stride] > max ? a[k * l.stride] : max;
 *         y->out[l.index] = max;
 *     }
 *
 * The body runs on any thread, as those of tl_parallel_for do. Neighbouring lines of one task are read one
 * after the other, so that those of a stride above 1 share their cache lines. */
TL_API void tl_parallel_lines(tl_axis of, void (*body)(void *context, tl_line line), void *context);

/* Channels, as those of an n x c x h x w image, need no walk of their own: axis 1 divides it into
 * n x c x (h w), and a loop over the channels is tl_parallel_rows(of.n, of.outer * of.inner, body, context).
 */

/* ---- Sums of an op's own terms ---- */

enum { TL_SUM_CHUNK = 1 << 13 };

/* Returns the sum of n terms, which `sum` defines: it returns that of terms begin .. end-1, a chunk of
 * TL_SUM_CHUNK terms (the last one may have fewer), on any thread. The chunks are added in their order.
 *
 *     static double squares(const void *context, int64_t begin, int64_t end)
 *     {
 *         const tl_node *y = context;
 *         double sum = 0;
 *         for (int64_t k = begin; k < end; k++)
 *             sum += (double)y->in[0]->val[k] * (double)y->in[0]->val[k];
 *         return sum;
 *     }
 *     y->out[0] = (tl_real)tl_sum_terms(y->in[0]->size, squares, y);
 */
TL_API double tl_sum_terms(int64_t n, double (*sum)(const void *context, int64_t begin, int64_t end),
                           const void *context);

#endif
