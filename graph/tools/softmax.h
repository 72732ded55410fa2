/* Tools for ops with a softmax in them: the logarithm of a sum of exponentials, and the softmax that it
 * normalises. Functions of one row, on one thread; rows are shared out by tl_parallel_rows. */
#ifndef TL_SOFTMAX_H
#define TL_SOFTMAX_H

#include "base.h"

/* log(sum of exp(x[k])) as max + log_sum, with the largest x. Not added, as the logarithm would be rounded
 * away beside a large maximum. */
typedef struct tl_log_sum {
    tl_real max, log_sum;
} tl_log_sum;

/* Returns the log-sum-exp of n values. The exponentials are summed in double, in their order. Where the
 * maximum is infinite, log_sum is the logarithm of how many values are it; NaN if one of them is NaN. Of no
 * values: -Inf + 0. */
TL_API tl_log_sum tl_log_sum_exp(int64_t n, const tl_real *x) TL_REAL_SYMBOL(tl_log_sum_exp);

/* Returns half of -log softmax of a value of the row. All of it may be beyond a double; it is Inf where the
 * value has no probability. */
TL_API double tl_half_loss(tl_log_sum of, tl_real x) TL_REAL_SYMBOL(tl_half_loss);

/* y[k] = exp(x[k] - max - log_sum), for n values of a row or of a part of it. The limit where the maximum is
 * infinite: values of +Inf share the probability, and where all are -Inf there is none. x and y do not
 * overlap. */
TL_API void tl_softmax_row(int64_t n, const tl_real *x, tl_log_sum of, tl_real *y)
    TL_REAL_SYMBOL(tl_softmax_row);

/* y[k] = exp(x[k] - max), for n values of a row, and *max = the largest; returns the sum of y, as tl_sum_run
 * has it. The limit where the maximum is infinite: values of +Inf count as 1, others as 0, so that the sum of
 * -Inf only is 0. If one value is NaN, all are. x and y do not overlap. */
TL_API double tl_exp_row(int64_t n, const tl_real *x, tl_real *max, tl_real *y) TL_REAL_SYMBOL(tl_exp_row);

#endif
