/* embedding_train and exact_rows: training steps of tables whose skipped rows are replayed (TL_ROWS_EXACT),
 * each beside the same step with a dense gradient of the same values, which gives the same bits. */
#include "tests/bench/bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TABLES = 2 };

typedef struct training {
    tl_graph *g;
    tl_optimizer *o;
    tl_variable *table[MOST_TABLES];
    tl_real *dense[MOST_TABLES]; /* a dense gradient, 0 between steps; NULL: the rows are exact */
    int tables;
    int64_t n; /* ids per step */
    const int32_t *ids;
    int batches, next;
    tl_real *target;
} training;

/* The sum of an id's row of each table, squared error. */
static tl_node *loss_of(training *t)
{
    const int32_t *ids = t->ids + t->next * t->n;
    t->next = (t->next + 1) % t->batches;
    tl_node *y = NULL;
    for (int k = 0; k < t->tables; k++) {
        tl_node *rows = tl_embedding_lookup(tl_use(t->g, t->table[k]), ids, TL_SHAPE(t->n));
        tl_node *sums = tl_reduce_sum(rows, 1);
        y = y ? tl_add(y, sums) : sums;
    }
    return tl_mse(y, tl_input(t->g, TL_SHAPE(t->n), t->target));
}

static void train_by_rows(void *context)
{
    training *t = context;
    check(tl_minimize(t->o, loss_of(t)));
    tl_graph_reset(t->g);
}

/* Scatters a row-sparse gradient, or clears what was scattered. */
static void scatter(const tl_gradient *pair, tl_real *dense, bool clear)
{
    const int64_t width = tl_variable_shape(pair->variable).dim[1];
    for (int64_t k = 0; k < pair->n_rows; k++) {
        tl_real *to = dense + pair->rows[k] * width;
        if (clear)
            memset(to, 0, (size_t)width * sizeof *to);
        else
            memcpy(to, pair->values + k * width, (size_t)width * sizeof *to);
    }
}

/* Clearing the rows alone is less than a program with dense gradients has to do. */
static void train_densely(void *context)
{
    training *t = context;
    tl_gradients g, dense;
    tl_gradient pair[MOST_TABLES];
    check(tl_compute_gradients(t->o, loss_of(t), t->table, t->tables, &g));
    for (int k = 0; k < t->tables; k++) {
        scatter(&g.pair[k], t->dense[k], false);
        pair[k] = (tl_gradient){ .variable = t->table[k], .values = t->dense[k] };
    }
    dense = (tl_gradients){ .pair = pair, .n = t->tables, .graph = t->g };
    check(tl_apply_gradients(t->o, &dense));
    for (int k = 0; k < t->tables; k++)
        scatter(&g.pair[k], t->dense[k], true);
    tl_graph_reset(t->g);
}

/* ---- Optimizers ---- */

static tl_optimizer *adam(void)
{
    return tl_adam((tl_adam_options){ .learning_rate = 1e-3 });
}

static tl_optimizer *adamw(void)
{
    return tl_adam((tl_adam_options){ .learning_rate = 1e-3, .weight_decay = 1e-2, .decoupled = true });
}

static tl_optimizer *rmsprop(void)
{
    return tl_rmsprop((tl_rmsprop_options){ .learning_rate = 1e-3 });
}

static tl_optimizer *momentum(void)
{
    return tl_sgd((tl_sgd_options){ .learning_rate = 1e-3, .momentum = 0.9 });
}

typedef struct method {
    const char *name;
    tl_optimizer *(*make)(void);
} method;

static const method methods[] = {
    { "adam", adam }, { "adamw", adamw }, { "rmsprop", rmsprop }, { "momentum", momentum }
};
enum { METHODS = sizeof methods / sizeof *methods };

/* ---- Cases ---- */

typedef struct table_case {
    int64_t rows, width, n;
    bool bias;    /* a second table, of width 1 */
    bool uniform; /* every row is read sooner or later; otherwise some ids are common and many are rare */
    int batches, warm_ups;
} table_case;

static int32_t *make_ids(const table_case *c)
{
    tl_random rng = { .seed = 1 };
    const int64_t n = c->n * c->batches;
    int32_t *ids = allocate(n, sizeof *ids);
    for (int64_t k = 0; k < n; k++) {
        const double u = tl_random_uniform(&rng);
        ids[k] = (int32_t)((double)c->rows * (c->uniform ? u : u * u * u));
    }
    return ids;
}

/* Makes a run that is yet to start. */
static training make_training(const table_case *c, const method *m, bool schedule, const int32_t *ids,
                              bool dense)
{
    static const tl_cosine_decay cosine = { .steps = 1000000 };
    training t = { .g = must(tl_graph_new()),
                   .o = must(m->make()),
                   .tables = c->bias ? 2 : 1,
                   .n = c->n,
                   .ids = ids,
                   .batches = c->batches,
                   .target = random_reals(c->n, 2) };
    if (schedule)
        check(tl_optimizer_set_schedule(t.o, tl_schedule_cosine, &cosine));
    for (int k = 0; k < t.tables; k++) {
        const int64_t width = k == 0 ? c->width : 1;
        tl_random rng = { .seed = 3 };
        t.table[k] = must(tl_variable_dense("table", TL_SHAPE(c->rows, width)));
        check(tl_init_uniform(t.table[k], -1, 1, &rng));
        if (dense) {
            t.dense[k] = allocate(c->rows * width, sizeof(tl_real));
            memset(t.dense[k], 0, (size_t)(c->rows * width) * sizeof(tl_real));
        }
    }
    return t;
}

static void free_training(training *t)
{
    for (int k = 0; k < t->tables; k++) {
        tl_variable_free(t->table[k]);
        free(t->dense[k]);
    }
    tl_graph_free(t->g);
    tl_optimizer_free(t->o);
    free(t->target);
}

/* Returns the median of one kind of step. dense: that of the other; 0: this is it. */
static double measure_steps(const table_case *c, const char *name, const method *m, bool schedule,
                            const int32_t *ids, double dense)
{
    training t = make_training(c, m, schedule, ids, dense == 0);
    for (int k = 0; k < c->warm_ups; k++)
        (dense == 0 ? train_densely : train_by_rows)(&t);
    const double median = measure(name, (work){ .share = dense > 0 ? "of_dense" : NULL, .other = dense },
                                  dense == 0 ? train_densely : train_by_rows, &t);
    free_training(&t);
    return median;
}

static void measure_case(const table_case *c, const method *m, bool schedule)
{
    char name[96], beside[112];
    snprintf(name, sizeof name, "%" PRId64 "x%" PRId64 "%s n=%" PRId64 " %s-exact%s", c->rows, c->width,
             c->uniform ? " uniform" : "", c->n, m->name, schedule ? " schedule" : "");
    snprintf(beside, sizeof beside, "%s, dense", name);
    int32_t *ids = make_ids(c);
    const double dense = measure_steps(c, beside, m, schedule, ids, 0);
    measure_steps(c, name, m, schedule, ids, dense);
    free(ids);
}

void bench_embedding_train(void)
{
    static const table_case trained[] = {
        { .rows = 10000, .width = 16, .n = 64, .bias = true, .batches = 64, .warm_ups = 200 },
        { .rows = 10000, .width = 16, .n = 512, .bias = true, .batches = 64, .warm_ups = 200 },
        { .rows = 10000, .width = 16, .n = 4096, .bias = true, .batches = 64, .warm_ups = 200 },
        { .rows = 100000, .width = 64, .n = 8192, .bias = true, .batches = 64, .warm_ups = 20 },
    };
    for (size_t k = 0; k < sizeof trained / sizeof *trained; k++)
        measure_case(&trained[k], &methods[0], false);
}

/* ---- exact_rows: the grid ---- */

/* Has every row named once, in random order, so that rows have waited as in a long run; then applies what is
 * pending, if it is the table that is to go on densely. Large tables are named in part: with small batches a
 * pass would take minutes. */
static void age(training *t, const table_case *c, bool dense)
{
    const int32_t *ids = t->ids;
    enum { LANES = 16 };
    const double most = 4e9; /* steps of vectors */
    const int64_t passes = (c->rows + c->n - 1) / c->n, vectors = 1 + c->rows * c->width / LANES;
    tl_random rng = { .seed = 5 };
    int32_t *order = allocate(passes * c->n, sizeof *order);
    for (int64_t k = 0; k < passes * c->n; k++)
        order[k] = (int32_t)(k % c->rows);
    for (int64_t k = passes * c->n - 1; k > 0; k--) {
        const int64_t other = tl_random_integer(&rng, k + 1);
        const int32_t row = order[k];
        order[k] = order[other];
        order[other] = row;
    }
    t->ids = order;
    t->batches = (int)passes;
    for (int64_t k = 0; k < passes && (double)(k * vectors) < most; k++)
        train_by_rows(t);
    t->ids = ids;
    t->batches = c->batches;
    t->next = 0;
    free(order);
    if (dense)
        check(tl_optimizer_flush(t->o));
}

static void measure_cell(const table_case *c, const method *m, bool schedule)
{
    char name[96];
    snprintf(name, sizeof name, "%" PRId64 "x%" PRId64 " n=%" PRId64 " %s%s", c->rows, c->width, c->n,
             m->name, schedule ? " schedule" : "");
    int32_t *ids = make_ids(c);
    training exact = make_training(c, m, schedule, ids, false),
             dense = make_training(c, m, schedule, ids, true);
    age(&exact, c, false);
    age(&dense, c, true);
    const double end = now() + 0.5; /* until exact rows have settled for sweeps or for replay */
    for (int k = 0; k < c->warm_ups && now() < end; k++)
        train_by_rows(&exact);
    measure_beside(name, (work){ .share = "of_dense" }, train_by_rows, &exact, train_densely, &dense);
    free_training(&exact);
    free_training(&dense);
    free(ids);
}

void bench_exact_rows(void)
{
    static const int64_t rows[] = { 1000, 10000, 100000, 1000000 }, width[] = { 1, 4, 16, 64, 256 },
                         n[] = { 16, 64, 512, 4096, 8192 };
    enum { ROWS = 4, WIDTHS = 5, NS = 5, POOL = 1 << 19 };
    for (int k = 0; k < ROWS * WIDTHS * NS; k++)
        for (int m = 0; m < 2 * METHODS; m++) {
            const table_case c = { .rows = rows[k / NS / WIDTHS],
                                   .width = width[k / NS % WIDTHS],
                                   .n = n[k % NS],
                                   .uniform = true,
                                   .batches = (int)(POOL / n[k % NS]),
                                   .warm_ups = 1000 };
            measure_cell(&c, &methods[m / 2], m % 2);
        }
}
