/* Tools for ops that move a window over images, n x channels x h x w: convolutions and poolings.
 *
 * Along an axis, output j reads the inputs j stride - padding + k dilation, for k = 0 .. kernel-1. Those
 * that are not in the image are padding. */
#ifndef TL_WINDOW_H
#define TL_WINDOW_H

#include "describe.h"
#include "parts.h"

/* A window along one axis. */
typedef struct tl_window {
    int64_t in, out; /* sizes of the image and of the result */
    int64_t kernel, stride, padding, dilation;
} tl_window;

/* Along both. */
typedef struct tl_windows {
    tl_window h, w;
} tl_windows;

/* For `shape`: sets *w to windows of kernel[0] x kernel[1] over the images `a`. A stride or dilation of 0
 * means 1. TL_ERR_SHAPE if `a` is not of rank 4 or there is no output, as "a (1x1x2x5) has no output: height
 * 2, padding 0, kernel 3, dilation 1, stride 1"; TL_ERR_ARGUMENT for a kernel below 1 or a number below 0. */
TL_API tl_status tl_windows_over(const tl_node *a, const int64_t kernel[2], const int32_t stride[2],
                                 const int32_t padding[2], const int32_t dilation[2], tl_windows *w);

/* For `shape` of a pooling: sets *w to windows over input 0, whose stride is their size where it is 0, and
 * declares the result, images x channels x out x out. TL_ERR_SHAPE; TL_ERR_ARGUMENT also for a window of more
 * than 2^31 - 1 elements. */
TL_API tl_status tl_pool_shape(tl_node *y, const int32_t window[2], const int32_t stride[2],
                               const int32_t padding[2], tl_windows *w);

/* For `describe`: states "kernel_shape", "strides", "pads" (before h, before w, after h, after w) and
 * "dilations". */
TL_API void tl_windows_describe(const tl_windows *w, tl_description *to);

/* Returns the input that output j reads `offset` inputs after the first one of its window. */
static inline int64_t tl_window_at(const tl_window *w, int64_t j, int64_t offset)
{
    return j * w->stride - w->padding + offset;
}

/* Returns those outputs among `of` for which that input is in the image; an empty span if there is none. */
TL_API tl_span tl_window_inside(const tl_window *w, int64_t offset, tl_span of);

/* A row of an image and what the outputs `of` read in it at an offset: to[j - of.begin] = that input, 0 if it
 * is not in the image; and the way back, row[that input] += from[j - of.begin]. */
TL_API void tl_window_read(const tl_window *w, int64_t offset, tl_span of, const tl_real *row, tl_real *to)
    TL_REAL_SYMBOL(tl_window_read);
TL_API void tl_window_add(const tl_window *w, int64_t offset, tl_span of, const tl_real *from, tl_real *row)
    TL_REAL_SYMBOL(tl_window_add);

#endif
