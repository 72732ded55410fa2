/* Gradients that several ops hand on: Y's own, and sums of it over rows. */
#ifndef TL_GRAD_PASS_H
#define TL_GRAD_PASS_H

#include "lib/kernels/kernels.h"
#include "op.h"

#include <string.h>

/* Columns in a piece of work on a matrix: stretches as wide as a prefetcher likes them, or narrower ones
 * where there would be too few for many threads; all, or more, of a small matrix. */
static inline int64_t tl_strip(int64_t rows, int64_t cols)
{
    enum { WIDE = 256, NARROW = 64, ENOUGH = 4 };
    const int64_t strip = cols < ENOUGH * WIDE ? NARROW : WIDE, worth = TL_GRAIN / (rows + 1);
    return worth > strip ? worth : strip;
}

static inline void tl_grad_pass_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context, *a = y->in[0];
    if (a->overwrite)
        memcpy(a->grad + begin, y->grad + begin, (size_t)(end - begin) * sizeof *a->grad);
    else
        tl_kernel_table()->add(end - begin, y->grad + begin, a->grad + begin);
}

/* dA += dY, for the first input, which the op `begins`. */
static inline void tl_grad_pass(tl_node *y)
{
    if (y->in[0]->grad)
        tl_parallel_for(y->size, TL_GRAIN, tl_grad_pass_range, y);
}

typedef struct tl_sums {
    const tl_node *y;
    int sign;
    const tl_real *factor; /* as many as Y has values; NULL: 1 */
} tl_sums;

static inline void tl_grad_sum_columns(void *context, int64_t begin, int64_t end)
{
    const tl_sums *s = context;
    const int64_t cols = s->y->in[1]->size;
    tl_kernel_table()->col_sums(s->y->size / cols, cols, begin, end, s->sign, s->y->grad, s->factor,
                                s->y->in[1]->grad);
}

/* dB += sign times the sum of all that each element of B, the second input, met: of the rows of dY, as wide
 * as B, times the factors. */
static inline void tl_grad_sum_rows(tl_node *y, int sign, const tl_real *factor)
{
    const int64_t cols = y->in[1]->size;
    if (y->in[1]->grad && y->size > 0)
        tl_parallel_for(cols, tl_strip(y->size / cols, cols), tl_grad_sum_columns,
                        &(tl_sums){ y, sign, factor });
}

#endif
