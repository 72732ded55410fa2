/* sigmoid_cross_entropy: mean over all elements of max(x, 0) - x z + log1p(exp(-|x|)) */
#include "check_tulle.h"
#include "derivative.h"
#include "tests/ops/twice.h"

#include <float.h>
#include <math.h>

static tl_node *op(tl_node *const *in, const void *attr)
{
    (void)attr;
    return tl_sigmoid_cross_entropy(in[0], in[1]);
}

/* By its definition, -z log p - (1 - z) log(1 - p) with p = 1 / (1 + exp(-x)): the logits here do not go to
 * the tails, where 1 - p would be rounded. */
static tl_shape reference(tl_reference *r)
{
    const int64_t n = tl_shape_size(r->shape[0]);
    for (int64_t k = 0; k < n; k++) {
        const double p = 1 / (1 + exp(-r->in[0][k])), z = r->in[1][k];
        *r->y -= (z * log(p) + (1 - z) * log(1 - p)) / (double)n;
        *r->terms += fabs(z * log(p) / (double)n) + fabs((1 - z) * log(1 - p) / (double)n);
    }
    return TL_SHAPE();
}

#define OF_SHAPE(...)                                                                                        \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__), TL_DENSE_OPERAND(__VA_ARGS__) }                               \
    }
#define REFUSED(x, z, text)                                                                                  \
    {                                                                                                        \
        .in = { x, z }, .status = TL_ERR_SHAPE, .error = text                                                \
    }

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
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(5, 6),
            "logits a (3x4) and targets b (5x6) differ in shape"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(4, 3),
            "logits a (3x4) and targets b (4x3) differ in shape"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_DENSE_OPERAND(4), "logits a (3x4) and targets b [4] differ in shape"),
    REFUSED(TL_DENSE_OPERAND(3, 4), TL_SCALAR_OPERAND,
            "logits a (3x4) and targets b (scalar) differ in shape"),
    REFUSED(TL_DENSE_OPERAND(1), TL_SCALAR_OPERAND, "logits a [1] and targets b (scalar) differ in shape"),
    REFUSED(TL_DENSE_OPERAND(0, 3), TL_DENSE_OPERAND(3, 0),
            "logits a (0x3) and targets b (3x0) differ in shape"),
    /* the definition, in numpy */
    { .in = { { TL_STATIC_SHAPE(2, 3), .values = TL_VALUES(0.5, -1, 2, 0, -3, 4) },
              { TL_STATIC_SHAPE(2, 3), .values = TL_VALUES(1, 0, 0.25, 0.5, 1, 0.875) } },
      .y = TL_VALUES(1.1123585237987994),
      .upstream = TL_VALUES(6),
      .gradient = { TL_VALUES(-0.3775406687981454, 0.2689414213699951, 0.6307970779778823, 0,
                              -0.9525741268224333, 0.10701379003790844),
                    TL_VALUES(-0.5, 1, -2, 0, 3, -4) },
      .tolerance = TL_NEAR },
    /* large logits: a right one costs exactly 0, a wrong one its size, with gradients of exactly 0 and 1 */
    { .in = { { TL_STATIC_SHAPE(2), .values = TL_VALUES(1e4, -1e4) },
              { TL_STATIC_SHAPE(2), .values = TL_VALUES(1, 0) } },
      .y = TL_VALUES(0),
      .upstream = TL_VALUES(2),
      .gradient = { TL_VALUES(0, 0), TL_VALUES(-1e4, 1e4) } },
    { .in = { { TL_STATIC_SHAPE(2), .values = TL_VALUES(1e4, -1e4) },
              { TL_STATIC_SHAPE(2), .values = TL_VALUES(0, 1) } },
      .y = TL_VALUES(1e4),
      .upstream = TL_VALUES(2),
      .gradient = { TL_VALUES(1, -1) } },
    { .in = { { TL_STATIC_SHAPE(1), .values = TL_VALUES(NAN) },
              { TL_STATIC_SHAPE(1), .values = TL_VALUES(1) } },
      .y = TL_VALUES(NAN),
      .gradient = { TL_VALUES(NAN) } }
};

static const tl_op_case sigmoid_cross_entropy = {
    .name = "sigmoid_cross_entropy",
    .n_in = 2,
    .op = op,
    .reference = reference,
    .sample = samples,
    .n_samples = sizeof samples / sizeof *samples,
    .ulps = 32, /* of sums in double, of terms that the definition computes with cancellation */
    .skip = TL_SKIP(TL_STAGE_PLACE), /* all elements make one value */
};

/* ---- With a weight of positive targets: the attribute ---- */

static tl_node *weighted(tl_node *const *in, const void *attr)
{
    return tl_sigmoid_cross_entropy_weighted(in[0], in[1], *(const tl_real *)attr);
}

static tl_shape weighted_reference(tl_reference *r)
{
    const int64_t n = tl_shape_size(r->shape[0]);
    const double weight = (double)*(const tl_real *)r->attr;
    for (int64_t k = 0; k < n; k++) {
        const double p = 1 / (1 + exp(-r->in[0][k])), z = r->in[1][k];
        *r->y -= (weight * z * log(p) + (1 - z) * log(1 - p)) / (double)n;
        *r->terms += fabs(weight * z * log(p) / (double)n) + fabs((1 - z) * log(1 - p) / (double)n);
    }
    return TL_SHAPE();
}

static const tl_real three = 3, quarter = 0.25f, zero = 0;

#define WEIGHTED(weight, ...)                                                                                \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(__VA_ARGS__), TL_DENSE_OPERAND(__VA_ARGS__) }, .attr = weight               \
    }
#define WEIGHT_REFUSED(weight, text)                                                                         \
    {                                                                                                        \
        .in = { TL_DENSE_OPERAND(2), TL_DENSE_OPERAND(2) }, .attr = &(const tl_real){ weight },              \
        .status = TL_ERR_ARGUMENT, .error = text                                                             \
    }

static const tl_sample weighted_samples[] = {
    WEIGHTED(&three, 3, 5),
    WEIGHTED(&quarter, 2, 3, 4),
    WEIGHTED(&zero, 17),
    WEIGHTED(&three, 0),
    WEIGHTED(&three, 300, 130),
    WEIGHT_REFUSED(-1, "the positive weight, -1, is not a number from 0 on"),
    WEIGHT_REFUSED(INFINITY, "the positive weight, inf, is not a number from 0 on"),
    WEIGHT_REFUSED(NAN, NULL),
    /* PyTorch's binary_cross_entropy_with_logits, pos_weight = 3, which has no gradient to targets; theirs is
     * of the formula with its logsigmoid */
    { .in = { { TL_STATIC_SHAPE(2, 3), .values = TL_VALUES(0.5, -1, 2, 0, -3, 4) },
              { TL_STATIC_SHAPE(2, 3), .values = TL_VALUES(1, 0, 0.25, 0.5, 1, 0.875) } },
      .attr = &three,
      .y = TL_VALUES(2.417975562373016),
      .upstream = TL_VALUES(6),
      .gradient = { TL_VALUES(-1.132622006394436, 0.2689414213699951, 0.5711956169668235, -0.5,
                              -2.8577223804672998, 0.0755379226042483),
                    TL_VALUES(0.4481539683602134, 3.6265233750364456, -1.746143977914055, 1.3862943611198904,
                              9.097174703147484, -3.96370014416438) },
      .tolerance = TL_NEAR },
    /* large logits cost 0 or their size, by weight */
    { .in = { { TL_STATIC_SHAPE(4), .values = TL_VALUES(1e4, -1e4, 1e4, -1e4) },
              { TL_STATIC_SHAPE(4), .values = TL_VALUES(1, 0, 0, 1) } },
      .attr = &three,
      .y = TL_VALUES(1e4),
      .upstream = TL_VALUES(4),
      .gradient = { TL_VALUES(0, 0, 1, -3), TL_VALUES(-1e4, 3e4, -1e4, 3e4) } },
    /* with a weight of 0 a positive target costs nothing, however sure the logit is of the opposite */
    { .in = { { TL_STATIC_SHAPE(3), .values = TL_VALUES(-INFINITY, -1e4, -INFINITY) },
              { TL_STATIC_SHAPE(3), .values = TL_VALUES(1, 1, 0) } },
      .attr = &zero,
      .y = TL_VALUES(0),
      .upstream = TL_VALUES(3),
      .gradient = { TL_VALUES(0, 0, 0), TL_VALUES(0, 0, 0) } },
    { .in = { { TL_STATIC_SHAPE(2), .values = TL_VALUES(NAN, 0) },
              { TL_STATIC_SHAPE(2), .values = TL_VALUES(1, 1) } },
      .attr = &zero,
      .y = TL_VALUES(NAN),
      .gradient = { TL_VALUES(NAN, 0), TL_VALUES(NAN, -0.34657359027997264) },
      .tolerance = TL_NEAR }
};

static const tl_op_case sigmoid_cross_entropy_weighted = {
    .name = "sigmoid_cross_entropy",
    .n_in = 2,
    .op = weighted,
    .reference = weighted_reference,
    .sample = weighted_samples,
    .n_samples = sizeof weighted_samples / sizeof *weighted_samples,
    .ulps = 32,
    .skip = TL_SKIP(TL_STAGE_PLACE),
};

/* ---- Beyond the kit ---- */

static tl_variable *filled(const char *name, tl_shape shape, const tl_real *values)
{
    tl_variable *v = tl_variable_dense(name, shape);
    for (int64_t k = 0; k < tl_variable_size(v); k++)
        tl_variable_data(v)[k] = values[k];
    return v;
}

/* The loss, and its gradients times `up`. */
static tl_real run_weighted(tl_shape shape, const tl_real *logits, const tl_real *targets, tl_real weight,
                            tl_real up, tl_real *dx, tl_real *dz)
{
    tl_graph *g = tl_graph_new();
    tl_variable *v = filled("x", shape, logits), *w = filled("z", shape, targets);
    tl_node *x = tl_use(g, v), *z = tl_use(g, w), *y = tl_sigmoid_cross_entropy_weighted(x, z, weight);
    tl_gradients out;
    ck_assert_ok(tl_backward(tl_scale(y, up), &out));
    ck_assert_int_eq(tl_shape_of(y).rank, 0);
    tl_real value = tl_value(y)[0];
    for (int64_t k = 0; k < tl_variable_size(v); k++) {
        dx[k] = tl_grad(x)[k];
        dz[k] = tl_grad(z)[k];
    }
    tl_graph_free(g);
    tl_variable_free(v);
    tl_variable_free(w);
    return value;
}

static tl_real run(tl_shape shape, const tl_real *logits, const tl_real *targets, tl_real up, tl_real *dx,
                   tl_real *dz)
{
    return run_weighted(shape, logits, targets, 1, up, dx, dz);
}

/* Small losses keep their digits: log(1 + e^-20), relative to itself, to the rounding of exp, log1p and the
 * sum. */
START_TEST(small_losses)
{
    const double epsilon = TL_IS_DOUBLE ? DBL_EPSILON : (double)FLT_EPSILON;
    tl_real dx[1], dz[1];
    for (int sign = -1; sign <= 1; sign += 2) {
        tl_real y = run(TL_SHAPE(1), (tl_real[]){ (tl_real)sign * 20 }, (tl_real[]){ sign > 0 }, 1, dx, dz);
        ck_assert_double_eq_tol((double)y / 2.061153620314381e-09, 1, 4 * epsilon);
    }
}
END_TEST

/* Losses whose sum no double holds have a mean that one does. */
START_TEST(mean_of_huge_losses)
{
    const tl_real largest = TL_IS_DOUBLE ? (tl_real)DBL_MAX : (tl_real)FLT_MAX;
    const tl_real x[] = { largest, -largest, largest }, z[] = { 0, 1, 0 };
    tl_real dx[3], dz[3], y = run(TL_SHAPE(3), x, z, 3, dx, dz);
    ck_assert_same(&y, &largest, 1);
    ck_assert_values(dx, 3, TL_NEAR, 1, -1, 1);
    y = run(TL_SHAPE(3), (tl_real[]){ largest, NAN, largest }, z, 3, dx, dz);
    ck_assert(isnan(y));
    y = run(TL_SHAPE(3), (tl_real[]){ largest, -INFINITY, largest }, z, 3, dx, dz);
    ck_assert(isinf(y));
    const tl_real low[] = { -largest, -largest, -largest }, least = -largest;
    y = run(TL_SHAPE(3), low, (tl_real[]){ -1, -1, -1 }, 3, dx, dz);
    ck_assert_same(&y, &least, 1);
    y = run_weighted(TL_SHAPE(3), low, (tl_real[]){ 1, 1, 0 }, (tl_real)0.75, 3, dx, dz);
    ck_assert_values(&y, 1, TL_NEAR, (double)largest / 2);
    y = run_weighted(TL_SHAPE(3), x, (tl_real[]){ 0.25f, 0, 0.25f }, 2, 3, dx, dz);
    ck_assert_values(&y, 1, TL_NEAR, (double)largest / 2);
}
END_TEST

/* Small losses beside huge ones that cancel: twice L, and four times -L / 2. */
START_TEST(cancelling_losses)
{
    const tl_real large = TL_IS_DOUBLE ? (tl_real)0x1p1023 : (tl_real)0x1p127;
    const tl_real x[] = { large, large, large / 2, large / 2, large / 2, large / 2, 0.5f, -1 },
                  z[] = { 0, 0, 2, 2, 2, 2, 0.25f, 0.25f };
    for (int p = 1; p <= 3; p += 2) {
        tl_real dx[8], dz[8], y = run_weighted(TL_SHAPE(8), x, z, (tl_real)p, 1, dx, dz);
        const double logs = log1p(exp(-0.5)) + log1p(exp(-1));
        ck_assert_values(&y, 1, TL_NEAR, (0.75 * 0.5 + p * 0.25 + (0.75 + p * 0.25) * logs) / 8);
    }
}
END_TEST

/* The derivative along one input is its gradient. */
START_TEST(derivatives_of_one_input)
{
    const tl_real x = 0.5f, z = 0.25f, one = 1;
    for (int weight = 1; weight <= 2; weight++) {
        tl_real gradient[2];
        run_weighted(TL_SHAPE(), &x, &z, (tl_real)weight, 1, &gradient[0], &gradient[1]);
        tl_graph *g = tl_graph_new();
        tl_node *in[] = { tl_input(g, TL_SHAPE(), &x), tl_input(g, TL_SHAPE(), &z) };
        tl_node *along = tl_input(g, TL_SHAPE(), &one);
        tl_node *y = tl_sigmoid_cross_entropy_weighted(in[0], in[1], (tl_real)weight);
        for (int i = 0; i < 2; i++)
            ck_assert_close(tl_value(tl_derivative(y, 1, &in[i], &along)), &gradient[i], 1, TL_NEAR);
        tl_graph_free(g);
    }
}
END_TEST

/* The mean of equal losses is that loss: a sum is divided, not its terms. */
START_TEST(equal_losses)
{
    tl_real x[200], z[200] = { 0 }, dx[200], dz[200];
    for (int k = 0; k < 200; k++)
        x[k] = 10000;
    for (int64_t n = 1; n <= 200; n++) {
        const tl_real y = run(TL_SHAPE(n), x, z, 1, dx, dz);
        ck_assert_values(&y, 1, 0, 10000);
    }
}
END_TEST

/* The limits of the weighted loss: where a positive target is missed, the weight times Inf. */
START_TEST(infinite_logits_weighted)
{
    const tl_real inf = INFINITY;
    const struct {
        tl_real x, z, weight;
        double y, dx, dz;
    } table[] = { { -inf, 0, 3, 0, 0, inf },        { inf, 0, 3, inf, 1, -inf }, { -inf, 1, 3, inf, -3, inf },
                  { inf, 1, 3, 0, 0, -inf },        { -inf, 1, 0, 0, 0, 0 },     { inf, 0, 0, inf, 1, -inf },
                  { -inf, 1, 0.5f, inf, -0.5, inf } };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        tl_real dx[1], dz[1];
        const tl_real y = run_weighted(TL_SHAPE(1), &table[i].x, &table[i].z, table[i].weight, 1, dx, dz);
        ck_assert_values(&y, 1, 0, table[i].y);
        ck_assert_values(dx, 1, 0, table[i].dx);
        ck_assert_values(dz, 1, 0, table[i].dz);
    }
}
END_TEST

/* The limits, alone and among other values. */
START_TEST(infinite_logits_and_targets)
{
    const tl_real inf = INFINITY;
    const struct {
        tl_real x, z;
        double y;
    } table[] = { { -inf, 0, 0 },      { inf, 0, inf },     { -inf, 1, inf }, { inf, 1, 0 },
                  { -inf, 0.5f, inf }, { inf, 0.5f, inf },  { NAN, 0, NAN },  { inf, NAN, NAN },
                  { -inf, NAN, NAN },  { inf, 0.25f, inf }, { 0, 0, log(2) }, { inf, 2, -inf },
                  { -inf, -1, -inf },  { 1, inf, -inf },    { -1, inf, inf } };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int64_t n = 1; n <= 301; n += 300) {
            tl_real x[301], z[301], dx[301], dz[301];
            for (int k = 0; k < 301; k++) {
                x[k] = k % 2 ? inf : -inf;
                z[k] = (tl_real)(k % 2);
            }
            x[n - 1] = table[i].x;
            z[n - 1] = table[i].z;
            tl_real y = run(TL_SHAPE(n), x, z, (tl_real)n, dx, dz) * (tl_real)n;
            ck_assert_values(&y, 1, TL_NEAR, table[i].y);
            for (int64_t k = 0; k < n - 1; k++)
                ck_assert(dx[k] == 0);
            if (isinf(table[i].z) || (isinf(table[i].x) && !isnan(table[i].z)))
                ck_assert_values(dx + n - 1, 1, 0, (table[i].x > 0) - (double)table[i].z);
        }
}
END_TEST

static tl_node *loss_of(tl_node *x)
{
    return tl_sigmoid_cross_entropy(x, tl_stop_gradient(x));
}

static tl_node *weighted_loss_of(tl_node *x)
{
    return tl_sigmoid_cross_entropy_weighted(x, tl_stop_gradient(x), 2);
}

static tl_node *weighted_loss_of_targets(tl_node *z)
{
    return tl_sigmoid_cross_entropy_weighted(tl_stop_gradient(z), z, 2);
}

/* Several tasks of several strips. */
START_TEST(gradient_is_added)
{
    tl_test_twice(loss_of, TL_SHAPE(200, 300));
    tl_test_twice(weighted_loss_of, TL_SHAPE(200, 300));
    tl_test_twice(weighted_loss_of_targets, TL_SHAPE(200, 300));
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = tl_op_suite(&sigmoid_cross_entropy);
    tl_suite_add_op(s, &sigmoid_cross_entropy_weighted);
    TCase *c = tl_test_case(s, "beyond");
    tcase_add_test(c, small_losses);
    tcase_add_test(c, infinite_logits_and_targets);
    tcase_add_test(c, infinite_logits_weighted);
    tcase_add_test(c, mean_of_huge_losses);
    tcase_add_test(c, cancelling_losses);
    tcase_add_test(c, derivatives_of_one_input);
    tcase_add_test(c, equal_losses);
    tcase_add_test(c, gradient_is_added);
    return s;
}
