/* Reductions for reduce_sum and reduce_mean: A is seen as outer x n x inner and reduced over n. */
#ifndef TL_REDUCE_H
#define TL_REDUCE_H

#include "ops/grad_pass.h"
#include "describe.h"
#include "ops.h"

#include <math.h>

typedef struct tl_reduce {
    int64_t outer, n, inner;
} tl_reduce;

/* For `shape`, with the axis in y->attr: stores a tl_reduce in y->scratch. */
static inline tl_status tl_reduce_shape(tl_node *y)
{
    int32_t axis = *(const int32_t *)y->attr;
    tl_shape a = y->in[0]->shape, out = TL_SHAPE();
    if ((axis < TL_ALL_AXES || axis >= a.rank) && a.rank == 0)
        return tl_fail(TL_ERR_ARGUMENT, "axis %d of %s is not TL_ALL_AXES", (int)axis,
                       tl_node_text(y->in[0]).text);
    if (axis < TL_ALL_AXES || axis >= a.rank)
        return tl_fail(TL_ERR_ARGUMENT, "axis %d of %s is neither in 0..%d nor TL_ALL_AXES", (int)axis,
                       tl_node_text(y->in[0]).text, (int)a.rank - 1);
    tl_reduce *r = y->scratch = tl_scratch(y, 1, sizeof *r);
    if (!r)
        return TL_ERR_MEMORY;
    if (axis == TL_ALL_AXES) {
        *r = (tl_reduce){ 1, y->in[0]->size, 1 };
        return tl_shape_dense(y, out);
    }
    *r = (tl_reduce){ 1, a.dim[axis], 1 };
    for (int32_t k = 0; k < a.rank; k++) {
        if (k != axis)
            out.dim[out.rank++] = a.dim[k];
        if (k < axis)
            r->outer *= a.dim[k];
        else if (k > axis)
            r->inner *= a.dim[k];
    }
    return tl_shape_dense(y, out);
}

/* Describes the axis. */
static inline void tl_reduce_describe(const tl_node *y, tl_description *to)
{
    const int32_t axis = *(const int32_t *)y->attr;
    if (axis == TL_ALL_AXES)
        tl_describe_text(to, "axis", "all");
    else
        tl_describe_integer(to, "axis", axis);
}

/* Sums columns begin .. end-1 of the only block (outer = 1). */
static inline void tl_reduce_columns(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const tl_reduce *r = y->scratch;
    tl_kernel_table()->col_sums(r->n, r->inner, begin, end, 1, y->in[0]->val, NULL, y->out);
}

/* Sums the columns of blocks begin .. end-1. */
static inline void tl_reduce_blocks(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const tl_reduce *r = y->scratch;
    for (int64_t i = begin; i < end; i++)
        tl_kernel_table()->col_sums(r->n, r->inner, 0, r->inner, 1, y->in[0]->val + i * r->n * r->inner, NULL,
                                    y->out + i * r->inner);
}

/* Returns the mean of every inner-th value from a on, divided first: for a sum that is not a tl_real. No mean
 * is beyond the largest value, as rounding could make it. */
static inline tl_real tl_reduce_scaled(const tl_reduce *r, const tl_real *a)
{
    double sum = 0, largest = 0;
    for (int64_t k = 0; k < r->n; k++) {
        sum += (double)a[k * r->inner] / (double)r->n;
        largest = fmax(largest, fabs((double)a[k * r->inner]));
    }
    return (tl_real)(fabs(sum) > largest ? copysign(largest, sum) : sum);
}

/* Y = the sums / divisor, and not the sums times 1 / divisor: the mean of equal values is that value. */
static inline void tl_reduce_forward(tl_node *y, tl_real divisor)
{
    const tl_reduce *r = y->scratch;
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] = 0;
    if (y->in[0]->size == 0) /* whose data may be NULL */
        return;
    if (r->outer == 1)
        tl_parallel_for(r->inner, tl_column_grain(r->n, r->inner), tl_reduce_columns, y);
    else
        tl_parallel_rows(r->outer, r->n * r->inner, tl_reduce_blocks, y);
    bool minus_zero;
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] /= divisor;
    if (divisor == 1 || isfinite(tl_kernel_table()->max_abs(y->size, y->out, &minus_zero)))
        return;
    for (int64_t k = 0; k < y->size; k++)
        if (isinf(y->out[k]))
            y->out[k] = tl_reduce_scaled(r, y->in[0]->val + k / r->inner * r->n * r->inner + k % r->inner);
}

typedef struct tl_repeat {
    const tl_node *y;
    tl_real c;
} tl_repeat;

/* Computes elements begin .. end-1 of dA for inner = 1: n neighbours receive the same element of dY. */
static inline void tl_repeat_elements(void *context, int64_t begin, int64_t end)
{
    const tl_repeat *c = context;
    const tl_reduce *r = c->y->scratch;
    const tl_node *a = c->y->in[0];
    const tl_real *dy = c->y->grad + begin / r->n;
    tl_real *restrict da = a->grad;
    for (int64_t k = begin, next = begin + r->n - begin % r->n; k < end; next += r->n, dy++) {
        const tl_real g = c->c * *dy;
        for (; k < next && k < end; k++)
            da[k] = (a->overwrite ? 0 : da[k]) + g;
    }
}

/* Computes rows begin .. end-1 of dA, each `inner` long: n neighbours receive the same row of dY. */
static inline void tl_repeat_rows(void *context, int64_t begin, int64_t end)
{
    const tl_repeat *c = context;
    const tl_reduce *r = c->y->scratch;
    const tl_node *a = c->y->in[0];
    const tl_real *dy = c->y->grad + begin / r->n * r->inner;
    for (int64_t i = begin, next = begin + r->n - begin % r->n; i < end; next += r->n, dy += r->inner)
        for (; i < next && i < end; i++) {
            tl_real *restrict da = a->grad + i * r->inner;
            for (int64_t j = 0; j < r->inner; j++)
                da[j] = (a->overwrite ? 0 : da[j]) + c->c * dy[j];
        }
}

/* dA += dY / divisor, repeated along the axis. */
static inline void tl_reduce_backward(tl_node *y, tl_real divisor)
{
    const tl_reduce *r = y->scratch;
    tl_repeat c = { y, 1 / divisor };
    if (!y->in[0]->grad || y->in[0]->size == 0)
        return;
    if (r->inner == 1)
        tl_parallel_for(r->outer * r->n, TL_GRAIN, tl_repeat_elements, &c);
    else
        tl_parallel_rows(r->outer * r->n, r->inner, tl_repeat_rows, &c);
}

#endif
