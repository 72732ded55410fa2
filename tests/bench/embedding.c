/* embedding_step: bags of ids, their mean, squared error, a row-sparse gradient, one step of an optimizer. */
#include "tests/bench/bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { BAGS = 256, IN_BAG = 32, IDS = BAGS * IN_BAG, WIDTH = 64 };

typedef struct embedding {
    tl_graph *g;
    tl_optimizer *o;
    tl_variable *table;
    tl_real *target;
    int64_t *row_ptr;
    int32_t *ids; /* of all batches */
    int batches, next;
} embedding;

static void train(void *context)
{
    embedding *e = context;
    tl_pattern_bag bags = { .n = BAGS, .row_ptr = e->row_ptr, .ids = e->ids + e->next * IDS };
    e->next = (e->next + 1) % e->batches;
    tl_node *y = tl_embedding_lookup_sparse(tl_use(e->g, e->table), &bags, NULL, TL_MEAN);
    check(tl_minimize(e->o, tl_mse(y, tl_input(e->g, TL_SHAPE(BAGS, WIDTH), e->target))));
    tl_graph_reset(e->g);
}

/* ---- Optimizers ---- */

static tl_optimizer *sgd(void)
{
    return tl_sgd((tl_sgd_options){ .learning_rate = 0.1 });
}

static tl_optimizer *adagrad(void)
{
    return tl_adagrad((tl_adagrad_options){ .learning_rate = 0.1 });
}

static tl_optimizer *adam_lazy(void)
{
    return tl_adam((tl_adam_options){ .learning_rate = 1e-3, .rows = TL_ROWS_LAZY });
}

static tl_optimizer *adam_exact(void)
{
    return tl_adam((tl_adam_options){ .learning_rate = 1e-3, .rows = TL_ROWS_EXACT });
}

typedef struct method {
    const char *name;
    tl_optimizer *(*make)(void);
    int slots;
    int64_t max_rows; /* of the tables that it is measured on */
    int batches;      /* used in turn */
} method;

/* Exact updates get many batches: with a single one, its rows would never have pending updates. */
static const method methods[] = { { "sgd", sgd, 0, 1000000, 1 },
                                  { "adagrad", adagrad, 1, 1000000, 1 },
                                  { "adam", adam_lazy, 2, 1000000, 1 },
                                  { "adam-exact", adam_exact, 2, 100000, 64 } };

/* ---- Measuring ---- */

/* Some ids are common and many are rare, as with words and items. */
static int32_t *make_ids(int64_t n, int64_t rows)
{
    tl_random rng = { .seed = 1 };
    int32_t *ids = allocate(n, sizeof *ids);
    for (int64_t k = 0; k < n; k++) {
        double u = tl_random_uniform(&rng);
        ids[k] = (int32_t)((double)rows * u * u * u);
    }
    return ids;
}

static int64_t count_distinct(const int32_t *ids, int64_t n, int64_t rows)
{
    int64_t distinct = 0;
    bool *seen = allocate(rows, sizeof *seen);
    for (int64_t k = 0; k < rows; k++)
        seen[k] = false;
    for (int64_t k = 0; k < n; k++) {
        distinct += !seen[ids[k]];
        seen[ids[k]] = true;
    }
    free(seen);
    return distinct;
}

/* Counted per batch: each id's row is read, and each distinct row with its slots is read and written. */
static void measure_method(const method *m, tl_variable *table, int64_t rows)
{
    char name[64];
    embedding e = { .g = must(tl_graph_new()),
                    .o = must(m->make()),
                    .table = table,
                    .target = random_reals(BAGS * WIDTH, 2),
                    .row_ptr = allocate(BAGS + 1, sizeof *e.row_ptr),
                    .ids = make_ids(m->batches * IDS, rows),
                    .batches = m->batches };
    for (int64_t b = 0; b <= BAGS; b++)
        e.row_ptr[b] = b * IN_BAG;
    double distinct = (double)count_distinct(e.ids, IDS, rows);
    double bytes = (IDS + 2 * distinct * (1 + m->slots)) * WIDTH * sizeof(tl_real);
    snprintf(name, sizeof name, "%" PRId64 "x%d b=%dx%d %s", rows, WIDTH, BAGS, IN_BAG, m->name);
    measure(name, (work){ .bytes = bytes }, train, &e);
    tl_graph_free(e.g);
    tl_optimizer_free(e.o);
    free(e.target);
    free(e.row_ptr);
    free(e.ids);
}

void bench_embedding_step(void)
{
    static const int64_t rows[] = { 100000, 1000000 };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        tl_random rng = { .seed = 1 };
        tl_variable *table = must(tl_variable_dense("table", TL_SHAPE(rows[r], WIDTH)));
        check(tl_init_uniform(table, -1, 1, &rng));
        for (size_t k = 0; k < sizeof methods / sizeof *methods; k++)
            if (rows[r] <= methods[k].max_rows)
                measure_method(&methods[k], table, rows[r]);
        tl_variable_free(table);
    }
}

/* ---- table_rows: distinct rows of a table larger than the caches, different ones in every run ---- */

enum { TABLE = 1 << 20, SLICE = 1 << 16, SLICES = TABLE / SLICE };

typedef struct rows {
    tl_graph *g;
    tl_optimizer *sgd;
    tl_variable *table;
    int32_t *ids;    /* a permutation of the rows */
    int32_t *sorted; /* the same, ascending within each slice */
    tl_real *values;
    int next;
} rows;

static const int32_t *next_slice(rows *r, const int32_t *ids)
{
    r->next = (r->next + 1) % SLICES;
    return ids + (int64_t)r->next * SLICE;
}

static void gather_rows(void *context)
{
    rows *r = context;
    must(tl_embedding_lookup(tl_use(r->g, r->table), next_slice(r, r->ids), TL_SHAPE(SLICE)));
    tl_graph_reset(r->g);
}

static void scatter_rows(void *context)
{
    rows *r = context;
    tl_gradient pair = {
        .variable = r->table, .values = r->values, .rows = next_slice(r, r->sorted), .n_rows = SLICE
    };
    check(tl_apply_gradients(r->sgd, &(tl_gradients){ .pair = &pair, .n = 1, .graph = r->g }));
    tl_graph_reset(r->g);
}

static int by_id(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Counted: a gather reads each row, a scatter reads and writes it. */
void bench_table_rows(void)
{
    tl_random rng = { .seed = 1 };
    rows r = { .g = must(tl_graph_new()),
               .sgd = must(tl_sgd((tl_sgd_options){ .learning_rate = 0.1 })),
               .table = must(tl_variable_dense("table", TL_SHAPE(TABLE, WIDTH))),
               .ids = allocate(TABLE, sizeof *r.ids),
               .sorted = allocate(TABLE, sizeof *r.sorted),
               .values = random_reals((int64_t)SLICE * WIDTH, 2) };
    tl_random_permutation(&rng, TABLE, r.ids);
    for (int64_t k = 0; k < TABLE; k++)
        r.sorted[k] = r.ids[k];
    for (int64_t k = 0; k < SLICES; k++)
        qsort(r.sorted + k * SLICE, SLICE, sizeof *r.sorted, by_id);
    const double bytes = (double)SLICE * WIDTH * sizeof(tl_real);
    measure("gather 65536 of 1048576x64", (work){ .bytes = bytes }, gather_rows, &r);
    measure("scatter 65536 of 1048576x64", (work){ .bytes = 2 * bytes }, scatter_rows, &r);
    tl_graph_free(r.g);
    tl_optimizer_free(r.sgd);
    tl_variable_free(r.table);
    free(r.ids);
    free(r.sorted);
    free(r.values);
}
