/* ONNX's reductions, over one axis, several or all. */
#include "case.h"

/* Reduces axis after axis, the last first, and puts sizes of 1 in their place if they are to be kept. */
static tl_node *reduce(onnx_case *c, tl_node *a, tl_node *(*op)(tl_node *a, int32_t axis))
{
    int64_t list[2 * TL_MAX_RANK];
    tl_shape kept = tl_shape_of(a);
    const int32_t n = onnx_list(c, "axes", list), rank = kept.rank;
    if (n == 0 && onnx_integer(c, "noop_with_empty_axes", 0) != 0)
        return a;
    bool reduced[TL_MAX_RANK] = { false };
    for (int32_t k = 0; k < n; k++)
        reduced[onnx_axis(list[k], rank)] = true;
    tl_node *y = n == 0 ? op(a, TL_ALL_AXES) : a;
    for (int32_t axis = rank - 1; axis >= 0; axis--) {
        if (n > 0 && reduced[axis])
            y = op(y, axis);
        if (n == 0 || reduced[axis])
            kept.dim[axis] = 1;
    }
    return onnx_integer(c, "keepdims", 1) != 0 ? tl_reshape(y, kept) : y;
}

static tl_node *sum(onnx_case *c)
{
    return reduce(c, onnx_in(c, 0), tl_reduce_sum);
}

static tl_node *mean(onnx_case *c)
{
    return reduce(c, onnx_in(c, 0), tl_reduce_mean);
}

static tl_node *max(onnx_case *c)
{
    return reduce(c, onnx_in(c, 0), tl_reduce_max);
}

static tl_node *min(onnx_case *c)
{
    return tl_neg(reduce(c, tl_neg(onnx_in(c, 0)), tl_reduce_max));
}

static tl_node *norm_1(onnx_case *c)
{
    return reduce(c, tl_abs(onnx_in(c, 0)), tl_reduce_sum);
}

static tl_node *sum_of_squares(onnx_case *c)
{
    return reduce(c, tl_square(onnx_in(c, 0)), tl_reduce_sum);
}

static tl_node *norm_2(onnx_case *c)
{
    return tl_sqrt(sum_of_squares(c));
}

static tl_node *log_sum(onnx_case *c)
{
    return tl_log(sum(c));
}

static tl_node *log_sum_exp(onnx_case *c)
{
    return reduce(c, onnx_in(c, 0), tl_reduce_logsumexp);
}

/* Reduces all that follows the channels. */
static tl_node *per_channel(onnx_case *c, tl_node *(*op)(tl_node *a, int32_t axis))
{
    tl_node *y = onnx_in(c, 0);
    tl_shape kept = tl_shape_of(y);
    for (int32_t axis = kept.rank - 1; axis >= 2; axis--) {
        y = op(y, axis);
        kept.dim[axis] = 1;
    }
    return tl_reshape(y, kept);
}

static tl_node *global_average(onnx_case *c)
{
    return per_channel(c, tl_reduce_mean);
}

static tl_node *global_max(onnx_case *c)
{
    return per_channel(c, tl_reduce_max);
}

const onnx_op onnx_reductions[] = {
    { "GlobalAveragePool", .run = global_average },
    { "GlobalMaxPool", .run = global_max },
    { "ReduceL1", .run = norm_1 },
    { "ReduceL2", .run = norm_2 },
    { "ReduceLogSum", .run = log_sum },
    { "ReduceLogSumExp", .run = log_sum_exp },
    { "ReduceMax", .run = max },
    { "ReduceMean", .run = mean },
    { "ReduceMin", .run = min },
    { "ReduceSum", .run = sum },
    { "ReduceSumSquare", .run = sum_of_squares },
    { .name = NULL },
};
