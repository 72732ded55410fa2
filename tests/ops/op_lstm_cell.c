/* lstm_cell: a step of long short-term memory */
#include "check_tulle.h"
#include "tests/ops/linear.h"

#include <string.h>

#include <math.h>

/* The operands in order: X, H, C, Wx, Wh, bx, bh. The attribute: which result is looked at. */
typedef enum result { HIDDEN, CELL } result;

static tl_node *op(tl_node *const *in, const void *attr)
{
    tl_node *c = in[2], *h = tl_lstm_cell(in[0], in[1], &c, in[3], in[4], in[5], in[6]);
    return *(const result *)attr == HIDDEN ? h : c;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static tl_shape reference(tl_reference *r)
{
    tl_shape y = tl_shape_rows(r->shape[0]) != 1 ? r->shape[0] : r->shape[1];
    const int64_t rows = tl_shape_rows(y), n = tl_shape_cols(r->shape[1]),
                  states = tl_shape_rows(r->shape[2]);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < n; j++) {
            double gate[4];
            for (int64_t k = 0; k < 4; k++)
                gate[k] = tl_test_linear(r, 0, 3, 5, i, k * n + j) + tl_test_linear(r, 1, 4, 6, i, k * n + j);
            const double c = sigmoid(gate[1]) * r->in[2][(states == 1 ? 0 : i) * n + j] +
                             sigmoid(gate[0]) * tanh(gate[2]);
            r->y[i * n + j] = *(const result *)r->attr == HIDDEN ? sigmoid(gate[3]) * tanh(c) : c;
            r->terms[i * n + j] = 1;
        }
    y.dim[y.rank - 1] = n;
    return y;
}

static const result hidden = HIDDEN, cell = CELL;

#define OF(its_attr, ...)                                                                                    \
    {                                                                                                        \
        .in = { __VA_ARGS__ }, .attr = &its_attr                                                             \
    }
#define REFUSED(...)                                                                                         \
    {                                                                                                        \
        .in = { __VA_ARGS__ }, .attr = &hidden, .status = TL_ERR_SHAPE                                       \
    }
#define D(...)    TL_DENSE_OPERAND(__VA_ARGS__)
#define S(...)    TL_SPARSE_OPERAND(__VA_ARGS__, 0.5)
#define NO_BIASES TL_ABSENT_OPERAND, TL_ABSENT_OPERAND

/* PyTorch 1.13's lstm_cell, in double, whose weights are the transposes of these */
#define EXAMPLE_OPERANDS                                                                                     \
    { TL_STATIC_SHAPE(2, 3), .values = TL_VALUES(-0.125, 0.5, -0.25, -0.625, 0, 0.625) },                    \
        { TL_STATIC_SHAPE(2, 2), .values = TL_VALUES(0.25, -0.5, -0.25, 0.375) },                            \
        { TL_STATIC_SHAPE(2, 2), .values = TL_VALUES(0.625, -0.125, 0.125, -0.625) },                        \
        { TL_STATIC_SHAPE(3, 8), .values = TL_VALUES(-0.25, 0.375, -0.375, 0.25, -0.5, 0.125, -0.625, 0,     \
                                                     0.625, -0.125, 0.5, -0.25, 0.375, -0.375, 0.25, -0.5,   \
                                                     0.125, -0.625, 0, 0.625, -0.125, 0.5, -0.25, 0.375) },  \
        { TL_STATIC_SHAPE(2, 8), .values = TL_VALUES(0.125, -0.625, 0, 0.625, -0.125, 0.5, -0.25, 0.375,     \
                                                     -0.375, 0.25, -0.5, 0.125, -0.625, 0, 0.625, -0.125) }, \
        { TL_STATIC_SHAPE(8), .values = TL_VALUES(0.5, -0.25, 0.375, -0.375, 0.25, -0.5, 0.125, -0.625) },   \
    {                                                                                                        \
        TL_STATIC_SHAPE(8), .values = TL_VALUES(-0.5, 0.125, -0.625, 0, 0.625, -0.125, 0.5, -0.25)           \
    }
#define EXAMPLE_DB                                                                                           \
    TL_VALUES(-0.05288463339402779, -0.16234857349163148, 0.025498788741052877, -0.1321385375391763,         \
              -0.12088558273641731, 0.3286328320026086, 0.09669699474763435, -0.3935635694183185)

static const tl_sample samples[] = {
    OF(hidden, D(3, 4), D(3, 2), D(3, 2), D(4, 8), D(2, 8), D(8), D(8)),
    OF(cell, D(3, 4), D(3, 2), D(3, 2), D(4, 8), D(2, 8), D(8), D(8)),
    OF(hidden, D(3, 4), D(3, 2), D(3, 2), D(4, 8), D(2, 8), NO_BIASES),
    OF(hidden, D(3, 4), D(3, 2), D(3, 2), S(4, 8), S(2, 8), D(8), TL_ABSENT_OPERAND),
    OF(cell, D(3, 4), D(3, 5), D(3, 5), S(4, 20), S(5, 20), TL_ABSENT_OPERAND, D(20)),
    OF(hidden, D(4), D(2), D(2), D(4, 8), D(2, 8), D(8), D(8)),
    /* a state of one row is that of all samples */
    OF(hidden, D(3, 4), D(1, 2), D(1, 2), D(4, 8), D(2, 8), D(8), D(8)),
    OF(cell, D(3, 4), D(2), D(2), D(4, 8), D(2, 8), D(8), D(8)),
    OF(hidden, D(3, 4), D(3, 1), D(3, 1), D(4, 4), D(1, 4), D(4), D(4)),
    OF(hidden, D(130, 4), D(130, 130), D(130, 130), D(4, 520), D(130, 520), D(520), TL_ABSENT_OPERAND),
    OF(cell, D(0, 4), D(0, 2), D(0, 2), D(4, 8), D(2, 8), D(8), D(8)),
    /* weights for fewer gates, for more, and for those of another state; states of other widths */
    REFUSED(D(3, 4), D(3, 2), D(3, 2), D(4, 6), D(2, 6), NO_BIASES),
    REFUSED(D(3, 4), D(3, 2), D(3, 2), D(4, 10), D(2, 10), NO_BIASES),
    REFUSED(D(3, 4), D(3, 2), D(3, 2), D(4, 8), D(2, 6), NO_BIASES),
    REFUSED(D(3, 4), D(3, 2), D(3, 2), D(4, 1), D(2, 6), NO_BIASES),
    REFUSED(D(3, 4), D(3, 5), D(3, 5), D(4, 4), D(5, 4), NO_BIASES),
    REFUSED(D(3, 4), D(3, 2), D(3, 3), D(4, 8), D(2, 8), NO_BIASES),
    REFUSED(D(3, 4), D(3, 2), D(3, 1), D(4, 8), D(2, 8), NO_BIASES),
    REFUSED(D(3, 4), D(3, 2), TL_SCALAR_OPERAND, D(4, 8), D(2, 8), NO_BIASES),
    REFUSED(D(3, 4), TL_SCALAR_OPERAND, TL_SCALAR_OPERAND, D(4, 4), D(1, 4), NO_BIASES),
    REFUSED(D(3, 4), D(2, 2), D(2, 2), D(4, 8), D(2, 8), NO_BIASES),
    REFUSED(D(3, 4), D(3, 2), D(3, 2), D(3, 8), D(2, 8), NO_BIASES),
    REFUSED(D(3, 4), D(3, 2), D(3, 2), D(4, 8), D(2, 8), D(4), D(8)),
    { .in = { EXAMPLE_OPERANDS },
      .attr = &cell,
      .y = TL_VALUES(0.9210594899446864, -0.3238085152040589, 0.4270736647611889, -0.4527133896059211),
      .tolerance = TL_NEAR },
    { .in = { EXAMPLE_OPERANDS },
      .attr = &hidden,
      .y = TL_VALUES(0.4548155038091972, -0.08037468059177892, 0.3064454813384532, -0.13319727120833397),
      .upstream = TL_VALUES(1, 2, -1, 3),
      .gradient = { TL_VALUES(-0.1765426592149553, 0.15185574515443473, 0.006295676803911026,
                              0.1273726959926748, -0.0664444127149946, 0.01364154311669847),
                    TL_VALUES(0.006295676803911026, 0.031257352402443254, 0.01364154311669847,
                              0.10390508728930792),
                    TL_VALUES(0.16966366408572123, 0.16485115304692308, -0.2863494339031349,
                              0.33829484056663733),
                    TL_VALUES(0.06384838928244903, 0.06335705006859177, 0.006666783121362924,
                              0.07594900773535676, 0.09438428999482859, -0.15412250536299543,
                              0.024586638630722194, 0.18624533956819245, 0.030795493411181655,
                              -0.0381108083636779, 0.022603526084520972, -0.006637578226628428,
                              0.018830800784567763, 0.05127301463863498, 0.08502226034799366,
                              -0.05973189131825659, -0.08694500934083527, -0.034773943795833345,
                              -0.023619427684753655, -0.07097082406538543, -0.10850739058325441,
                              0.1156677443840192, -0.08835333389171744, -0.1414464210795),
                    TL_VALUES(0.0440166517596886, 0.002476335009229967, 0.016228828899257752,
                              0.026397056158165646, 0.049052196468672093, -0.030885193362017182,
                              0.060848011661085076, 0.038659001036323026, -0.07372385099232831,
                              0.005813199577074525, -0.02999412487001687, -0.03793618968059136,
                              -0.07828599489915009, 0.033509536383367025, -0.11252758257862602,
                              -0.0430555287249204),
                    EXAMPLE_DB, EXAMPLE_DB },
      .tolerance = TL_NEAR }
};

static const tl_op_case lstm_cell = {
    .name = "lstm_cell",
    .n_in = 7,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .ulps = 100, /* of values below 1, from sums of up to 136 terms */
    .composed = true,
    .skip = TL_SKIP(TL_STAGE_PLACE), /* operands lose their samples together, or not at all */
};

/* Without a state of the cell, or a place for it, there is no result. One that is refused becomes NULL. */
START_TEST(no_cell)
{
    const tl_real zero[16] = { 0 };
    tl_graph *g = tl_graph_new();
    tl_node *x = tl_input(g, TL_SHAPE(1, 4), zero), *h = tl_input(g, TL_SHAPE(1, 1), zero), *c = NULL;
    tl_node *w_x = tl_input(g, TL_SHAPE(4, 4), zero), *w_h = tl_input(g, TL_SHAPE(1, 4), zero);
    ck_assert_ptr_null(tl_lstm_cell(x, h, NULL, w_x, w_h, NULL, NULL));
    ck_assert_ptr_null(tl_lstm_cell(x, h, &c, w_x, w_h, NULL, NULL));
    c = x; /* of another width */
    ck_assert_ptr_null(tl_lstm_cell(x, h, &c, w_x, w_h, NULL, NULL));
    ck_assert_ptr_null(c);
    tl_graph_free(g);
}
END_TEST

/* Weights and cells that are not as wide as H asks for are refused by name; what is NULL is by its op. */
START_TEST(parts_of_another_width)
{
    static const tl_real zero[32];
    const struct {
        int64_t x, h, c; /* columns of the weights and of the cell; 0: NULL */
        tl_status status;
        const char *text;
    } bad[] = { { 5, 4, 1, TL_ERR_SHAPE, "lstm_cell: Wx is 4x5, and must have 4 columns: H is 2x1" },
                { 4, 5, 1, TL_ERR_SHAPE, "lstm_cell: Wh is 1x5, and must have 4 columns: H is 2x1" },
                { 4, 4, 4, TL_ERR_SHAPE, "lstm_cell: C is 2x4, and must have 1 columns: H is 2x1" },
                { 0, 4, 1, TL_ERR_ARGUMENT, "matmul: input 1 is NULL" },
                { 4, 4, 0, TL_ERR_ARGUMENT, "mul: input 1 is NULL" } };
    tl_graph *g = tl_graph_new();
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        tl_node *x = tl_input(g, TL_SHAPE(2, 4), zero), *h = tl_input(g, TL_SHAPE(2, 1), zero);
        tl_node *w_x = bad[k].x > 0 ? tl_input(g, TL_SHAPE(4, bad[k].x), zero) : NULL;
        tl_node *w_h = tl_input(g, TL_SHAPE(1, bad[k].h), zero);
        tl_node *c = bad[k].c > 0 ? tl_input(g, TL_SHAPE(2, bad[k].c), zero) : NULL;
        ck_assert_refused(g, tl_lstm_cell(x, h, &c, w_x, w_h, NULL, NULL), bad[k].status, bad[k].text);
    }
    tl_graph_free(g);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&lstm_cell);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, no_cell);
    tcase_add_test(c, parts_of_another_width);
    return s;
}
