/* An optimizer of a program's own, and its tests. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tulle/checkpoint.h>
#include <tulle/tulle.h>
#include <unistd.h>

/* Lion: c = b1 m + (1 - b1) g;  w -= lr sign(c);  m = b2 m + (1 - b2) g. (Chen et al., "Symbolic discovery of
 * optimization algorithms", 2023, algorithm 2.) Its weight decay is .weight_decay with .decoupled. */

/* Default learning rate 1e-4. */
typedef struct lion_options {
    TL_OPTIMIZER_OPTIONS
    double beta1, beta2; /* default 0.9, 0.99 */
} lion_options;

enum { RATE, BETA1, NEW1, BETA2, NEW2 }; /* constants of a step */

static void prepare(const void *options, double learning_rate, int64_t t, tl_real *constant)
{
    const lion_options *o = options;
    (void)t; /* Adam's bias correction would depend on it */
    constant[RATE] = (tl_real)learning_rate;
    constant[BETA1] = (tl_real)o->beta1;
    constant[NEW1] = (tl_real)(1 - o->beta1);
    constant[BETA2] = (tl_real)o->beta2;
    constant[NEW2] = (tl_real)(1 - o->beta2);
}

static void update(const tl_update *u)
{
    const tl_real *c = u->constant, *g = u->g;
    tl_real *w = u->w, *m = u->slot[0];
    for (int64_t k = 0; k < u->n; k++) {
        const tl_real d = c[BETA1] * m[k] + c[NEW1] * g[k];
        w[k] -= c[RATE] * (d > 0 ? 1 : d < 0 ? -1 : d); /* a NaN stays one */
        m[k] = c[BETA2] * m[k] + c[NEW2] * g[k];
    }
}

/* A weight moves by the rate at most, a slot by the gradient. */
static double largest_term(const void *options, double learning_rate, double g, double w)
{
    (void)options;
    (void)w;
    return fmax(learning_rate, g);
}

static const tl_option fields[] = {
    { "beta1", offsetof(lion_options, beta1), TL_OPTION_DOUBLE },
    { "beta2", offsetof(lion_options, beta2), TL_OPTION_DOUBLE },
    { NULL, 0, TL_OPTION_DOUBLE },
};

static const tl_optimizer_class class = {
    .name = "lion",
    .n_slots = 1,
    .update = update,
    .zero_grad = TL_ZERO_GRAD_NOOP_AT_START, /* where m is 0, sign(0) is 0 */
    .prepare = prepare,
    .largest_term = largest_term,
    .fields = fields,
};

static bool is_share(const char *name, double value)
{
    if (value >= 0 && value < 1)
        return true;
    tl_fail(TL_ERR_ARGUMENT, "lion: %s %g is not in [0, 1)", name, value);
    return false;
}

/* Returns a new optimizer, or NULL with the reason in tl_error(). */
static tl_optimizer *lion(lion_options o)
{
    o.learning_rate = o.learning_rate != 0 ? o.learning_rate : 1e-4;
    o.beta1 = o.beta1 != 0 ? o.beta1 : 0.9;
    o.beta2 = o.beta2 != 0 ? o.beta2 : 0.99;
    if (!is_share("beta1", o.beta1) || !is_share("beta2", o.beta2))
        return NULL;
    return tl_optimizer_new(&class, TL_COMMON_OPTIONS(o), &o, sizeof o);
}

/* ---- The tests ---- */

enum { ROWS = 40, WIDTH = 3, STEPS = 30 };

static void check(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s: %s\n", what, tl_error());
    exit(1);
}

static tl_variable *new_table(void)
{
    tl_random rng = { .seed = 1 };
    tl_variable *v = tl_variable_dense("table", TL_SHAPE(ROWS, WIDTH));
    tl_init_normal(v, 0, 1, &rng);
    return v;
}

/* Makes steps `from` to `to`, whose gradient is that of three rows: row-sparse, or the same, dense. */
static tl_status train(tl_optimizer *o, tl_variable *v, int from, int to, bool dense)
{
    tl_graph *g = tl_graph_new();
    tl_status status = TL_OK;
    for (int t = from; status == TL_OK && t <= to; t++, tl_graph_reset(g)) {
        const int32_t ids[] = { t * 7 % ROWS, t * t % ROWS, t % 5 };
        tl_node *table = tl_use(g, v);
        tl_node *rows = tl_embedding_lookup(dense ? tl_scale(table, 1) : table, ids, TL_SHAPE(3));
        status = tl_minimize(o, tl_reduce_sum(tl_mul(rows, rows), TL_ALL_AXES));
    }
    tl_graph_free(g);
    return status;
}

static bool same(tl_variable *a, const tl_optimizer *of_a, tl_variable *b, const tl_optimizer *of_b)
{
    const size_t size = (size_t)tl_variable_size(a) * sizeof(tl_real);
    return memcmp(tl_variable_values(a), tl_variable_values(b), size) == 0 &&
           memcmp(tl_optimizer_slot(of_a, a, 0), tl_optimizer_slot(of_b, b, 0), size) == 0;
}

/* The formula, with the gradient g = w, in double. */
static void test_formula(void)
{
    double w[2] = { 0.25, -0.75 }, m[2] = { 0, 0 };
    tl_variable *v = tl_variable_dense("w", TL_SHAPE(2));
    for (int k = 0; k < 2; k++)
        tl_variable_data(v)[k] = (tl_real)w[k];
    tl_optimizer *o = lion((lion_options){ .learning_rate = 0.1, .weight_decay = 0.5, .decoupled = true });
    tl_graph *g = tl_graph_new();
    for (int t = 0; t < STEPS; t++, tl_graph_reset(g)) {
        tl_node *a = tl_use(g, v);
        check(tl_minimize(o, tl_reduce_sum(tl_mul(a, tl_scale(a, (tl_real)0.5)), TL_ALL_AXES)) == TL_OK,
              "step");
        for (int k = 0; k < 2; k++) {
            const double gradient = w[k], c = 0.9 * m[k] + 0.1 * gradient;
            w[k] = w[k] * (1 - 0.1 * 0.5) - 0.1 * ((c > 0) - (c < 0));
            m[k] = 0.99 * m[k] + 0.01 * gradient;
            check(fabs((double)tl_variable_values(v)[k] - w[k]) < 1e-5, "formula");
        }
    }
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
}

/* Steps with row-sparse gradients have the bits of those with dense ones: .zero_grad is right. */
static void test_rows(double weight_decay)
{
    tl_variable *v[2] = { new_table(), new_table() };
    tl_optimizer *o[2];
    for (int k = 0; k < 2; k++) {
        o[k] = lion((lion_options){ .learning_rate = 0.01, .weight_decay = weight_decay });
        check(train(o[k], v[k], 1, STEPS, k == 1) == TL_OK, "rows");
    }
    check(same(v[0], o[0], v[1], o[1]), "rows are not as dense");
    for (int k = 0; k < 2; k++) {
        tl_optimizer_free(o[k]);
        tl_variable_free(v[k]);
    }
}

/* A run that resumes has the bits of one that did not stop; one with other options is refused. */
static void test_checkpoint(void)
{
    char path[] = "/tmp/lion-XXXXXX";
    close(mkstemp(path));
    tl_variable *v[3] = { new_table(), new_table(), new_table() };
    tl_optimizer *o[3];
    tl_checkpoint *c[3];
    for (int k = 0; k < 3; k++) {
        o[k] = lion((lion_options){ .learning_rate = 0.01, .beta2 = k == 2 ? 0.95 : 0 });
        c[k] = tl_checkpoint_new();
        check(tl_checkpoint_add_variable(c[k], v[k]) == TL_OK, "list");
        check(tl_checkpoint_add_optimizer(c[k], "lion", o[k]) == TL_OK, "list");
    }
    check(train(o[0], v[0], 1, 10, false) == TL_OK && tl_checkpoint_save(c[0], path) == TL_OK, "save");
    check(tl_checkpoint_load(c[1], path) == TL_OK, "load");
    for (int k = 0; k < 2; k++)
        check(train(o[k], v[k], 11, STEPS, false) == TL_OK, "going on");
    check(same(v[0], o[0], v[1], o[1]), "the resumed run differs");
    check(tl_checkpoint_load(c[2], path) == TL_ERR_ARGUMENT &&
              strstr(tl_error(), "lion: beta2 is 0.99 in the file and 0.95 here"),
          "another beta2");
    remove(path);
    for (int k = 0; k < 3; k++) {
        tl_checkpoint_free(c[k]);
        tl_optimizer_free(o[k]);
        tl_variable_free(v[k]);
    }
}

/* A gradient that is not finite changes nothing; where it may propagate, a NaN shows in the weight. */
static void test_not_finite(tl_non_finite policy)
{
    const tl_real x[2] = { NAN, 1 };
    tl_variable *v = tl_variable_dense("w", TL_SHAPE(2));
    tl_optimizer *o = lion((lion_options){ .learning_rate = 0.01, .non_finite = policy });
    tl_graph *g = tl_graph_new();
    const tl_status status = tl_minimize(
        o, tl_reduce_sum(tl_mul(tl_use(g, v), tl_input(g, TL_SHAPE(2), x)), TL_ALL_AXES));
    const tl_real *w = tl_variable_values(v);
    if (policy == TL_NON_FINITE_PROPAGATE)
        check(status == TL_OK && isnan(w[0]) && w[1] == (tl_real)-0.01, "propagate");
    else
        check(status == TL_ERR_NUMERIC && w[0] == 0 && w[1] == 0, "not finite");
    tl_graph_free(g);
    tl_optimizer_free(o);
    tl_variable_free(v);
}

int main(void)
{
    test_formula();
    test_rows(0);
    test_rows(0.1);
    test_checkpoint();
    test_not_finite(TL_NON_FINITE_ERROR);
    test_not_finite(TL_NON_FINITE_PROPAGATE);
    check(!lion((lion_options){ .beta1 = 1 }) && strcmp(tl_error(), "lion: beta1 1 is not in [0, 1)") == 0,
          "beta1");
    puts("lion: all holds");
    return 0;
}
