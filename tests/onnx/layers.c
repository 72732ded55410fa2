/* ONNX's products, functions of rows and normalisations. */
#include "case.h"

#include <stdlib.h>

/* ---- Products ---- */

static tl_node *gemm(onnx_case *c)
{
    const bool a = onnx_integer(c, "transA", 0) != 0, b = onnx_integer(c, "transB", 0) != 0;
    const tl_trans t = (tl_trans)((a ? TL_TRANSPOSE_A : 0) | (b ? TL_TRANSPOSE_B : 0));
    const tl_real alpha = (tl_real)onnx_real(c, "alpha", 1), beta = (tl_real)onnx_real(c, "beta", 1);
    tl_node *y = tl_scale(tl_matmul_transposed(onnx_in(c, 0), onnx_in(c, 1), t), alpha),
            *bias = onnx_in(c, 2);
    return bias ? tl_add(y, tl_scale(bias, beta)) : y;
}

/* Returns input k less the zero point that input `zero` is; integers are exact as reals. */
static tl_node *from_zero(onnx_case *c, int k, int zero)
{
    return onnx_tensor(c, zero) ? tl_sub(onnx_in(c, k), onnx_in(c, zero)) : onnx_in(c, k);
}

static tl_node *integer_matmul(onnx_case *c)
{
    return tl_matmul(from_zero(c, 0, 2), from_zero(c, 1, 3));
}

/* (a - zero point) scale, where the last two may be vectors along an axis. */
static tl_node *dequantize(onnx_case *c)
{
    tl_node *a = onnx_in(c, 0), *scale = onnx_in(c, 1), *zero = onnx_in(c, 2);
    const int32_t rank = tl_shape_of(a).rank;
    if (tl_shape_of(scale).rank == 1) {
        tl_shape along = { rank, { 1, 1, 1, 1 } };
        const int32_t axis = onnx_axis(onnx_integer(c, "axis", 1), rank);
        along.dim[axis] = tl_shape_of(scale).dim[0];
        for (int32_t k = rank; k < TL_MAX_RANK; k++)
            along.dim[k] = 0;
        scale = tl_reshape(scale, along);
        zero = tl_reshape(zero, along);
    }
    return tl_mul(tl_sub(a, zero), scale);
}

/* Sums up to each element of an axis, or from it on: a product with a triangle of ones. */
static tl_node *cumulative_sum(onnx_case *c)
{
    tl_node *a = onnx_in(c, 0);
    const tl_real one = 1;
    const tl_shape shape = tl_shape_of(a);
    const int32_t last = shape.rank - 1, axis = onnx_axis(onnx_integer(c, "axis", 0), shape.rank);
    const int64_t n = shape.dim[axis], diagonal = onnx_integer(c, "exclusive", 0) != 0 ? -1 : 0;
    tl_node *ones = tl_broadcast_to(tl_constant(c->graph, TL_SHAPE(), &one), TL_SHAPE(n, n));
    tl_node *y = onnx_exchange(a, axis, last), *triangle = tl_tril(ones, diagonal, 0);
    const bool reverse = onnx_integer(c, "reverse", 0) != 0;
    return onnx_exchange(tl_matmul_transposed(y, triangle, reverse ? TL_NO_TRANSPOSE : TL_TRANSPOSE_B), axis,
                         last);
}

/* ---- Along an axis ---- */

/* Calls a function of rows along another axis, by exchanging it with the last. */
static tl_node *along_axis(onnx_case *c, tl_node *(*op)(tl_node *a))
{
    tl_node *a = onnx_in(c, 0);
    const int32_t rank = tl_shape_of(a).rank, axis = onnx_axis(onnx_integer(c, "axis", -1), rank);
    return onnx_exchange(op(onnx_exchange(a, axis, rank - 1)), axis, rank - 1);
}

static tl_node *softmax(onnx_case *c)
{
    return along_axis(c, tl_softmax);
}

static tl_node *log_softmax(onnx_case *c)
{
    return along_axis(c, tl_log_softmax);
}

/* ---- Normalisations ---- */

/* Returns a vector of the case as a variable. */
static tl_variable *vector(onnx_case *c, int k)
{
    tl_node *a = onnx_in(c, k);
    return onnx_own(c, tl_shape_of(a), tl_value(a));
}

/* Sets result k to a running moment, moved as much as ONNX does, which takes the variance over all n elements
 * of a channel where tulle takes that over n - 1. */
static void set_moment(onnx_case *c, int k, tl_variable *moved, const tl_real *before, double momentum,
                       double factor)
{
    const tl_shape shape = tl_variable_shape(moved);
    tl_real *value = malloc((size_t)(tl_shape_size(shape) + 1) * sizeof *value);
    for (int64_t i = 0; value && i < tl_shape_size(shape); i++) {
        const double kept = momentum * (double)before[i];
        value[i] = (tl_real)(kept + factor * ((double)tl_variable_values(moved)[i] - kept));
    }
    onnx_set(c, k, tl_constant(c->graph, shape, value));
    free(value);
}

static tl_node *batch_norm(onnx_case *c)
{
    tl_node *a = onnx_in(c, 0);
    const double momentum = onnx_real(c, "momentum", 0.9);
    const tl_batch_norm_options o = {
        .mean = vector(c, 3),
        .variance = vector(c, 4),
        .momentum = 1 - momentum,
        .epsilon = onnx_real(c, "epsilon", 1e-5),
        .training = onnx_integer(c, "training_mode", 0) != 0,
    };
    tl_node *y = tl_batch_norm(a, onnx_in(c, 1), onnx_in(c, 2), &o);
    if (o.training) {
        const double n = (double)(tl_shape_size(tl_shape_of(a)) / tl_shape_of(a).dim[1]);
        set_moment(c, 1, o.mean, tl_value(onnx_in(c, 3)), momentum, 1);
        set_moment(c, 2, o.variance, tl_value(onnx_in(c, 4)), momentum, (n - 1) / n);
    }
    return y;
}

/* Each image and channel by its own moments: rows. */
static tl_node *instance_norm(onnx_case *c)
{
    tl_node *a = onnx_in(c, 0);
    const tl_shape shape = tl_shape_of(a);
    const int64_t channels = shape.dim[1], pixels = tl_shape_size(shape) / (shape.dim[0] * channels);
    const tl_shape column = TL_SHAPE(channels, 1);
    tl_node *rows = tl_reshape(a, TL_SHAPE(shape.dim[0], channels, pixels));
    tl_node *y = tl_layer_norm(rows, NULL, NULL, onnx_real(c, "epsilon", 1e-5));
    y = tl_add(tl_mul(y, tl_reshape(onnx_in(c, 1), column)), tl_reshape(onnx_in(c, 2), column));
    return tl_reshape(y, shape);
}

/* All that is from the axis on is one row. The mean and 1 / sqrt(variance + epsilon) are results, too. */
static tl_node *layer_norm(onnx_case *c)
{
    tl_node *a = onnx_in(c, 0);
    const tl_shape shape = tl_shape_of(a);
    const int32_t axis = onnx_axis(onnx_integer(c, "axis", -1), shape.rank);
    const double epsilon = onnx_real(c, "epsilon", 1e-5);
    int64_t rows = 1;
    tl_shape kept = shape;
    for (int32_t k = 0; k < shape.rank; k++) {
        rows *= k < axis ? shape.dim[k] : 1;
        kept.dim[k] = k < axis ? shape.dim[k] : 1;
    }
    const int64_t cols = tl_shape_size(shape) / rows;
    tl_node *x = tl_reshape(a, TL_SHAPE(rows, cols)), *bias = onnx_in(c, 2);
    tl_node *y = tl_layer_norm(x, tl_reshape(onnx_in(c, 1), TL_SHAPE(cols)),
                               bias ? tl_reshape(bias, TL_SHAPE(cols)) : NULL, epsilon);
    tl_node *mean = tl_reshape(tl_reduce_mean(x, 1), TL_SHAPE(rows, 1));
    tl_node *variance = tl_reduce_mean(tl_square(tl_sub(x, mean)), 1);
    onnx_set(c, 1, tl_reshape(mean, kept));
    onnx_set(c, 2, tl_reshape(tl_reciprocal(tl_sqrt(tl_add_constant(variance, (tl_real)epsilon))), kept));
    return tl_reshape(y, shape);
}

/* By channel, without gain and bias; ONNX adds 1e-9 to the standard deviation. */
static tl_node *mean_variance_norm(onnx_case *c)
{
    if (onnx_has(c, "axes") && !onnx_is(c, "axes", "0,2,3"))
        return onnx_refuse(c, "is by channel here");
    return tl_batch_norm(onnx_in(c, 0), NULL, NULL,
                         &(tl_batch_norm_options){ .epsilon = 1e-18, .training = true });
}

const onnx_op onnx_layers[] = {
    { "BatchNormalization", .run = batch_norm },
    { "CumSum", .run = cumulative_sum },
    { "DequantizeLinear", .run = dequantize },
    { "Gemm", .run = gemm },
    { "InstanceNormalization", .run = instance_norm },
    { "LayerNormalization", .run = layer_norm },
    { "LogSoftmax", .run = log_softmax },
    { "MatMul", .binary = tl_matmul },
    { "MatMulInteger", .run = integer_matmul },
    { "MeanVarianceNormalization", .run = mean_variance_norm },
    { "Softmax", .run = softmax },
    { .name = NULL },
};
