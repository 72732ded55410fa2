/* What second order is for: products with the Hessian as PyTorch has them, and losses with derivatives in
 * them, which train. And what tl_hessian_product refuses. */
#include "derivative.h"
#include "tests/testing.h"
#include "tests/torch/hessian.h"

#include <math.h>
#include <string.h>

/* ---- As PyTorch ---- */

enum { IN = 3, HIDDEN = 5, OUT = 3, ROWS = 6, BATCH = 4, VARIABLES = 5 };

/* As `spread` in make_hessian.py: binary fractions, exact in float as well. */
static void spread(tl_real *to, int64_t n, int first, int factor, int modulus, int divisor)
{
    for (int k = 0; k < n; k++)
        to[k] = (tl_real)(factor * (first + k) % modulus - modulus / 2) / (tl_real)divisor;
}

/* The pattern of W1, and its part of an array. */
static tl_pattern *pattern_of_w1(void)
{
    int32_t row[IN * HIDDEN], col[IN * HIDDEN];
    int64_t n = 0;
    for (int32_t i = 0; i < IN; i++)
        for (int32_t j = 0; j < HIDDEN; j++)
            if ((i + 2 * j) % 3 != 0) {
                row[n] = i;
                col[n++] = j;
            }
    return tl_pattern_from_coo(IN, HIDDEN, n, row, col);
}

static int64_t take_w1(const tl_real *from, tl_real *to)
{
    int64_t n = 0;
    for (int i = 0; i < IN; i++)
        for (int j = 0; j < HIDDEN; j++)
            if ((i + 2 * j) % 3 != 0)
                to[n++] = from[i * HIDDEN + j];
    return n;
}

START_TEST(as_pytorch)
{
    const char *name[VARIABLES] = { "w1", "b1", "table", "w2", "b2" };
    const tl_shape shape[VARIABLES] = { TL_SHAPE(IN, HIDDEN), TL_SHAPE(HIDDEN), TL_SHAPE(ROWS, HIDDEN),
                                        TL_SHAPE(HIDDEN, OUT), TL_SHAPE(OUT) };
    const int32_t ids[] = { 1, 4, 1, 3 }, labels[] = { 0, 2, 1, 1 };
    const double tolerance = TL_IS_DOUBLE ? 1e-13 : 1e-5;
    tl_variable *var[VARIABLES];
    tl_gradient pair[VARIABLES];
    tl_real x[BATCH * IN], values[VARIABLES][ROWS * HIDDEN], all[ROWS * HIDDEN];
    tl_pattern *p = pattern_of_w1();
    tl_gradients hv;
    int first = 0;
    spread(x, BATCH * IN, 0, 5, 13, 4);
    for (int k = 0; k < VARIABLES; k++) {
        const int64_t n = tl_shape_size(shape[k]);
        var[k] = k == 0 ? tl_variable_sparse(name[k], p) : tl_variable_dense(name[k], shape[k]);
        spread(all, n, first, 7, 11, 8);
        memcpy(tl_variable_data(var[k]), all, (size_t)tl_variable_size(var[k]) * sizeof *all);
        if (k == 0)
            take_w1(all, tl_variable_data(var[k]));
        spread(values[k], n, first, 3, 7, 8);
        if (k == 0)
            take_w1(values[k], values[k]);
        pair[k] = (tl_gradient){ var[k], values[k], NULL, 0 };
        first += (int)n;
    }
    tl_graph *g = tl_graph_new();
    tl_node *h = tl_dense_sparse_matmul(tl_input(g, TL_SHAPE(BATCH, IN), x), tl_use(g, var[0]),
                                        TL_NO_TRANSPOSE);
    h = tl_add(tl_bias(h, tl_use(g, var[1])), tl_embedding_lookup(tl_use(g, var[2]), ids, TL_SHAPE(BATCH)));
    h = tl_bias(tl_matmul(tl_tanh(h), tl_use(g, var[3])), tl_use(g, var[4]));
    tl_node *loss = tl_softmax_cross_entropy(h, labels);
    ck_assert_values(tl_value(loss), 1, tolerance, hessian_loss);
    ck_assert_ok(tl_hessian_product(loss, &(tl_gradients){ pair, VARIABLES, NULL }, &hv));
    const double *expected = hessian_product;
    for (int k = 0; k < VARIABLES; k++, expected += tl_shape_size(shape[k - 1])) {
        const tl_gradient *got = &hv.pair[k];
        memset(all, 0, sizeof all);
        for (int64_t j = 0; k > 0 && j < tl_gradient_size(got); j++)
            all[got->rows ? got->rows[j / HIDDEN] * HIDDEN + j % HIDDEN : j] = got->values[j];
        tl_real *dense = k == 0 ? tl_test_expand(p, got->values) : NULL;
        tl_test_values(__FILE__, __LINE__, name[k], dense ? dense : all, tl_shape_size(shape[k]), tolerance,
                       expected);
        free(dense);
        ck_assert_int_eq(got->rows != NULL, k == 2);
    }
    tl_graph_free(g);
    tl_pattern_release(p);
    for (int k = 0; k < VARIABLES; k++)
        tl_variable_free(var[k]);
}
END_TEST

/* ---- A gradient penalty: the critic D and half the sum of |dD/dx|^2, exactly ---- */

enum { SAMPLES = 6, WIDTH = 4 };

typedef struct critic {
    tl_variable *x, *w[3]; /* the samples; W1 (sparse), b1, W2 */
} critic;

static critic make_critic(void)
{
    critic c = { .x = tl_test_dense("x", TL_SHAPE(SAMPLES, WIDTH), 1) };
    c.w[0] = tl_test_sparse("w1", tl_pattern_random(WIDTH, 8, 0.6, 2), 3);
    c.w[1] = tl_test_dense("b1", TL_SHAPE(8), 4);
    c.w[2] = tl_test_dense("w2", TL_SHAPE(8, 1), 5);
    return c;
}

static void free_critic(critic *c)
{
    tl_variable_free(c->x);
    for (int k = 0; k < 3; k++)
        tl_variable_free(c->w[k]);
}

static tl_node *critic_of(const critic *c, tl_graph *g)
{
    tl_node *h = tl_dense_sparse_matmul(tl_use(g, c->x), tl_use(g, c->w[0]), TL_NO_TRANSPOSE);
    return tl_matmul(tl_tanh(tl_bias(h, tl_use(g, c->w[1]))), tl_use(g, c->w[2]));
}

/* Returns half the sum of |dD/dx|^2, and in *along a node with its gradient: the derivative of D's sum along
 * dD/dx, which is then a constant. */
static double penalty(const critic *c, tl_node *d, tl_node **along)
{
    tl_gradients by_x;
    tl_graph *g = d->graph;
    tl_node *sum = tl_reduce_sum(d, TL_ALL_AXES), *x = tl_use(g, c->x);
    double squares = 0;
    ck_assert_ok(tl_backward_for(sum, &c->x, 1, &by_x));
    for (int k = 0; k < SAMPLES * WIDTH; k++)
        squares += (double)by_x.pair[0].values[k] * (double)by_x.pair[0].values[k] / 2;
    *along = tl_derivative(sum, 1, &x, &(tl_node *){ tl_input(g, tl_shape_of(x), by_x.pair[0].values) });
    return squares;
}

START_TEST(gradient_of_a_penalty)
{
    const double h = TL_IS_DOUBLE ? 1e-5 : 3e-3, tolerance = TL_IS_DOUBLE ? 1e-8 : 2e-3;
    critic c = make_critic();
    tl_graph *g = tl_graph_new(), *other = tl_graph_new();
    tl_gradients got;
    tl_node *along, *unused;
    penalty(&c, critic_of(&c, g), &along);
    ck_assert_ok(tl_backward_for(along, c.w, 3, &got));
    for (int k = 0; k < 3; k++)
        for (int64_t j = 0; j < tl_variable_size(c.w[k]); j++) {
            tl_real *w = tl_variable_data(c.w[k]) + j;
            const tl_real was = *w;
            double value[2];
            for (int sign = 0; sign < 2; sign++) {
                *w = (tl_real)((double)was + (sign ? -h : h));
                value[sign] = penalty(&c, critic_of(&c, other), &unused);
                tl_graph_reset(other);
            }
            *w = was;
            ck_assert_values(got.pair[k].values + j, 1, tolerance, (value[0] - value[1]) / (2 * h));
        }
    tl_graph_free(g);
    tl_graph_free(other);
    free_critic(&c);
}
END_TEST

/* Fits targets, with and without the penalty. Returns the mean squared error, and sets *squares. */
static double train_critic(double weight, double *squares)
{
    critic c = make_critic();
    tl_real target[SAMPLES];
    double error = 0;
    tl_graph *g = tl_graph_new();
    tl_optimizer *adam = tl_adam((tl_adam_options){ .learning_rate = 0.02 });
    tl_test_fill(target, SAMPLES, 9);
    for (int step = 0; step < 500; step++, tl_graph_reset(g)) {
        tl_gradients all;
        tl_node *d = critic_of(&c, g), *along;
        tl_node *fit = tl_mse(d, tl_input(g, TL_SHAPE(SAMPLES, 1), target));
        error = (double)tl_value(fit)[0];
        *squares = penalty(&c, d, &along);
        tl_node *loss = tl_add(fit, tl_scale(along, (tl_real)weight));
        ck_assert_ok(tl_backward_for(loss, c.w, 3, &all));
        ck_assert_ok(tl_apply_gradients(adam, &all));
    }
    tl_graph_free(g);
    tl_optimizer_free(adam);
    free_critic(&c);
    return error;
}

START_TEST(a_penalty_trains)
{
    double squares, penalized_squares;
    const double error = train_critic(0, &squares), penalized_error = train_critic(0.01, &penalized_squares);
    ck_assert_double_lt(error, 1e-3);
    ck_assert_double_lt(penalized_error, 0.05);
    ck_assert_double_lt(penalized_squares, squares / 2);
}
END_TEST

/* ---- A differential equation: u'' = -pi^2 sin(pi x), u(0) = u(1) = 0, with u = x (1 - x) net(x) ---- */

enum { POINTS = 16, UNITS = 12 };

typedef struct equation {
    tl_variable *w1, *b1, *w2;
    tl_real x[POINTS], minus[POINTS], ones[POINTS], right[POINTS];
    tl_node *u;
} equation;

static tl_node *residual(tl_graph *g, void *context)
{
    equation *e = context;
    const tl_shape column = TL_SHAPE(POINTS, 1);
    tl_node *x = tl_input(g, column, e->x), *dx = tl_input(g, column, e->ones);
    tl_node *h = tl_tanh(tl_bias(tl_matmul(x, tl_use(g, e->w1)), tl_use(g, e->b1)));
    e->u = tl_mul(tl_mul(x, tl_sub(dx, x)), tl_matmul(h, tl_use(g, e->w2)));
    tl_node *u_xx = tl_derivative(tl_derivative(e->u, 1, &x, &dx), 1, &x, &dx);
    return tl_mse(u_xx, tl_input(g, column, e->right));
}

static equation make_equation(void)
{
    const double pi = 3.14159265358979323846;
    equation e = { .w1 = tl_test_dense("w1", TL_SHAPE(1, UNITS), 1),
                   .b1 = tl_test_dense("b1", TL_SHAPE(UNITS), 2),
                   .w2 = tl_test_dense("w2", TL_SHAPE(UNITS, 1), 3) };
    for (int k = 0; k < POINTS; k++) {
        const double x = (k + 0.5) / POINTS;
        e.x[k] = (tl_real)x;
        e.ones[k] = 1;
        e.right[k] = (tl_real)(-pi * pi * sin(pi * x));
    }
    return e;
}

static void free_equation(equation *e)
{
    tl_variable_free(e->w1);
    tl_variable_free(e->b1);
    tl_variable_free(e->w2);
}

/* The gradient of a loss with a second derivative in it; in double, as float's differences are too coarse. */
START_TEST(gradient_of_an_equation)
{
    equation e = make_equation();
    if (TL_IS_DOUBLE)
        ck_assert_gradient(residual, &e, e.w1, e.b1, e.w2);
    free_equation(&e);
}
END_TEST

START_TEST(an_equation_is_solved)
{
    const double pi = 3.14159265358979323846;
    equation e = make_equation();
    tl_graph *g = tl_graph_new();
    tl_optimizer *adam = tl_adam((tl_adam_options){ .learning_rate = 0.02 });
    double first = 0, loss = 0;
    for (int step = 0; step < 1500; step++, tl_graph_reset(g)) {
        tl_node *l = residual(g, &e);
        loss = (double)tl_value(l)[0];
        if (step == 0)
            first = loss;
        ck_assert_ok(tl_minimize(adam, l));
    }
    ck_assert_double_gt(first, 10);
    ck_assert_double_lt(loss, 0.02);
    residual(g, &e);
    for (int k = 0; k < POINTS; k++)
        ck_assert_double_le(fabs((double)tl_value(e.u)[k] - sin(pi * (double)e.x[k])), 0.01);
    tl_graph_free(g);
    tl_optimizer_free(adam);
    free_equation(&e);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("second order");
    TCase *c = tl_test_case(s, "products");
    tcase_add_test(c, as_pytorch);
    c = tl_test_case(s, "training");
    tcase_add_test(c, gradient_of_a_penalty);
    tcase_add_test(c, a_penalty_trains);
    tcase_add_test(c, gradient_of_an_equation);
    tcase_add_test(c, an_equation_is_solved);
    return s;
}
