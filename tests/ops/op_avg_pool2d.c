/* avg_pool2d: the mean of each window, of what is in the image or with padding */
#include "tests/ops/pooled.h"

static tl_node *op(tl_node *const *in, const void *attr)
{
    return tl_avg_pool2d(in[0], attr);
}

/* The number of terms is in `terms` until the sum is divided. */
static void sum_up(tl_reference *r, int64_t y, double x)
{
    r->y[y] += x;
    r->terms[y]++;
}

static tl_shape reference(tl_reference *r)
{
    const tl_pool_options *o = r->attr;
    const tl_shape y = pooled(r, sum_up);
    for (int64_t k = 0; k < tl_shape_size(y); k++) {
        const double n = o->count_padding ? (double)o->window[0] * o->window[1] : fmax(r->terms[k], 1);
        r->y[k] /= n;
        r->terms[k] /= n; /* times the largest magnitude, which is about 1 */
    }
    return y;
}

static const tl_sample samples[] = {
    POOLED,
    POOLED_REFUSALS,
    POOL(OPTIONS({ 3, 3 }, { 2, 2 }, { 1, 1 }, .count_padding = true), 2, 2, 6, 5),
    POOL(OPTIONS({ 2, 2 }, .padding = { 1, 1 }), 1, 2, 0, 4), /* nothing but padding: 0 */
    POOL(OPTIONS({ 2, 2 }, .padding = { 3, 4 }), 1, 2, 3, 4), /* windows of padding only: 0 */
    /* an element between the windows has no gradient at all */
    { .in = { { TL_STATIC_SHAPE(1, 1, 1, 3), .values = TL_VALUES(1, 2, 3) } },
      .attr = OPTIONS({ 1, 1 }, .stride = { 1, 2 }),
      .y = TL_VALUES(1, 3),
      .gradient = { TL_VALUES(1, 0, 1) } },
    /* summed in double: in float, 2^24 + 1 is 2^24 */
    { .in = { { TL_STATIC_SHAPE(1, 1, 1, 4), .values = TL_VALUES(16777216, 1, 1, 2) } },
      .attr = WINDOW(1, 4),
      .y = TL_VALUES(4194305),
      .upstream = TL_VALUES(8),
      .gradient = { TL_VALUES(2, 2, 2, 2) } },
};

/* The sum, of at most 20 terms, and the quotient are in double; the operands are reals. */
static const tl_op_case avg_pool2d = { .name = "avg_pool2d", POOL_CASE(0), .ulps = TL_IS_DOUBLE ? 20 : 1 };

/* avg_pool2d(x, (3, 2), stride=(2, 1), padding=(1, 1), count_include_pad=False), and True */
START_TEST(as_pytorch)
{
    const double *const y[] = {
        TL_VALUES(0.75, 0.9375, 1.3125, 1.6875, 1.875, 1.16666666666667, 1.125, 1.5, 1.41666666666667,
                  0.916666666666667, 1.125, 1.3125, 1.6875, 1.375, 0.875, 1.375, 1.5625, 1.25, 0.9375, 1.125,
                  1.33333333333333, 1.29166666666667, 1.20833333333333, 1.125, 1.08333333333333, 1.75, 1.25,
                  0.9375, 1.3125, 1.5),
        TL_VALUES(0.25, 0.625, 0.875, 1.125, 0.625, 0.583333333333333, 1.125, 1.5, 1.41666666666667,
                  0.458333333333333, 0.375, 0.875, 1.125, 0.916666666666667, 0.291666666666667,
                  0.458333333333333, 1.04166666666667, 0.833333333333333, 0.625, 0.375, 0.666666666666667,
                  1.29166666666667, 1.20833333333333, 1.125, 0.541666666666667, 0.583333333333333,
                  0.833333333333333, 0.625, 0.875, 0.5),
    };
    const double *const dx[] = {
        TL_VALUES(1.25, 2, 1, 3.25, 2.91666666666667, 2.33333333333333, 1.83333333333333, 5.08333333333333,
                  1.66666666666667, 0.333333333333333, 0.833333333333333, 1.83333333333333, 3.66666666666667,
                  2.83333333333333, 2.33333333333333, 2.33333333333333, 2, 2.5, 1.5, 0.5, 3.25, 1, 1.75, 3.5,
                  3.91666666666667, 1.83333333333333, 3.08333333333333, 4.33333333333333, 0.666666666666667,
                  0.833333333333333, 1.33333333333333, 0.833333333333333, 4.66666666666667, 2.33333333333333,
                  1.83333333333333, 3.33333333333333, 4, 1.5, 0.5, 2.5),
        TL_VALUES(0.833333333333333, 1.33333333333333, 0.666666666666667, 1.16666666666667, 1.83333333333333,
                  1.66666666666667, 1.5, 2.5, 1, 0.333333333333333, 0.833333333333333, 1.33333333333333,
                  2.16666666666667, 2, 1.83333333333333, 1.66666666666667, 1.16666666666667, 1.66666666666667,
                  1, 0.333333333333333, 1.33333333333333, 0.666666666666667, 1.16666666666667,
                  1.66666666666667, 1.66666666666667, 1.5, 2.5, 2.33333333333333, 0.333333333333333,
                  0.833333333333333, 1.33333333333333, 0.666666666666667, 2, 1.83333333333333,
                  1.66666666666667, 1.5, 1.66666666666667, 1, 0.333333333333333, 0.833333333333333),
    };
    tl_variable *x = torch_x(TL_SHAPE(1, 2, 5, 4));
    tl_graph *g = tl_graph_new();
    check_torch(tl_avg_pool2d(tl_use(g, x), OPTIONS({ 3, 2 }, { 2, 1 }, { 1, 1 }, _i == 1)), y[_i], dx[_i],
                NULL);
    tl_graph_free(g);
    tl_variable_free(x);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&avg_pool2d);
    tcase_add_loop_test(tl_test_case(s, "beyond"), as_pytorch, 0, 2);
    return s;
}
