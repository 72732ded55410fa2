/* gru_cell: a step of a gated recurrent unit */
#include "check_tulle.h"
#include "tests/ops/linear.h"

#include <string.h>

#include <math.h>

/* The operands in order: X, H, Wx, Wh, bx, bh. */
static tl_node *op(tl_node *const *in, const void *attr)
{
    (void)attr;
    return tl_gru_cell(in[0], in[1], in[2], in[3], in[4], in[5]);
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static tl_shape reference(tl_reference *r)
{
    tl_shape y = tl_shape_rows(r->shape[0]) != 1 ? r->shape[0] : r->shape[1];
    const int64_t rows = tl_shape_rows(y), n = tl_shape_cols(r->shape[1]);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < n; j++) {
            double a[3], s[3];
            for (int64_t k = 0; k < 3; k++) {
                a[k] = tl_test_linear(r, 0, 2, 4, i, k * n + j);
                s[k] = tl_test_linear(r, 1, 3, 5, i, k * n + j);
            }
            const double z = sigmoid(a[1] + s[1]), candidate = tanh(a[2] + sigmoid(a[0] + s[0]) * s[2]);
            const double h = r->in[1][(tl_shape_rows(r->shape[1]) == 1 ? 0 : i) * n + j];
            r->y[i * n + j] = (1 - z) * candidate + z * h;
            r->terms[i * n + j] = 1 + fabs(h);
        }
    y.dim[y.rank - 1] = n;
    return y;
}

#define OF(...)                                                                                              \
    {                                                                                                        \
        .in = { __VA_ARGS__ }                                                                                \
    }
#define REFUSED(...)                                                                                         \
    {                                                                                                        \
        .in = { __VA_ARGS__ }, .status = TL_ERR_SHAPE                                                        \
    }
#define D(...)    TL_DENSE_OPERAND(__VA_ARGS__)
#define S(...)    TL_SPARSE_OPERAND(__VA_ARGS__, 0.5)
#define NO_BIASES TL_ABSENT_OPERAND, TL_ABSENT_OPERAND

static const tl_sample samples[] = {
    OF(D(3, 4), D(3, 2), D(4, 6), D(2, 6), D(6), D(6)),
    OF(D(3, 4), D(3, 2), D(4, 6), D(2, 6), NO_BIASES),
    OF(D(3, 4), D(3, 2), S(4, 6), S(2, 6), D(6), TL_ABSENT_OPERAND),
    OF(D(3, 4), D(3, 5), S(4, 15), S(5, 15), TL_ABSENT_OPERAND, D(15)),
    OF(D(4), D(2), D(4, 6), D(2, 6), D(6), D(6)),
    /* a state of one row is that of all samples */
    OF(D(3, 4), D(1, 2), D(4, 6), D(2, 6), D(6), D(6)),
    OF(D(3, 4), D(2), D(4, 6), D(2, 6), D(6), D(6)),
    OF(D(3, 4), D(3, 1), D(4, 3), D(1, 3), D(3), D(3)),
    OF(D(130, 4), D(130, 130), D(4, 390), D(130, 390), D(390), D(390)),
    OF(D(0, 4), D(0, 2), D(4, 6), D(2, 6), D(6), D(6)),
    /* weights for fewer gates, for more, and for those of another state */
    REFUSED(D(3, 4), D(3, 2), D(4, 5), D(2, 6), NO_BIASES),
    REFUSED(D(3, 4), D(3, 2), D(4, 6), D(2, 5), NO_BIASES),
    REFUSED(D(3, 4), D(3, 2), D(4, 8), D(2, 6), NO_BIASES),
    REFUSED(D(3, 4), D(3, 2), D(4, 6), D(2, 8), NO_BIASES),
    REFUSED(D(3, 4), D(3, 2), D(4, 8), D(2, 8), NO_BIASES),
    REFUSED(D(3, 4), D(3, 5), D(4, 3), D(5, 3), NO_BIASES),
    REFUSED(D(3, 4), TL_SCALAR_OPERAND, D(4, 3), D(1, 3), NO_BIASES),
    REFUSED(D(3, 4), D(2, 2), D(4, 6), D(2, 6), NO_BIASES),
    REFUSED(D(3, 4), D(3, 2), D(3, 6), D(2, 6), NO_BIASES),
    REFUSED(D(3, 4), D(3, 2), D(4, 6), D(2, 6), D(4), D(6)),
    /* PyTorch 1.13's gru_cell, in double, whose weights are the transposes of these */
    { .in = { { TL_STATIC_SHAPE(2, 3), .values = TL_VALUES(-0.125, 0.5, -0.25, -0.625, 0, 0.625) },
              { TL_STATIC_SHAPE(2, 2), .values = TL_VALUES(0.25, -0.5, -0.25, 0.375) },
              { TL_STATIC_SHAPE(3, 6),
                .values = TL_VALUES(-0.25, 0.375, -0.375, 0.25, -0.5, 0.125, 0.625, -0.125, 0.5, -0.25, 0.375,
                                    -0.375, 0.125, -0.625, 0, 0.625, -0.125, 0.5) },
              { TL_STATIC_SHAPE(2, 6), .values = TL_VALUES(0.125, -0.625, 0, 0.625, -0.125, 0.5, -0.375, 0.25,
                                                           -0.5, 0.125, -0.625, 0) },
              { TL_STATIC_SHAPE(6), .values = TL_VALUES(0.5, -0.25, 0.375, -0.375, 0.25, -0.5) },
              { TL_STATIC_SHAPE(6), .values = TL_VALUES(-0.5, 0.125, -0.625, 0, 0.625, -0.125) } },
      .y = TL_VALUES(0.48499284156092715, -0.6156177497581856, 0.22108521424105487, -0.02989244017934206),
      .upstream = TL_VALUES(1, 2, -1, 3),
      .gradient = { TL_VALUES(0.07343265146631586, -0.2706702730842627, 0.38316942301374807,
                              0.3900573656908971, -0.7269877027353694, 1.1686906128689516),
                    TL_VALUES(0.7596845996614341, 0.7170585726634698, 0.23584449701736654,
                              1.3784238761420222),
                    TL_VALUES(0.018930573637698213, 0.054547693899216404, -0.11546260103956302,
                              -0.3426673948850146, 0.19884933957945378, -1.015157069373899,
                              0.016127425840169875, 0, -0.06740515955470631, 0.04113389260850405,
                              0.07632480190095983, 0.3468014012683155, -0.03102614301782562,
                              -0.054547693899216404, 0.16601647070559275, 0.3118169754286365,
                              -0.25609294100517366, 0.7550560184226623),
                    TL_VALUES(0.01724868495918121, 0.02181907755968656, -0.086628136148649,
                              -0.11238662238890339, 0.06898144175478728, -0.06892515550196193,
                              -0.029904883898814284, -0.03272861633952984, 0.14679349411165007,
                              0.15829646043122908, -0.11548901817028007, 0.06774427687135513),
                    TL_VALUES(-0.00448503647604534, -0.08727631023874624, 0.07689190637577073,
                              0.6140820599896297, -0.19603926028559032, 2.179133553027543),
                    TL_VALUES(-0.00448503647604534, -0.08727631023874624, 0.07689190637577073,
                              0.6140820599896297, -0.08365607840956273, 0.845995924113252) },
      .tolerance = TL_NEAR }
};

static const tl_op_case gru_cell = {
    .name = "gru_cell",
    .n_in = 6,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .ulps = 100, /* of values below 1, from sums of up to 131 terms */
    .composed = true,
    .skip = TL_SKIP(TL_STAGE_PLACE), /* operands lose their samples together, or not at all */
};

/* Weights whose parts are not as wide as H are refused by name; those that are NULL by the product. */
START_TEST(parts_of_another_width)
{
    static const tl_real zero[16];
    const struct {
        int64_t x, h; /* columns of the weights; 0: NULL */
        tl_status status;
        const char *text;
    } bad[] = { { 4, 3, TL_ERR_SHAPE, "gru_cell: Wx is 4x4, and must have 3 columns: H is 2x1" },
                { 3, 4, TL_ERR_SHAPE, "gru_cell: Wh is 1x4, and must have 3 columns: H is 2x1" },
                { 0, 3, TL_ERR_ARGUMENT, "matmul: input 1 is NULL" } };
    tl_graph *g = tl_graph_new();
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        tl_node *x = tl_input(g, TL_SHAPE(2, 4), zero), *h = tl_input(g, TL_SHAPE(2, 1), zero);
        tl_node *w_x = bad[k].x > 0 ? tl_input(g, TL_SHAPE(4, bad[k].x), zero) : NULL;
        tl_node *w_h = tl_input(g, TL_SHAPE(1, bad[k].h), zero);
        ck_assert_refused(g, tl_gru_cell(x, h, w_x, w_h, NULL, NULL), bad[k].status, bad[k].text);
    }
    tl_graph_free(g);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&gru_cell);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, parts_of_another_width);
    return s;
}
