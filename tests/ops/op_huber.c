/* huber: mean over all elements of d^2 / 2 where |d| <= delta, otherwise delta (|d| - delta / 2), with
 * d = a - b */
#include "check_tulle.h"
#include "tests/ops/twice.h"

#include <math.h>

static tl_node *op(tl_node *const *in, const void *attr)
{
    return tl_huber(in[0], in[1], *(const tl_real *)attr);
}

static tl_shape reference(tl_reference *r)
{
    const int64_t n = tl_shape_size(r->shape[0]);
    const double delta = (double)*(const tl_real *)r->attr;
    for (int64_t k = 0; k < n; k++) {
        const double d = fabs(r->in[0][k] - r->in[1][k]);
        *r->y += (d <= delta ? d * d / 2 : delta * d - delta * delta / 2) / (double)n;
        *r->terms += (d <= delta ? d * d / 2 : delta * d + delta * delta / 2) / (double)n;
    }
    return TL_SHAPE();
}

static const tl_real one = 1, three_quarters = 0.75f, infinite = INFINITY;

/* Errors below delta = 1, and beyond it on either side. */
#define NEAR_0(...)                                                                                          \
    {                                                                                                        \
        .in = { { TL_STATIC_SHAPE(__VA_ARGS__), .low = -0.45, .high = 0.45 },                                \
                { TL_STATIC_SHAPE(__VA_ARGS__), .low = -0.45, .high = 0.45 } },                              \
        .attr = &one                                                                                         \
    }
#define BEYOND(sign, delta, ...)                                                                             \
    {                                                                                                        \
        .in = { { TL_STATIC_SHAPE(__VA_ARGS__), .low = (sign)*2 - 0.5, .high = (sign)*2 + 0.5 },             \
                { TL_STATIC_SHAPE(__VA_ARGS__), .low = -0.25, .high = 0.25 } },                              \
        .attr = delta                                                                                        \
    }
#define REFUSED(its_delta, its_status, text, ...)                                                            \
    {                                                                                                        \
        .in = { __VA_ARGS__ }, .attr = &(const tl_real){ its_delta }, .status = its_status, .error = text    \
    }
#define PAIR TL_DENSE_OPERAND(2), TL_DENSE_OPERAND(2)
#define EXAMPLE(delta, loss, ...)                                                                            \
    {                                                                                                        \
        .in = { { TL_STATIC_SHAPE(2, 3), .values = TL_VALUES(1, 2, 3, 4, 0.5, -1) },                         \
                { TL_STATIC_SHAPE(2, 3), .values = TL_VALUES(-1, 2, 4, 1, 0, 0) } },                         \
        .attr = delta, .y = TL_VALUES(loss), .upstream = TL_VALUES(6),                                       \
        .gradient = { TL_VALUES(__VA_ARGS__) }, .tolerance = TL_NEAR                                         \
    }

static const tl_sample samples[] = {
    NEAR_0(3, 5),
    BEYOND(1, &one, 3, 5),
    BEYOND(-1, &three_quarters, 17),
    BEYOND(1, &infinite, 2, 3, 4),
    NEAR_0(2, 1, 3, 2),
    NEAR_0(1),
    NEAR_0(0),
    NEAR_0(300, 130),
    BEYOND(-1, &one, 300, 130),
    REFUSED(1, TL_ERR_SHAPE, "a (3x4) and b (4x3) differ in shape", TL_DENSE_OPERAND(3, 4),
            TL_DENSE_OPERAND(4, 3)),
    REFUSED(1, TL_ERR_SHAPE, "a (3x4) and b [4] differ in shape", TL_DENSE_OPERAND(3, 4),
            TL_DENSE_OPERAND(4)),
    REFUSED(0, TL_ERR_ARGUMENT, "delta = 0 is not above 0", PAIR),
    REFUSED(-1, TL_ERR_ARGUMENT, "delta = -1 is not above 0", PAIR),
    REFUSED(NAN, TL_ERR_ARGUMENT, NULL, PAIR),
    /* errors of 2, 0, -1, 3, 0.5, -1; PyTorch's huber_loss gives the same */
    EXAMPLE(&one, (1.5 + 0 + 0.5 + 2.5 + 0.125 + 0.5) / 6, 1, 0, -1, 1, 0.5, -1),
    EXAMPLE(&three_quarters, 0.7083333333333334, 0.75, 0, -0.75, 0.75, 0.5, -0.75),
    EXAMPLE(&infinite, 15.25 / 12, 2, 0, -1, 3, 0.5, -1), /* half of mse */
    { .in = { { TL_STATIC_SHAPE(2), .values = TL_VALUES(INFINITY, 0) },
              { TL_STATIC_SHAPE(2), .values = TL_VALUES(0, INFINITY) } },
      .attr = &three_quarters,
      .y = TL_VALUES(INFINITY),
      .upstream = TL_VALUES(2),
      .gradient = { TL_VALUES(0.75, -0.75), TL_VALUES(-0.75, 0.75) } },
    { .in = { { TL_STATIC_SHAPE(2), .values = TL_VALUES(INFINITY, 0) },
              { TL_STATIC_SHAPE(2), .values = TL_VALUES(0, 0) } },
      .attr = &infinite,
      .y = TL_VALUES(INFINITY),
      .upstream = TL_VALUES(2),
      .gradient = { TL_VALUES(INFINITY, 0), TL_VALUES(-INFINITY, 0) } },
    { .in = { { TL_STATIC_SHAPE(2), .values = TL_VALUES(NAN, 0) },
              { TL_STATIC_SHAPE(2), .values = TL_VALUES(0, 2) } },
      .attr = &one,
      .y = TL_VALUES(NAN),
      .upstream = TL_VALUES(2),
      .gradient = { TL_VALUES(NAN, -1), TL_VALUES(NAN, 1) } }
};

static const tl_op_case huber = {
    .name = "huber",
    .n_in = 2,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .ulps = 64,                      /* of sums in double, the reference's too */
    .skip = TL_SKIP(TL_STAGE_PLACE), /* all elements make one value */
};

/* A mean that is a number although the sum, a loss or an error is none: of 2 huge, of huge and of 0 under a
 * delta of 0.5, of squares under a large one, and of both, 2.5, 0.125, 0.125 and 0.5 squares of the delta. */
START_TEST(sum_overflows)
{
    const tl_real huge = TL_IS_DOUBLE ? (tl_real)1.7e308 : (tl_real)3.3e38,
                  root = TL_IS_DOUBLE ? (tl_real)0x1p512 : (tl_real)0x1p64;
    const tl_real a[] = { huge, huge, huge, huge }, b[] = { -huge, huge, huge, 0 }, r[] = { root, 0, 0, 0 },
                  zero[4] = { 0 }, endless[4] = { INFINITY },
                  left[] = { -1 * root, (tl_real)0.5 * root, -1 * root, (tl_real)0.5 * root },
                  right[] = { 2 * root, 0, (tl_real)-1.5 * root, (tl_real)1.5 * root };
    tl_graph *g = tl_graph_new();
    tl_node *none = tl_input(g, TL_SHAPE(4), zero);
    tl_node *y = tl_huber(tl_input(g, TL_SHAPE(4), a), tl_input(g, TL_SHAPE(4), b), (tl_real)0.5);
    ck_assert_values(tl_value(y), 1, TL_NEAR, 0.375 * (double)huge);
    y = tl_huber(tl_input(g, TL_SHAPE(4), r), none, huge);
    ck_assert_values(tl_value(y), 1, 0, (double)root * ((double)root / 8));
    y = tl_huber(tl_input(g, TL_SHAPE(4), left), tl_input(g, TL_SHAPE(4), right), root);
    ck_assert_values(tl_value(y), 1, 0, (double)root * (0.8125 * (double)root));
    y = tl_huber(tl_input(g, TL_SHAPE(4), endless), none, 1);
    ck_assert_values(tl_value(y), 1, 0, INFINITY);
    tl_graph_free(g);
}
END_TEST

/* The units for large losses are not for tiny ones. */
START_TEST(tiny_loss)
{
    const tl_real a = TL_IS_DOUBLE ? (tl_real)0x1.8p-505 : (tl_real)0x1.8p-60, b = 0;
    tl_graph *g = tl_graph_new();
    tl_node *y = tl_huber(tl_input(g, TL_SHAPE(), &a), tl_input(g, TL_SHAPE(), &b), 1);
    ck_assert_values(tl_value(y), 1, 0, (double)a * (double)a / 2);
    tl_graph_free(g);
}
END_TEST

static tl_node *loss_of(tl_node *x)
{
    return tl_huber(x, tl_scale(tl_stop_gradient(x), 2), (tl_real)0.5);
}

/* Several tasks. */
START_TEST(gradient_is_added)
{
    tl_test_twice(loss_of, TL_SHAPE(200, 300));
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&huber);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, sum_overflows);
    tcase_add_test(c, tiny_loss);
    tcase_add_test(c, gradient_is_added);
    return s;
}
