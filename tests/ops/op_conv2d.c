/* conv2d: strides, padding, dilation and groups, in tiles of several images, of one, and of a part of one */
#include "tests/ops/images.h"

static tl_node *op(tl_node *const *in, const void *attr)
{
    return tl_conv2d(in[0], in[1], attr);
}

static axis axis_of(const tl_reference *r, int k)
{
    const tl_conv_options *o = r->attr;
    return (axis){ .in = r->shape[0].dim[2 + k],
                   .kernel = r->shape[1].dim[2 + k],
                   .stride = o && o->stride[k] ? o->stride[k] : 1,
                   .padding = o ? o->padding[k] : 0,
                   .dilation = o && o->dilation[k] ? o->dilation[k] : 1 };
}

static tl_shape reference(tl_reference *r)
{
    const tl_conv_options *o = r->attr;
    return correlate(r, axis_of(r, 0), axis_of(r, 1), r->shape[1].dim[0], o && o->groups ? o->groups : 1);
}

#define OPTIONS(...) (&(const tl_conv_options){ __VA_ARGS__ })
#define X(...)       TL_DENSE_OPERAND(__VA_ARGS__)
#define CONV(options, x, ...)                                                                                \
    {                                                                                                        \
        .in = { x, TL_DENSE_OPERAND(__VA_ARGS__) }, .attr = options                                          \
    }
#define REFUSED(options, x, w, its_status, text)                                                             \
    {                                                                                                        \
        .in = { x, w }, .attr = options, .status = its_status, .error = text                                 \
    }

static const tl_sample samples[] = {
    CONV(NULL, X(2, 3, 5, 4), 4, 3, 3, 2),
    CONV(NULL, X(2, 2, 3, 3), 2, 2, 3, 3),
    CONV(OPTIONS(.padding = { 1, 1 }), X(2, 2, 4, 5), 3, 2, 3, 3),
    CONV(OPTIONS(.stride = { 2, 3 }), X(1, 2, 7, 8), 2, 2, 3, 2),
    CONV(OPTIONS(.dilation = { 2, 3 }), X(1, 2, 6, 8), 2, 2, 3, 2),
    CONV(OPTIONS({ 2, 1 }, { 2, 1 }, { 1, 2 }, 1), X(2, 2, 5, 6), 2, 2, 2, 3),
    CONV(OPTIONS({ 3, 2 }, { 1, 2 }, { 2, 3 }, 1), X(1, 1, 7, 6), 2, 1, 3, 3),
    CONV(OPTIONS(.groups = 2), X(2, 4, 4, 4), 6, 2, 2, 2),
    CONV(OPTIONS(.padding = { 1, 1 }, .groups = 4), X(1, 4, 4, 3), 4, 1, 3, 3), /* by channel */
    CONV(NULL, X(3, 4, 3, 3), 2, 4, 1, 1),                                      /* of several images */
    CONV(NULL, X(1, 4, 3, 5), 2, 4, 1, 1),                                      /* P is A */
    CONV(OPTIONS(.groups = 2), X(1, 4, 3, 5), 2, 2, 1, 1),
    CONV(OPTIONS(.stride = { 2, 2 }), X(1, 3, 5, 5), 2, 3, 1, 1),
    CONV(OPTIONS(.padding = { 1, 0 }), X(1, 3, 2, 3), 2, 3, 1, 1),
    CONV(OPTIONS(.padding = { 0, 1 }), X(1, 3, 2, 3), 2, 3, 1, 1),
    CONV(NULL, X(1, 3, 4, 3), 2, 3, 2, 1), /* P is not A, for one reason each */
    CONV(NULL, X(1, 3, 4, 3), 2, 3, 1, 2),
    CONV(OPTIONS(.stride = { 2, 1 }), X(1, 3, 5, 5), 2, 3, 1, 1),
    CONV(OPTIONS(.stride = { 1, 2 }), X(1, 3, 5, 5), 2, 3, 1, 1),
    CONV(OPTIONS(.padding = { 1, 1 }), X(1, 3, 2, 3), 2, 3, 1, 1),
    CONV(NULL, X(2, 3, 1, 9), 4, 3, 1, 4),                         /* a sequence */
    CONV(NULL, X(2, 3, 4, 4), 5, 3, 4, 4),                         /* as large as the image: a product */
    CONV(OPTIONS(.padding = { 4, 4 }), X(1, 2, 2, 2), 2, 2, 2, 2), /* windows of padding only */
    CONV(OPTIONS(.padding = { 1, 1 }), X(1, 2, 0, 3), 2, 2, 2, 2), /* nothing but padding */
    CONV(OPTIONS(.padding = { 1, 1 }), X(1, 2, 3, 0), 2, 2, 2, 2),
    CONV(NULL, X(0, 2, 4, 4), 3, 2, 2, 2), /* no image, no channel, no filter */
    CONV(NULL, X(2, 0, 4, 4), 3, 0, 2, 2),
    CONV(NULL, X(2, 2, 4, 4), 0, 2, 2, 2),
    CONV(OPTIONS(.groups = 3), X(2, 0, 4, 4), 3, 0, 2, 2),
    CONV(OPTIONS(.padding = { 1, 1 }), X(2, 3, 40, 50), 5, 3, 3, 3),   /* parts of images */
    CONV(OPTIONS(.padding = { 1, 1 }), X(23, 40, 7, 7), 11, 40, 3, 3), /* of several images, not all alike */
    CONV(OPTIONS(.stride = { 1, 2 }, .padding = { 0, 1 }), X(1, 1, 3, 4001), 2, 1, 2, 3),
    CONV(OPTIONS(.padding = { 1, 1 }, .groups = 2), X(3, 8, 20, 20), 70, 4, 3, 3),
    CONV(NULL, X(3, 2, 1, 2100), 2, 2, 1, 1), /* parts of several images; P is A */
    CONV(NULL, X(17, 1, 1, 70), 1, 1, 1, 2),  /* more tiles than chunks */
    /* an element between the windows has no gradient at all */
    { .in = { { TL_STATIC_SHAPE(1, 1, 1, 3), .values = TL_VALUES(1, 2, 3) },
              { TL_STATIC_SHAPE(1, 1, 1, 1), .values = TL_VALUES(5) } },
      .attr = OPTIONS(.stride = { 1, 2 }),
      .y = TL_VALUES(5, 15),
      .gradient = { TL_VALUES(5, 0, 5), TL_VALUES(4) } },
    /* summed row by row of the window, 1 + 1 and 2^60 - 2^60 in the centre: 1 + 2^60 would be 2^60 */
    { .in = { { TL_STATIC_SHAPE(1, 1, 3, 3), .values = TL_VALUES(0, 0, 0, 0, 0, 0, 0, 0, 0) },
              { TL_STATIC_SHAPE(1, 1, 2, 2), .values = TL_VALUES(1, 1, 1, 1) } },
      .y = TL_VALUES(0, 0, 0, 0),
      .upstream = TL_VALUES(1, 0x1p60, 1, -0x1p60),
      .gradient = { TL_VALUES(1, 0x1p60, 0x1p60, 2, 2, 0, 1, -0x1p60, -0x1p60), TL_VALUES(0, 0, 0, 0) } },
    REFUSED(NULL, X(3, 4, 5), X(2, 4, 3, 3), TL_ERR_SHAPE,
            "a (3x4x5) is not of rank 4: images, channels, height, width"),
    REFUSED(NULL, X(1, 3, 4, 5), X(2, 3, 3), TL_ERR_SHAPE,
            "b (2x3x3) is not of rank 4: filters, channels of a group, height, width"),
    REFUSED(NULL, X(1, 3, 4, 5), X(2, 2, 3, 3), TL_ERR_SHAPE,
            "a (1x3x4x5) with 1 groups has 3 channels in each, and b (2x2x3x3) is for 2"),
    REFUSED(OPTIONS(.groups = 2), X(1, 4, 4, 5), X(2, 4, 3, 3), TL_ERR_SHAPE,
            "a (1x4x4x5) with 2 groups has 2 channels in each, and b (2x4x3x3) is for 4"),
    REFUSED(OPTIONS(.groups = 2), X(1, 3, 4, 5), X(2, 1, 3, 3), TL_ERR_SHAPE,
            "3 channels and 2 filters cannot be divided into 2 groups"),
    REFUSED(OPTIONS(.groups = 2), X(1, 4, 4, 5), X(3, 2, 3, 3), TL_ERR_SHAPE,
            "4 channels and 3 filters cannot be divided into 2 groups"),
    REFUSED(OPTIONS(.groups = -1), X(1, 4, 4, 5), X(3, 2, 3, 3), TL_ERR_ARGUMENT, "groups = -1 is negative"),
    REFUSED(NULL, X(1, 1, 2, 5), X(1, 1, 3, 3), TL_ERR_SHAPE,
            "a (1x1x2x5) has no output: height 2, padding 0, kernel 3, dilation 1, stride 1"),
    REFUSED(OPTIONS({ 2, 2 }, { 0, 1 }, { 1, 3 }, 0), X(1, 1, 5, 4), X(1, 1, 3, 3), TL_ERR_SHAPE,
            "a (1x1x5x4) has no output: width 4, padding 1, kernel 3, dilation 3, stride 2"),
    REFUSED(NULL, X(1, 1, 0, 5), X(1, 1, 1, 1), TL_ERR_SHAPE,
            "a (1x1x0x5) has no output: height 0, padding 0, kernel 1, dilation 1, stride 1"),
    REFUSED(NULL, X(1, 1, 4, 5), X(1, 1, 0, 3), TL_ERR_ARGUMENT, "window[0] = 0 is below 1"),
    REFUSED(OPTIONS(.stride = { -1, 1 }), X(1, 1, 4, 5), X(1, 1, 2, 3), TL_ERR_ARGUMENT,
            "stride[0] = -1 is below 0"),
    REFUSED(OPTIONS(.padding = { 0, -2 }), X(1, 1, 4, 5), X(1, 1, 2, 3), TL_ERR_ARGUMENT,
            "padding[1] = -2 is below 0"),
    REFUSED(OPTIONS(.dilation = { -3, 0 }), X(1, 1, 4, 5), X(1, 1, 2, 3), TL_ERR_ARGUMENT,
            "dilation[0] = -3 is below 0"),
    REFUSED(OPTIONS(.padding = { INT32_MAX, INT32_MAX }), X(1024, 1, 1, 1), X(1024, 1, 1, 1), TL_ERR_SHAPE,
            "1024x1024x4294967295x4294967295 has more elements than memory can hold"),
    REFUSED(OPTIONS(.padding = { 1, 1 }), X(0, 1LL << 55, 4, 4), X(0, 1LL << 55, 3, 3), TL_ERR_SHAPE,
            "324259173170675712x16 has more elements than memory can hold"),
    REFUSED(OPTIONS(.padding = { 1, 1 }), X(8, 1LL << 56, 0, 1), X(0, 1LL << 56, 2, 1), TL_ERR_SHAPE,
            "144115188075855872x24 has more elements than memory can hold"), /* the 3 pixels of 8 images */
};

/* Sums of at most 360 products are off by as many units in the last place of their magnitudes. */
static const tl_op_case conv2d = {
    .name = "conv2d",
    .n_in = 2,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .ulps = 360,
    .skip = TL_SKIP(TL_STAGE_PLACE), /* products of other sizes, as there are fewer images in a tile */
};

/* conv2d(x, w, stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2) */
START_TEST(as_pytorch)
{
    tl_variable *x = torch_x(TL_SHAPE(1, 4, 5, 4)), *w = tl_variable_dense("w", TL_SHAPE(4, 2, 3, 2));
    tl_graph *g = tl_graph_new();
    for (int64_t k = 0; k < tl_variable_size(w); k++)
        tl_variable_data(w)[k] = torch_w(k);
    tl_node *a = tl_use(g, x), *b = tl_use(g, w);
    check_torch(tl_conv2d(a, b, OPTIONS({ 2, 1 }, { 1, 2 }, { 1, 2 }, 2)),
                TL_VALUES(-2.25, 5, 1, -1.75, -3.75, 0, -1.25, 0.5, -0.5, 0.5, -7, 0.5, 1.75, 5.25, 5.25, 0.5,
                          -3.5, 2, 2, 2, -4, -7.5, 0.75, -2.75, 5, -2.5, 0, 7.25, 1, -3.5, 5, -1.5, -1.75, 1,
                          0, -4.5, -4.25, 2.25, 1.25, -2.5, 2.25, 5.75, -2.5, -0.5, -4, -7.5, 2.75, -2.75, 2,
                          -3.5, -4.5, 0.25, 0.25, -3.25, -3, -3.75, 2.75, -1.75, 2.5, -1.25, 0.5, -4, -0.25,
                          -3, 3.5, 5.25, 2.25, 0.5, -2.5, 4.75, 5.75, 1),
                TL_VALUES(-15, 1, -4, -2, -14, -10, 8, -9, -3, -15, 1, -4, 3, -14, -10, 8, 2, -3, -15, 1, 8,
                          6, 4, 2, 15, 18, -14, 3, 3, 8, 6, 4, -2, 15, 18, -14, -9, 3, 8, 6, -4, 13, 9, -2, 2,
                          -10, -1, 8, 7, -4, 13, 9, 7, 2, -10, -1, 11, 7, -4, 13, 1, -4, -2, 0, -10, 8, -9,
                          -26, -15, 1, -4, -2, -14, -10, 8, -9, -3, -15, 1, -4),
                TL_VALUES(31.5, 34, 39.75, 26.75, 46, 31, 21.75, 18.25, 52.5, 42.75, 27, 30.5, 31.75, 43,
                          30.75, 37, 34, 34.75, 20, 39.25, 52.75, 51.75, 18.25, 27, 24.5, 19, 58.75, 46,
                          27.25, 34, 41.25, 18.5, 46.5, 42.5, 29, 32.5, 16.25, 24.75, 42.25, 45.25, 19, 27.5,
                          30.75, 30.75, 33.5, 34.75, 18.5, 37.75));
    tl_graph_free(g);
    tl_variable_free(x);
    tl_variable_free(w);
}
END_TEST

static tl_node *padded(tl_node *x, tl_node *w)
{
    return tl_conv2d(x, w, OPTIONS(.padding = { 1, 1 }));
}

/* The patches of all images would be 36 MiB of floats. */
START_TEST(memory)
{
    const int64_t bytes = bytes_beyond(tl_test_dense("w", TL_SHAPE(16, 16, 3, 3), 2), padded);
    ck_assert_int_lt(bytes, (24 << 20) * (int64_t)sizeof(tl_real) / 4);
}
END_TEST

/* Without gradients there are no sums for dW, and no more tiles than the images have: here one, of 0.5 MiB of
 * floats, and not sixteen. */
START_TEST(memory_for_inference)
{
    tl_variable *x = tl_test_dense("x", TL_SHAPE(1, 16, 32, 32), 1),
                *w = tl_test_dense("w", TL_SHAPE(16, 16, 3, 3), 2);
    tl_graph *g = tl_graph_new_inference();
    ck_assert_ptr_nonnull(tl_value(padded(tl_use(g, x), tl_use(g, w))));
    ck_assert_int_lt(tl_graph_bytes(g), (2 << 20) * (int64_t)sizeof(tl_real) / 4);
    tl_graph_free(g);
    tl_variable_free(x);
    tl_variable_free(w);
}
END_TEST

/* A piece has a row for each row of P and each filter of a group, with the columns of a tile. Each chunk has
 * a sum for dW. */
START_TEST(workspace)
{
    const struct {
        tl_shape x, w;
        int32_t groups;
        int64_t values, inference;
    } all[] = {
        /* 2^17 / 256 columns, and an image of up to twice as many */
        { TL_SHAPE(1, 85, 1, 1027), TL_SHAPE(1, 85, 1, 3), 1, 16 * 256 * 512 + 3 * 255, 3 * 256 * 512 },
        { TL_SHAPE(1, 85, 1, 1026), TL_SHAPE(1, 85, 1, 3), 1, 16 * 256 * 1024 + 255, 256 * 1024 },
        /* the fewest columns, and the most; pieces and chunks of at most 2^22 values in all */
        { TL_SHAPE(1, 2048, 1, 257), TL_SHAPE(3, 2048, 1, 1), 1, 15 * 2051 * 128 + 3 * 6144, 3 * 2051 * 128 },
        { TL_SHAPE(9, 1, 1, 2050), TL_SHAPE(1, 1, 1, 2), 1, 16 * 3 * 1024 + 16 * 2, 16 * 3 * 1024 },
        { TL_SHAPE(1, 3, 1, 10240), TL_SHAPE(33, 1, 1, 8192), 3, 3 * 8203 * 128 + 15 * 270336,
          3 * 8203 * 128 },
        /* tiles of all 5 images, and of 6; no image */
        { TL_SHAPE(5, 2, 1, 20), TL_SHAPE(3, 2, 1, 1), 1, 16 * 5 * 100 + 6, 5 * 100 },
        { TL_SHAPE(13, 2, 1, 20), TL_SHAPE(3, 2, 1, 1), 1, 16 * 5 * 120 + 3 * 6, 3 * 5 * 120 },
        { TL_SHAPE(0, 2, 4, 4), TL_SHAPE(3, 2, 2, 2), 1, 16 * 11 * 9, 11 * 9 },
        /* a piece for each group */
        { TL_SHAPE(1, 4, 3, 3), TL_SHAPE(6, 2, 2, 2), 2, 16 * 11 * 4 + 48, 2 * 11 * 4 },
    };
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        tl_variable *x = tl_test_dense("x", all[k].x, 1), *w = tl_test_dense("w", all[k].w, 2);
        tl_graph *g = tl_graph_new(), *inference = tl_graph_new_inference();
        const tl_conv_options o = { .groups = all[k].groups };
        check_workspace(tl_conv2d(tl_use(g, x), tl_use(g, w), &o), all[k].values);
        check_workspace(tl_conv2d(tl_use(inference, x), tl_use(inference, w), &o), all[k].inference);
        tl_graph_free(g);
        tl_graph_free(inference);
        tl_variable_free(x);
        tl_variable_free(w);
    }
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&conv2d);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, as_pytorch);
    tcase_add_test(c, memory);
    tcase_add_test(c, memory_for_inference);
    tcase_add_test(c, workspace);
    return s;
}
