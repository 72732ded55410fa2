/* l1: mean over all elements of |a - b| */
#include "check_tulle.h"
#include "tests/ops/twice.h"

#include <math.h>

static tl_node *op(tl_node *const *in, const void *attr)
{
    (void)attr;
    return tl_l1(in[0], in[1]);
}

static tl_shape reference(tl_reference *r)
{
    const int64_t n = tl_shape_size(r->shape[0]);
    for (int64_t k = 0; k < n; k++)
        *r->y += fabs(r->in[0][k] - r->in[1][k]);
    *r->y = n > 0 ? *r->y / (double)n : 0;
    return TL_SHAPE();
}

/* The signs of differences are those of the samples: random ones could be near the kink. */
#define ABOVE(...)                                                                                           \
    {                                                                                                        \
        .in = {                                                                                              \
            { TL_STATIC_SHAPE(__VA_ARGS__), .low = 1, .high = 3 },                                           \
            { TL_STATIC_SHAPE(__VA_ARGS__), .low = -2, .high = 0.5 }                                         \
        }                                                                                                    \
    }
#define BELOW(...)                                                                                           \
    {                                                                                                        \
        .in = {                                                                                              \
            { TL_STATIC_SHAPE(__VA_ARGS__), .low = -3, .high = -1 },                                         \
            { TL_STATIC_SHAPE(__VA_ARGS__), .low = 0, .high = 2 }                                            \
        }                                                                                                    \
    }
#define REFUSED(a, b, text)                                                                                  \
    {                                                                                                        \
        .in = { a, b }, .status = TL_ERR_SHAPE, .error = text                                                \
    }

static const tl_sample samples[] = {
    ABOVE(3, 5),
    BELOW(3, 5),
    { .in = { { .low = 1, .high = 2 }, { .low = -2, .high = 0 } } }, /* scalars */
    BELOW(63),
    ABOVE(2, 3, 4),
    BELOW(2, 1, 3, 2),
    ABOVE(0),
    ABOVE(300, 130),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(4, 3), "a (3x4) and b (4x3) differ in shape"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(4), "a (3x4) and b [4] differ in shape"),
    /* by hand: 2 + 0 + 1 + 3 + 0.5 + 1, over 6; at the tie the gradient is 0 */
    { .in = { { TL_STATIC_SHAPE(2, 3), .values = TL_VALUES(1, 2, 3, 4, 0.5, -1) },
              { TL_STATIC_SHAPE(2, 3), .values = TL_VALUES(-1, 2, 4, 1, 0, 0) } },
      .y = TL_VALUES(1.25),
      .upstream = TL_VALUES(6),
      .gradient = { TL_VALUES(1, 0, -1, 1, 1, -1), TL_VALUES(-1, 0, 1, -1, -1, 1) } },
    { .in = { { TL_STATIC_SHAPE(2), .values = TL_VALUES(INFINITY, 0) },
              { TL_STATIC_SHAPE(2), .values = TL_VALUES(0, -INFINITY) } },
      .y = TL_VALUES(INFINITY),
      .upstream = TL_VALUES(2),
      .gradient = { TL_VALUES(1, 1), TL_VALUES(-1, -1) } },
    { .in = { { TL_STATIC_SHAPE(2), .values = TL_VALUES(NAN, INFINITY) },
              { TL_STATIC_SHAPE(2), .values = TL_VALUES(0, INFINITY) } },
      .y = TL_VALUES(NAN),
      .upstream = TL_VALUES(2),
      .gradient = { TL_VALUES(0, 0), TL_VALUES(0, 0) } },
    /* the sum and a difference are in double: they may be more than the largest float, which the mean is */
    { .in = { { TL_STATIC_SHAPE(2), .values = TL_VALUES(0x1.8p127, 0) },
              { TL_STATIC_SHAPE(2), .values = TL_VALUES(-0x1.8p127, 0x1p126) } },
      .y = TL_VALUES(0x1.cp127),
      .upstream = TL_VALUES(2),
      .gradient = { TL_VALUES(1, -1), TL_VALUES(-1, 1) } }
};

static const tl_op_case l1 = {
    .name = "l1",
    .n_in = 2,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .ulps = 64,                      /* of sums in double, the reference's too */
    .skip = TL_SKIP(TL_STAGE_PLACE), /* all elements make one value */
};

/* 2^24 + 1 is no float. */
START_TEST(wide_sum)
{
    tl_real a[257], b[257] = { 0 };
    for (int k = 0; k < 257; k++)
        a[k] = k > 0 ? 1 : 0x1p24f;
    tl_graph *g = tl_graph_new();
    const tl_real *y = tl_value(tl_l1(tl_input(g, TL_SHAPE(257), a), tl_input(g, TL_SHAPE(257), b)));
    ck_assert_double_eq((double)y[0], (double)(tl_real)((0x1p24 + 256) / 257));
    tl_graph_free(g);
}
END_TEST

/* A mean that is a number although the sum, or an error, is none. */
START_TEST(sum_overflows)
{
    const tl_real huge = TL_IS_DOUBLE ? (tl_real)1.7e308 : (tl_real)3.3e38, infinite[] = { INFINITY, 0 };
    const tl_real a[] = { huge, huge, huge, huge }, b[] = { -huge, huge, huge, 0 };
    tl_graph *g = tl_graph_new();
    tl_node *x = tl_input(g, TL_SHAPE(4), a), *z = tl_input(g, TL_SHAPE(4), b);
    ck_assert_values(tl_value(tl_l1(x, z)), 1, TL_NEAR, 0.75 * (double)huge);
    x = tl_input(g, TL_SHAPE(2), infinite);
    ck_assert_values(tl_value(tl_l1(x, tl_input(g, TL_SHAPE(2), a))), 1, 0, INFINITY);
    tl_graph_free(g);
}
END_TEST

/* The units for large errors are not for tiny ones. */
START_TEST(tiny_error)
{
    const tl_real a = TL_IS_DOUBLE ? (tl_real)0x1p-1073 : (tl_real)0x1p-149, b = 0;
    tl_graph *g = tl_graph_new();
    ck_assert_values(tl_value(tl_l1(tl_input(g, TL_SHAPE(), &a), tl_input(g, TL_SHAPE(), &b))), 1, 0,
                     (double)a);
    tl_graph_free(g);
}
END_TEST

static tl_node *loss_of(tl_node *x)
{
    return tl_l1(x, tl_scale(tl_stop_gradient(x), 2));
}

/* Several tasks. */
START_TEST(gradient_is_added)
{
    tl_test_twice(loss_of, TL_SHAPE(200, 300));
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&l1);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, wide_sum);
    tcase_add_test(c, sum_overflows);
    tcase_add_test(c, tiny_error);
    tcase_add_test(c, gradient_is_added);
    return s;
}
