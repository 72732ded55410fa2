/* softmax: of each row, and of the entries of each row of a sparse matrix */
#include "check_tulle.h"
#include "tests/testing.h"

#include <math.h>

static tl_node *op(tl_node *const *in, const void *attr)
{
    (void)attr;
    return tl_softmax(in[0]);
}

/* Adds x to *sum, and what that loses to *lost (Neumaier 1974). Long double would not do: valgrind rounds it
 * to double. */
static void add(double x, double *sum, double *lost)
{
    const double next = *sum + x;
    *lost += fabs(*sum) >= fabs(x) ? (*sum - next) + x : (x - next) + *sum;
    *sum = next;
}

/* Without the largest value: the values are small. */
static tl_shape reference(tl_reference *r)
{
    const tl_shape a = r->shape[0];
    const int64_t n = tl_shape_cols(a);
    r->sparse = r->keep[0] != NULL;
    for (int64_t i = 0; i < tl_shape_rows(a); i++) {
        double sum = 0, lost = 0;
        for (int64_t k = i * n; k < (i + 1) * n; k++)
            if (!r->sparse || r->keep[0][k])
                add(exp(r->in[0][k]), &sum, &lost);
        for (int64_t k = i * n; k < (i + 1) * n; k++) {
            r->y_keep[k] = r->sparse && r->keep[0][k];
            r->y[k] = r->sparse && !r->keep[0][k] ? 0 : exp(r->in[0][k]) / (sum + lost);
        }
    }
    return a;
}

#define OF(...)                                                                                              \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__) }                                                              \
    }
#define OF_SPARSE(rows, cols, density)                                                                       \
    {                                                                                                        \
        .in = { TL_SPARSE_OPERAND(rows, cols, density) }                                                     \
    }
#define KEEP(...) ((const uint8_t[]){ __VA_ARGS__ })
#define E         2.718281828459045

static const tl_sample samples[] = {
    OF(3, 5),
    OF(3, 1),
    OF(1, 65),
    OF(2, 3, 4),
    OF(2, 1, 3, 5),
    OF(0, 3),
    OF(3, 0),
    OF(2, 0, 3),
    OF(300, 130),
    OF(9, 3001),
    OF_SPARSE(5, 7, 0.5), /* a row without entries has none */
    OF_SPARSE(4, 0, 0.5),
    OF_SPARSE(200, 300, 0.4),
    { .in = { TL_SCALAR_OPERAND }, .status = TL_ERR_SHAPE, .error = "a (scalar) has no rows" },
    { .in = { { TL_STATIC_SHAPE(2), .values = TL_VALUES(0, 1) } }, /* a vector is a row */
      .y = TL_VALUES(1 / (1 + E), E / (1 + E)),
      .upstream = TL_VALUES(1, 0),
      .gradient = { TL_VALUES(E / (1 + E) / (1 + E), -E / (1 + E) / (1 + E)) },
      .tolerance = TL_NEAR },
    /* -inf is an excluded element: gradient 0, whatever dY is there */
    { .in = { { TL_STATIC_SHAPE(2, 3), .values = TL_VALUES(1, -INFINITY, 1, 7, -INFINITY, -INFINITY) } },
      .y = TL_VALUES(0.5, 0, 0.5, 1, 0, 0),
      .upstream = TL_VALUES(1, NAN, 3, 1, INFINITY, 5),
      .gradient = { TL_VALUES(-0.5, 0, 0.5, 0, 0, 0) },
      .tolerance = TL_NEAR },
    /* all -inf: zeros; values of +inf share the row; large ones do not overflow */
    { .in = { { TL_STATIC_SHAPE(4, 2),
                .values = TL_VALUES(-INFINITY, -INFINITY, INFINITY, 1, INFINITY, INFINITY, 10000, 9999) } },
      .y = TL_VALUES(0, 0, 1, 0, 0.5, 0.5, E / (E + 1), 1 / (E + 1)),
      .upstream = TL_VALUES(1, 2, 1, 2, 1, 2, 0, 0),
      .gradient = { TL_VALUES(0, 0, 0, 0, -0.25, 0.25, 0, 0) },
      .tolerance = TL_NEAR },
    { .in = { { TL_STATIC_SHAPE(2, 2), .values = TL_VALUES(NAN, 1, -INFINITY, NAN) } },
      .y = TL_VALUES(NAN, NAN, NAN, NAN) },
    /* sparse: a row of -inf only gives zeros; an absent entry is not there */
    { .in = { { TL_STATIC_SHAPE(3, 3), .keep = KEEP(1, 0, 1, 0, 0, 0, 1, 1, 1),
                .values = TL_VALUES(-INFINITY, 9, -INFINITY, 9, 9, 9, 2, -INFINITY, 2) } },
      .y = TL_VALUES(0, 0, 0.5, 0, 0.5),
      .upstream = TL_VALUES(1, 2, 1, NAN, 3),
      .gradient = { TL_VALUES(0, 0, -0.5, 0, 0.5) },
      .tolerance = TL_NEAR },
};

static const tl_op_case softmax = {
    .name = "softmax",
    .n_in = 1,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .ulps = 8,
    .skip = TL_SKIP(TL_STAGE_SHARED), /* one input */
};

/* Beside an excluded element that gets NaN, gradients are added to those that are there. */
START_TEST(not_finite_gradient_is_added)
{
    const tl_real a[] = { 1, -INFINITY, 1 }, u[] = { 1, NAN, 3 };
    tl_graph *g = tl_graph_new();
    tl_variable *v = tl_variable_dense("a", TL_SHAPE(3));
    for (int k = 0; k < 3; k++)
        tl_variable_data(v)[k] = a[k];
    tl_node *x = tl_use(g, v), *y = tl_mul(tl_softmax(x), tl_input(g, TL_SHAPE(3), u));
    tl_gradients out;
    ck_assert_ok(tl_backward(tl_add(tl_reduce_sum(y, 0), tl_reduce_sum(x, 0)), &out));
    ck_assert_values(out.pair[0].values, 3, TL_NEAR, 0.5, 1, 1.5);
    tl_graph_free(g);
    tl_variable_free(v);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&softmax);
    tcase_add_test(tl_test_case(s, "beyond"), not_finite_gradient_is_added);
    return s;
}
