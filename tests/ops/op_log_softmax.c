/* log_softmax: the logarithm of the softmax of each row */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static tl_node *op(tl_node *const *in, const void *attr)
{
    (void)attr;
    return tl_log_softmax(in[0]);
}

/* By the naive sum: the values are small. */
static tl_shape reference(tl_reference *r)
{
    const tl_shape a = r->shape[0];
    const int64_t n = tl_shape_cols(a);
    for (int64_t i = 0; i < tl_shape_rows(a); i++) {
        long double exponentials = 0;
        for (int64_t k = i * n; k < (i + 1) * n; k++)
            exponentials += expl((long double)r->in[0][k]);
        const double sum = (double)exponentials;
        for (int64_t k = i * n; k < (i + 1) * n; k++) {
            r->y[k] = r->in[0][k] - log(sum);
            r->terms[k] = fmax(1, fabs(r->in[0][k]) + fabs(log(sum)));
        }
    }
    return a;
}

#define OF(...)                                                                                              \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__) }                                                              \
    }
#define LOG_2 0.69314718055994531

static const tl_sample samples[] = {
    OF(3, 5),
    OF(3, 1),
    OF(1, 65),
    OF(2, 3, 4),
    OF(2, 1, 3, 5),
    OF(0, 3),
    OF(3, 0),
    OF(2, 0, 3),
    OF(1, 300),
    OF(300, 130),
    OF(9, 3001),
    { .in = { TL_SCALAR_OPERAND }, .status = TL_ERR_SHAPE, .error = "a (scalar) has no rows" },
    { .in = { { TL_STATIC_SHAPE(2), .values = TL_VALUES(3, 3) } }, /* a vector is a row */
      .y = TL_VALUES(-LOG_2, -LOG_2),
      .upstream = TL_VALUES(1, 0),
      .gradient = { TL_VALUES(0.5, -0.5) },
      .tolerance = TL_NEAR },
    /* -inf is an excluded element: gradient 0, whatever dY is there */
    { .in = { { TL_STATIC_SHAPE(3, 3),
                .values = TL_VALUES(1, -INFINITY, 1, 7, -INFINITY, -INFINITY, -INFINITY, 2, 2) } },
      .y = TL_VALUES(-LOG_2, -INFINITY, -LOG_2, 0, -INFINITY, -INFINITY, -INFINITY, -LOG_2, -LOG_2),
      .upstream = TL_VALUES(1, NAN, 3, 1, INFINITY, 5, NAN, 1, 3),
      .gradient = { TL_VALUES(-1, 0, 1, 0, 0, 0, 0, -1, 1) },
      .tolerance = TL_NEAR },
    /* a row of -inf only stays so, with gradient 0; values of +inf share the row; no overflow */
    { .in = { { TL_STATIC_SHAPE(4, 2),
                .values = TL_VALUES(-INFINITY, -INFINITY, INFINITY, 1, INFINITY, INFINITY, 10000, 10000) } },
      .y = TL_VALUES(-INFINITY, -INFINITY, 0, -INFINITY, -LOG_2, -LOG_2, -LOG_2, -LOG_2),
      .upstream = TL_VALUES(1, 2, 1, 2, 1, 2, 1, 2),
      .gradient = { TL_VALUES(0, 0, 0, 0, -0.5, 0.5, -0.5, 0.5) },
      .tolerance = TL_NEAR },
    { .in = { { TL_STATIC_SHAPE(1, 2), .values = TL_VALUES(NAN, 1) } },
      .y = TL_VALUES(NAN, NAN),
      .gradient = { TL_VALUES(NAN, NAN) } },
};

static const tl_op_case log_softmax = {
    .name = "log_softmax",
    .n_in = 1,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .ulps = 8,
    .skip = TL_SKIP(TL_STAGE_SHARED), /* one input */
};

/* The same in a row of more than a strip. */
START_TEST(excluded_far_away)
{
    enum { N = 300 };
    tl_real u[N] = { [N - 1] = NAN };
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_variable_dense("a", TL_SHAPE(N));
    tl_variable_data(v)[N - 1] = -INFINITY;
    tl_node *y = tl_log_softmax(tl_use(g, v));
    tl_gradients out;
    ck_assert_ok(tl_backward(tl_reduce_sum(tl_mul(y, tl_input(g, TL_SHAPE(N), u)), 0), &out));
    for (int k = 0; k < N; k++)
        ck_assert(out.pair[0].values[k] == 0);
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&log_softmax);
    tcase_add_test(tl_test_case(s, "beyond"), excluded_far_away);
    return s;
}
