/* A training run with everything that has a state: a table with row-sparse gradients, a sparse variable that
 * is pruned and grown on the way, a mask that narrows, dropout, noise, a schedule, options of a single
 * variable, ages, two optimizers and two sets of averages. */
#ifndef TL_TRAINING_H
#define TL_TRAINING_H

#include "tests/graph/zoo.h"

#include <string.h>

/* The table is so large that no step is a sweep of it. */
enum { T_ROWS = 3000, T_WIDTH = 4, T_BATCH = 5, T_HIDDEN = 12, T_CLASSES = 6, T_VARIABLES = 4 };

typedef struct training {
    tl_variable *table, *sparse, *masked, *bias, *all[T_VARIABLES];
    tl_optimizer *main, *aged;
    tl_ema *ema, *other;
    tl_random data, dropout, grow;
    tl_noise noise;
    tl_exponential_decay rate;
    int64_t step;
    double loss;
    tl_graph *g;
    tl_checkpoint *list;
} training;

static inline void training_list(training *t)
{
    t->list = tl_checkpoint_new();
    for (int k = 0; k < T_VARIABLES; k++)
        ck_assert_ok(tl_checkpoint_add_variable(t->list, t->all[k]));
    ck_assert_ok(tl_checkpoint_add_optimizer(t->list, "main", t->main));
    ck_assert_ok(tl_checkpoint_add_optimizer(t->list, "aged", t->aged));
    ck_assert_ok(tl_checkpoint_add_random(t->list, "data", &t->data));
    ck_assert_ok(tl_checkpoint_add_random(t->list, "dropout", &t->dropout));
    ck_assert_ok(tl_checkpoint_add_random(t->list, "grow", &t->grow));
    ck_assert_ok(tl_checkpoint_add_random(t->list, "noise", &t->noise.r));
    ck_assert_ok(tl_checkpoint_add_integer(t->list, "step", &t->step));
    ck_assert_ok(tl_checkpoint_add_number(t->list, "loss", &t->loss));
}

/* Makes a run from a seed, with optimizer k of the zoo. Of another seed, everything that a checkpoint
 * restores differs. */
static inline void training_begin(training *t, int k, tl_rows_policy rows, uint64_t seed)
{
    const char *name;
    *t =
        (training){ .data = { .seed = seed }, .dropout = { .seed = seed + 1 }, .grow = { .seed = seed + 2 } };
    tl_pattern *p = tl_pattern_random(T_WIDTH * T_BATCH, T_HIDDEN, 0.4, seed),
               *mask = tl_pattern_random(T_HIDDEN, T_CLASSES, 0.7, seed + 1);
    t->table = tl_test_dense("table", TL_SHAPE(T_ROWS, T_WIDTH), seed);
    t->sparse = tl_test_sparse("hidden/sparse", p, seed + 1);
    t->masked = tl_test_dense("masked", TL_SHAPE(T_HIDDEN, T_CLASSES), seed + 2);
    t->bias = tl_test_dense("bias \"b\"", TL_SHAPE(T_CLASSES), seed + 3);
    ck_assert_ok(tl_variable_set_mask(t->masked, mask));
    tl_pattern_release(mask);
    memcpy(t->all, (tl_variable *[]){ t->table, t->sparse, t->masked, t->bias }, sizeof t->all);
    t->main = zoo(k, rows, TL_NON_FINITE_ERROR, &name);
    t->aged = tl_adam((tl_adam_options){ .learning_rate = 0.02, .per_weight_age = true, .rows = rows });
    t->rate = (tl_exponential_decay){ .every = 7, .factor = 0.9 };
    ck_assert_ok(tl_optimizer_set_schedule(t->main, tl_schedule_exponential, &t->rate));
    t->noise = (tl_noise){ .deviation = 0.01, .r = { .seed = seed + 3 } };
    ck_assert_ok(tl_optimizer_add_transform(t->aged, tl_add_noise, &t->noise));
    tl_optimizer_options own = tl_optimizer_options_for(t->main, t->bias);
    own.weight_decay = 0;
    own.learning_rate = 0.125;
    ck_assert_ok(tl_optimizer_set_options_for(t->main, t->bias, own));
    t->ema = tl_ema_new((tl_ema_options){ .decay = 0.9, .bias_correction = true });
    t->other = tl_ema_new((tl_ema_options){ .decay = 0.95 });
    for (int i = 1; i < T_VARIABLES;
         i++) /* an average of the table would leave no row waiting for its steps */
        ck_assert_ok(tl_ema_add(t->ema, t->all[i]));
    ck_assert_ok(tl_ema_add(t->other, t->sparse));
    t->g = tl_graph_new();
    training_list(t);
}

static inline void training_end(training *t)
{
    tl_checkpoint_free(t->list);
    tl_graph_free(t->g);
    tl_ema_free(t->ema);
    tl_ema_free(t->other);
    tl_optimizer_free(t->main);
    tl_optimizer_free(t->aged);
    for (int k = 0; k < T_VARIABLES; k++)
        tl_variable_free(t->all[k]);
}

static inline tl_node *training_loss(training *t)
{
    static int32_t ids[T_BATCH * T_BATCH], labels[T_BATCH];
    for (int k = 0; k < T_BATCH * T_BATCH; k++) /* some rows often, some hardly ever */
        ids[k] = (int32_t)(tl_random_integer(&t->data, T_ROWS) * tl_random_integer(&t->data, T_ROWS) /
                           T_ROWS);
    for (int k = 0; k < T_BATCH; k++)
        labels[k] = (int32_t)tl_random_integer(&t->data, T_CLASSES);
    tl_node *e = tl_embedding_lookup(tl_use(t->g, t->table), ids, TL_SHAPE(T_BATCH, T_BATCH));
    tl_node *x = tl_reshape(e, TL_SHAPE(T_BATCH, T_WIDTH * T_BATCH));
    tl_node *h = tl_tanh(tl_dense_sparse_matmul(x, tl_use(t->g, t->sparse), (tl_trans){ 0 }));
    tl_node *y = tl_matmul(tl_dropout(h, (tl_real)0.3, &t->dropout), tl_use(t->g, t->masked));
    return tl_softmax_cross_entropy(tl_bias(y, tl_use(t->g, t->bias)), labels);
}

static inline tl_real training_start(void *context, int64_t row, int64_t col)
{
    (void)row;
    (void)col;
    return (tl_real)(tl_random_uniform(context) * 0.1);
}

/* Changes patterns, and an option. */
static inline void training_change(training *t)
{
    if (t->step % 10 == 6)
        ck_assert_ok(tl_variable_prune_by_magnitude(t->sparse, tl_variable_size(t->sparse) * 3 / 4));
    if (t->step % 10 == 9) {
        const tl_pattern *old = tl_variable_pattern(t->sparse);
        uint8_t keep[T_WIDTH * T_BATCH * T_HIDDEN];
        for (int k = 0; k < T_WIDTH * T_BATCH * T_HIDDEN; k++)
            keep[k] = tl_pattern_find(old, k / T_HIDDEN, k % T_HIDDEN) >= 0 ||
                      tl_random_integer(&t->grow, 8) == 0;
        tl_pattern *p = tl_pattern_from_mask(T_WIDTH * T_BATCH, T_HIDDEN, keep);
        ck_assert_ok(tl_variable_grow(t->sparse, p, training_start, &t->grow));
        tl_pattern_release(p);
    }
    if (t->step % 20 == 12)
        ck_assert_ok(tl_variable_prune_by_magnitude(t->masked,
                                                    tl_pattern_nnz(tl_variable_pattern(t->masked)) * 4 / 5));
    if (t->step == 18)
        ck_assert_ok(tl_optimizer_set_learning_rate(t->main, 0.02));
}

/* Some steps with the table's gradient dense, which reaches every row. */
static inline void training_step(training *t)
{
    tl_variable *vars[] = { t->table, t->masked, t->bias };
    tl_gradients g;
    training_change(t);
    tl_node *loss = training_loss(t);
    if (t->step % 9 == 5)
        loss = tl_add(loss,
                      tl_scale(tl_reduce_mean(tl_tanh(tl_use(t->g, t->table)), TL_ALL_AXES), (tl_real)0.5));
    ck_assert_ok(tl_compute_gradients(t->main, loss, vars, 3, &g));
    ck_assert_ok(tl_apply_gradients(t->main, &g));
    t->loss = (double)tl_value(loss)[0];
    tl_graph_reset(t->g);
    loss = training_loss(t);
    ck_assert_ok(tl_compute_gradients(t->aged, loss, &t->sparse, 1, &g));
    ck_assert_ok(tl_apply_gradients(t->aged, &g));
    tl_graph_reset(t->g);
    ck_assert_ok(tl_ema_update(t->ema));
    if (t->step % 2 == 0)
        ck_assert_ok(tl_ema_update(t->other));
    t->step++;
}

static inline void training_run(training *t, int64_t end)
{
    while (t->step < end)
        training_step(t);
}

/* FNV-1a, of one number type after the other. */
static inline void training_add(uint64_t *hash, const void *bytes, size_t n)
{
    const unsigned char *b = bytes;
    for (size_t k = 0; b && k < n; k++)
        *hash = (*hash ^ b[k]) * 1099511628211u;
}

/* Returns a hash of all that the run has: values, patterns, slots, steps, averages, generators. */
static inline uint64_t training_hash(training *t)
{
    uint64_t hash = 14695981039346656037u;
    for (int k = 0; k < T_VARIABLES; k++) {
        tl_variable *v = t->all[k];
        const size_t n = (size_t)tl_variable_size(v);
        training_add(&hash, tl_variable_data(v), n * sizeof(tl_real));
        const tl_csr s = tl_pattern_csr(tl_variable_pattern(v));
        training_add(&hash, s.row_ptr, (size_t)(s.rows + 1) * sizeof *s.row_ptr);
        training_add(&hash, s.col, (size_t)s.nnz * sizeof *s.col);
        training_add(&hash, tl_ema_values(t->ema, v), tl_ema_values(t->ema, v) ? n * sizeof(tl_real) : 0);
        training_add(&hash, tl_ema_values(t->other, v), tl_ema_values(t->other, v) ? n * sizeof(tl_real) : 0);
        tl_optimizer *const o[] = { t->main, t->aged };
        for (int i = 0; i < 2; i++) {
            const int64_t steps = tl_optimizer_steps(o[i], v);
            training_add(&hash, &steps, sizeof steps);
            for (int32_t slot = 0; slot < TL_MAX_SLOTS; slot++)
                training_add(&hash, tl_optimizer_slot(o[i], v, slot), n * sizeof(tl_real));
        }
    }
    const int64_t numbers[] = { t->step, tl_ema_steps(t->ema), tl_ema_steps(t->other) };
    const double reals[] = { t->loss, tl_optimizer_learning_rate(t->main) };
    training_add(&hash, numbers, sizeof numbers);
    training_add(&hash, reals, sizeof reals);
    const tl_random all[] = { t->data, t->dropout, t->grow, t->noise.r };
    training_add(&hash, all, sizeof all);
    return hash;
}

#endif
