/* layer_norm: rows with mean 0 and variance 1, times a gain, plus a bias */
#include "tests/ops/norm.h"

static const double tenth = 0.1, small = 1e-5, none = 0, negative = -1, not_a_number = NAN;

static tl_node *op(tl_node *const *in, const void *epsilon)
{
    return tl_layer_norm(in[0], in[1], in[2], *(const double *)epsilon);
}

static tl_shape reference(tl_reference *r)
{
    return normalise_rows(r, *(const double *)r->attr, true);
}

#define VECTOR(n) TL_DENSE_OPERAND(n)
#define ROWS(its_epsilon, gain, bias, ...)                                                                   \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__), gain, bias }, .attr = &its_epsilon                            \
    }
#define REFUSED(a, gain, bias, its_epsilon, its_status, text)                                                \
    {                                                                                                        \
        .in = { a, gain, bias }, .attr = &its_epsilon, .status = its_status, .error = text                   \
    }
#define HALF_ROOT 1.2247448713915890 /* sqrt(3 / 2): 1, 2, 3 normalised are -that, 0, that */

static const tl_sample samples[] = {
    ROWS(tenth, VECTOR(5), VECTOR(5), 3, 5),
    ROWS(tenth, TL_ABSENT_OPERAND, TL_ABSENT_OPERAND, 3, 5),
    ROWS(tenth, VECTOR(5), TL_ABSENT_OPERAND, 3, 5),
    ROWS(tenth, TL_ABSENT_OPERAND, VECTOR(5), 3, 5),
    ROWS(tenth, VECTOR(4), VECTOR(4), 2, 3, 4),
    ROWS(tenth, VECTOR(5), VECTOR(5), 2, 1, 3, 5),
    ROWS(tenth, VECTOR(1), VECTOR(1), 3, 1),
    ROWS(tenth, VECTOR(65), VECTOR(65), 1, 65),
    ROWS(tenth, VECTOR(3), VECTOR(3), 0, 3),
    ROWS(tenth, VECTOR(0), VECTOR(0), 3, 0),
    ROWS(small, VECTOR(130), VECTOR(130), 300, 130),
    ROWS(small, VECTOR(1030), VECTOR(1030), 20, 1030),
    REFUSED(TL_SCALAR_OPERAND, TL_ABSENT_OPERAND, TL_ABSENT_OPERAND, tenth, TL_ERR_SHAPE,
            "a (scalar) has no rows"),
    REFUSED(TL_DENSE_OPERAND(3, 4), VECTOR(3), TL_ABSENT_OPERAND, tenth, TL_ERR_SHAPE,
            "the gain is b [3], and must be [4]"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_ABSENT_OPERAND, TL_DENSE_OPERAND(1, 4), tenth, TL_ERR_SHAPE,
            "the bias is c (1x4), and must be [4]"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_ABSENT_OPERAND, TL_ABSENT_OPERAND, negative, TL_ERR_ARGUMENT,
            "epsilon is -1, and must be 0 or a positive number"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_ABSENT_OPERAND, TL_ABSENT_OPERAND, not_a_number, TL_ERR_ARGUMENT,
            "epsilon is nan, and must be 0 or a positive number"),
    /* by hand; a row of equals is 0, without an epsilon, too */
    { .in = { { TL_STATIC_SHAPE(2, 3), .values = TL_VALUES(1, 2, 3, 7, 7, 7) },
              { TL_STATIC_SHAPE(3), .values = TL_VALUES(1, 2, 3) },
              { TL_STATIC_SHAPE(3), .values = TL_VALUES(0, 5, 1) } },
      .attr = &none,
      .y = TL_VALUES(-HALF_ROOT, 5, 3 * HALF_ROOT + 1, 0, 5, 1),
      .upstream = TL_VALUES(1, 0, 0, 1, 2, 3),
      .gradient = { NULL, TL_VALUES(-HALF_ROOT, 0, 0), TL_VALUES(2, 2, 3) },
      .tolerance = TL_NEAR },
    { .in = { { TL_STATIC_SHAPE(1, 3), .values = TL_VALUES(7, 7, 7) }, TL_ABSENT_OPERAND, TL_ABSENT_OPERAND },
      .attr = &none,
      .y = TL_VALUES(0, 0, 0),
      .upstream = TL_VALUES(1, 2, 3),
      .gradient = { TL_VALUES(0, 0, 0) } },
};

static const tl_op_case layer_norm = {
    .name = "layer_norm",
    .n_in = 3,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .ulps = 16,
};

/* 1e4 + small noise: in float as in double, to 1e-3; also where the element from which differences are taken
 * is far from all others. The reference has the values of the number type. */
START_TEST(small_noise_beside_a_large_mean)
{
    enum { N = 257 };
    tl_real x[N];
    double wide[N];
    tl_random r = { .seed = 1 };
    if (!tl_test_long_double())
        return;
    for (int k = 0; k < N; k++) {
        x[k] = (tl_real)(k == 0 && _i == 1 ? -1e6 : 1e4 + tl_random_uniform(&r));
        wide[k] = (double)x[k];
    }
    const moments m = moments_of(wide, N, 1, true);
    tl_graph *g = tl_graph_new();
    const tl_real *y = tl_value(tl_layer_norm(tl_input(g, TL_SHAPE(N), x), NULL, NULL, 1e-5));
    for (int k = 0; k < N; k++) {
        const double expected = (double)(((long double)wide[k] - m.mean) / sqrtl(m.variance + 1e-5L));
        ck_assert_double_eq_tol((double)y[k], expected, TL_IS_DOUBLE ? 1e-11 : 2e-6);
    }
    tl_graph_free(g);
}
END_TEST

/* PyTorch 1.13: layer_norm of arange(6).view(2, 3) ** 2, eps 1e-5, in double; loss = (y * w).sum(), w = 1 ..
 * 6. */
START_TEST(as_pytorch)
{
    tl_variable *a = tl_variable_dense("a", TL_SHAPE(2, 3));
    const tl_real w[] = { 1, 2, 3, 4, 5, 6 };
    for (int k = 0; k < 6; k++)
        tl_variable_data(a)[k] = (tl_real)(k * k);
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_node *y = tl_layer_norm(tl_use(g, a), NULL, NULL, 1e-5);
    ck_assert_values(tl_value(y), 6, TL_NEAR, -0.980578978536464, -0.392231591414586, 1.37281056995105,
                     -1.17066904020941, -0.101797307844297, 1.27246634805371);
    ck_assert_ok(tl_backward(tl_reduce_sum(tl_mul(y, tl_input(g, TL_SHAPE(2, 3), w)), TL_ALL_AXES), &out));
    ck_assert_values(out.pair[0].values, 6, TL_NEAR, -0.135774040551249, 0.181029338628252,
                     -0.0452552980770031, -0.00712057101964036, 0.012658729630157, -0.00553815861051626);
    tl_graph_free(g);
    tl_variable_free(a);
}
END_TEST

START_TEST(nothing_to_normalise)
{
    const tl_real gain[3] = { 0 };
    tl_graph *g = tl_graph_new();
    tl_node *a = tl_input(g, TL_SHAPE(3), gain);
    ck_assert_refused(g, tl_layer_norm(NULL, a, a, 0), TL_ERR_ARGUMENT, "layer_norm: input 0 is NULL");
    tl_graph_free(g);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&layer_norm);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_loop_test(c, small_noise_beside_a_large_mean, 0, 2);
    tcase_add_test(c, as_pytorch);
    tcase_add_test(c, nothing_to_normalise);
    return s;
}
