/* The files of every released version of the format load for ever. tests/data/checkpoint_1_float.ckpt and
 * _double.ckpt are of version 1, and stay as they are. A later version adds files of its own: this program
 * writes one when it is run with TULLE_WRITE_DATA=PATH.
 *
 * Losses are sums and rates powers of two, so that all values are exact and were calculated by hand. */
#include "tests/testing.h"

#ifdef TULLE_DOUBLE
#define TL_REAL_NAME "double"
#else
#define TL_REAL_NAME "float"
#endif

typedef struct run {
    tl_variable *sparse, *masked, *bias;
    tl_optimizer *o;
    tl_ema *e;
    tl_graph *g;
    tl_random r;
    int64_t count;
    double number;
    tl_checkpoint *c;
} run;

static run begin(void)
{
    tl_pattern *p = tl_pattern_from_mask(2, 3, (const uint8_t[]){ 1, 0, 1, 0, 1, 0 }),
               *mask = tl_pattern_from_mask(2, 2, (const uint8_t[]){ 1, 0, 0, 1 });
    run t = {
        .sparse = tl_variable_sparse("layer/sparse", p),
        .masked = tl_variable_dense("layer/masked", TL_SHAPE(2, 2)),
        .bias = tl_variable_dense("bias", TL_SHAPE(2)),
        .o = tl_sgd((tl_sgd_options){ .learning_rate = 0.5, .momentum = 0.5, .per_weight_age = true }),
        .e = tl_ema_new((tl_ema_options){ .decay = 0.5 }),
        .g = tl_graph_new(),
        .c = tl_checkpoint_new(),
    };
    ck_assert_ok(tl_variable_set_mask(t.masked, mask));
    tl_pattern_release(p);
    tl_pattern_release(mask);
    ck_assert_ok(tl_ema_add(t.e, t.bias));
    return t;
}

static void list(run *t)
{
    ck_assert_ok(tl_checkpoint_add_variable(t->c, t->sparse));
    ck_assert_ok(tl_checkpoint_add_variable(t->c, t->masked));
    ck_assert_ok(tl_checkpoint_add_variable(t->c, t->bias));
    ck_assert_ok(tl_checkpoint_add_optimizer(t->c, "sgd", t->o));
    ck_assert_ok(tl_checkpoint_add_random(t->c, "dropout", &t->r));
    ck_assert_ok(tl_checkpoint_add_integer(t->c, "count", &t->count));
    ck_assert_ok(tl_checkpoint_add_number(t->c, "number", &t->number));
}

static void end(run *t)
{
    tl_checkpoint_free(t->c);
    tl_graph_free(t->g);
    tl_ema_free(t->e);
    tl_optimizer_free(t->o);
    tl_variable_free(t->sparse);
    tl_variable_free(t->masked);
    tl_variable_free(t->bias);
}

/* All gradients are 1. */
static void step(run *t)
{
    tl_node *loss = tl_reduce_sum(tl_sparse_to_dense(tl_use(t->g, t->sparse), NULL), TL_ALL_AXES);
    loss = tl_add(loss, tl_reduce_sum(tl_use(t->g, t->masked), TL_ALL_AXES));
    ck_assert_ok(tl_minimize(t->o, tl_add(loss, tl_reduce_sum(tl_use(t->g, t->bias), TL_ALL_AXES))));
    ck_assert_ok(tl_ema_update(t->e));
    tl_graph_reset(t->g);
}

/* What the files were written by. */
static void write_data(const char *path)
{
    run t = begin();
    list(&t);
    tl_real *w = tl_variable_data(t.sparse), *m = tl_variable_data(t.masked);
    for (int k = 0; k < 3; k++)
        w[k] = (tl_real)(2 * k + 1);
    m[0] = 1;
    m[3] = 2;
    tl_optimizer_options own = tl_optimizer_options_for(t.o, t.bias);
    own.learning_rate = 0.25;
    ck_assert_ok(tl_optimizer_set_options_for(t.o, t.bias, own));
    step(&t);
    ck_assert_ok(tl_variable_prune_by_magnitude(t.sparse, 2));
    tl_pattern *grown = tl_pattern_from_mask(2, 3, (const uint8_t[]){ 0, 0, 1, 0, 1, 1 });
    ck_assert_ok(tl_variable_set_pattern(t.sparse, grown));
    tl_pattern_release(grown);
    step(&t);
    t.r = (tl_random){ .seed = 18446744073709551615u, .position = 7 };
    t.count = -9223372036854775807 - 1;
    t.number = 0.1;
    ck_assert_ok(tl_checkpoint_save(t.c, path));
    end(&t);
}

START_TEST(version_1)
{
    const char *path = TL_SOURCE_ROOT "/tests/data/checkpoint_1_" TL_REAL_NAME ".ckpt";
    if (getenv("TULLE_WRITE_DATA"))
        write_data(path = getenv("TULLE_WRITE_DATA"));
    run t = begin();
    list(&t);
    ck_assert_ok(tl_checkpoint_load(t.c, path));
    ck_assert_values(tl_variable_data(t.sparse), 3, 0, 1.75, 3.75, -0.5);
    ck_assert_values(tl_optimizer_slot(t.o, t.sparse, 0), 3, 0, 1.5, 1.5, 1);
    ck_assert_int_eq(tl_pattern_find(tl_variable_pattern(t.sparse), 1, 2), 2);
    ck_assert_values(tl_variable_data(t.masked), 4, 0, -0.25, 0, 0, 0.75);
    ck_assert_int_eq(tl_pattern_nnz(tl_variable_pattern(t.masked)), 2);
    ck_assert_values(tl_variable_data(t.bias), 2, 0, -0.625, -0.625);
    ck_assert_values(tl_ema_values(t.e, t.bias), 2, 0, -0.375, -0.375);
    ck_assert_int_eq(tl_ema_steps(t.e), 2);
    ck_assert_int_eq(tl_optimizer_steps(t.o, t.bias), 2);
    ck_assert(tl_optimizer_options_for(t.o, t.bias).learning_rate == 0.25);
    ck_assert(t.r.seed == 18446744073709551615u && t.r.position == 7);
    ck_assert(t.count == -9223372036854775807 - 1 && t.number == 0.1);
    step(&t);
    ck_assert_values(tl_variable_data(t.sparse), 3, 0, 0.875, 2.875, -1.25);
    ck_assert_values(tl_variable_data(t.masked), 4, 0, -1.125, 0, 0, -0.125);
    ck_assert_values(tl_variable_data(t.bias), 2, 0, -1.0625, -1.0625);
    ck_assert_values(tl_ema_values(t.e, t.bias), 2, 0, -0.71875, -0.71875);
    tl_load_report r;
    ck_assert_ok(tl_weights_load(path, &t.bias, 1, &(tl_load_options){ .skip_left_over = true }, &r));
    ck_assert_values(tl_variable_data(t.bias), 2, 0, -0.625, -0.625);
    end(&t);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("checkpoint_data");
    TCase *c = tl_test_case(s, "checkpoint_data");
    tcase_add_test(c, version_1);
    return s;
}
