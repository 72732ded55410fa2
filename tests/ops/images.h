/* What the tests of windows over images share: a window along an axis, and a convolution by plain loops. */
#ifndef TL_IMAGES_H
#define TL_IMAGES_H

#include "check_tulle.h"
#include "graph/tape/tape.h"
#include "tests/testing.h"

#include <math.h>

/* A window along one axis, with all defaults filled in. */
typedef struct axis {
    int64_t in, kernel, stride, padding, dilation;
} axis;

/* Returns how often the window fits. */
static inline int64_t outputs_of(axis a)
{
    int64_t n = 0;
    while (n * a.stride + (a.kernel - 1) * a.dilation < a.in + 2 * a.padding)
        n++;
    return n;
}

/* Returns the input at place k of the window of output j; -1: it is padding. */
static inline int64_t input_at(axis a, int64_t j, int64_t k)
{
    const int64_t at = j * a.stride + k * a.dilation - a.padding;
    return at < a.in && at >= 0 ? at : -1;
}

/* Fills r->y with the convolution of operand 0 with the filters w, and returns its shape. */
static inline tl_shape correlate(tl_reference *r, axis h, axis w, int64_t filters, int64_t groups)
{
    const double *x = r->in[0], *weights = r->in[1];
    const int64_t images = r->shape[0].dim[0], channels = r->shape[0].dim[1], of_group = channels / groups;
    const tl_shape y = TL_SHAPE(images, filters, outputs_of(h), outputs_of(w));
    int64_t at = 0;
    for (int64_t n = 0; n < images; n++)
        for (int64_t f = 0; f < filters; f++)
            for (int64_t p = 0; p < y.dim[2] * y.dim[3]; p++, at++)
                for (int64_t k = 0; k < of_group * h.kernel * w.kernel; k++) {
                    const int64_t i = input_at(h, p / y.dim[3], k / w.kernel % h.kernel),
                                  j = input_at(w, p % y.dim[3], k % w.kernel),
                                  c = f / (filters / groups) * of_group + k / (h.kernel * w.kernel);
                    if (i < 0 || j < 0)
                        continue;
                    const double term = x[((n * channels + c) * h.in + i) * w.in + j] *
                                        weights[f * of_group * h.kernel * w.kernel + k];
                    r->y[at] += term;
                    r->terms[at] += fabs(term);
                }
    return y;
}

/* ---- Comparisons with torch.nn.functional (1.13, double) ----
 *
 * X has the values (7 k mod 11) / 4 and W (3 k mod 5) - 2; the loss is <Y, U> with U = 5 k mod 7. */

static inline tl_variable *torch_x(tl_shape shape)
{
    tl_variable *v = tl_variable_dense("x", shape);
    for (int64_t k = 0; k < tl_variable_size(v); k++)
        tl_variable_data(v)[k] = (tl_real)((double)(k * 7 % 11) / 4);
    return v;
}

static inline tl_real torch_w(int64_t k)
{
    return (tl_real)(k * 3 % 5 - 2);
}

/* Checks y and, for x and w in the order of their use, the gradients. */
static inline void check_torch(tl_node *y, const double *values, const double *dx, const double *dw)
{
    tl_real u[128];
    tl_gradients out;
    ck_assert_msg(y != NULL, "%s", tl_error());
    ck_assert_int_le(y->size, 128);
    for (int64_t k = 0; k < y->size; k++)
        u[k] = (tl_real)(k * 5 % 7);
    tl_test_values(__FILE__, __LINE__, "y", tl_value(y), y->size, TL_NEAR, values);
    tl_node *loss = tl_reduce_sum(tl_mul(y, tl_constant(y->graph, y->shape, u)), TL_ALL_AXES);
    ck_assert_ok(tl_backward(loss, &out));
    ck_assert_int_eq(out.n, dw ? 2 : 1);
    tl_test_values(__FILE__, __LINE__, "dx", out.pair[0].values, tl_variable_size(out.pair[0].variable),
                   TL_NEAR, dx);
    if (dw)
        tl_test_values(__FILE__, __LINE__, "dw", out.pair[1].values, tl_variable_size(out.pair[1].variable),
                       TL_NEAR, dw);
}

/* ---- Memory ---- */

static inline void check_workspace(const tl_node *y, int64_t values)
{
    ck_assert_msg(y != NULL, "%s", tl_error());
    ck_assert_int_eq(y->graph->workspace_size, values * (int64_t)sizeof(tl_real));
}

/* Returns the bytes that a graph has beyond X, Y, W and their gradients after a step: workspace above all.
 * conv(x, w) is of 64 images of 16 channels, 32 x 32, whose patches would be nine times as large as X. */
static inline int64_t bytes_beyond(tl_variable *w, tl_node *(*conv)(tl_node *x, tl_node *w))
{
    tl_variable *x = tl_test_dense("x", TL_SHAPE(64, 16, 32, 32), 1);
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_node *a = tl_use(g, x), *y = conv(a, tl_use(g, w));
    ck_assert_ok(tl_backward(tl_reduce_sum(y, TL_ALL_AXES), &out));
    const int64_t results = 2 * y->size + tl_variable_size(x) + tl_variable_size(w),
                  bytes = tl_graph_bytes(g) - results * (int64_t)sizeof(tl_real);
    tl_graph_free(g);
    tl_variable_free(x);
    tl_variable_free(w);
    return bytes;
}

#endif
