/* What reduce_sum and reduce_mean share: the axis as the middle of outer x n x inner. */
#ifndef TL_REDUCE_H
#define TL_REDUCE_H

#include "kernels.h"
#include "op.h"
#include "ops.h"

typedef struct tl_reduce {
    int64_t outer, n, inner;
} tl_reduce;

/* For `shape`, with the axis in y->attr: leaves a tl_reduce in y->scratch. */
static inline tl_status tl_reduce_shape(tl_node *y)
{
    int32_t axis = *(const int32_t *)y->attr;
    tl_shape a = y->in[0]->shape, out = TL_SHAPE();
    if (axis < TL_ALL_AXES || axis >= a.rank)
        return tl_fail(TL_ERR_ARGUMENT, "axis %d of %s", (int)axis, tl_shape_text(a).text);
    tl_reduce *r = y->scratch = tl_scratch(y, 1, sizeof *r);
    if (!r)
        return TL_ERR_MEMORY;
    *r = (tl_reduce){ 1, axis == TL_ALL_AXES ? y->in[0]->size : a.dim[axis], 1 };
    for (int32_t k = 0; axis != TL_ALL_AXES && k < a.rank; k++) {
        if (k != axis)
            out.dim[out.rank++] = a.dim[k];
        if (k < axis)
            r->outer *= a.dim[k];
        else if (k > axis)
            r->inner *= a.dim[k];
    }
    return tl_shape_dense(y, out);
}

/* y->out = the sums / divisor: not times its inverse, so that the mean of equal values is that value. */
static inline void tl_reduce_forward(tl_node *y, tl_real divisor)
{
    const tl_reduce *r = y->scratch;
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] = 0;
    for (int64_t i = 0; i < r->outer && y->in[0]->size > 0; i++) /* which may have no data otherwise */
        tl_kernel_table()->sum_rows(r->n, r->inner, 1, y->in[0]->val + i * r->n * r->inner, NULL,
                                    y->out + i * r->inner);
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] /= divisor;
}

/* dA += dY / divisor, repeated along the axis. */
static inline void tl_reduce_backward(tl_node *y, tl_real divisor)
{
    const tl_reduce *r = y->scratch;
    tl_real *da = y->in[0]->grad, c = 1 / divisor;
    for (int64_t i = 0; da && i < r->outer; i++)
        for (int64_t k = 0; k < r->n; k++)
            for (int64_t j = 0; j < r->inner; j++)
                da[(i * r->n + k) * r->inner + j] += c * y->grad[i * r->inner + j];
}

#endif
