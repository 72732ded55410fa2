/* Samples and the reference of reductions over one axis, which disappears, or over all. */
#ifndef TL_REDUCTION_H
#define TL_REDUCTION_H

#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static const int32_t all = TL_ALL_AXES, axis_0 = 0, axis_1 = 1, axis_2 = 2, axis_3 = 3, below = -2,
                     greatest = INT32_MAX, least = INT32_MIN;

/* Returns the element of Y to which element k of `a` belongs: its indices without that along the axis. */
static inline int64_t target(tl_shape a, int32_t axis, int64_t k)
{
    int64_t index[TL_MAX_RANK], to = 0;
    for (int32_t d = a.rank - 1; d >= 0; k /= a.dim[d--])
        index[d] = k % a.dim[d];
    for (int32_t d = 0; d < a.rank && axis != TL_ALL_AXES; d++)
        to = d == axis ? to : to * a.dim[d] + index[d];
    return to;
}

/* Stores the sums, and returns their shape. */
static inline tl_shape reduce(tl_reference *r)
{
    const tl_shape a = r->shape[0];
    const int32_t axis = *(const int32_t *)r->attr;
    tl_shape y = TL_SHAPE();
    for (int32_t d = 0; d < a.rank && axis != TL_ALL_AXES; d++)
        if (d != axis)
            y.dim[y.rank++] = a.dim[d];
    for (int64_t k = 0; k < tl_shape_size(a); k++) {
        r->y[target(a, axis, k)] += r->in[0][k];
        r->terms[target(a, axis, k)] += fabs(r->in[0][k]);
    }
    return y;
}

#define OVER(axis, ...)                                                                                      \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__) }, .attr = &axis                                               \
    }
#define REFUSED(operand, axis, text)                                                                         \
    {                                                                                                        \
        .in = { operand }, .attr = &axis, .status = TL_ERR_ARGUMENT, .error = text                           \
    }

static const tl_sample reductions[] = {
    { .in = { TL_SCALAR_OPERAND }, .attr = &all },
    OVER(axis_0, 3, 5),
    OVER(axis_1, 3, 5),
    OVER(all, 3, 5),
    OVER(axis_0, 17),
    OVER(all, 65),
    OVER(axis_0, 1),
    OVER(axis_0, 2, 3, 17),
    OVER(axis_1, 2, 3, 17),
    OVER(axis_2, 2, 3, 17),
    OVER(all, 2, 3, 17),
    OVER(axis_1, 17, 1, 3),
    OVER(axis_0, 3, 2, 1, 5),
    OVER(axis_1, 3, 2, 1, 5),
    OVER(axis_2, 3, 2, 1, 5),
    OVER(axis_3, 3, 2, 1, 5),
    OVER(all, 2, 1, 3, 2),
    OVER(axis_0, 17, 1),
    OVER(axis_1, 17, 1),
    OVER(axis_0, 1, 65),
    OVER(axis_1, 1, 65),
    OVER(all, 0),
    OVER(axis_0, 0),
    OVER(axis_1, 2, 0, 3),
    OVER(axis_0, 0, 2, 0, 1),
    OVER(axis_0, 3, 129),
    OVER(axis_1, 3, 129),
    OVER(axis_0, 65, 63),
    OVER(axis_1, 65, 63),
    OVER(all, 65, 63),
    OVER(axis_1, 3, 5, 65),
    OVER(axis_2, 1, 17, 3, 65),
    OVER(axis_0, 300, 130),
    OVER(axis_1, 300, 130),
    OVER(all, 300, 130),
    OVER(axis_0, 2, 60, 300),
    OVER(axis_1, 2, 60, 300),
    OVER(axis_2, 2, 60, 300),
    REFUSED(TL_DENSE_OPERAND(3, 4), axis_2, "axis 2 of a (3x4) is neither in 0..1 nor TL_ALL_AXES"),
    REFUSED(TL_DENSE_OPERAND(3, 4), below, "axis -2 of a (3x4) is neither in 0..1 nor TL_ALL_AXES"),
    REFUSED(TL_DENSE_OPERAND(3), greatest, "axis 2147483647 of a [3] is neither in 0..0 nor TL_ALL_AXES"),
    REFUSED(TL_DENSE_OPERAND(3), least, "axis -2147483648 of a [3] is neither in 0..0 nor TL_ALL_AXES"),
    REFUSED(TL_SCALAR_OPERAND, axis_0, "axis 0 of a (scalar) is not TL_ALL_AXES")
};

/* The rest of a case. One input; an axis of 0 mixes the rows. */
#define REDUCTION                                                                                            \
    .n_in = 1, .sample = reductions, .n_samples = sizeof reductions / sizeof *reductions,                    \
    .skip = TL_SKIP(TL_STAGE_SHARED) | TL_SKIP(TL_STAGE_PLACE)

#endif
