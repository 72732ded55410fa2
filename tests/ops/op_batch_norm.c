/* batch_norm: columns of a matrix, or channels of images, in training and with running moments */
#include "tests/ops/norm.h"
#include "tests/ops/short_derivative.h"

/* What a sample uses: without training, running moments of this many channels. */
typedef struct options {
    double epsilon;
    int64_t running; /* 0: NULL */
    bool training;
} options;

/* Running moments, which are anything but 0 and 1. They belong to the process. */
static tl_variable *running_moment(bool variance, int64_t channels)
{
    static tl_variable *all[2][3001];
    tl_variable **v = &all[variance][channels];
    if (!*v)
        *v = tl_variable_dense(variance ? "variance" : "mean", TL_SHAPE(channels));
    for (int64_t c = 0; c < channels; c++)
        tl_variable_data(*v)[c] = (tl_real)(variance ? 0.5 + (double)(c % 7) / 4
                                                     : (double)(c % 5) / 8 - 0.25);
    return *v;
}

static tl_node *op(tl_node *const *in, const void *attr)
{
    const options *o = attr;
    return tl_batch_norm(in[0], in[1], in[2],
                         &(tl_batch_norm_options){
                             .mean = o->running ? running_moment(false, o->running) : NULL,
                             .variance = o->running ? running_moment(true, o->running) : NULL,
                             .epsilon = o->epsilon,
                             .training = o->training,
                         });
}

static moments moments_of_channel(const tl_reference *r, int64_t c)
{
    const options *o = r->attr;
    const tl_shape a = r->shape[0];
    const int64_t inner = a.rank == 4 ? a.dim[2] * a.dim[3] : 1;
    moments m = { 0, 0 };
    if (!o->training) {
        m.mean = (long double)tl_variable_values(running_moment(false, o->running))[c];
        m.variance = (long double)tl_variable_values(running_moment(true, o->running))[c];
        return m;
    }
    const long double n = (long double)(a.dim[0] * inner);
    for (int64_t k = 0; k < tl_shape_size(a); k++)
        if (k / inner % a.dim[1] == c)
            m.mean += (long double)r->in[0][k] / n;
    for (int64_t k = 0; k < tl_shape_size(a); k++)
        if (k / inner % a.dim[1] == c) {
            const long double d = (long double)r->in[0][k] - m.mean;
            m.variance += d * d / n;
        }
    return m;
}

static tl_shape reference(tl_reference *r)
{
    const options *o = r->attr;
    const tl_shape a = r->shape[0];
    const int64_t inner = a.rank == 4 ? a.dim[2] * a.dim[3] : 1;
    for (int64_t c = 0; c < a.dim[1]; c++) {
        const moments m = moments_of_channel(r, c);
        for (int64_t k = 0; k < tl_shape_size(a); k++) {
            if (k / inner % a.dim[1] != c)
                continue;
            const long double x = ((long double)r->in[0][k] - m.mean) /
                                  sqrtl(m.variance + (long double)o->epsilon);
            const double g = r->in[1] ? r->in[1][c] : 1, b = r->in[2] ? r->in[2][c] : 0;
            r->y[k] = (double)(x * (long double)g + (long double)b);
            r->terms[k] = (fabs((double)x) + 1) * fabs(g) + fabs(b);
        }
    }
    return a;
}

#define ROOT                       0.5773502691896258 /* of 1 / 3 */
#define VECTOR(n)                  TL_DENSE_OPERAND(n)
#define TRAINING(epsilon)          (&(const options){ epsilon, 0, true })
#define RUNNING(epsilon, channels) (&(const options){ epsilon, channels, false })
#define CHANNELS(options, gain, bias, ...)                                                                   \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__), gain, bias }, .attr = options                                 \
    }
#define REFUSED(a, gain, bias, options, its_status, text)                                                    \
    {                                                                                                        \
        .in = { a, gain, bias }, .attr = options, .status = its_status, .error = text                        \
    }

static const tl_sample samples[] = {
    CHANNELS(TRAINING(0.1), VECTOR(3), VECTOR(3), 5, 3),
    CHANNELS(TRAINING(0.1), TL_ABSENT_OPERAND, TL_ABSENT_OPERAND, 5, 3),
    CHANNELS(TRAINING(0.1), VECTOR(3), TL_ABSENT_OPERAND, 5, 3),
    CHANNELS(TRAINING(0.1), TL_ABSENT_OPERAND, VECTOR(3), 5, 3),
    CHANNELS(TRAINING(0.1), VECTOR(3), VECTOR(3), 2, 3, 2, 4),
    CHANNELS(TRAINING(0.1), VECTOR(2), VECTOR(2), 2, 2, 5, 4),
    CHANNELS(TRAINING(0.1), VECTOR(2), VECTOR(2), 1, 2, 3, 3),
    CHANNELS(TRAINING(0.1), VECTOR(65), VECTOR(65), 3, 65),
    CHANNELS(TRAINING(0.1), VECTOR(3), VECTOR(3), 0, 3),
    CHANNELS(TRAINING(0.1), VECTOR(0), VECTOR(0), 3, 0),
    CHANNELS(TRAINING(0.1), VECTOR(3), VECTOR(3), 1, 3), /* one value per channel: 0 */
    CHANNELS(TRAINING(1e-5), VECTOR(131), VECTOR(131), 300, 131),
    CHANNELS(TRAINING(1e-5), VECTOR(13), VECTOR(13), 7, 13, 20, 21),
    CHANNELS(RUNNING(0.1, 131), VECTOR(131), VECTOR(131), 300, 131),
    CHANNELS(RUNNING(0.1, 3), VECTOR(3), VECTOR(3), 5, 3),
    CHANNELS(RUNNING(0.1, 3), TL_ABSENT_OPERAND, TL_ABSENT_OPERAND, 5, 3),
    CHANNELS(RUNNING(0.1, 2), VECTOR(2), VECTOR(2), 2, 2, 5, 4),
    REFUSED(TL_DENSE_OPERAND(4), TL_ABSENT_OPERAND, TL_ABSENT_OPERAND, TRAINING(0.1), TL_ERR_SHAPE,
            "a [4] is neither a matrix nor of rank 4"),
    REFUSED(TL_DENSE_OPERAND(2, 3, 4), TL_ABSENT_OPERAND, TL_ABSENT_OPERAND, TRAINING(0.1), TL_ERR_SHAPE,
            "a (2x3x4) is neither a matrix nor of rank 4"),
    REFUSED(TL_DENSE_OPERAND(3, 4), VECTOR(3), VECTOR(4), TRAINING(0.1), TL_ERR_SHAPE,
            "the gain is [3], and must be [4]"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_ABSENT_OPERAND, TL_SCALAR_OPERAND, TRAINING(0.1), TL_ERR_SHAPE,
            "the bias is scalar, and must be [4]"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_ABSENT_OPERAND, TL_ABSENT_OPERAND, RUNNING(0.1, 0), TL_ERR_ARGUMENT,
            "`mean` is NULL, and there is no training to compute it"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_ABSENT_OPERAND, TL_ABSENT_OPERAND, RUNNING(0.1, 3), TL_ERR_SHAPE,
            "the mean is [3], and must be [4]"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_ABSENT_OPERAND, TL_ABSENT_OPERAND, TRAINING(-1), TL_ERR_ARGUMENT,
            "epsilon is -1, and must be 0 or a positive number"),
    REFUSED(TL_DENSE_OPERAND(3, 4), VECTOR(4), TL_ABSENT_OPERAND, TRAINING(INFINITY), TL_ERR_ARGUMENT,
            "epsilon is inf, and must be 0 or a positive number"),
    /* without a gain and a bias, zeros keep their signs */
    { .in = { { TL_STATIC_SHAPE(2, 1), .values = TL_VALUES(-0.0, 0) }, TL_ABSENT_OPERAND, TL_ABSENT_OPERAND },
      .attr = TRAINING(1),
      .y = TL_VALUES(-0.0, 0) },
    /* a mean that is between two floats: by hand, X^ = (-1, -1, -1, 3) / sqrt(3) */
    { .in = { { TL_STATIC_SHAPE(4, 1), .values = TL_VALUES(1, 1, 1, 1 + 0x1p-22) },
              { TL_STATIC_SHAPE(1), .values = TL_VALUES(0x1p-24) },
              TL_ABSENT_OPERAND },
      .attr = TRAINING(1e-30),
      .y = TL_VALUES(-0x1p-24 * ROOT, -0x1p-24 * ROOT, -0x1p-24 * ROOT, 0x3p-24 * ROOT),
      .upstream = TL_VALUES(1, 0, 0, 0),
      .gradient = { TL_VALUES(2 * ROOT / 3, -ROOT / 3, -ROOT / 3, 0), TL_VALUES(-ROOT) },
      .tolerance = TL_NEAR },
};

static const tl_op_case batch_norm = {
    .name = "batch_norm",
    .n_in = 3,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .ulps = 16,
    .skip = TL_SKIP(TL_STAGE_PLACE), /* channels run through all rows */
};

/* ---- PyTorch's numbers, and the running moments ---- */

/* A training step of torch.nn.functional.batch_norm (1.13, double): x = (7 k mod 11) / 4, loss = <y, w> with
 * w = 5 k mod 7, gain { 1, 2, -0.5 }, bias { 0, 1, 0.25 }, running moments 0 and 1, momentum 0.1, eps 1e-5;
 * `inference` is y with the running moments after it. */
typedef struct example {
    tl_shape shape;
    const double *y, *da, *dgain, *dbias, *mean, *variance, *inference;
} example;

static const example matrix = {
    TL_STATIC_SHAPE(4, 3),
    TL_VALUES(-1.70421619756259, 3.6831098594634, -0.42077746486585, 0.820548539567174, 1.89436995315447,
              0.0264075117113833, 0.568072065854197, 0.105630046845533, 0.473592488288617, 0.315595592141221,
              -1.6831098594634, 0.92077746486585),
    TL_VALUES(-0.26556568625779, -5.00599930009054, 0.000343394107565555, -1.10646446699117, 15.0262393588532,
              0.000114464702521819, 0.0885218954192632, -15.0262393588532, -0.000114464702521819,
              1.2835082578297, 5.00599930009054, -0.000343394107565555),
    TL_VALUES(2.90347944769923, 8.0493295783902, -4.47184976577233),
    TL_VALUES(6, 12, 18),
    TL_VALUES(0.16875, 0.1375, 0.0375),
    TL_VALUES(1.03072916666667, 0.910416666666667, 0.910416666666667),
    TL_VALUES(-0.166214685437511, 4.37992632760302, -0.123363954793357, 2.2962250988219, 3.85590674192813,
              0.00764094162536505, 2.04998112039596, 3.33188715625324, 0.138645838044087, 1.80373714197002,
              2.80786757057836, 0.269650734462808),
};

static const example images = {
    TL_STATIC_SHAPE(2, 3, 2, 2),
    TL_VALUES(-1.7386238590973, 0.377961708499412, -0.831515758698707, 1.285069808898, 1.77820041468575,
              -0.988734393085803, 3.85340152051441, 1.08646671274286, 0.718517628957131, -0.374690171942841,
              0.25, 0.874690171942841, 0.377961708499412, -0.831515758698707, 1.285069808898,
              0.0755923416998824, -0.988734393085803, 3.85340152051441, 1.08646671274286, -1.68046809502869,
              -0.374690171942841, 0.25, 0.874690171942841, -0.218517628957131),
    TL_VALUES(-2.78525731244521, 2.97185967765832, 0.718773512340405, -1.99045176794289, 8.3421651178484,
              0.201737648166163, -0.77065572263346, -8.9110831923157, -0.485669220258132, -0.836080198020071,
              1.32746661537854, -0.881817774822741, 1.7623822104602, -0.490703954857715, -3.19992923514101,
              3.0133268699279, -2.56519715960539, -3.53759053040501, 7.69052565431361, -0.44990181536862,
              -0.21139002607723, 1.95215678732138, -0.257127602879901, -0.607538580641839),
    TL_VALUES(0.90710810039859, -5.44740290280024, -9.37035257914261),
    TL_VALUES(20, 26, 25),
    TL_VALUES(0.14375, 0.121875, 0.1),
    TL_VALUES(0.978125, 0.959709821428571, 0.973214285714286),
    TL_VALUES(-0.145347797020064, 1.62410364496332, 0.612988535258529, 2.38243997724191, 3.81349646967834,
              1.77195708124961, 5.34465101099988, 3.30311162257116, 0.173975286087803, -0.712979709554493,
              -0.206148283473181, 0.300683142608131, 1.62410364496332, 0.612988535258529, 2.38243997724191,
              1.37132486753712, 1.77195708124961, 5.34465101099988, 3.30311162257116, 1.26157223414243,
              -0.712979709554493, -0.206148283473181, 0.300683142608131, -0.586271853034165),
};

/* The variables of a batch norm over three channels. */
typedef struct layer {
    tl_variable *a, *gain, *bias, *mean, *variance;
} layer;

static layer layer_of(tl_shape shape)
{
    layer l = { tl_variable_dense("a", shape), tl_variable_dense("gain", TL_SHAPE(3)),
                tl_variable_dense("bias", TL_SHAPE(3)), tl_variable_dense("mean", TL_SHAPE(3)),
                tl_variable_dense("variance", TL_SHAPE(3)) };
    const tl_real gain[] = { 1, 2, -0.5f }, bias[] = { 0, 1, 0.25f };
    for (int k = 0; k < 3; k++) {
        tl_variable_data(l.gain)[k] = gain[k];
        tl_variable_data(l.bias)[k] = bias[k];
        tl_variable_data(l.variance)[k] = 1;
    }
    for (int64_t k = 0; k < tl_variable_size(l.a); k++)
        tl_variable_data(l.a)[k] = (tl_real)((double)(k * 7 % 11) / 4);
    return l;
}

static void free_layer(layer *l)
{
    tl_variable_free(l->a);
    tl_variable_free(l->gain);
    tl_variable_free(l->bias);
    tl_variable_free(l->mean);
    tl_variable_free(l->variance);
}

static tl_node *apply(tl_graph *g, const layer *l, bool training)
{
    tl_node *a = tl_use(g, l->a), *gain = tl_use(g, l->gain), *bias = tl_use(g, l->bias);
    return tl_batch_norm(a, gain, bias,
                         &(tl_batch_norm_options){ l->mean, l->variance, .training = training });
}

START_TEST(as_pytorch)
{
    const example *e = _i == 0 ? &matrix : &images;
    const int64_t n = tl_shape_size(e->shape);
    layer l = layer_of(e->shape);
    tl_real w[24];
    for (int k = 0; k < 24; k++)
        w[k] = (tl_real)(k * 5 % 7);
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_node *y = apply(g, &l, true);
    tl_test_values(__FILE__, __LINE__, "y", tl_value(y), n, 1e-5, e->y);
    ck_assert_ok(tl_backward(tl_reduce_sum(tl_mul(y, tl_input(g, e->shape, w)), TL_ALL_AXES), &out));
    ck_assert_int_eq(out.n, 3); /* none for the running moments */
    const double tolerance = TL_IS_DOUBLE ? 1e-6 : 1e-4;
    tl_test_values(__FILE__, __LINE__, "da", out.pair[0].values, n, tolerance, e->da);
    tl_test_values(__FILE__, __LINE__, "dgain", out.pair[1].values, 3, tolerance, e->dgain);
    tl_test_values(__FILE__, __LINE__, "dbias", out.pair[2].values, 3, tolerance, e->dbias);
    tl_test_values(__FILE__, __LINE__, "mean", tl_variable_values(l.mean), 3, TL_NEAR, e->mean);
    tl_test_values(__FILE__, __LINE__, "variance", tl_variable_values(l.variance), 3, TL_NEAR, e->variance);
    tl_graph_reset(g);
    tl_test_values(__FILE__, __LINE__, "inference", tl_value(apply(g, &l, false)), n, 1e-5, e->inference);
    tl_test_values(__FILE__, __LINE__, "mean after inference", tl_variable_values(l.mean), 3, TL_NEAR,
                   e->mean);
    tl_graph_free(g);
    free_layer(&l);
}
END_TEST

/* The moments move when the op is recorded, once: neither backward nor a derivative moves them again. */
START_TEST(running_moments_move_once)
{
    layer l = layer_of(matrix.shape);
    tl_graph *g = tl_graph_new();
    tl_gradients out;
    tl_node *y = apply(g, &l, true), *x = tl_use(g, l.gain), *dx = tl_use(g, l.bias);
    ck_assert_ptr_nonnull(tl_derivative(y, 1, &x, &dx));
    ck_assert_ok(tl_backward(tl_reduce_sum(y, TL_ALL_AXES), &out));
    tl_test_values(__FILE__, __LINE__, "mean", tl_variable_values(l.mean), 3, TL_NEAR, matrix.mean);
    tl_graph_free(g);
    g = tl_graph_new_inference();
    ck_assert_ptr_nonnull(apply(g, &l, true)); /* nobody asks for the value */
    for (int c = 0; c < 3; c++) {
        ck_assert_double_eq_tol((double)tl_variable_values(l.mean)[c], 1.9 * matrix.mean[c], 1e-6);
        ck_assert_double_eq_tol((double)tl_variable_values(l.variance)[c], 1.9 * matrix.variance[c] - 0.9,
                                1e-6);
    }
    tl_graph_free(g);
    free_layer(&l);
}
END_TEST

/* A momentum of 1 makes the running moments those of the batch: the variance is 0 of one row, and of none
 * nothing moves. */
START_TEST(momentum)
{
    static const struct {
        int64_t rows;
        double mean[3], variance[3];
    } batch[] = {
        { 0, { 0, 0, 0 }, { 1, 1, 1 } },
        { 1, { 0, 1.75, 0.75 }, { 0, 0, 0 } },
        { 2, { 1.25, 1.625, 0.625 }, { 3.125, 0.03125, 0.03125 } },
        { 4, { 1.6875, 1.375, 0.375 }, { 1.30729166666667, 0.104166666666667, 0.104166666666667 } }
    };
    layer l = layer_of(TL_SHAPE(batch[_i].rows, 3));
    tl_graph *g = tl_graph_new();
    const tl_batch_norm_options o = { l.mean, l.variance, .momentum = 1, .training = true };
    ck_assert_ptr_nonnull(tl_batch_norm(tl_use(g, l.a), NULL, NULL, &o));
    tl_test_values(__FILE__, __LINE__, "mean", tl_variable_values(l.mean), 3, TL_NEAR, batch[_i].mean);
    tl_test_values(__FILE__, __LINE__, "variance", tl_variable_values(l.variance), 3, TL_NEAR,
                   batch[_i].variance);
    tl_graph_free(g);
    free_layer(&l);
}
END_TEST

/* The running mean moves by what is lost where the mean of the batch, 1 + 2^-24, is rounded. */
START_TEST(rest_of_the_mean)
{
    layer l = layer_of(TL_SHAPE(2, 3));
    tl_graph *g = tl_graph_new();
    for (int k = 0; k < 6; k++)
        tl_variable_data(l.a)[k] = (tl_real)(k < 3 ? 1 : 1 + 0x1p-23);
    ck_assert_ok(tl_init_constant(l.mean, -1));
    const tl_batch_norm_options o = { l.mean, l.variance, .momentum = 0.5, .training = true };
    ck_assert_ptr_nonnull(tl_batch_norm(tl_use(g, l.a), NULL, NULL, &o));
    ck_assert_values(tl_variable_values(l.mean), 3, 0, 0x1p-25, 0x1p-25, 0x1p-25);
    tl_graph_free(g);
    free_layer(&l);
}
END_TEST

/* Two copies of A, if its channels are gathered, and none if they are long. */
START_TEST(memory)
{
    const tl_shape shape = _i == 0 ? TL_SHAPE(8, 8, 32, 32) : TL_SHAPE(8192, 8);
    tl_variable *a = tl_test_dense("a", shape, 1);
    tl_graph *g = tl_graph_new_inference();
    ck_assert_ptr_nonnull(
        tl_value(tl_batch_norm(tl_use(g, a), NULL, NULL, &(tl_batch_norm_options){ .training = true })));
    ck_assert_int_lt(tl_graph_bytes(g),
                     tl_variable_size(a) * (int64_t)sizeof(tl_real) * (_i == 0 ? 3 : 7) / 2);
    tl_graph_free(g);
    tl_variable_free(a);
}
END_TEST

/* Without training, how Y moves where the gain does is X^ of the moments that Y was computed with, although
 * the running ones have moved since. */
START_TEST(derivative_after_the_moments_moved)
{
    layer l = layer_of(matrix.shape);
    tl_graph *g = tl_graph_new();
    tl_node *a = tl_use(g, l.a), *gain = tl_use(g, l.gain);
    const tl_batch_norm_options o = { .mean = l.mean, .variance = l.variance };
    tl_node *y = tl_batch_norm(a, gain, NULL, &o);
    tl_node *before = tl_derivative(y, 1, &gain, &gain);
    tl_variable_data(l.mean)[0] += 1;
    tl_variable_data(l.variance)[1] += 1;
    tl_node *after = tl_derivative(y, 1, &gain, &gain);
    ck_assert_ok(tl_graph_status(g));
    for (int64_t k = 0; k < y->size; k++)
        ck_assert(tl_value(before)[k] == tl_value(y)[k] && tl_value(after)[k] == tl_value(y)[k]);
    tl_graph_free(g);
    free_layer(&l);
}
END_TEST

/* On a graph for inference the op runs later, with the running moments of its call. */
START_TEST(moments_of_the_call)
{
    layer l = layer_of(matrix.shape);
    tl_graph *g = tl_graph_new(), *later = tl_graph_new_inference();
    const tl_batch_norm_options o = { .mean = l.mean, .variance = l.variance };
    tl_node *now = tl_batch_norm(tl_use(g, l.a), NULL, NULL, &o);
    tl_node *y = tl_batch_norm(tl_use(later, l.a), NULL, NULL, &o);
    ck_assert_ptr_null(y->out);
    tl_variable_data(l.mean)[0] += 1;
    tl_variable_data(l.variance)[1] += 1;
    ck_assert_same(tl_value(y), tl_value(now), now->size);
    tl_graph_free(later);
    tl_graph_free(g);
    free_layer(&l);
}
END_TEST

/* Without training, with moments that a derivative has to copy, where A moves and where the gain does. */
static tl_node *of_many_channels(tl_graph *g, tl_node **x)
{
    const tl_batch_norm_options o = { .mean = running_moment(false, 3000),
                                      .variance = running_moment(true, 3000) };
    *x = tl_input(g, TL_SHAPE(3000), tl_variable_values(o.mean));
    return tl_batch_norm(tl_reshape(*x, TL_SHAPE(1, 3000)), *x, NULL, &o);
}

START_TEST(derivative_short_of_memory)
{
    check_short_derivative(of_many_channels);
}
END_TEST

#define CHECK_REFUSED(status, text, ...)                                                                     \
    ck_assert_refused(g, tl_batch_norm(tl_use(g, l.a), NULL, NULL, &(tl_batch_norm_options){ __VA_ARGS__ }), \
                      status, text)

START_TEST(refusals)
{
    layer l = layer_of(matrix.shape);
    tl_variable *sparse = tl_test_sparse("s", tl_test_pattern(3, 4, 0.5, 1), 1);
    tl_graph *g = tl_graph_new();
    ck_assert_refused(g, tl_batch_norm(tl_use(g, l.a), NULL, NULL, NULL), TL_ERR_ARGUMENT,
                      "batch_norm: `mean` is NULL, and there is no training to compute it");
    CHECK_REFUSED(TL_ERR_ARGUMENT, "batch_norm: `variance` is NULL, and `mean` is not", .mean = l.mean,
                  .training = true);
    CHECK_REFUSED(TL_ERR_ARGUMENT, "batch_norm: `mean` is NULL, and `variance` is not",
                  .variance = l.variance, .training = true);
    CHECK_REFUSED(TL_ERR_KIND, "batch_norm: `variance` is sparse, and must be dense", l.mean, sparse,
                  .training = true);
    CHECK_REFUSED(TL_ERR_ARGUMENT, "batch_norm: momentum is 2, and must be in [0, 1]", .momentum = 2,
                  .training = true);
    CHECK_REFUSED(TL_ERR_ARGUMENT, "batch_norm: momentum is -1, and must be in [0, 1]", .momentum = -1,
                  .training = true);
    CHECK_REFUSED(TL_ERR_ARGUMENT, "batch_norm: `mean` and `variance` are the same variable", l.mean, l.mean,
                  .training = true);
    ck_assert_values(tl_variable_values(l.mean), 3, 0, 0, 0, 0); /* a refusal changes nothing */
    tl_graph_free(g);
    tl_variable_free(sparse);
    free_layer(&l);
}
END_TEST

Suite *tl_test_suite(void)
{
    for (int64_t c = 1; c <= 3000; c += c == 131 ? 3000 - 131 : 1) { /* before the kit counts blocks */
        running_moment(false, c);
        running_moment(true, c);
    }
    Suite *s = tl_op_suite(&batch_norm);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_loop_test(c, as_pytorch, 0, 2);
    tcase_add_test(c, running_moments_move_once);
    tcase_add_loop_test(c, momentum, 0, 4);
    tcase_add_test(c, rest_of_the_mean);
    tcase_add_loop_test(c, memory, 0, 2);
    tcase_add_test(c, derivative_after_the_moments_moved);
    tcase_add_test(c, moments_of_the_call);
    tcase_add_test(c, derivative_short_of_memory);
    tcase_add_test(c, refusals);
    return s;
}
