/* mse: mean over all elements of (a - b)^2 */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static tl_node *op(tl_node *const *in, const void *attr)
{
    (void)attr;
    return tl_mse(in[0], in[1]);
}

static tl_shape reference(tl_reference *r)
{
    const int64_t n = tl_shape_size(r->shape[0]);
    for (int64_t k = 0; k < n; k++)
        *r->y += (r->in[0][k] - r->in[1][k]) * (r->in[0][k] - r->in[1][k]);
    *r->y = n > 0 ? *r->y / (double)n : 0;
    return TL_SHAPE();
}

#define OF_SHAPE(...)                                                                                        \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__), TL_DENSE_OPERAND(__VA_ARGS__) }                               \
    }
#define REFUSED(a, b, text)                                                                                  \
    {                                                                                                        \
        .in = { a, b }, .status = TL_ERR_SHAPE, .error = text                                                \
    }

static const double huge_up = TL_IS_DOUBLE ? 1.7e308 : 0x1.fp127;

static const tl_sample samples[] = {
    OF_SHAPE(3, 5),
    { .in = { TL_SCALAR_OPERAND, TL_SCALAR_OPERAND } },
    OF_SHAPE(17),
    OF_SHAPE(63),
    OF_SHAPE(2, 3, 4),
    OF_SHAPE(2, 1, 3, 2),
    OF_SHAPE(0),
    OF_SHAPE(2, 0, 3),
    OF_SHAPE(65, 63),
    OF_SHAPE(3, 1, 65),
    OF_SHAPE(300, 130),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(5, 6), "a (3x4) and b (5x6) differ in shape"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(4, 3), "a (3x4) and b (4x3) differ in shape"),
    /* no broadcasting */
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(4), "a (3x4) and b [4] differ in shape"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_SCALAR_OPERAND, "a (3x4) and b (scalar) differ in shape"),
    REFUSED(TL_DENSE_OPERAND(1), TL_SCALAR_OPERAND, "a [1] and b (scalar) differ in shape"),
    REFUSED(TL_DENSE_OPERAND(0, 3), TL_DENSE_OPERAND(3, 0), "a (0x3) and b (3x0) differ in shape"),
    /* squares of 2, 0, 1, 3, 0.5 and 1 sum to 15.25; gradients are 3 times 2 (a - b) / 6 */
    { .in = { { TL_STATIC_SHAPE(2, 3), .values = TL_VALUES(1, 2, 3, 4, 0.5, -1) },
              { TL_STATIC_SHAPE(2, 3), .values = TL_VALUES(-1, 2, 4, 1, 0, 0) } },
      .y = TL_VALUES(15.25 / 6),
      .upstream = TL_VALUES(3),
      .gradient = { TL_VALUES(2, 0, -1, 3, 0.5, -1), TL_VALUES(-2, 0, 1, -3, -0.5, 1) },
      .tolerance = TL_NEAR },
    /* the sum is in double: four times 2^126 is more than the largest float, the mean is not */
    { .in = { { TL_STATIC_SHAPE(4), .values = TL_VALUES(-0x1p63, 0x1p63, -0x1p63, 0x1p63) },
              { TL_STATIC_SHAPE(4), .values = TL_VALUES(0, 0, 0, 0) } },
      .y = TL_VALUES(0x1p126),
      .upstream = TL_VALUES(3),
      .gradient = { TL_VALUES(-0x1.8p63, 0x1.8p63, -0x1.8p63, 0x1.8p63) } },
    /* an upstream gradient whose double overflows */
    { .in = { { TL_STATIC_SHAPE(4), .values = TL_VALUES(1, 0, -1, 0.5) },
              { TL_STATIC_SHAPE(4), .values = TL_VALUES(0, 0, 0, 0) } },
      .upstream = &huge_up,
      .gradient = { TL_VALUES((TL_IS_DOUBLE ? 1.7e308 : 0x1.fp127) / 2, 0,
                              -(TL_IS_DOUBLE ? 1.7e308 : 0x1.fp127) / 2,
                              (TL_IS_DOUBLE ? 1.7e308 : 0x1.fp127) / 4) } },
    { .in = { { TL_STATIC_SHAPE(1), .values = TL_VALUES(INFINITY) },
              { TL_STATIC_SHAPE(1), .values = TL_VALUES(1) } },
      .y = TL_VALUES(INFINITY) },
    { .in = { { TL_STATIC_SHAPE(3), .values = TL_VALUES(INFINITY, NAN, 1) },
              { TL_STATIC_SHAPE(3), .values = TL_VALUES(1, 0, 1) } },
      .y = TL_VALUES(NAN),
      .gradient = { TL_VALUES(INFINITY, NAN, 0), TL_VALUES(-INFINITY, NAN, 0) } }
};

static const tl_op_case mse = {
    .name = "mse",
    .n_in = 2,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .ulps = 64,                      /* of sums in double, the reference's too */
    .skip = TL_SKIP(TL_STAGE_PLACE), /* all elements make one value */
};

/* Returns the loss of n elements, `first` and ones, against zeros. */
static double of_ones(int64_t n, tl_real first)
{
    tl_real ones[257], zeros[257] = { 0 };
    for (int k = 0; k < 257; k++)
        ones[k] = 1;
    ones[0] = first;
    tl_graph *g = tl_graph_new();
    const double y = (double)tl_value(
        tl_mse(tl_input(g, TL_SHAPE(n), ones), tl_input(g, TL_SHAPE(n), zeros)))[0];
    tl_graph_free(g);
    return y;
}

/* 2^24 + 1 is no float; the mean of equal errors is that error. */
START_TEST(wide_sum)
{
    for (int64_t n = 1; n <= 200; n++)
        ck_assert_double_eq(of_ones(n, 1), 1);
    ck_assert_double_eq(of_ones(257, 4096), (double)(tl_real)((0x1p24 + 256) / 257)); /* 4096^2 is 2^24 */
}
END_TEST

/* A mean that is a number although the sum of the squares is none, in double either. */
START_TEST(sum_overflows)
{
    enum { N = 17 };
    const tl_real x = TL_IS_DOUBLE ? (tl_real)0x1p510 : (tl_real)0x1p62;
    const tl_real of[][2] = { { 1, -0.5f }, { -0.5f, 1 }, { -1, 1 }, { -1, 0 }, { 0, 1 } };
    tl_real a[N], b[N];
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        for (int k = 0; k < N; k++) {
            a[k] = of[i][0] * x;
            b[k] = of[i][1] * x;
        }
        const double error = (double)of[i][0] - (double)of[i][1];
        tl_graph *g = tl_graph_new();
        tl_node *right = tl_input(g, TL_SHAPE(N), b);
        const tl_real y = tl_value(tl_mse(tl_input(g, TL_SHAPE(N), a), right))[0];
        ck_assert_double_eq_tol((double)(y / x / x), error * error, 1e-6);
        a[4] = INFINITY;
        ck_assert_values(tl_value(tl_mse(tl_input(g, TL_SHAPE(N), a), right)), 1, 0, INFINITY);
        tl_graph_free(g);
    }
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&mse);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, wide_sum);
    tcase_add_test(c, sum_overflows);
    return s;
}
