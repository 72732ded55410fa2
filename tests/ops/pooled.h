/* Samples of poolings. */
#ifndef TL_POOLED_H
#define TL_POOLED_H

#include "tests/ops/images.h"

#define OPTIONS(...) (&(const tl_pool_options){ __VA_ARGS__ })
#define WINDOW(h, w) OPTIONS(.window = { h, w })
#define POOL(options, ...)                                                                                   \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__) }, .attr = options                                             \
    }
#define REFUSED(options, x, its_status, text)                                                                \
    {                                                                                                        \
        .in = { x }, .attr = options, .status = its_status, .error = text                                    \
    }

#define POOLED                                                                                               \
    POOL(WINDOW(2, 2), 2, 3, 4, 6), POOL(WINDOW(2, 2), 2, 3, 5, 7), /* a last row that no window reads */    \
        POOL(OPTIONS({ 3, 2 }, .stride = { 1, 1 }), 1, 2, 5, 4),                                             \
        POOL(OPTIONS({ 3, 2 }, .stride = { 2, 3 }), 1, 2, 7, 6),                                             \
        POOL(OPTIONS({ 3, 2 }, .stride = { 1, 0 }), 1, 2, 7, 6),                                             \
        POOL(OPTIONS({ 3, 2 }, .stride = { 0, 1 }), 1, 2, 7, 6),                                             \
        POOL(OPTIONS({ 2, 2 }, .stride = { 3, 3 }), 1, 2, 7, 8), /* elements between the windows */          \
        POOL(OPTIONS({ 3, 3 }, .stride = { 2, 2 }, .padding = { 1, 1 }), 2, 2, 6, 5),                        \
        POOL(WINDOW(4, 5), 2, 3, 4, 5), /* of the whole image */                                             \
        POOL(WINDOW(1, 1), 2, 3, 4, 5), POOL(WINDOW(2, 2), 0, 3, 4, 4), POOL(WINDOW(2, 2), 2, 0, 4, 4),      \
        POOL(OPTIONS({ 3, 3 }, .stride = { 2, 1 }, .padding = { 1, 1 }), 2, 3, 60, 61),                      \
        POOL(WINDOW(1, 2), 1, 2, 2, 2300), /* rows that are longer than a strip or a block */                \
        POOL(OPTIONS({ 1, 2 }, .padding = { 0, 1 }), 1, 2, 2, 2300), /* with a whole block of padded ones */ \
        POOL(WINDOW(1, 1), 1, 3, 40, 32), /* several blocks in a channel, the second from row 32 on */       \
        POOL(WINDOW(1, 1), 1, 1, 2100, 1)

#define POOLED_REFUSALS                                                                                      \
    REFUSED(WINDOW(2, 2), TL_DENSE_OPERAND(3, 4, 5), TL_ERR_SHAPE,                                           \
            "a (3x4x5) is not of rank 4: images, channels, height, width"),                                  \
        REFUSED(NULL, TL_DENSE_OPERAND(1, 3, 4, 5), TL_ERR_ARGUMENT, "window[0] = 0 is below 1"),            \
        REFUSED(WINDOW(2, -2), TL_DENSE_OPERAND(1, 3, 4, 5), TL_ERR_ARGUMENT, "window[1] = -2 is below 1"),  \
        REFUSED(OPTIONS({ 2, 2 }, .stride = { 1, -1 }), TL_DENSE_OPERAND(1, 3, 4, 5), TL_ERR_ARGUMENT,       \
                "stride[1] = -1 is below 0"),                                                                \
        REFUSED(OPTIONS({ 2, 2 }, .padding = { -1, 0 }), TL_DENSE_OPERAND(1, 3, 4, 5), TL_ERR_ARGUMENT,      \
                "padding[0] = -1 is below 0"),                                                               \
        REFUSED(OPTIONS({ 2, 7 }, .stride = { 3, 2 }, .padding = { 1, 0 }), TL_DENSE_OPERAND(1, 3, 4, 6),    \
                TL_ERR_SHAPE,                                                                                \
                "a (1x3x4x6) has no output: width 6, padding 0, kernel 7, dilation 1, stride 2"),            \
        REFUSED(OPTIONS({ 65536, 32768 }, .padding = { 32768, 32768 }), TL_DENSE_OPERAND(1, 1, 1, 1),        \
                TL_ERR_ARGUMENT, "a window of 65536 x 32768 has more than 2147483647 elements")

/* The rest of a case: one operand. `skipped`: other stages. */
#define POOL_CASE(skipped)                                                                                   \
    .n_in = 1, .op = op, .reference = reference, .sample = samples,                                          \
    .n_samples = sizeof samples / sizeof *samples, .skip = TL_SKIP(TL_STAGE_SHARED) | (skipped)

/* Calls visit(r, y, x) for each element y of the result and each element x of operand 0 under its window, and
 * returns the result's shape. */
static inline tl_shape pooled(tl_reference *r, void (*visit)(tl_reference *r, int64_t y, double x))
{
    const tl_pool_options *o = r->attr;
    const tl_shape a = r->shape[0];
    axis axes[2];
    for (int k = 0; k < 2; k++)
        axes[k] = (axis){ a.dim[2 + k], o->window[k], o->stride[k] ? o->stride[k] : o->window[k],
                          o->padding[k], 1 };
    const axis h = axes[0], w = axes[1];
    const tl_shape y = TL_SHAPE(a.dim[0], a.dim[1], outputs_of(h), outputs_of(w));
    for (int64_t k = 0; k < tl_shape_size(y); k++)
        for (int64_t m = 0; m < h.kernel * w.kernel; m++) {
            const int64_t i = input_at(h, k / y.dim[3] % y.dim[2], m / w.kernel),
                          j = input_at(w, k % y.dim[3], m % w.kernel);
            if (i >= 0 && j >= 0)
                visit(r, k, r->in[0][(k / (y.dim[2] * y.dim[3]) * h.in + i) * w.in + j]);
        }
    return y;
}

#endif
