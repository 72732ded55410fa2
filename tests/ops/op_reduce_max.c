/* reduce_max: the largest element of an axis; the first among equals receives the gradient */
#include "tests/ops/reduction.h"

static tl_node *op(tl_node *const *in, const void *axis)
{
    return tl_reduce_max(in[0], *(const int32_t *)axis);
}

static tl_shape reference(tl_reference *r)
{
    const tl_shape a = r->shape[0];
    const int32_t axis = *(const int32_t *)r->attr;
    tl_shape y = TL_SHAPE();
    for (int32_t d = 0; d < a.rank && axis != TL_ALL_AXES; d++)
        if (d != axis)
            y.dim[y.rank++] = a.dim[d];
    for (int64_t k = 0; k < tl_shape_size(y); k++)
        r->y[k] = -INFINITY;
    for (int64_t k = 0; k < tl_shape_size(a); k++)
        r->y[target(a, axis, k)] = fmax(r->y[target(a, axis, k)], r->in[0][k]);
    return y;
}

#define EMPTY(axis, text, ...)                                                                               \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__) }, .attr = &axis, .status = TL_ERR_SHAPE, .error = text        \
    }
#define SPARSE_MAX                                                                                           \
    "a (3x4) is sparse, and cells that are no entries have no value to compare: give them one with "         \
    "tl_sparse_to_dense"

static tl_sample samples[] = {
    { .in = { TL_SCALAR_OPERAND }, .attr = &all },
    OVER(axis_0, 3, 5),
    OVER(axis_1, 3, 5),
    OVER(all, 3, 5),
    OVER(axis_0, 17),
    OVER(axis_1, 3, 65),
    OVER(axis_0, 2, 3, 17),
    OVER(axis_1, 2, 3, 17),
    OVER(axis_2, 2, 3, 17),
    OVER(axis_1, 3, 2, 1, 5),
    OVER(axis_2, 3, 2, 1, 5),
    OVER(axis_1, 0, 3),
    OVER(axis_0, 300, 130),
    OVER(axis_1, 300, 130),
    OVER(axis_1, 5, 13, 300),
    OVER(axis_0, 3, 257),
    OVER(all, 300, 130),
    /* max over nothing is refused */
    EMPTY(axis_1, "a (3x0) has no element that could be the largest", 3, 0),
    EMPTY(all, "a [0] has no element that could be the largest", 0),
    REFUSED(TL_DENSE_OPERAND(3, 4), axis_2, "axis 2 of a (3x4) is neither in 0..1 nor TL_ALL_AXES"),
    REFUSED(TL_SCALAR_OPERAND, axis_0, "axis 0 of a (scalar) is not TL_ALL_AXES"),
    { .in = { TL_SPARSE_OPERAND(3, 4, 0.5) }, .attr = &axis_0, .status = TL_ERR_KIND, .error = SPARSE_MAX },
    /* first wins ties, along either kind of axis */
    { .in = { { TL_STATIC_SHAPE(2, 3), .values = TL_VALUES(1, 2, 2, 3, 3, 1) } },
      .attr = &axis_1,
      .y = TL_VALUES(2, 3),
      .upstream = TL_VALUES(5, 7),
      .gradient = { TL_VALUES(0, 5, 0, 7, 0, 0) } },
    { .in = { { TL_STATIC_SHAPE(3, 2), .values = TL_VALUES(1, -0.0, 1, 0, 0, -0.0) } },
      .attr = &axis_0,
      .y = TL_VALUES(1, -0.0),
      .upstream = TL_VALUES(5, 7),
      .gradient = { TL_VALUES(5, 7, 0, 0, 0, 0) } },
    /* a NaN is the largest; -Inf may be */
    { .in = { { TL_STATIC_SHAPE(2, 3), .values = TL_VALUES(1, NAN, INFINITY, -INFINITY, -INFINITY, NAN) } },
      .attr = &axis_1,
      .y = TL_VALUES(NAN, NAN),
      .gradient = { TL_VALUES(0, 1, 0, 0, 0, 1) } },
    { .in = { { TL_STATIC_SHAPE(3, 2), .values = TL_VALUES(NAN, -INFINITY, NAN, -INFINITY, 1, -INFINITY) } },
      .attr = &axis_0,
      .y = TL_VALUES(NAN, -INFINITY),
      .gradient = { TL_VALUES(1, 1, 0, 0, 0, 0) } },
    { .in = { { TL_STATIC_SHAPE(3, 2), .values = TL_VALUES(5, 1, NAN, 7, 3, NAN) } },
      .attr = &axis_0,
      .y = TL_VALUES(NAN, NAN),
      .gradient = { TL_VALUES(0, 0, 1, 0, 0, 1) } },
};

static const tl_op_case reduce_max = {
    .name = "reduce_max",
    .n_in = 1,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    /* one input; an axis of 0 mixes the rows; the elements that are the largest stay those of forward */
    .skip = TL_SKIP(TL_STAGE_SHARED) | TL_SKIP(TL_STAGE_PLACE) | TL_SKIP(TL_STAGE_BETWEEN),
};

/* Returns values of which one per line, somewhere in it, is the largest by more than any difference that is
 * taken: the derivative is then that of one element. */
static const double *one_largest(tl_shape a, int32_t axis)
{
    const int64_t n = tl_shape_size(a), length = axis == TL_ALL_AXES ? n : a.dim[axis];
    double *values = calloc((size_t)n + 1, sizeof *values);
    int64_t *seen = calloc((size_t)n + 1, sizeof *seen); /* elements of each line */
    for (int64_t k = 0; k < n; k++) {
        const int64_t line = target(a, axis, k);
        const bool largest = seen[line]++ == (line * 7919 + 13) % length;
        values[k] = largest ? 1 + (double)(line % 5) / 8 : (double)(k * 7 % 9 - 4) / 8;
    }
    free(seen);
    return values;
}

Suite *tl_test_suite(void)
{
    for (size_t k = 0; k < sizeof samples / sizeof *samples; k++)
        if (samples[k].status == TL_OK && !samples[k].y)
            samples[k].in[0].values = one_largest(samples[k].in[0].shape, *(const int32_t *)samples[k].attr);
    return tl_op_suite(&reduce_max);
}
