/* max_pool2d: the largest element of each window; the first among equals receives the gradient */
#include "tests/ops/pooled.h"

static tl_node *op(tl_node *const *in, const void *attr)
{
    return tl_max_pool2d(in[0], attr);
}

/* Values are above -8. */
static void larger(tl_reference *r, int64_t y, double x)
{
    r->y[y] = fmax(r->y[y], x + 8);
}

static tl_shape reference(tl_reference *r)
{
    const tl_shape y = pooled(r, larger);
    for (int64_t k = 0; k < tl_shape_size(y); k++)
        r->y[k] -= 8;
    return y;
}

static tl_sample samples[] = {
    POOLED,
    POOLED_REFUSALS,
    /* of padding only: -Inf, without a gradient */
    { .in = { { TL_STATIC_SHAPE(1, 1, 1, 2), .values = TL_VALUES(3, 4) } },
      .attr = OPTIONS({ 1, 1 }, .padding = { 1, 0 }),
      .y = TL_VALUES(-INFINITY, -INFINITY, 3, 4, -INFINITY, -INFINITY),
      .upstream = TL_VALUES(NAN, NAN, 5, 6, NAN, NAN),
      .gradient = { TL_VALUES(5, 6) } },
    { .in = { TL_DENSE_OPERAND(1, 1, 1, 0) },
      .attr = OPTIONS({ 1, 2 }, .padding = { 0, 1 }),
      .y = TL_VALUES(-INFINITY),
      .upstream = TL_VALUES(1) },
    /* the first wins ties, -Inf among them; a NaN is the largest, and the first one stays */
    { .in = { { TL_STATIC_SHAPE(1, 1, 2, 8),
                .values = TL_VALUES(1, 7, -INFINITY, -INFINITY, 2, NAN, -3, -3, 7, 7, -INFINITY, -INFINITY,
                                    NAN, 9, -3, -4) } },
      .attr = WINDOW(2, 2),
      .y = TL_VALUES(7, -INFINITY, NAN, -3),
      .upstream = TL_VALUES(1, 2, 3, 4),
      .gradient = { TL_VALUES(0, 1, 2, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0) } },
    /* so does the first -Inf of the image beside padding, of columns alone */
    { .in = { { TL_STATIC_SHAPE(1, 1, 1, 2), .values = TL_VALUES(-INFINITY, -INFINITY) } },
      .attr = OPTIONS({ 1, 2 }, .padding = { 0, 1 }, .stride = { 1, 1 }),
      .y = TL_VALUES(-INFINITY, -INFINITY, -INFINITY),
      .upstream = TL_VALUES(1, 2, 4),
      .gradient = { TL_VALUES(3, 4) } },
    /* padding is not 0 */
    { .in = { { TL_STATIC_SHAPE(1, 1, 1, 2), .values = TL_VALUES(-3, -4) } },
      .attr = OPTIONS({ 3, 3 }, .padding = { 1, 1 }, .stride = { 1, 1 }),
      .y = TL_VALUES(-3, -3),
      .gradient = { TL_VALUES(2, 0) } },
};

/* The elements that are the largest stay those of forward. */
static const tl_op_case max_pool2d = { .name = "max_pool2d", POOL_CASE(TL_SKIP(TL_STAGE_BETWEEN)) };

/* max_pool2d(x, (3, 2), stride=(2, 1), padding=(1, 1)) */
START_TEST(as_pytorch)
{
    tl_variable *x = torch_x(TL_SHAPE(1, 2, 5, 4));
    tl_graph *g = tl_graph_new();
    check_torch(tl_max_pool2d(tl_use(g, x), OPTIONS({ 3, 2 }, { 2, 1 }, { 1, 1 }, false)),
                TL_VALUES(1.5, 1.75, 2.25, 2.5, 2.5, 1.75, 2, 2.5, 2.5, 1.5, 1.75, 2.25, 2.5, 2.5, 1.5, 2,
                          2.5, 2.5, 1.75, 1.75, 2.25, 2.5, 2.5, 2, 2, 2.5, 2.5, 1.75, 2.25, 2.25),
                TL_VALUES(0, 5, 0, 7, 0, 0, 3, 0, 0, 2, 0, 0, 5, 0, 11, 3, 0, 6, 0, 0, 5, 0, 0, 10, 0, 9, 0,
                          0, 2, 0, 0, 4, 0, 0, 2, 0, 10, 0, 0, 5),
                NULL);
    tl_graph_free(g);
    tl_variable_free(x);
}
END_TEST

/* Windows of padding only are -Inf, whatever a pooling before left in memory. */
START_TEST(after_nans)
{
    enum { SIDE = 8 };
    tl_real nans[SIDE * SIDE];
    const tl_real zero = 0;
    for (int k = 0; k < SIDE * SIDE; k++)
        nans[k] = (tl_real)NAN;
    tl_graph *g = tl_graph_new();
    ck_assert(isnan(tl_value(tl_max_pool2d(tl_input(g, TL_SHAPE(1, 1, SIDE, SIDE), nans), WINDOW(1, 1)))[0]));
    tl_node *y = tl_max_pool2d(tl_input(g, TL_SHAPE(1, 1, 1, 1), &zero),
                               OPTIONS({ 1, 1 }, .padding = { 3, 3 }));
    for (int k = 0; k < 7 * 7; k++)
        ck_assert(tl_value(y)[k] == (k == 24 ? 0 : -(tl_real)INFINITY));
    tl_graph_free(g);
}
END_TEST

/* Fills samples with values of which no two in a window are closer than any difference that is taken. */
static void keep_apart(void)
{
    static double values[1 << 15];
    for (int k = 0; k < 1 << 15; k++)
        values[k] = (double)(k * 37 % 509) / 64 - 4;
    for (size_t k = 0; k < sizeof samples / sizeof *samples; k++)
        if (samples[k].status == TL_OK && !samples[k].y)
            samples[k].in[0].values = values;
}

Suite *tl_test_suite(void)
{
    keep_apart();
    Suite *s = tl_op_suite(&max_pool2d);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, as_pytorch);
    tcase_add_test(c, after_nans);
    return s;
}
