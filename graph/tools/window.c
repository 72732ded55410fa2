/* Windows over images. */
#include "window.h"

#include <string.h>

/* ---- Checks ---- */

static tl_status check_number(const char *what, int axis, int64_t n, int64_t least)
{
    if (n >= least)
        return TL_OK;
    return tl_fail(TL_ERR_ARGUMENT, "%s[%d] = %lld is below %lld", what, axis, (long long)n,
                   (long long)least);
}

/* Sets w->out. */
static tl_status measure(const tl_node *a, const char *axis, tl_window *w)
{
    const int64_t padding = 2 * w->padding,
                  padded = w->in > INT64_MAX - padding ? INT64_MAX : w->in + padding;
    if (padded == 0 || w->kernel - 1 > (padded - 1) / w->dilation)
        return tl_fail(TL_ERR_SHAPE,
                       "%s has no output: %s %lld, padding %lld, kernel %lld, dilation %lld, stride %lld",
                       tl_node_text(a).text, axis, (long long)w->in, (long long)w->padding,
                       (long long)w->kernel, (long long)w->dilation, (long long)w->stride);
    w->out = (padded - 1 - w->dilation * (w->kernel - 1)) / w->stride + 1;
    return TL_OK;
}

tl_status tl_windows_over(const tl_node *a, const int64_t kernel[2], const int32_t stride[2],
                          const int32_t padding[2], const int32_t dilation[2], tl_windows *w)
{
    tl_window *of[] = { &w->h, &w->w };
    if (a->shape.rank != 4)
        return tl_fail(TL_ERR_SHAPE, "%s is not of rank 4: images, channels, height, width",
                       tl_node_text(a).text);
    for (int k = 0; k < 2; k++) {
        tl_status status = check_number("window", k, kernel[k], 1);
        if (status == TL_OK)
            status = check_number("stride", k, stride[k], 0);
        if (status == TL_OK)
            status = check_number("padding", k, padding[k], 0);
        if (status == TL_OK)
            status = check_number("dilation", k, dilation[k], 0);
        if (status != TL_OK)
            return status;
        *of[k] = (tl_window){ .in = a->shape.dim[2 + k],
                              .kernel = kernel[k],
                              .stride = stride[k] > 0 ? stride[k] : 1,
                              .padding = padding[k],
                              .dilation = dilation[k] > 0 ? dilation[k] : 1 };
    }
    const tl_status status = measure(a, "height", &w->h);
    return status == TL_OK ? measure(a, "width", &w->w) : status;
}

tl_status tl_pool_shape(tl_node *y, const int32_t window[2], const int32_t stride[2],
                        const int32_t padding[2], tl_windows *w)
{
    const tl_node *a = y->in[0];
    const int64_t kernel[] = { window[0], window[1] };
    const int32_t step[] = { stride[0] == 0 ? window[0] : stride[0], stride[1] == 0 ? window[1] : stride[1] },
                  dilation[] = { 1, 1 };
    const tl_status status = tl_windows_over(a, kernel, step, padding, dilation, w);
    if (status != TL_OK)
        return status;
    if (w->h.kernel > INT32_MAX / w->w.kernel)
        return tl_fail(TL_ERR_ARGUMENT, "a window of %d x %d has more than %d elements", (int)window[0],
                       (int)window[1], INT32_MAX);
    return tl_shape_dense(y, TL_SHAPE(a->shape.dim[0], a->shape.dim[1], w->h.out, w->w.out));
}

void tl_windows_describe(const tl_windows *w, tl_description *to)
{
    tl_describe_shape(to, "kernel_shape", TL_SHAPE(w->h.kernel, w->w.kernel));
    tl_describe_shape(to, "strides", TL_SHAPE(w->h.stride, w->w.stride));
    tl_describe_shape(to, "pads", TL_SHAPE(w->h.padding, w->w.padding, w->h.padding, w->w.padding));
    tl_describe_shape(to, "dilations", TL_SHAPE(w->h.dilation, w->w.dilation));
}

/* ---- Rows ---- */

/* Returns the first output at or after 0 whose input, j stride + shift, is at or after `input`. */
static int64_t first_at(const tl_window *w, int64_t shift, int64_t input)
{
    const int64_t way = input - shift;
    if (way <= 0)
        return 0;
    return w->stride == 1 ? way : (way + w->stride - 1) / w->stride;
}

tl_span tl_window_inside(const tl_window *w, int64_t offset, tl_span of)
{
    const int64_t shift = offset - w->padding, begin = tl_between(first_at(w, shift, 0), of.begin, of.end);
    return (tl_span){ begin, tl_between(first_at(w, shift, w->in), begin, of.end) };
}

void tl_window_read(const tl_window *w, int64_t offset, tl_span of, const tl_real *row, tl_real *to)
{
    const tl_span in = tl_window_inside(w, offset, of);
    const int64_t before = in.begin - of.begin, n = in.end - in.begin, stride = w->stride;
    for (int64_t j = 0; j < before; j++)
        to[j] = 0;
    for (int64_t j = before + n; j < of.end - of.begin; j++)
        to[j] = 0;
    if (n == 0) /* the row may have no element to point to */
        return;
    const tl_real *from = row + tl_window_at(w, in.begin, offset);
    if (stride == 1)
        memcpy(to + before, from, (size_t)n * sizeof *to);
    else
        for (int64_t j = 0; j < n; j++)
            to[before + j] = from[j * stride];
}

void tl_window_add(const tl_window *w, int64_t offset, tl_span of, const tl_real *from, tl_real *row)
{
    const tl_span in = tl_window_inside(w, offset, of);
    const int64_t n = in.end - in.begin, stride = w->stride;
    if (n == 0)
        return;
    const tl_real *restrict x = from + (in.begin - of.begin);
    tl_real *restrict to = row + tl_window_at(w, in.begin, offset);
    if (stride == 1)
        for (int64_t j = 0; j < n; j++)
            to[j] += x[j];
    else
        for (int64_t j = 0; j < n; j++)
            to[j * stride] += x[j];
}
