/* Prints a hash of all weights and slots after 300 steps of every optimizer on variables of every kind, with
 * every op of the library in the model: two builds that print the same lines compute the same bits. For
 * changes that are not to change any; `./dev hashes` runs it for each number type and instruction set. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/graph/zoo.h"

enum { BATCH = 24, INPUT = 40, HIDDEN = 24, CLASSES = 5, WORDS = 60, WIDTH = 12, STEPS = 300, WIDE = 700 };

typedef struct model {
    tl_variable *sparse, *other, *masked, *dense, *bias, *bias2, *table, *bags, *weights, *fill, *wide;
} model;

static const int N_VARIABLES = (int)(sizeof(model) / sizeof(tl_variable *));

static tl_variable **variables(model *m)
{
    return &m->sparse;
}

static tl_variable *sparse_variable(const char *name, int64_t rows, int64_t cols, double density,
                                    uint64_t seed)
{
    tl_pattern *p = tl_pattern_random(rows, cols, density, seed);
    tl_variable *v = tl_variable_sparse(name, p);
    tl_pattern_release(p);
    return v;
}

static model model_new(void)
{
    tl_random rng = { .seed = 11 };
    model m = { .sparse = sparse_variable("sparse", INPUT, HIDDEN, 0.3, 1),
                .other = sparse_variable("other", INPUT, HIDDEN, 0.2, 2),
                .masked = tl_variable_dense("masked", TL_SHAPE(INPUT, HIDDEN)),
                .dense = tl_variable_dense("dense", TL_SHAPE(HIDDEN + 2 * WIDTH, CLASSES)),
                .bias = tl_variable_dense("bias", TL_SHAPE(HIDDEN)),
                .bias2 = tl_variable_dense("bias2", TL_SHAPE(HIDDEN)),
                .table = tl_variable_dense("table", TL_SHAPE(WORDS, HIDDEN)),
                .bags = tl_variable_dense("bags", TL_SHAPE(WORDS, HIDDEN)),
                .weights = tl_variable_dense("weights", TL_SHAPE(2 * BATCH)),
                .fill = tl_variable_dense("fill", TL_SHAPE()),
                .wide = sparse_variable("wide", WIDE, INPUT, 0.25, 3) };
    for (int i = 0; i < N_VARIABLES; i++)
        tl_init_uniform(variables(&m)[i], (tl_real)-0.4, (tl_real)0.5, &rng);
    tl_pattern *keep = tl_pattern_random(INPUT, HIDDEN, 0.4, 5);
    tl_variable_set_mask(m.masked, keep);
    tl_pattern_release(keep);
    return m;
}

static void model_free(model *m)
{
    for (int i = 0; i < N_VARIABLES; i++)
        tl_variable_free(variables(m)[i]);
}

/* Every op once or more. */
static tl_node *loss_of(tl_graph *g, model *m, const tl_real *x, const int32_t *ids, const int32_t *labels,
                        tl_random *rng)
{
    static int64_t bag[BATCH + 1];
    for (int i = 0; i <= BATCH; i++)
        bag[i] = 2 * i;
    const tl_pattern_bag bags = { .n = BATCH, .row_ptr = bag, .ids = ids };
    tl_node *in = tl_input(g, TL_SHAPE(BATCH, INPUT), x), *s = tl_use(g, m->sparse),
            *fill = tl_use(g, m->fill);
    tl_node *a = tl_bias_relu(tl_dense_sparse_matmul(in, s, TL_NO_TRANSPOSE), tl_use(g, m->bias));
    tl_node *both = tl_sparse_add(s, tl_use(g, m->other));
    tl_node *b = tl_tanh(tl_bias(tl_matmul(in, tl_sparse_to_dense(both, fill)), tl_use(g, m->bias2)));
    tl_node *c = tl_relu(tl_matmul(in, tl_use(g, m->masked)));
    tl_node *d = tl_sigmoid(tl_embedding_lookup(tl_use(g, m->table), ids, TL_SHAPE(BATCH)));
    tl_node *e = tl_embedding_lookup_sparse(tl_use(g, m->bags), &bags, tl_use(g, m->weights), TL_SQRTN);
    tl_node *f = tl_dropout(tl_add(tl_mul(a, b), tl_sub(tl_mul(c, d), tl_scale(e, (tl_real)0.25))),
                            (tl_real)0.2, rng);
    tl_node *dense = tl_use(g, m->dense);
    tl_node *h = tl_matmul_transposed(tl_input(g, TL_SHAPE(HIDDEN + 2 * WIDTH, BATCH), x), f,
                                      TL_NO_TRANSPOSE);
    tl_node *score = tl_matmul_transposed(f, tl_matmul_transposed(h, dense, TL_TRANSPOSE_A), TL_NO_TRANSPOSE);
    tl_node *w = tl_sparse_dense_matmul(tl_use(g, m->wide), tl_input(g, TL_SHAPE(INPUT, BATCH), x),
                                        TL_NO_TRANSPOSE);
    tl_node *back = tl_dense_to_sparse(tl_use(g, m->masked), tl_variable_pattern(m->other));
    tl_node *sums = tl_reduce_sum(tl_reshape(tl_mul(w, w), TL_SHAPE(WIDE * BATCH)), TL_ALL_AXES);
    tl_node *loss = tl_softmax_cross_entropy(tl_scale(score, (tl_real)0.1), labels);
    loss = tl_add(loss, tl_scale(sums, (tl_real)1e-4));
    loss = tl_add(loss, tl_mse(a, b));
    loss = tl_add(loss, tl_sigmoid_cross_entropy(c, d));
    return tl_add(loss, tl_reduce_mean(tl_sparse_to_dense(back, NULL), TL_ALL_AXES));
}

/* FNV-1a over the bytes of n values. */
static uint64_t hash_of(uint64_t hash, const void *data, size_t bytes)
{
    const unsigned char *p = data;
    for (size_t k = 0; p && k < bytes; k++)
        hash = (hash ^ p[k]) * 1099511628211u;
    return hash;
}

typedef struct variant {
    const char *name;
    tl_rows_policy rows;
    bool age, transforms, changes;
} variant;

static uint64_t train(int k, const variant *v, const char **name)
{
    static tl_real x[4][(HIDDEN + 2 * WIDTH) * INPUT];
    static int32_t ids[4][2 * BATCH], labels[BATCH];
    tl_random rng = { .seed = 3 }, drop = { .seed = 4 };
    tl_optimizer *o = zoo(k, v->rows, TL_NON_FINITE_ERROR, name);
    if (!o)
        return 0;
    for (int b = 0; b < 4; b++)
        for (size_t i = 0; i < sizeof x[b] / sizeof x[b][0]; i++)
            x[b][i] = (tl_real)tl_random_normal(&rng);
    for (int i = 0; i < BATCH; i++)
        labels[i] = i % CLASSES;
    model m = model_new();
    tl_clip clip = { .max_norm = 0.5 };
    const tl_exponential_decay decay = { .every = 50, .factor = 0.9 };
    if (v->transforms) {
        tl_optimizer_add_transform(o, tl_clip_by_global_norm, &clip);
        tl_optimizer_set_schedule(o, tl_schedule_exponential, &decay);
    }
    for (int i = 0; v->age && i < N_VARIABLES; i++)
        tl_optimizer_set_options_for(o, variables(&m)[i],
                                     (tl_optimizer_options){ .weight_decay = 0.01, .per_weight_age = true });
    tl_graph *g = tl_graph_new();
    for (int step = 0; step < STEPS; step++, tl_graph_reset(g)) {
        for (int i = 0; i < 2 * BATCH; i++)
            ids[step % 4][i] = (int32_t)tl_random_integer(&rng, WORDS / 2 + step % 3 * WORDS / 6);
        tl_status status = tl_minimize(o, loss_of(g, &m, x[step % 4], ids[step % 4], labels, &drop));
        if (status != TL_OK) {
            fprintf(stderr, "%s: step %d: %s\n", *name, step, tl_error());
            exit(1);
        }
        if (v->changes && step % 60 == 59) {
            tl_variable_prune_by_magnitude(m.sparse, tl_variable_size(m.sparse) * 4 / 5);
            tl_variable_prune_by_magnitude(m.masked, tl_pattern_nnz(tl_variable_pattern(m.masked)) * 4 / 5);
            tl_pattern *p = tl_pattern_random(INPUT, HIDDEN, 0.2, (uint64_t)step);
            tl_variable_set_pattern(m.other, p);
            tl_pattern_release(p);
        }
    }
    tl_optimizer_flush(o);
    uint64_t hash = 14695981039346656037u;
    for (int i = 0; i < N_VARIABLES; i++) {
        tl_variable *w = variables(&m)[i];
        const size_t bytes = (size_t)tl_variable_size(w) * sizeof(tl_real);
        hash = hash_of(hash, tl_variable_data(w), bytes);
        for (int32_t slot = 0; slot < TL_MAX_SLOTS; slot++)
            hash = hash_of(hash, tl_optimizer_slot(o, w, slot), bytes);
    }
    tl_graph_free(g);
    model_free(&m);
    tl_optimizer_free(o);
    return hash;
}

int main(void)
{
    static const variant variants[] = { { .name = "exact rows", .rows = TL_ROWS_EXACT },
                                        { .name = "lazy rows", .rows = TL_ROWS_LAZY },
                                        { .name = "ages, patterns change", .age = true, .changes = true },
                                        { .name = "clip, schedule", .transforms = true },
                                        { .name = "patterns change", .changes = true } };
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++)
        for (int k = 0; k < ZOO; k++) {
            const char *name;
            const uint64_t hash = train(k, &variants[v], &name);
            printf("%-6s %-8s %-21s %-18s %016llx\n", TL_IS_DOUBLE ? "double" : "float", tl_kernel_level(),
                   variants[v].name, name, (unsigned long long)hash);
        }
    return 0;
}
