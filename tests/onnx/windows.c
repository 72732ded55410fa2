/* ONNX's convolutions and pooling: of images n x channels x h x w, or of n x channels x w as images of one
 * row. */
#include "case.h"

#include <math.h>
#include <stdlib.h>

/* Windows over h, w. */
typedef struct window {
    int32_t size[2], stride[2], dilation[2];
    int64_t before[2], after[2]; /* padding */
} window;

static tl_node *as_images(tl_node *a)
{
    const tl_shape s = tl_shape_of(a);
    return s.rank == 3 ? tl_reshape(a, TL_SHAPE(s.dim[0], s.dim[1], 1, s.dim[2])) : a;
}

/* Returns images in the rank of `like`. */
static tl_node *as_rank_of(tl_node *y, tl_node *like)
{
    const tl_shape s = tl_shape_of(y);
    return tl_shape_of(like).rank == 3 ? tl_reshape(y, TL_SHAPE(s.dim[0], s.dim[1], s.dim[3])) : y;
}

/* Reads a size for h and w, or for w alone. */
static void read_pair(const onnx_case *c, const char *key, int32_t *to)
{
    int64_t list[2 * TL_MAX_RANK];
    const int32_t n = onnx_list(c, key, list);
    to[0] = n == 2 ? (int32_t)list[0] : 1;
    to[1] = n > 0 ? (int32_t)list[n - 1] : 1;
}

/* Sets the padding along an axis of this size: as listed, or so that there is an output per stride; with
 * ceil_mode also what lets a last window in that is not full. */
static void set_padding(const onnx_case *c, window *w, int axis, int64_t size, int64_t before, int64_t after)
{
    const int64_t reach = (int64_t)w->dilation[axis] * (w->size[axis] - 1) + 1, stride = w->stride[axis];
    const bool upper = onnx_is(c, "auto_pad", "SAME_UPPER"), lower = onnx_is(c, "auto_pad", "SAME_LOWER");
    if (upper || lower) {
        const int64_t needed = ((size + stride - 1) / stride - 1) * stride + reach - size;
        const int64_t all = needed > 0 ? needed : 0;
        before = upper ? all / 2 : all - all / 2;
        after = all - before;
    }
    const int64_t rest = (before + size + after - reach) % stride;
    w->before[axis] = before;
    w->after[axis] = after + (onnx_integer(c, "ceil_mode", 0) != 0 && rest > 0 ? stride - rest : 0);
}

/* Reads the padding: before h, before w, after h, after w. */
static void read_pads(const onnx_case *c, int64_t *pad)
{
    int64_t list[2 * TL_MAX_RANK];
    const int32_t n = onnx_list(c, "pads", list) / 2;
    for (int end = 0; end < 2; end++) {
        pad[2 * end] = n == 2 ? list[2 * end] : 0;
        pad[2 * end + 1] = n > 0 ? list[n * end + n - 1] : 0;
    }
}

/* Returns the windows of the node over x: of the filters w, which may be NULL, unless the node tells. */
static window windows_of(const onnx_case *c, tl_node *x, tl_node *w)
{
    int64_t pad[4];
    window y;
    read_pair(c, "kernel_shape", y.size);
    read_pair(c, "strides", y.stride);
    read_pair(c, "dilations", y.dilation);
    read_pads(c, pad);
    for (int axis = 0; axis < 2; axis++) {
        if (!onnx_has(c, "kernel_shape") && w)
            y.size[axis] = (int32_t)tl_shape_of(w).dim[2 + axis];
        set_padding(c, &y, axis, tl_shape_of(x).dim[2 + axis], pad[axis], pad[2 + axis]);
    }
    return y;
}

/* Returns x with the padding in it, unless it is the same on both sides, as the ops have it. */
static tl_node *pad_unequal(tl_node *x, window *w, tl_real value)
{
    if (w->before[0] == w->after[0] && w->before[1] == w->after[1])
        return x;
    tl_node *y = tl_pad(x, (int64_t[]){ 0, 0, w->before[0], w->before[1] },
                        (int64_t[]){ 0, 0, w->after[0], w->after[1] }, value);
    for (int axis = 0; axis < 2; axis++)
        w->before[axis] = w->after[axis] = 0;
    return y;
}

static tl_node *convolve(const onnx_case *c, tl_node *x, tl_node *w, window at)
{
    x = pad_unequal(x, &at, 0);
    return tl_conv2d(x, w,
                     &(tl_conv_options){
                         .stride = { at.stride[0], at.stride[1] },
                         .padding = { (int32_t)at.before[0], (int32_t)at.before[1] },
                         .dilation = { at.dilation[0], at.dilation[1] },
                         .groups = (int32_t)onnx_integer(c, "group", 1),
                     });
}

static tl_node *conv(onnx_case *c)
{
    tl_node *x = onnx_in(c, 0), *w = onnx_in(c, 1), *bias = onnx_in(c, 2);
    tl_node *y = convolve(c, x, w, windows_of(c, x, w));
    return bias ? tl_add(y, tl_reshape(bias, TL_SHAPE(tl_shape_size(tl_shape_of(bias)), 1, 1))) : y;
}

/* Integers are exact as reals. Input 2 is the zero of x. */
static tl_node *integer_conv(onnx_case *c)
{
    tl_node *x = tl_sub(onnx_in(c, 0), onnx_in(c, 2)), *w = onnx_in(c, 1);
    return convolve(c, x, w, windows_of(c, x, w));
}

/* Returns the size along an axis of what convolution takes to `size` outputs, and sets the padding for it. */
static int64_t transposed_size(const onnx_case *c, window *w, int axis, int64_t size)
{
    int64_t given[2 * TL_MAX_RANK], more[2 * TL_MAX_RANK];
    const int32_t n = onnx_list(c, "output_shape", given), n_more = onnx_list(c, "output_padding", more);
    const bool upper = onnx_is(c, "auto_pad", "SAME_UPPER"),
               same = upper || onnx_is(c, "auto_pad", "SAME_LOWER");
    const int64_t reach = (int64_t)w->dilation[axis] * (w->size[axis] - 1) + 1;
    const int64_t all = w->stride[axis] * (size - 1) + reach + (n_more == 2 ? more[axis] : 0);
    if (n != 2 && !same)
        return all - w->before[axis] - w->after[axis];
    const int64_t wanted = n == 2 ? given[axis] : size * w->stride[axis],
                  rest = all > wanted ? all - wanted : 0;
    w->before[axis] = upper ? rest / 2 : rest - rest / 2;
    w->after[axis] = rest - w->before[axis];
    return wanted;
}

/* The gradient of convolution with respect to the images, where x is that of the results. */
static tl_node *conv_transpose(onnx_case *c)
{
    tl_node *x = as_images(onnx_in(c, 0)), *w = as_images(onnx_in(c, 1));
    tl_shape shape = tl_shape_of(x);
    window at = windows_of(c, x, w);
    shape.dim[1] = tl_shape_of(w).dim[1] * onnx_integer(c, "group", 1);
    for (int axis = 0; axis < 2; axis++)
        shape.dim[2 + axis] = transposed_size(c, &at, axis, shape.dim[2 + axis]);
    tl_real *zeros = calloc((size_t)(tl_shape_size(shape) + 1), sizeof *zeros);
    tl_variable *images = onnx_own(c, shape, zeros);
    free(zeros);
    tl_gradients all;
    tl_node *y = convolve(c, tl_use(c->graph, images), w, at);
    if (tl_backward_for(tl_reduce_sum(tl_mul(x, y), TL_ALL_AXES), &images, 1, &all) != TL_OK)
        return NULL;
    return as_rank_of(tl_constant(c->graph, shape, all.pair[0].values), onnx_in(c, 0));
}

static tl_pool_options pool_options(const window *w, bool count_padding)
{
    return (tl_pool_options){
        .window = { w->size[0], w->size[1] },
        .stride = { w->stride[0], w->stride[1] },
        .padding = { (int32_t)w->before[0], (int32_t)w->before[1] },
        .count_padding = count_padding,
    };
}

static tl_node *max_pool(onnx_case *c)
{
    tl_node *x = as_images(onnx_in(c, 0));
    window w = windows_of(c, x, NULL);
    if (c->n_out > 1)
        return onnx_refuse(c, "has indices as its second result");
    if (w.dilation[0] != 1 || w.dilation[1] != 1)
        return onnx_refuse(c, "has no dilation here");
    x = pad_unequal(x, &w, (tl_real)-INFINITY);
    const tl_pool_options o = pool_options(&w, false);
    return as_rank_of(tl_max_pool2d(x, &o), onnx_in(c, 0));
}

/* Where padding is unequal, sums are divided by the numbers of elements: both are means of padded images. */
static tl_node *average_pool(onnx_case *c)
{
    tl_node *x = as_images(onnx_in(c, 0)), *one = tl_add_constant(tl_scale(x, 0), 1);
    window w = windows_of(c, x, NULL), same = w;
    const bool counted = onnx_integer(c, "count_include_pad", 0) != 0;
    tl_node *padded = pad_unequal(x, &w, 0);
    const tl_pool_options o = pool_options(&w, counted || padded != x);
    tl_node *y = tl_avg_pool2d(padded, &o);
    if (padded != x && !counted)
        y = tl_div(y, tl_avg_pool2d(pad_unequal(one, &same, 0), &o));
    return as_rank_of(y, onnx_in(c, 0));
}

/* x / (bias + alpha (the mean of the squares of neighbouring channels))^beta: pooled as rows. */
static tl_node *local_response_norm(onnx_case *c)
{
    tl_node *x = onnx_in(c, 0);
    const tl_shape s = tl_shape_of(x);
    const int32_t size = (int32_t)onnx_integer(c, "size", 1);
    window w = { { size, 1 }, { 1, 1 }, { 1, 1 }, { (size - 1) / 2, 0 }, { size / 2, 0 } };
    tl_node *square = tl_reshape(tl_square(x), TL_SHAPE(s.dim[0], 1, s.dim[1], s.dim[2] * s.dim[3]));
    square = pad_unequal(square, &w, 0);
    const tl_pool_options o = pool_options(&w, true);
    tl_node *mean = tl_reshape(tl_avg_pool2d(square, &o), s);
    tl_node *base = tl_add_constant(tl_scale(mean, (tl_real)onnx_real(c, "alpha", 1e-4)),
                                    (tl_real)onnx_real(c, "bias", 1));
    return tl_mul(x, tl_pow(base, (tl_real)-onnx_real(c, "beta", 0.75)));
}

const onnx_op onnx_windows[] = {
    { "AveragePool", .run = average_pool },
    { "Conv", .run = conv },
    { "ConvInteger", .run = integer_conv },
    { "ConvTranspose", .run = conv_transpose },
    { "LRN", .run = local_response_norm },
    { "MaxPool", .run = max_pool },
    { .name = NULL },
};
