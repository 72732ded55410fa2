/* The same training as PyTorch's, by numbers that torch/make_reference.py wrote down; FTRL, which PyTorch has
 * not, against its formula. */
#include "tests/testing.h"
#include "tests/torch/reference.h"

#include <math.h>
#include <string.h>

enum { IN = 3, HIDDEN = 5, OUT = 2, BATCH = 4, VARIABLES = 4, STEPS = 100 };

typedef struct net {
    tl_variable *v[VARIABLES]; /* w1, b1, w2, b2 */
    tl_real x[BATCH * IN], target[BATCH * OUT];
} net;

/* As `spread` in make_reference.py: binary fractions, exact in float as well. */
static void spread(tl_real *to, int64_t n, int first, int factor, int modulus, int divisor)
{
    for (int k = 0; k < n; k++)
        to[k] = (tl_real)(factor * (first + k) % modulus - modulus / 2) / (tl_real)divisor;
}

static net make_net(void)
{
    const char *name[VARIABLES] = { "w1", "b1", "w2", "b2" };
    const tl_shape shape[VARIABLES] = { TL_SHAPE(IN, HIDDEN), TL_SHAPE(HIDDEN), TL_SHAPE(HIDDEN, OUT),
                                        TL_SHAPE(OUT) };
    net m;
    int first = 0;
    for (int k = 0; k < VARIABLES; k++) {
        m.v[k] = tl_variable_dense(name[k], shape[k]);
        spread(tl_variable_data(m.v[k]), tl_variable_size(m.v[k]), first, 7, 11, 8);
        first += (int)tl_variable_size(m.v[k]);
    }
    spread(m.x, BATCH * IN, 0, 5, 13, 4);
    spread(m.target, BATCH * OUT, 0, 3, 7, 4);
    return m;
}

static tl_node *loss_of(const net *m, tl_graph *g)
{
    tl_node *h = tl_matmul(tl_input(g, TL_SHAPE(BATCH, IN), m->x), tl_use(g, m->v[0]));
    tl_node *y = tl_matmul(tl_tanh(tl_bias(h, tl_use(g, m->v[1]))), tl_use(g, m->v[2]));
    return tl_mse(tl_bias(y, tl_use(g, m->v[3])), tl_input(g, TL_SHAPE(BATCH, OUT), m->target));
}

static tl_optimizer *optimizer_like(const char *name)
{
    if (strcmp(name, "sgd") == 0)
        return tl_sgd((tl_sgd_options){ .learning_rate = 0.1 });
    if (strcmp(name, "momentum") == 0)
        return tl_sgd((tl_sgd_options){ .learning_rate = 0.05, .momentum = 0.9 });
    if (strcmp(name, "nesterov") == 0)
        return tl_sgd((tl_sgd_options){ .learning_rate = 0.05, .momentum = 0.9, .nesterov = true });
    if (strcmp(name, "adagrad") == 0)
        return tl_adagrad((tl_adagrad_options){ .learning_rate = 0.1, .initial_accumulator = 0.1 });
    if (strcmp(name, "rmsprop") == 0)
        return tl_rmsprop((tl_rmsprop_options){ .learning_rate = 0.003, .rho = 0.95 });
    if (strcmp(name, "rmsprop, momentum") == 0)
        return tl_rmsprop((tl_rmsprop_options){ .learning_rate = 0.002, .rho = 0.9, .momentum = 0.8 });
    if (strcmp(name, "rmsprop, centered") == 0)
        return tl_rmsprop((tl_rmsprop_options){ .momentum = 0.5, .epsilon = 1e-3, .centered = true });
    if (strcmp(name, "adam") == 0)
        return tl_adam((tl_adam_options){ .learning_rate = 0.02 });
    if (strcmp(name, "adam, l2") == 0)
        return tl_adam((tl_adam_options){
            .learning_rate = 0.02, .beta1 = 0.8, .beta2 = 0.99, .epsilon = 1e-6, .weight_decay = 0.05 });
    if (strcmp(name, "adamw") == 0)
        return tl_adam((tl_adam_options){ .learning_rate = 0.02, .weight_decay = 0.1, .decoupled = true });
    if (strcmp(name, "amsgrad") == 0)
        return tl_adam(
            (tl_adam_options){ .learning_rate = 0.02, .beta1 = 0.8, .beta2 = 0.9, .amsgrad = true });
    return NULL;
}

/* 100 steps carry along some 100 roundings of numbers near 1, here relative to weights down to 0.002. */
static void compare(const net *m, const char *name, int step, const double *expected)
{
    const double tolerance = TL_IS_DOUBLE ? 1e-12 : 2e-4;
    int at = 0;
    for (int k = 0; k < VARIABLES; k++)
        for (int64_t i = 0; i < tl_variable_size(m->v[k]); i++, at++) {
            const double w = (double)tl_variable_data(m->v[k])[i];
            ck_assert_msg(fabs(w - expected[at]) <= tolerance * fabs(expected[at]),
                          "%s, step %d: %s[%d] is %.17g, not %.17g: off by %g", name, step,
                          tl_variable_name(m->v[k]), (int)i, w, expected[at], w / expected[at] - 1);
        }
    ck_assert_int_eq(at, WEIGHTS);
}

START_TEST(as_pytorch)
{
    const struct reference *r = &reference[_i];
    tl_optimizer *o = optimizer_like(r->name);
    ck_assert_msg(o != NULL, "%s: %s", r->name, tl_error());
    tl_graph *g = tl_graph_new();
    net m = make_net();
    int compared = 0;
    for (int step = 1; step <= STEPS; step++, tl_graph_reset(g)) {
        ck_assert_ok(tl_minimize(o, loss_of(&m, g)));
        if (step == reference_step[compared])
            compare(&m, r->name, step, r->weights + WEIGHTS * compared++);
    }
    ck_assert_int_eq(compared, 3);
    tl_graph_free(g);
    tl_optimizer_free(o);
    for (int k = 0; k < VARIABLES; k++)
        tl_variable_free(m.v[k]);
}
END_TEST

/* McMahan et al., "Ad click prediction: a view from the trenches", KDD 2013, algorithm 1, one coordinate:
 *     sigma = (sqrt(n + g^2) - sqrt(n)) / alpha;  z += g - sigma w;  n += g^2;
 *     w = 0 if |z| <= lambda1, else -(z - sign(z) lambda1) / ((beta + sqrt(n)) / alpha + lambda2).
 * TensorFlow's ApplyFtrl is this with beta = 0, lambda2 = 2 l2, n from initial_accumulator_value, n^-power
 * for the root. */
typedef struct coordinate {
    double w, z, n;
} coordinate;

static void mcmahan(coordinate *c, double g, double alpha, double l1, double l2, double power)
{
    const double before = pow(c->n, -power), after = pow(c->n + g * g, -power);
    c->z += g - (after - before) / alpha * c->w;
    c->n += g * g;
    c->w = fabs(c->z) <= l1 ? 0 : -(c->z - (c->z > 0 ? l1 : -l1)) / (after / alpha + 2 * l2);
}

START_TEST(ftrl_by_its_formula)
{
    enum { N = 7 };
    const tl_ftrl_options tries[] = { { .learning_rate = 0.5 },
                                      { .learning_rate = 0.1, .l1 = 0.4, .l2 = 0.05 },
                                      { .learning_rate = 0.2, .l1 = 0.1, .power = -0.7 },
                                      { .l2 = 1, .initial_accumulator = 2, .power = -0.3 } };
    const tl_ftrl_options *o = &tries[_i];
    const double alpha = _i == 3 ? 0.01 : o->learning_rate, power = o->power != 0 ? o->power : -0.5;
    tl_optimizer *ftrl = tl_ftrl(*o);
    tl_variable *v = tl_test_dense("v", TL_SHAPE(N), 4);
    tl_graph *g = tl_graph_new();
    coordinate c[N];
    tl_random r = { .seed = 2 };
    int zeros = 0;
    for (int k = 0; k < N; k++)
        c[k] = (coordinate){ .w = (double)tl_variable_data(v)[k], .n = _i == 3 ? 2 : 0.1 };
    for (int step = 0; step < STEPS; step++, tl_graph_reset(g)) {
        tl_real values[N];
        for (int k = 0; k < N; k++) /* pulls to either side, and a coordinate without gradient */
            values[k] = k == 0 ? 0 : (tl_real)(0.3 * tl_random_normal(&r) + 0.05 * (k - 3));
        tl_gradients all = { &(tl_gradient){ .variable = v, .values = values }, 1, g };
        ck_assert_ok(tl_apply_gradients(ftrl, &all));
        for (int k = 0; k < N; k++) {
            mcmahan(&c[k], (double)values[k], alpha, o->l1, o->l2, power);
            /* float: z is a sum of up to 100 numbers of size 1, and w is z times as much as alpha at most */
            ck_assert_double_eq_tol((double)tl_variable_data(v)[k], c[k].w, TL_IS_DOUBLE ? 1e-12 : 1e-4);
            zeros += c[k].w == 0 && k > 0;
        }
    }
    ck_assert_double_eq(c[0].w, 0);
    ck_assert_int_eq(zeros > 0, o->l1 > 0);
    tl_graph_free(g);
    tl_optimizer_free(ftrl);
    tl_variable_free(v);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("torch");
    TCase *c = tl_test_case(s, "torch");
    tcase_add_loop_test(c, as_pytorch, 0, REFERENCES);
    tcase_add_loop_test(c, ftrl_by_its_formula, 0, 4);
    return s;
}
