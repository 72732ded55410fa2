/* Trains a model with every kind of gradient, and prints a hash of what each run ends with: on any number of
 * ranks that of the program without MPI.
 *
 *     mpi_train                    by MPI
 *     mpi_train --without-mpi      the reference, by tl_gradients_add
 *     mpi_train --resume FILE      by MPI, one run that goes on from the checkpoint if there is one, and
 *                                  writes it
 */
#include "mpi_plans.h"
#include "mpi_watch.h"

enum { IN = 30, HIDDEN = 24, OUT = 6, ROWS = 400, WIDTH = 16, NARROW = 6, SAMPLES = 5, STEPS = 10 };
enum { SPARSE, BIAS, MASKED, TABLE, SMALL_TABLE, HEAD, RARE, UNUSED, VARIABLES };

typedef struct run {
    const plan *plan;
    bool alone; /* without MPI */
    tl_mpi *m;
    tl_graph *total; /* alone */
    tl_variable *v[VARIABLES];
    tl_optimizer *optimizer;
    tl_graph *g;
    tl_clip clip;
    double loss;
    int64_t step;
} run;

/* ---- Model and data ---- */

/* Each rank has values and patterns of its own, until they are broadcast. */
static void make_model(run *r, uint64_t seed)
{
    tl_random rng = { .seed = seed };
    tl_pattern *pattern = tl_pattern_random(IN, HIDDEN, 0.3, seed),
               *mask = tl_pattern_random(HIDDEN, HIDDEN, 0.6, seed);
    r->v[SPARSE] = tl_variable_sparse("sparse", pattern);
    r->v[BIAS] = tl_variable_dense("bias", TL_SHAPE(HIDDEN));
    r->v[MASKED] = tl_variable_dense("masked", TL_SHAPE(HIDDEN, HIDDEN));
    r->v[TABLE] = tl_variable_dense("table", TL_SHAPE(ROWS, WIDTH));
    r->v[SMALL_TABLE] = tl_variable_dense("small table", TL_SHAPE(ROWS / 4, NARROW));
    r->v[HEAD] = tl_variable_dense("head", TL_SHAPE(HIDDEN + WIDTH + NARROW, OUT));
    r->v[RARE] = tl_variable_dense("rare", TL_SHAPE(OUT));
    r->v[UNUSED] = tl_variable_dense("unused", TL_SHAPE(3));
    check_ok(tl_variable_set_mask(r->v[MASKED], mask));
    for (int k = 0; k < VARIABLES; k++)
        check_ok(tl_init_normal(r->v[k], 0, (tl_real)0.3, &rng));
    tl_pattern_release(pattern);
    tl_pattern_release(mask);
    r->optimizer = make_optimizer(r->plan);
    r->clip = (tl_clip){ .max_norm = 1 }; /* which depends on the order of the pairs */
    check_ok(tl_optimizer_add_transform(r->optimizer, tl_clip_by_global_norm, &r->clip));
}

static void free_model(run *r)
{
    for (int k = 0; k < VARIABLES; k++)
        tl_variable_free(r->v[k]);
    tl_optimizer_free(r->optimizer);
}

/* The loss of a part; NULL for a part without samples. The data are a function of the step and the part. */
static tl_node *loss_of(run *r, int32_t part)
{
    static tl_real x[SAMPLES * IN];
    static int32_t id[SAMPLES], label[SAMPLES];
    tl_random rng = { .seed = 1000 + (uint64_t)r->step, .position = (uint64_t)part << 32 };
    if ((part + r->step) % 7 == 3)
        return NULL;
    for (int k = 0; k < SAMPLES * IN; k++)
        x[k] = (tl_real)tl_random_normal(&rng);
    for (int k = 0; k < SAMPLES; k++) {
        id[k] = (int32_t)(tl_random_integer(&rng, ROWS) * tl_random_integer(&rng, ROWS) / ROWS);
        label[k] = (int32_t)tl_random_integer(&rng, OUT);
    }
    tl_graph *g = r->g;
    tl_node *h = tl_dense_sparse_matmul(tl_constant(g, TL_SHAPE(SAMPLES, IN), x), tl_use(g, r->v[SPARSE]),
                                        TL_NO_TRANSPOSE);
    h = tl_relu(tl_bias(h, tl_use(g, r->v[BIAS])));
    h = tl_tanh(tl_matmul(h, tl_use(g, r->v[MASKED])));
    tl_node *e = tl_embedding_lookup(tl_use(g, r->v[TABLE]), id, TL_SHAPE(SAMPLES));
    for (int k = 0; k < SAMPLES; k++)
        id[k] %= ROWS / 4;
    tl_node *s = tl_embedding_lookup(tl_use(g, r->v[SMALL_TABLE]), id, TL_SHAPE(SAMPLES));
    tl_node *y = tl_matmul(tl_concat((tl_node *[]){ h, e, s }, 3, 1), tl_use(g, r->v[HEAD]));
    if ((part + r->step) % 5 == 1)
        y = tl_bias(y, tl_use(g, r->v[RARE]));
    return tl_softmax_cross_entropy(y, label);
}

/* ---- A step ---- */

static void step(run *r)
{
    const int32_t parts = r->plan->parts, first = r->alone ? 0 : tl_mpi_first(r->m),
                  last = r->alone ? parts : tl_mpi_last(r->m);
    double loss[MOST_PARTS] = { 0 };
    tl_gradients sum;
    for (int32_t p = first; p < last; p++, tl_graph_reset(r->g)) {
        tl_gradients part;
        tl_node *y = loss_of(r, p);
        if (y)
            check_ok(tl_backward(y, &part));
        loss[p - first] = y ? (double)tl_value(y)[0] : 0;
        if (r->alone)
            check_ok(tl_gradients_add(r->total, y ? &part : NULL, 1.0 / parts));
        else if (y || p % 2 == 0) /* to add nothing is to leave it out */
            check_ok(tl_mpi_add(r->m, p, y ? &part : NULL, 1.0 / parts));
    }
    if (r->alone)
        check_ok(tl_gradients_total(r->total, &sum));
    else
        check_ok(tl_mpi_total(r->m, &sum));
    if (sum.n > 0)
        check_ok(tl_apply_gradients(r->optimizer, &sum));
    if (r->alone)
        r->loss += tree(loss, parts, 0, MOST_PARTS);
    else
        check_ok(tl_mpi_sum(r->m, 1, loss, loss));
    r->loss += r->alone ? 0 : loss[0];
    tl_graph_reset(r->total);
    r->step++;
}

/* Prunes and grows in turn, and narrows the mask. */
static void change_patterns(run *r)
{
    tl_variable *v = r->v[SPARSE];
    if (r->step % 4 == 3)
        check_ok(tl_variable_prune_by_magnitude(v, tl_variable_size(v) * 3 / 4));
    if (r->step % 4 == 1) {
        uint64_t seed = (uint64_t)r->step;
        tl_pattern *grown = tl_pattern_add(tl_variable_pattern(v), 40, NULL, &seed);
        check_ok(tl_variable_set_pattern(v, grown));
        tl_pattern_release(grown);
    }
    if (r->step == 6)
        check_ok(tl_variable_prune_by_magnitude(r->v[MASKED], HIDDEN * HIDDEN / 3));
}

/* ---- Runs ---- */

static void begin(run *r, const plan *p, bool alone)
{
    *r = (run){ .plan = p, .alone = alone, .g = tl_graph_new(), .total = tl_graph_new() };
    make_model(r, 1 + (uint64_t)here);
    if (!alone) {
        r->m = tl_mpi_new(MPI_COMM_WORLD, p->parts);
        check(r->m, "%s", tl_error());
    }
}

static void end(run *r)
{
    tl_mpi_free(r->m);
    free_model(r);
    tl_graph_free(r->g);
    tl_graph_free(r->total);
}

/* Hashes weights, slots and losses. */
static uint64_t hash_run(run *r)
{
    uint64_t h = hash_of(14695981039346656037u, &r->loss, sizeof r->loss);
    for (int k = 0; k < VARIABLES; k++) {
        const int64_t n = tl_variable_size(r->v[k]) * (int64_t)sizeof(tl_real);
        h = hash_of(h, tl_variable_values(r->v[k]), n);
        for (int32_t slot = 0; tl_optimizer_slot(r->optimizer, r->v[k], slot); slot++)
            h = hash_of(h, tl_optimizer_slot(r->optimizer, r->v[k], slot), n);
    }
    return h;
}

/* Half-way, all ranks but the first lose everything, and get it again. */
static void start_anew(run *r)
{
    if (here > 0) {
        free_model(r);
        make_model(r, 100);
    }
    tl_mpi_free(r->m);
    r->m = tl_mpi_new(MPI_COMM_WORLD, r->plan->parts);
    check(r->m, "%s", tl_error());
    check_ok(tl_mpi_broadcast(r->m, r->v, VARIABLES, r->optimizer));
}

static void train(const plan *p, bool alone, int threads)
{
    run r;
    check_ok(tl_set_num_threads(threads));
    watched.delay = threads == 2 ? 200 : 0; /* messages come in another order */
    begin(&r, p, alone);
    if (!alone) { /* in two lists, of which one is without the optimizer */
        check_ok(tl_mpi_broadcast(r.m, r.v, 3, NULL));
        check_ok(tl_mpi_broadcast(r.m, r.v, VARIABLES, r.optimizer));
    }
    while (r.step < STEPS) {
        step(&r);
        change_patterns(&r);
        if (!alone && r.step == STEPS / 2)
            start_anew(&r);
    }
    print_end(p, alone, hash_run(&r));
    end(&r);
}

/* Rank 0 reads and writes the checkpoint. */
static void resume(const char *file)
{
    run r;
    begin(&r, &plans[2], false);
    tl_checkpoint *list = list_run(r.v, VARIABLES, &r.step, &r.loss);
    check_ok(tl_checkpoint_add_optimizer(list, "optimizer", r.optimizer));
    if (here == 0 && access(file, F_OK) == 0)
        check_ok(tl_checkpoint_load(list, file));
    check_ok(tl_mpi_broadcast(r.m, r.v, VARIABLES, r.optimizer));
    MPI_Bcast(&r.step, 1, MPI_INT64_T, 0, MPI_COMM_WORLD);
    MPI_Bcast(&r.loss, 1, MPI_DOUBLE, 0, MPI_COMM_WORLD);
    print_process();
    while (r.step < MANY_STEPS) {
        step(&r);
        change_patterns(&r);
        if (here == 0 && r.step % 3 == 0)
            check_ok(tl_checkpoint_save(list, file));
    }
    print_resumed(hash_run(&r));
    tl_checkpoint_free(list);
    end(&r);
}

int main(int argc, char **argv)
{
    return run_plans(argc, argv, train, resume);
}
