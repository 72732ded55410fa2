/* Trains a model whose tables are shared out, and prints a hash of what each run ends with: on any number of
 * ranks that of the program without MPI, which has whole tables.
 *
 *     mpi_tables                   by MPI
 *     mpi_tables --without-mpi     the reference
 *     mpi_tables --resume FILE     by MPI, one run that goes on from the checkpoint if there is one, and
 *                                  writes it
 */
#include "mpi_plans.h"

enum { WIDTH = 16, NARROW = 6, OUT = 5, SAMPLES = 6, STEPS = 6, TABLES = 2, VARIABLES = 4 };
enum { MOD, DIV, HEAD, TABLE }; /* the tables that are shared out come first */

static const int64_t rows[TABLES] = { 97, 5 }, width[TABLES] = { WIDTH, NARROW };

typedef struct run {
    const plan *plan;
    bool alone; /* without MPI */
    tl_mpi *m;
    tl_graph *g, *total, *inference;
    tl_variable *v[VARIABLES];
    tl_optimizer *tables, *rest; /* only the rest is clipped, as all ranks have all of it */
    tl_clip clip;
    double loss;
    int64_t step;
} run;

/* ---- Model and data ---- */

static void make_tables(run *r)
{
    static const char *const name[TABLES] = { "mod", "a/div" };
    tl_random rng = { .seed = 3 };
    for (int k = 0; k < TABLES; k++) {
        if (r->alone) {
            r->v[k] = tl_variable_dense(name[k], TL_SHAPE(rows[k], width[k]));
            check_ok(tl_init_normal(r->v[k], 0, (tl_real)0.3, &rng));
            continue;
        }
        r->v[k] = tl_mpi_table(r->m, name[k], rows[k], width[k], k == MOD ? TL_MOD : TL_DIV);
        check(r->v[k], "%s", tl_error());
        check_ok(tl_mpi_init_normal(r->m, r->v[k], 0, (tl_real)0.3, &rng));
    }
}

static void begin(run *r, const plan *p, bool alone)
{
    *r = (run){ .plan = p, .alone = alone, .g = tl_graph_new(), .total = tl_graph_new() };
    r->inference = tl_graph_new_inference();
    if (!alone) {
        r->m = tl_mpi_new(MPI_COMM_WORLD, p->parts);
        check(r->m, "%s", tl_error());
    }
    make_tables(r);
    tl_random rng = { .seed = 1 };
    r->v[HEAD] = tl_variable_dense("head", TL_SHAPE(2 * WIDTH + NARROW, OUT));
    r->v[TABLE] = tl_variable_dense("div", TL_SHAPE(40, WIDTH)); /* its name ends another's */
    check_ok(tl_init_normal(r->v[HEAD], 0, (tl_real)0.3, &rng));
    check_ok(tl_init_normal(r->v[TABLE], 0, (tl_real)0.3, &rng));
    r->tables = make_optimizer(p);
    r->rest = make_optimizer(p);
    r->clip = (tl_clip){ .max_norm = 0.5 };
    check_ok(tl_optimizer_add_transform(r->rest, tl_clip_by_global_norm, &r->clip));
    if (!alone)
        check_ok(tl_mpi_broadcast(r->m, r->v + TABLES, VARIABLES - TABLES, r->rest));
}

static void end(run *r)
{
    tl_mpi_free(r->m);
    for (int k = 0; k < VARIABLES; k++)
        tl_variable_free(r->v[k]);
    tl_optimizer_free(r->tables);
    tl_optimizer_free(r->rest);
    tl_graph_free(r->g);
    tl_graph_free(r->total);
    tl_graph_free(r->inference);
}

static tl_node *look_up(run *r, tl_graph *g, int k, const int32_t *id, tl_shape shape)
{
    return r->alone ? tl_embedding_lookup(tl_use(g, r->v[k]), id, shape)
                    : tl_mpi_embedding_lookup(r->m, g, r->v[k], id, shape);
}

/* The loss of a part, of a graph or none. The first table is read twice, mostly in rows that repeat. */
static tl_node *loss_of(run *r, tl_graph *g, int32_t part)
{
    int32_t id[4][SAMPLES], label[SAMPLES];
    tl_random rng = { .seed = 1000 + (uint64_t)r->step, .position = (uint64_t)part << 32 };
    for (int k = 0; k < SAMPLES; k++) {
        for (int j = 0; j < 2; j++)
            id[j][k] = (int32_t)(tl_random_integer(&rng, rows[MOD]) * tl_random_integer(&rng, rows[MOD]) /
                                 rows[MOD]);
        id[2][k] = (int32_t)tl_random_integer(&rng, rows[DIV]);
        id[3][k] = (int32_t)tl_random_integer(&rng, 40);
        label[k] = (int32_t)tl_random_integer(&rng, OUT);
    }
    tl_node *a = look_up(r, g, MOD, id[0], TL_SHAPE(SAMPLES)),
            *b = look_up(r, g, MOD, id[1], TL_SHAPE(SAMPLES / 2, 2)),
            *c = look_up(r, g, DIV, id[2], TL_SHAPE(SAMPLES));
    a = tl_tanh(tl_add(a, tl_embedding_lookup(tl_use(g, r->v[TABLE]), id[3], TL_SHAPE(SAMPLES))));
    b = tl_reshape(b, TL_SHAPE(SAMPLES, WIDTH));
    tl_node *y = tl_matmul(tl_concat((tl_node *[]){ a, b, c }, 3, 1), tl_use(g, r->v[HEAD]));
    return tl_softmax_cross_entropy(y, label);
}

/* ---- A step ---- */

static void apply(const run *r, const tl_gradients *sum)
{
    tl_gradient pair[2][VARIABLES];
    tl_gradients of[2] = { { pair[0], 0, sum->graph }, { pair[1], 0, sum->graph } };
    for (int32_t i = 0; i < sum->n; i++) {
        const bool table = sum->pair[i].variable == r->v[MOD] || sum->pair[i].variable == r->v[DIV];
        of[table].pair[of[table].n++] = sum->pair[i];
    }
    if (of[0].n > 0)
        check_ok(tl_apply_gradients(r->rest, &of[0]));
    if (of[1].n > 0)
        check_ok(tl_apply_gradients(r->tables, &of[1]));
}

/* Some parts have no samples; a rank takes part in lookups nonetheless. */
static void step(run *r)
{
    const int32_t parts = r->plan->parts, first = r->alone ? 0 : tl_mpi_first(r->m),
                  last = r->alone ? parts : tl_mpi_last(r->m),
                  rounds = r->alone ? parts : tl_mpi_rounds(r->m);
    double loss[MOST_PARTS] = { 0 };
    tl_gradients part, sum;
    for (int32_t p = first; p < first + rounds; p++, tl_graph_reset(r->g)) {
        const bool mine = p < last && (p + r->step) % 7 != 3;
        tl_node *y = loss_of(r, mine ? r->g : NULL, p);
        if (mine)
            check_ok(tl_backward(y, &part));
        if (p < last)
            loss[p - first] = mine ? (double)tl_value(y)[0] : 0;
        if (r->alone)
            check_ok(tl_gradients_add(r->total, mine ? &part : NULL, 1.0 / parts));
        else if (mine)
            check_ok(tl_mpi_add(r->m, p, &part, 1.0 / parts));
    }
    check_ok(r->alone ? tl_gradients_total(r->total, &sum) : tl_mpi_total(r->m, &sum));
    apply(r, &sum);
    if (!r->alone)
        check_ok(tl_mpi_sum(r->m, 1, loss, loss));
    r->loss += r->alone ? tree(loss, parts, 0, MOST_PARTS) : loss[0];
    tl_graph_reset(r->total);
    r->step++;
}

/* ---- Hashes ---- */

/* Hashes an array with a value per value of a table, whose rows come from all ranks. */
static uint64_t hash_table(const run *r, uint64_t h, int k, const tl_real *values)
{
    const int64_t bytes = rows[k] * width[k] * (int64_t)sizeof *values,
                  row = width[k] * (int64_t)sizeof *values;
    char *whole = calloc(1, (size_t)bytes);
    const int64_t own = tl_variable_shape(r->v[k]).dim[0];
    for (int64_t i = 0; i < own; i++)
        memcpy(whole + (r->alone ? i : tl_mpi_row(r->m, r->v[k], i)) * row, values + i * width[k],
               (size_t)row);
    if (!r->alone)
        MPI_Allreduce(MPI_IN_PLACE, whole, (int)bytes, MPI_BYTE, MPI_BOR, MPI_COMM_WORLD);
    h = hash_of(h, whole, bytes);
    free(whole);
    return h;
}

/* Hashes weights, slots, losses, and rows that are read for inference. */
static uint64_t hash_run(run *r)
{
    uint64_t h = hash_of(14695981039346656037u, &r->loss, sizeof r->loss);
    const int32_t id[] = { 96, 0, 7, 7, 50 };
    tl_node *y = look_up(r, r->inference, MOD, id, TL_SHAPE(5));
    check(tl_value(y), "%s", tl_graph_error(r->inference));
    h = hash_of(h, tl_value(y), 5 * WIDTH * (int64_t)sizeof(tl_real));
    tl_graph_reset(r->inference);
    for (int k = 0; k < VARIABLES; k++) {
        const int64_t n = tl_variable_size(r->v[k]) * (int64_t)sizeof(tl_real);
        tl_optimizer *o = k < TABLES ? r->tables : r->rest;
        const tl_real *values = tl_variable_values(r->v[k]);
        h = k < TABLES ? hash_table(r, h, k, values) : hash_of(h, values, n);
        for (int32_t s = 0; (values = tl_optimizer_slot(o, r->v[k], s)); s++)
            h = k < TABLES ? hash_table(r, h, k, values) : hash_of(h, values, n);
    }
    return h;
}

/* ---- Runs ---- */

static void train(const plan *p, bool alone, int threads)
{
    run r;
    check_ok(tl_set_num_threads(threads));
    begin(&r, p, alone);
    while (r.step < STEPS)
        step(&r);
    print_end(p, alone, hash_run(&r));
    end(&r);
}

static void resume(const char *file)
{
    run r;
    begin(&r, &plans[2], false);
    tl_checkpoint *list = list_run(r.v, VARIABLES, &r.step, &r.loss);
    check_ok(tl_checkpoint_add_optimizer(list, "tables", r.tables));
    check_ok(tl_checkpoint_add_optimizer(list, "rest", r.rest));
    if (access(file, F_OK) == 0)
        check_ok(tl_mpi_load(r.m, list, file));
    print_process();
    while (r.step < MANY_STEPS) {
        step(&r);
        if (r.step % 3 == 0)
            check_ok(tl_mpi_save(r.m, list, file));
    }
    print_resumed(hash_run(&r));
    tl_checkpoint_free(list);
    end(&r);
}

int main(int argc, char **argv)
{
    return run_plans(argc, argv, train, resume);
}
