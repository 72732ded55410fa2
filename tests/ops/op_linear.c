/* linear: Y = X W + b */
#include "check_tulle.h"
#include "tests/ops/linear.h"

#include <math.h>

static tl_node *op(tl_node *const *in, const void *attr)
{
    (void)attr;
    return tl_linear(in[0], in[1], in[2]);
}

static tl_shape reference(tl_reference *r)
{
    const int64_t rows = tl_shape_rows(r->shape[0]), n = r->shape[1].dim[0], cols = r->shape[1].dim[1];
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            r->y[i * cols + j] = tl_test_linear(r, 0, 1, 2, i, j);
            r->terms[i * cols + j] = r->in[2] ? fabs(r->in[2][j]) : 0;
            for (int64_t k = 0; k < n; k++)
                r->terms[i * cols + j] += fabs(r->in[0][i * n + k] * r->in[1][k * cols + j]);
        }
    tl_shape y = r->shape[0];
    y.dim[y.rank - 1] = cols;
    return y;
}

#define OF(...)                                                                                              \
    {                                                                                                        \
        .in = { __VA_ARGS__ }                                                                                \
    }
#define REFUSED(its_status, its_error, ...)                                                                  \
    {                                                                                                        \
        .in = { __VA_ARGS__ }, .status = its_status, .error = its_error                                      \
    }

static const tl_sample samples[] = {
    OF(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(4, 5), TL_DENSE_OPERAND(5)),
    OF(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(4, 5), TL_ABSENT_OPERAND),
    OF(TL_DENSE_OPERAND(3, 6), TL_SPARSE_OPERAND(6, 5, 0.5), TL_DENSE_OPERAND(5)),
    OF(TL_DENSE_OPERAND(3, 6), TL_SPARSE_OPERAND(6, 5, 0.5), TL_ABSENT_OPERAND),
    OF(TL_DENSE_OPERAND(2, 3, 4), TL_DENSE_OPERAND(4, 5), TL_DENSE_OPERAND(5)),
    OF(TL_DENSE_OPERAND(2, 3, 6), TL_SPARSE_OPERAND(6, 5, 0.5), TL_DENSE_OPERAND(5)),
    OF(TL_DENSE_OPERAND(4), TL_DENSE_OPERAND(4, 5), TL_DENSE_OPERAND(5)),
    OF(TL_DENSE_OPERAND(6), TL_SPARSE_OPERAND(6, 5, 0.5), TL_DENSE_OPERAND(5)),
    OF(TL_DENSE_OPERAND(4, 4), TL_DENSE_OPERAND(4, 4), TL_DENSE_OPERAND(4)),
    OF(TL_DENSE_OPERAND(250, 70), TL_DENSE_OPERAND(70, 30), TL_DENSE_OPERAND(30)),
    OF(TL_DENSE_OPERAND(250, 70), TL_SPARSE_OPERAND(70, 30, 0.5), TL_DENSE_OPERAND(30)),
    REFUSED(TL_ERR_SHAPE, "a (3x4) times b (5x4): 4 is not 5", TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(5, 4),
            TL_ABSENT_OPERAND),
    REFUSED(TL_ERR_SHAPE, "a (3x4) times b (5x4): 4 is not 5", TL_DENSE_OPERAND(3, 4),
            TL_SPARSE_OPERAND(5, 4, 0.5), TL_ABSENT_OPERAND),
    REFUSED(TL_ERR_SHAPE, "a (3x4) times b (4x5): the bias is c [4], and must be [5]", TL_DENSE_OPERAND(3, 4),
            TL_DENSE_OPERAND(4, 5), TL_DENSE_OPERAND(4)),
    REFUSED(TL_ERR_SHAPE, "a (3x4) times b (4x5): the bias is c (1x5), and must be [5]",
            TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(4, 5), TL_DENSE_OPERAND(1, 5)),
    REFUSED(TL_ERR_SHAPE, "a (3x4) times b (4x5): the bias is c (scalar), and must be [5]",
            TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(4, 5), TL_SCALAR_OPERAND),
    REFUSED(TL_ERR_SHAPE, "a (scalar) times b (4x5): the first is a scalar", TL_SCALAR_OPERAND,
            TL_DENSE_OPERAND(4, 5), TL_DENSE_OPERAND(5)),
    REFUSED(TL_ERR_SHAPE, "a (3x4) times b (2x4x5): the second is no matrix", TL_DENSE_OPERAND(3, 4),
            TL_DENSE_OPERAND(2, 4, 5), TL_ABSENT_OPERAND),
    REFUSED(TL_ERR_KIND, NULL, TL_SPARSE_OPERAND(3, 4, 0.5), TL_DENSE_OPERAND(4, 5), TL_DENSE_OPERAND(5)),
    REFUSED(TL_ERR_KIND, NULL, TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(4, 5), TL_SPARSE_OPERAND(1, 5, 0.5)),
    /* by hand: (1, 2) times {{1, 0, -1}, {3, 1, 0}}, and the bias */
    { .in = { { TL_STATIC_SHAPE(1, 2), .values = TL_VALUES(1, 2) },
              { TL_STATIC_SHAPE(2, 3), .values = TL_VALUES(1, 0, -1, 3, 1, 0) },
              { TL_STATIC_SHAPE(3), .values = TL_VALUES(0.5, -2, 1) } },
      .y = TL_VALUES(7.5, 0, 0),
      .upstream = TL_VALUES(1, 2, 3),
      .gradient = { TL_VALUES(-2, 5), TL_VALUES(1, 2, 3, 2, 4, 6), TL_VALUES(1, 2, 3) } },
    { .in = { { TL_STATIC_SHAPE(1, 2), .values = TL_VALUES(1, 2) },
              { TL_STATIC_SHAPE(2, 3), .keep = (const uint8_t[]){ 1, 0, 1, 1, 1, 0 },
                .values = TL_VALUES(1, 0, -1, 3, 1, 0) },
              { TL_STATIC_SHAPE(3), .values = TL_VALUES(0.5, -2, 1) } },
      .y = TL_VALUES(7.5, 0, 0),
      .upstream = TL_VALUES(1, 2, 3),
      .gradient = { TL_VALUES(-2, 5), TL_VALUES(1, 3, 2, 4), TL_VALUES(1, 2, 3) } }
};

static const tl_op_case linear = {
    .name = "linear",
    .n_in = 3,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .ulps = 70, /* sums of up to 71 terms */
    .composed = true,
    .skip = TL_SKIP(TL_STAGE_PLACE), /* products of vectors and matrices have other sums */
};

/* NULL is left to the product, whose failure it is. */
START_TEST(no_weights)
{
    const tl_real x[] = { 1, 2, 3 };
    tl_graph *g = tl_graph_new();
    tl_node *in = tl_input(g, TL_SHAPE(1, 3), x);
    ck_assert_refused(g, tl_linear(in, NULL, NULL), TL_ERR_ARGUMENT, "matmul: input 1 is NULL");
    tl_graph_free(g);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&linear);
    tcase_add_test(tl_test_case(s, "beyond"), no_weights);
    return s;
}
