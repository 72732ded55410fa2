/* Files of every released format version load for ever, as in test_checkpoint_data.c: here with every class
 * of optimizer and every option set, every kind of variable, several averages and extreme numbers. All values
 * are multiples of 1/8, exact in both number types.
 *
 * tests/data/classes_1_TYPE.ckpt and weights_1_TYPE.safetensors were written by this program when the format
 * version was new, and stay as they are:
 *
 *     TULLE_WRITE_DATA=FOLDER test_checkpoint_classes */
#include "graph/optim/slots.h"
#include "tests/testing.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- The run ---- */

enum { TABLE, SPARSE, MASKED, BIAS, SCALAR, VARIABLES };
enum { SGD, ADAM, ADAGRAD, RMSPROP, FTRL, OPTIMIZERS };
enum { AVERAGES = 2 };

typedef struct run {
    tl_variable *v[VARIABLES];
    tl_optimizer *o[OPTIMIZERS];
    tl_ema *ema[AVERAGES];
    tl_random data, dropout;
    int64_t step, least;
    double loss, best;
    tl_checkpoint *list;
} run;

/* Of the sparse variable, row 1 and column 3 are empty; of the masked one, row 0. */
static tl_pattern *the_pattern(void)
{
    return tl_pattern_from_mask(3, 4, (const uint8_t[]){ 1, 0, 1, 0, 0, 0, 0, 0, 1, 1, 1, 0 });
}

static tl_pattern *the_mask(void)
{
    return tl_pattern_from_mask(2, 3, (const uint8_t[]){ 0, 0, 0, 1, 0, 1 });
}

/* Makes the objects. The sparse variable has another pattern than in the file, the masked one no mask. */
static void begin_run(run *r)
{
    tl_pattern *p = tl_pattern_random(3, 4, 0.25, 1);
    *r = (run){
        .v = { tl_variable_dense("table", TL_SHAPE(4, 2)), tl_variable_sparse("layer/sparse", p),
               tl_variable_dense("masked µ", TL_SHAPE(2, 3)), tl_variable_dense("bias \"b\"", TL_SHAPE(3)),
               tl_variable_dense("scalar", TL_SHAPE()) },
        .ema = { tl_ema_new((tl_ema_options){ .decay = 0.75, .bias_correction = true }),
                 tl_ema_new((tl_ema_options){ .decay = 0.5 }) },
    };
    tl_pattern_release(p);
    r->o[SGD] = tl_sgd((tl_sgd_options){ .learning_rate = 0.5,
                                         .weight_decay = 0.25,
                                         .rows = TL_ROWS_LAZY,
                                         .momentum = 0.5,
                                         .nesterov = true });
    r->o[ADAM] = tl_adam((tl_adam_options){ .learning_rate = 0.125,
                                            .weight_decay = 0.25,
                                            .decoupled = true,
                                            .per_weight_age = true,
                                            .beta1 = 0.75,
                                            .beta2 = 0.875,
                                            .epsilon = 0.0625,
                                            .amsgrad = true,
                                            .epsilon_hat = true });
    r->o[ADAGRAD] = tl_adagrad((tl_adagrad_options){ .learning_rate = 0.1,
                                                     .non_finite = TL_NON_FINITE_SKIP_STEP,
                                                     .initial_accumulator = 0.25,
                                                     .epsilon = 0.5 });
    r->o[RMSPROP] = tl_rmsprop((tl_rmsprop_options){ .non_finite = TL_NON_FINITE_PROPAGATE,
                                                     .rho = 0.75,
                                                     .momentum = 0.5,
                                                     .epsilon = 0.25,
                                                     .centered = true });
    r->o[FTRL] = tl_ftrl(
        (tl_ftrl_options){ .l1 = 0.25, .l2 = 0.5, .initial_accumulator = 2, .power = -0.75 });
    ck_assert_ok(tl_ema_add(r->ema[0], r->v[BIAS]));
    ck_assert_ok(tl_ema_add(r->ema[0], r->v[SPARSE]));
    ck_assert_ok(tl_ema_add(r->ema[1], r->v[SPARSE]));
    r->list = tl_checkpoint_new();
    static const char *const names[] = { "sgd", "adam", "adagrad", "rmsprop", "ftrl" };
    for (int k = 0; k < VARIABLES; k++)
        ck_assert_ok(tl_checkpoint_add_variable(r->list, r->v[k]));
    for (int k = 0; k < OPTIMIZERS; k++)
        ck_assert_ok(tl_checkpoint_add_optimizer(r->list, names[k], r->o[k]));
    ck_assert_ok(tl_checkpoint_add_random(r->list, "data", &r->data));
    ck_assert_ok(tl_checkpoint_add_random(r->list, "dropout", &r->dropout));
    ck_assert_ok(tl_checkpoint_add_integer(r->list, "step", &r->step));
    ck_assert_ok(tl_checkpoint_add_integer(r->list, "least", &r->least));
    ck_assert_ok(tl_checkpoint_add_number(r->list, "loss", &r->loss));
    ck_assert_ok(tl_checkpoint_add_number(r->list, "best", &r->best));
}

static void end_run(run *r)
{
    tl_checkpoint_free(r->list);
    for (int k = 0; k < AVERAGES; k++)
        tl_ema_free(r->ema[k]);
    for (int k = 0; k < OPTIMIZERS; k++)
        tl_optimizer_free(r->o[k]);
    for (int k = 0; k < VARIABLES; k++)
        tl_variable_free(r->v[k]);
}

/* Which optimizers stepped which variables, and how often. The last steps were the optimizers' third. */
static const struct {
    int optimizer, variable, n_slots, steps;
} slots[] = {
    { SGD, BIAS, 1, 3 },      { SGD, MASKED, 1, 2 },     { ADAM, SPARSE, 3, 3 },
    { ADAGRAD, TABLE, 1, 3 }, { RMSPROP, MASKED, 3, 3 }, { FTRL, SCALAR, 2, 3 },
};
enum { SLOTS = sizeof slots / sizeof *slots, STEPS = 3 };

/* The entries of the sparse variable, and the ages of its weights. */
enum { ENTRIES = 5 };

static int32_t age_of(int32_t k)
{
    return 1 + k % 3;
}

/* What no tensor holds. */
static void set_numbers(run *r)
{
    r->data = (tl_random){ .seed = UINT64_MAX, .position = UINT64_MAX - 1 };
    r->dropout = (tl_random){ .seed = 5, .position = 7 };
    r->step = 1234567890123456789;
    r->least = INT64_MIN;
    r->loss = 0.1;
    r->best = (double)INFINITY;
}

/* Returns element k of the array with this number: 0 where there is no connection. */
static double value(const tl_variable *v, int array, int64_t k)
{
    const bool off = tl_variable_is_sparse(v) || !tl_variable_pattern(v)
                         ? false
                         : tl_pattern_find(tl_variable_pattern(v), k / 3, (int32_t)(k % 3)) < 0;
    return off ? 0 : array + (double)k / 8;
}

/* Calls `visit` for every array: values have the numbers 0 to 4, slot s of line k of the table above has
 * 10 k + s + 10, and averages have 100 to 102. */
static void for_each(run *r, void (*visit)(const tl_variable *v, tl_real *x, int array))
{
    for (int k = 0; k < VARIABLES; k++)
        visit(r->v[k], tl_variable_data(r->v[k]), k);
    for (int k = 0; k < SLOTS; k++)
        for (int s = 0; s < slots[k].n_slots; s++) {
            tl_variable *v = r->v[slots[k].variable];
            visit(v, (tl_real *)tl_optimizer_slot(r->o[slots[k].optimizer], v, s), 10 * k + s + 10);
        }
    visit(r->v[BIAS], (tl_real *)tl_ema_values(r->ema[0], r->v[BIAS]), 100);
    visit(r->v[SPARSE], (tl_real *)tl_ema_values(r->ema[0], r->v[SPARSE]), 101);
    visit(r->v[SPARSE], (tl_real *)tl_ema_values(r->ema[1], r->v[SPARSE]), 102);
}

/* ---- Writing ---- */

/* A step on those variables of an optimizer that have as many steps still to come. */
static void step(run *r, int optimizer, int steps_left)
{
    static const int32_t ids[] = { 2, 0 };
    tl_graph *g = tl_graph_new();
    tl_node *loss = NULL;
    for (int k = 0; k < SLOTS; k++) {
        if (slots[k].optimizer != optimizer || slots[k].steps < steps_left)
            continue;
        tl_node *x = tl_use(g, r->v[slots[k].variable]);
        if (slots[k].variable == TABLE)
            x = tl_embedding_lookup(x, ids, TL_SHAPE(2));
        if (slots[k].variable == SPARSE)
            x = tl_sparse_to_dense(x, NULL);
        tl_node *sum = tl_reduce_sum(x, TL_ALL_AXES);
        loss = loss ? tl_add(loss, sum) : sum;
    }
    ck_assert_ok(tl_minimize(r->o[optimizer], loss));
    tl_graph_free(g);
}

static void train(run *r)
{
    static const tl_exponential_decay decay = { .every = 1, .factor = 0.5 };
    static tl_noise noise = { .deviation = 0.125 };
    tl_pattern *p = the_pattern(), *mask = the_mask();
    ck_assert_ok(tl_variable_set_pattern(r->v[SPARSE], p));
    ck_assert_ok(tl_variable_set_mask(r->v[MASKED], mask));
    tl_pattern_release(p);
    tl_pattern_release(mask);
    tl_optimizer_options own = tl_optimizer_options_for(r->o[SGD], r->v[BIAS]);
    own.learning_rate = 0.25;
    own.weight_decay = 0;
    ck_assert_ok(tl_optimizer_set_options_for(r->o[SGD], r->v[BIAS], own));
    ck_assert_ok(tl_optimizer_set_schedule(r->o[ADAM], tl_schedule_exponential, &decay));
    ck_assert_ok(tl_optimizer_add_transform(r->o[FTRL], tl_add_noise, &noise));
    for (int left = STEPS; left > 0; left--) {
        for (int k = 0; k < OPTIMIZERS; k++)
            step(r, k, left);
        ck_assert_ok(tl_ema_update(r->ema[0]));
        if (left < STEPS)
            ck_assert_ok(tl_ema_update(r->ema[1]));
    }
    ck_assert_ok(tl_optimizer_set_learning_rate(r->o[ADAGRAD], 0.0625));
}

static void fill(const tl_variable *v, tl_real *x, int array)
{
    for (int64_t k = 0; k < tl_variable_size(v); k++)
        x[k] = (tl_real)value(v, array, k);
}

START_TEST(write_data)
{
    char path[500];
    const char *folder = getenv("TULLE_WRITE_DATA"), *type = TL_IS_DOUBLE ? "double" : "float";
    run r;
    begin_run(&r);
    train(&r);
    for_each(&r, fill);
    for (int32_t k = 0; k < ENTRIES; k++)
        tl_slots_age(tl_slots_find(r.o[ADAM], r.v[SPARSE]))[k] = age_of(k);
    set_numbers(&r);
    snprintf(path, sizeof path, "%s/classes_1_%s.ckpt", folder, type);
    ck_assert_ok(tl_checkpoint_save(r.list, path));
    snprintf(path, sizeof path, "%s/weights_1_%s.safetensors", folder, type);
    ck_assert_ok(tl_weights_save(path, r.v, VARIABLES));
    end_run(&r);
}
END_TEST

/* ---- Loading ---- */

#define DATA TL_SOURCE_ROOT "/tests/data/"

static const char *const checkpoints[] = {
    TL_IS_DOUBLE ? DATA "classes_1_double.ckpt" : DATA "classes_1_float.ckpt",
};

/* Weights, also out of checkpoints. */
static const struct {
    const char *path;
    bool wide;
} weights[] = {
    { DATA "weights_1_float.safetensors", false },
    { DATA "weights_1_double.safetensors", true },
    { DATA "classes_1_float.ckpt", false },
    { DATA "classes_1_double.ckpt", true },
};

static void check(const tl_variable *v, tl_real *x, int array)
{
    ck_assert_msg(x, "array %d is missing", array);
    for (int64_t k = 0; k < tl_variable_size(v); k++)
        ck_assert_msg((double)x[k] == value(v, array, k), "array %d, element %d is %g", array, (int)k,
                      (double)x[k]);
}

static void check_patterns(const run *r)
{
    tl_pattern *p = the_pattern(), *mask = the_mask();
    ck_assert(tl_pattern_equal(tl_variable_pattern(r->v[SPARSE]), p));
    ck_assert(tl_pattern_equal(tl_variable_pattern(r->v[MASKED]), mask));
    tl_pattern_release(p);
    tl_pattern_release(mask);
}

static void check_optimizers(const run *r)
{
    for (int k = 0; k < SLOTS; k++) {
        const tl_optimizer *o = r->o[slots[k].optimizer];
        const tl_variable *v = r->v[slots[k].variable];
        ck_assert_int_eq(o->step, STEPS);
        ck_assert_int_eq(tl_optimizer_steps(o, v), slots[k].steps);
        ck_assert_int_eq(tl_slots_find(o, v)->offset, STEPS - slots[k].steps);
        ck_assert(!tl_optimizer_slot(o, v, slots[k].n_slots));
    }
    for (int32_t k = 0; k < ENTRIES; k++)
        ck_assert_int_eq(tl_slots_age(tl_slots_find(r->o[ADAM], r->v[SPARSE]))[k], age_of(k));
    ck_assert(!tl_slots_find(r->o[ADAM], r->v[BIAS]));
    const tl_optimizer_options own = tl_optimizer_options_for(r->o[SGD], r->v[BIAS]),
                               common = tl_optimizer_options_for(r->o[SGD], r->v[MASKED]);
    ck_assert(own.learning_rate == 0.25 && own.weight_decay == 0 && own.rows == TL_ROWS_LAZY);
    ck_assert(common.learning_rate == 0 && common.weight_decay == 0.25); /* 0: the optimizer's */
    ck_assert(tl_optimizer_learning_rate(r->o[SGD]) == 0.5);
    ck_assert(tl_optimizer_learning_rate(r->o[ADAGRAD]) == 0.0625);
}

static void check_numbers(const run *r)
{
    run expected;
    set_numbers(&expected);
    ck_assert(r->data.seed == expected.data.seed && r->data.position == expected.data.position);
    ck_assert(r->dropout.seed == expected.dropout.seed && r->dropout.position == expected.dropout.position);
    ck_assert(r->step == expected.step && r->least == expected.least);
    ck_assert(r->loss == expected.loss && r->best == expected.best);
    ck_assert_int_eq(tl_ema_steps(r->ema[0]), 3);
    ck_assert_int_eq(tl_ema_steps(r->ema[1]), 2);
}

START_TEST(checkpoint)
{
    run r;
    begin_run(&r);
    ck_assert_ok(tl_checkpoint_load(r.list, checkpoints[_i]));
    check_patterns(&r);
    for_each(&r, check);
    check_optimizers(&r);
    check_numbers(&r);
    const char *warnings = tl_checkpoint_warnings(r.list);
    ck_assert_ptr_nonnull(
        strstr(warnings, "optimizer adam had a schedule when it was saved and has none now\n"));
    ck_assert_ptr_nonnull(
        strstr(warnings, "optimizer ftrl had transforms when it was saved and has none now\n"));
    end_run(&r);
}
END_TEST

START_TEST(weights_alone)
{
    run r;
    tl_load_report report;
    begin_run(&r);
    if (weights[_i].wide && !TL_IS_DOUBLE)
        ck_assert_int_eq(tl_weights_load(weights[_i].path, r.v, VARIABLES, NULL, NULL), TL_ERR_ARGUMENT);
    const tl_load_options o = { .narrow = weights[_i].wide };
    ck_assert_ok(tl_weights_load(weights[_i].path, r.v, VARIABLES, &o, &report));
    ck_assert_int_eq(report.loaded, VARIABLES);
    ck_assert_int_eq(report.narrowed, weights[_i].wide && !TL_IS_DOUBLE ? VARIABLES : 0);
    ck_assert_int_eq(report.widened, !weights[_i].wide && TL_IS_DOUBLE ? VARIABLES : 0);
    check_patterns(&r);
    for (int k = 0; k < VARIABLES; k++)
        check(r.v[k], tl_variable_data(r.v[k]), k);
    end_run(&r);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("checkpoint_classes");
    TCase *c = tl_test_case(s, "checkpoint_classes");
    if (getenv("TULLE_WRITE_DATA"))
        tcase_add_test(c, write_data);
    tcase_add_loop_test(c, checkpoint, 0, sizeof checkpoints / sizeof *checkpoints);
    tcase_add_loop_test(c, weights_alone, 0, sizeof weights / sizeof *weights);
    return s;
}
