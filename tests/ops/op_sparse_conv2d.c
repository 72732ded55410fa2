/* sparse_conv2d: conv2d at a pattern; strides and dilations of every remainder, in tiles of images, of rows
 * and of parts of rows */
#include "tests/ops/absent.h"
#include "tests/ops/images.h"

#include <string.h>

static tl_node *op(tl_node *const *in, const void *attr)
{
    return tl_sparse_conv2d(in[0], in[1], attr);
}

static axis axis_of(const tl_reference *r, int k)
{
    const tl_sparse_conv_options *o = r->attr;
    return (axis){ .in = r->shape[0].dim[2 + k],
                   .kernel = o->kernel[k],
                   .stride = o->stride[k] ? o->stride[k] : 1,
                   .padding = o->padding[k],
                   .dilation = o->dilation[k] ? o->dilation[k] : 1 };
}

static tl_shape reference(tl_reference *r)
{
    return correlate(r, axis_of(r, 0), axis_of(r, 1), r->shape[1].dim[0], 1);
}

#define OPTIONS(...) (&(const tl_sparse_conv_options){ __VA_ARGS__ })
#define X(...)       TL_DENSE_OPERAND(__VA_ARGS__)
#define CONV(options, x, filters, depth, density)                                                            \
    {                                                                                                        \
        .in = { x, TL_SPARSE_OPERAND(filters, depth, density) }, .attr = options                             \
    }
#define REFUSED(options, x, filters, depth, its_status, text)                                                \
    {                                                                                                        \
        .in = { x, TL_SPARSE_OPERAND(filters, depth, 0.5) }, .attr = options, .status = its_status,          \
        .error = text                                                                                        \
    }

static const tl_sample samples[] = {
    CONV(OPTIONS(.kernel = { 3, 2 }), X(2, 3, 5, 4), 4, 18, 0.4),
    CONV(OPTIONS(.kernel = { 3, 2 }), X(2, 3, 5, 4), 4, 18, 1),
    CONV(OPTIONS(.kernel = { 3, 3 }, .padding = { 1, 1 }), X(2, 2, 4, 5), 3, 18, 0.4),
    CONV(OPTIONS(.kernel = { 3, 2 }, .stride = { 2, 3 }), X(2, 2, 7, 8), 3, 12, 0.5),
    CONV(OPTIONS(.kernel = { 3, 3 }, .stride = { 2, 2 }), X(1, 2, 8, 8), 3, 18,
         0.5), /* rows that nothing reads */
    CONV(OPTIONS(.kernel = { 3, 2 }, .dilation = { 2, 3 }), X(1, 2, 6, 8), 3, 12, 0.5),
    CONV(OPTIONS({ 2, 3 }, { 2, 1 }, { 2, 1 }, { 1, 2 }), X(2, 2, 5, 6), 3, 12, 0.5),
    CONV(OPTIONS({ 3, 3 }, { 3, 2 }, { 1, 2 }, { 2, 3 }), X(1, 2, 7, 6), 3, 18, 0.5),
    CONV(OPTIONS(.kernel = { 1, 1 }), X(3, 4, 3, 3), 3, 4, 0.6),
    CONV(OPTIONS(.kernel = { 1, 1 }, .stride = { 2, 2 }), X(1, 4, 5, 6), 3, 4, 0.6),
    CONV(OPTIONS(.kernel = { 1, 1 }), X(1, 18, 2, 2), 1, 18, 1),  /* 17 entries: one beyond a cache line */
    CONV(OPTIONS(.kernel = { 4, 4 }), X(2, 3, 4, 4), 5, 48, 0.2), /* as large as the image: a product */
    CONV(OPTIONS(.kernel = { 2, 2 }, .padding = { 4, 4 }), X(1, 2, 2, 2), 3, 8,
         0.5), /* windows of padding only */
    CONV(OPTIONS(.kernel = { 2, 2 }, .padding = { 1, 1 }), X(1, 2, 0, 3), 3, 8,
         0.5), /* nothing but padding */
    CONV(OPTIONS(.kernel = { 2, 2 }, .padding = { 1, 1 }), X(1, 2, 3, 0), 3, 8, 0.5),
    CONV(OPTIONS(.kernel = { 2, 2 }), X(0, 2, 4, 4), 3, 8,
         0.5), /* no image, no channel, no filter, no entry */
    CONV(OPTIONS(.kernel = { 2, 2 }), X(2, 0, 4, 4), 3, 0, 0.5),
    CONV(OPTIONS(.kernel = { 2, 2 }), X(2, 2, 4, 4), 0, 8, 0.5),
    CONV(OPTIONS(.kernel = { 2, 2 }), X(2, 2, 4, 4), 3, 8, 1e-9),
    CONV(OPTIONS(.kernel = { 3, 3 }, .padding = { 1, 1 }), X(2, 3, 40, 50), 5, 27, 0.3),
    CONV(OPTIONS(.kernel = { 3, 3 }, .padding = { 1, 1 }), X(19, 8, 13, 13), 7, 72,
         0.1), /* several images a chunk */
    CONV(OPTIONS(.kernel = { 3, 3 }, .padding = { 1, 1 }), X(1, 70, 31, 30), 20, 630,
         0.02), /* 15 rows a tile, and one */
    CONV(OPTIONS(.kernel = { 2, 3 }, .padding = { 0, 1 }), X(1, 90, 2, 601), 30, 540,
         0.02),                                                       /* a part of a row */
    CONV(OPTIONS(.kernel = { 1, 16 }), X(2, 1, 1, 8300), 2, 16, 0.5), /* and of several images */
    /* an element that no window reads, or that only cells without an entry do, has no gradient at all */
    { .in = { { TL_STATIC_SHAPE(1, 1, 1, 3), .values = TL_VALUES(1, 2, 3) },
              { TL_STATIC_SHAPE(1, 1), .keep = (const uint8_t[]){ 1 }, .values = TL_VALUES(5) } },
      .attr = OPTIONS(.kernel = { 1, 1 }, .stride = { 1, 2 }),
      .y = TL_VALUES(5, 15),
      .gradient = { TL_VALUES(5, 0, 5), TL_VALUES(4) } },
    { .in = { { TL_STATIC_SHAPE(1, 1, 1, 3), .values = TL_VALUES(1, 2, 3) },
              { TL_STATIC_SHAPE(1, 2), .keep = (const uint8_t[]){ 1, 0 }, .values = TL_VALUES(5, 0) } },
      .attr = OPTIONS(.kernel = { 1, 2 }),
      .y = TL_VALUES(5, 10),
      .gradient = { TL_VALUES(5, 5, 0), TL_VALUES(3) } },
    /* nor has anything if Y has none */
    { .in = { { TL_STATIC_SHAPE(1, 1, 1, 3), .values = TL_VALUES(1, 2, 3) },
              { TL_STATIC_SHAPE(1, 1), .keep = (const uint8_t[]){ 1 }, .values = TL_VALUES(5) } },
      .attr = OPTIONS(.kernel = { 1, 1 }),
      .y = TL_VALUES(5, 10, 15),
      .upstream = TL_VALUES(0, 0, 0),
      .gradient = { TL_VALUES(0, 0, 0), TL_VALUES(0) } },
    REFUSED(OPTIONS(.kernel = { 3, 3 }), X(3, 4, 5), 2, 18, TL_ERR_SHAPE,
            "a (3x4x5) is not of rank 4: images, channels, height, width"),
    REFUSED(OPTIONS(.kernel = { 2, 3 }), X(1, 3, 4, 5), 2, 12, TL_ERR_SHAPE,
            "b (2x12) has not a column for each of 3 x 2 x 3 values under a window of a (1x3x4x5)"),
    REFUSED(OPTIONS(.kernel = { 3, 3 }), X(1, 3, 4, 5), 2, 28, TL_ERR_SHAPE,
            "b (2x28) has not a column for each of 3 x 3 x 3 values under a window of a (1x3x4x5)"),
    REFUSED(NULL, X(1, 3, 4, 5), 2, 18, TL_ERR_ARGUMENT, "window[0] = 0 is below 1"),
    REFUSED(OPTIONS(.kernel = { 3, -3 }), X(1, 3, 4, 5), 2, 18, TL_ERR_ARGUMENT, "window[1] = -3 is below 1"),
    REFUSED(OPTIONS(.kernel = { 3, 3 }, .stride = { 0, -1 }), X(1, 2, 4, 5), 2, 18, TL_ERR_ARGUMENT,
            "stride[1] = -1 is below 0"),
    REFUSED(OPTIONS({ 3, 3 }, { 2, 2 }, { 1, 0 }, { 3, 1 }), X(1, 2, 4, 5), 2, 18, TL_ERR_SHAPE,
            "a (1x2x4x5) has no output: height 4, padding 1, kernel 3, dilation 3, stride 2"),
    REFUSED(OPTIONS(.kernel = { 1, 1 }, .padding = { INT32_MAX, INT32_MAX }), X(1024, 1, 1, 1), 1024, 1,
            TL_ERR_SHAPE, "1024x1024x4294967295x4294967295 has more elements than memory can hold"),
    REFUSED(OPTIONS({ 1, 2 }, { 1 << 20, 1 }, { 0, INT32_MAX }, { 1, 1 }), X(0, 1024, 1, 1), 1, 2048,
            TL_ERR_SHAPE, "2048x1048576x1x4294967294 has more elements than memory can hold"), /* of planes */
    REFUSED(OPTIONS(.kernel = { 1, 2 }, .stride = { 1 << 30, 1 }), X(1, 1, 4, 4), 2, 2, TL_ERR_SHAPE,
            "a tile has 6442450960 values, and must not have more than 2147483647"),
};

/* Sums of at most 160 products are off by as many units in the last place of their magnitudes. */
static const tl_op_case sparse_conv2d = {
    .name = "sparse_conv2d",
    .n_in = 2,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .ulps = 160,
    .skip = TL_SKIP(TL_STAGE_SHARED), /* of two kinds */
};

/* conv2d(x, w * keep, stride=(2, 1), padding=(1, 2), dilation=(1, 2)), keep[k] = k mod 3 == 1; dw at keep */
START_TEST(as_pytorch)
{
    uint8_t keep[36];
    for (int k = 0; k < 36; k++)
        keep[k] = k % 3 == 1;
    tl_pattern *p = tl_pattern_from_mask(3, 12, keep);
    tl_variable *x = torch_x(TL_SHAPE(1, 2, 5, 4)), *w = tl_variable_sparse("w", p);
    tl_graph *g = tl_graph_new();
    for (int64_t k = 0; k < tl_variable_size(w); k++)
        tl_variable_data(w)[k] = torch_w(3 * k + 1);
    tl_node *a = tl_use(g, x), *b = tl_use(g, w);
    check_torch(tl_sparse_conv2d(a, b, OPTIONS({ 3, 2 }, { 2, 1 }, { 1, 2 }, { 1, 2 })),
                TL_VALUES(0, 0, -1.5, -5, -3, -1, 0.75, -2, -1.25, 0.75, -3.5, -1.5, 0.75, 0.75, 0.75, 0.75,
                          0, 0, 0, 0, 0.75, -2, 0.75, 0.75, 3, 1, 5.25, 3.25, 0.75, 0.75, 3.5, 1.5, 5, 3, 0,
                          0, 0, 0, 3, 1, 4.5, 2.5, -2.25, 1.5, 0.5, -0.5, 5, 3, -2.5, -1.5, -3.25, -2.25, 0,
                          0),
                TL_VALUES(0, 0, 0, 0, 8, 14, 20, 12, 0, 0, 0, 0, 16, 8, 14, 20, 0, 0, 0, 0, 0, 0, 0, 0, -10,
                          3, -19, -13, 0, 0, 0, 0, -16, -10, 3, -19, 0, 0, 0, 0),
                TL_VALUES(34, 46, 18.25, 27, 43, 34, 39.25, 18.25, 31, 43, 30.5, 39.25));
    tl_graph_free(g);
    tl_variable_free(x);
    tl_variable_free(w);
    tl_pattern_release(p);
}
END_TEST

static tl_node *padded(tl_node *x, tl_node *w)
{
    return tl_sparse_conv2d(x, w, OPTIONS(.kernel = { 3, 3 }, .padding = { 1, 1 }));
}

/* The patches of all images would be 36 MiB of floats. */
START_TEST(memory)
{
    tl_variable *w = tl_test_sparse("w", tl_pattern_random(16, 144, 0.1, 2), 2);
    ck_assert_int_lt(bytes_beyond(w, padded), (24 << 20) * (int64_t)sizeof(tl_real) / 4);
}
END_TEST

/* The planes of a whole image would be 24 MiB of floats, and those of its gradient as many. */
START_TEST(memory_of_a_large_image)
{
    tl_variable *x = tl_test_dense("x", TL_SHAPE(1, 128, 128, 128), 1),
                *w = tl_test_sparse("w", tl_pattern_random(2, 1152, 0.01, 2), 2);
    tl_graph *g = tl_graph_new_inference();
    ck_assert_ptr_nonnull(tl_value(padded(tl_use(g, x), tl_use(g, w))));
    ck_assert_int_lt(tl_graph_bytes(g), (24 << 20) * (int64_t)sizeof(tl_real) / 4);
    tl_graph_free(g);
    tl_variable_free(x);
    tl_variable_free(w);
}
END_TEST

/* Without gradients there are no planes and tiles for them, here two thirds of a piece, or sums for dW. */
START_TEST(memory_for_inference)
{
    tl_variable *x = tl_test_dense("x", TL_SHAPE(4, 4, 32, 32), 1),
                *w = tl_test_sparse("w", tl_pattern_random(16, 36, 1, 2), 2);
    tl_graph *g = tl_graph_new_inference();
    ck_assert_ptr_nonnull(tl_value(padded(tl_use(g, x), tl_use(g, w))));
    ck_assert_int_lt(tl_graph_bytes(g), (2 << 20) * (int64_t)sizeof(tl_real) / 4);
    tl_graph_free(g);
    tl_variable_free(x);
    tl_variable_free(w);
}
END_TEST

/* A piece has planes for a tile of A and for one of dA, and rows for one of dY, all padded; for inference
 * only the first. Each chunk has a sum for dW, which is of all cells here. */
START_TEST(workspace)
{
    const struct {
        tl_shape x;
        int64_t filters;
        const tl_sparse_conv_options *o;
        int64_t values, inference;
    } all[] = {
        { TL_SHAPE(2, 3, 12, 8), 5, OPTIONS({ 4, 2 }, { 2, 1 }, { 0, 0 }, { 3, 1 }),
          16 * (2 * 528 + 5 * 16) + 2 * 120, 16 * 528 },
        /* pieces of 2^18 values, and images that need smaller tiles: of fewer rows, and of a part of one */
        { TL_SHAPE(1, 4095, 4, 8), 1, OPTIONS(.kernel = { 1, 1 }), 16 * (2 * 131056 + 32) + 4095,
          16 * 131056 },
        { TL_SHAPE(1, 4095, 4, 8), 2, OPTIONS(.kernel = { 1, 1 }), 16 * (2 * 65536 + 32) + 8190, 16 * 65536 },
        { TL_SHAPE(1, 1808, 1, 72), 22, OPTIONS(.kernel = { 1, 1 }), 16 * (2 * 130192 + 22 * 80) + 39776,
          16 * 130192 },
        { TL_SHAPE(1, 2100, 2, 72), 1, OPTIONS(.kernel = { 1, 1 }), 16 * (2 * 75616 + 48) + 2100,
          16 * 75616 },
        /* the least width; pieces of at most 2^22 values in all */
        { TL_SHAPE(1, 2100, 1, 64), 1, OPTIONS(.kernel = { 1, 1 }), 15 * (2 * 134416 + 64) + 2100,
          16 * 134416 },
        /* so many chunks: 14 would have 12 values more; none */
        { TL_SHAPE(15, 919, 1, 1), 326, OPTIONS(.kernel = { 1, 1 }), 16 * (2 * 944 + 326 * 16) + 13 * 299594,
          16 * 944 },
        { TL_SHAPE(0, 2, 4, 4), 3, OPTIONS(.kernel = { 2, 2 }), 16 * (2 * 64 + 3 * 16), 16 * 64 },
    };
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        const int64_t depth = all[k].x.dim[1] * all[k].o->kernel[0] * all[k].o->kernel[1];
        tl_variable *x = tl_test_dense("x", all[k].x, 1),
                    *w = tl_test_sparse("w", tl_pattern_random(all[k].filters, depth, 1, 2), 2);
        tl_graph *g = tl_graph_new(), *inference = tl_graph_new_inference();
        check_workspace(tl_sparse_conv2d(tl_use(g, x), tl_use(g, w), all[k].o), all[k].values);
        check_workspace(tl_sparse_conv2d(tl_use(inference, x), tl_use(inference, w), all[k].o),
                        all[k].inference);
        tl_graph_free(g);
        tl_graph_free(inference);
        tl_variable_free(x);
        tl_variable_free(w);
    }
}
END_TEST

/* Strides, dilations and padding; an image in several tiles, of rows and of parts of rows; no image. */
START_TEST(gradient_of_absent_cells)
{
    const struct {
        tl_shape images;
        tl_conv_options o;
    } all[] = { { TL_SHAPE(2, 3, 9, 8), { .stride = { 2, 1 }, .padding = { 1, 2 }, .dilation = { 1, 2 } } },
                { TL_SHAPE(2, 3, 150, 120), { .padding = { 1, 1 } } },
                { TL_SHAPE(1, 3, 5, 40000), { .padding = { 0, 1 } } },
                { TL_SHAPE(0, 3, 9, 8), { .padding = { 1, 1 } } } };
    for (int k = 0; k < 4; k++) {
        tl_sparse_conv_options o = { .kernel = { 3, 3 } };
        memcpy(o.stride, all[k].o.stride, sizeof o.stride);
        memcpy(o.padding, all[k].o.padding, sizeof o.padding);
        memcpy(o.dilation, all[k].o.dilation, sizeof o.dilation);
        tl_variable *x = tl_test_dense("x", all[k].images, 1),
                    *w = tl_test_sparse("w", tl_test_pattern(5, 27, 0.4, 1), 2),
                    *whole = tl_test_dense("whole", TL_SHAPE(5, 3, 3, 3), 3);
        tl_graph *g = tl_graph_new();
        tl_node *in = tl_use(g, x), *filters = tl_use(g, whole);
        check_gradient_rows(g, tl_sparse_conv2d(in, tl_use(g, w), &o), 1, tl_conv2d(in, filters, &all[k].o),
                            filters, 30 * TL_NEAR);
        tl_graph_free(g);
        tl_variable_free(x);
        tl_variable_free(w);
        tl_variable_free(whole);
    }
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&sparse_conv2d);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, as_pytorch);
    tcase_add_test(c, memory);
    tcase_add_test(c, memory_of_a_large_image);
    tcase_add_test(c, memory_for_inference);
    tcase_add_test(c, workspace);
    tcase_add_test(c, gradient_of_absent_cells);
    return s;
}
