/* Gradients that several ops share: dY itself, and its column sums for a broadcast input. */
#ifndef TL_GRAD_PASS_H
#define TL_GRAD_PASS_H

#include "lib/kernels/kernels.h"
#include "op.h"

#include <string.h>

/* Returns the number of columns of a matrix that a task sums: 256, or 64 if that leaves too few tasks; more
 * if the matrix has few rows. */
static inline int64_t tl_column_grain(int64_t rows, int64_t cols)
{
    enum { WIDE = 256, NARROW = 64, MIN_TASKS = 4 };
    const int64_t columns = cols < MIN_TASKS * WIDE ? NARROW : WIDE, worthwhile = TL_GRAIN / (rows + 1);
    return worthwhile > columns ? worthwhile : columns;
}

static inline void tl_grad_pass_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context, *a = y->in[0];
    if (a->overwrite)
        memcpy(a->grad + begin, y->grad + begin, (size_t)(end - begin) * sizeof *a->grad);
    else
        tl_kernel_table()->add(end - begin, y->grad + begin, a->grad + begin);
}

/* dA += dY, for the first input, whose gradient the op can overwrite. */
static inline void tl_grad_pass(tl_node *y)
{
    if (y->in[0]->grad)
        tl_parallel_for(y->size, TL_GRAIN, tl_grad_pass_range, y);
}

typedef struct tl_column_sums {
    const tl_node *y;
    int sign;
    const tl_real *factor; /* one per value of Y; NULL: all 1 */
} tl_column_sums;

static inline void tl_grad_sum_columns(void *context, int64_t begin, int64_t end)
{
    const tl_column_sums *s = context;
    const int64_t cols = s->y->in[1]->size;
    tl_kernel_table()->col_sums(s->y->size / cols, cols, begin, end, s->sign, s->y->grad, s->factor,
                                s->y->in[1]->grad);
}

/* dB += sign times the sum of the rows of dY (times the factors, elementwise), for a second input B that was
 * broadcast. The rows are as long as B. */
static inline void tl_grad_sum_rows(tl_node *y, int sign, const tl_real *factor)
{
    const int64_t cols = y->in[1]->size;
    if (y->in[1]->grad && y->size > 0)
        tl_parallel_for(cols, tl_column_grain(y->size / cols, cols), tl_grad_sum_columns,
                        &(tl_column_sums){ y, sign, factor });
}

#endif
