/* One rank errs with a table that is shared out: all return, with the same text, and can go on. */
#include "mpi_outcomes.h"
#include "mpi_watch.h"

#include <math.h>
#include <tulle/op_check.h>
#include <unistd.h>

enum { ROWS = 10, WIDTH = 3, SAMPLES = 4 };

typedef struct model {
    tl_mpi *m;
    tl_variable *table, *other, *plain;
    tl_optimizer *optimizer;
    tl_checkpoint *list;
    tl_graph *g;
} model;

/* What a rank does wrong, or differently, in a lookup. */
typedef enum fault {
    NOTHING,
    BAD_ID,
    NEGATIVE_ID,
    NO_LIST,
    BAD_SHAPE,
    HIGH_RANK,
    FAILED_GRAPH,
    PLAIN_VARIABLE,
    NO_TABLE,
    OTHER_TABLE,
    OTHER_CALL,
    NO_GRAPH,
    NO_IDS,
    FAULTS
} fault;

/* What comes of it: the status there and elsewhere, and the text; %d is the rank. */
static const struct {
    tl_status here, elsewhere;
    const char *text;
} outcome[FAULTS] = {
    [BAD_ID] = { TL_ERR_INDEX, TL_ERR_PEER,
                 "rank %d: mpi_embedding_lookup: ids[3] = 10, table table (10x3) has 10 rows" },
    [NEGATIVE_ID] = { TL_ERR_INDEX, TL_ERR_PEER,
                      "rank %d: mpi_embedding_lookup: ids[3] = -1, table table (10x3) has 10 rows" },
    [NO_LIST] = { TL_ERR_ARGUMENT, TL_ERR_PEER, "rank %d: mpi_embedding_lookup: ids is NULL" },
    [BAD_SHAPE] = { TL_ERR_SHAPE, TL_ERR_PEER, "rank %d: mpi_embedding_lookup: " },
    [HIGH_RANK] = { TL_ERR_SHAPE, TL_ERR_PEER, "rank %d: mpi_embedding_lookup: the ids are 1x1x2x2" },
    [FAILED_GRAPH] = { TL_ERR_SHAPE, TL_ERR_PEER, "rank %d: add: " },
    [PLAIN_VARIABLE] = { TL_ERR_ARGUMENT, TL_ERR_PEER,
                         "rank %d: mpi_embedding_lookup: the table is not of tl_mpi_table" },
    [NO_TABLE] = { TL_ERR_ARGUMENT, TL_ERR_PEER,
                   "rank %d: mpi_embedding_lookup: the table is not of tl_mpi_table" },
    [OTHER_TABLE] = { TL_ERR_PEER, TL_ERR_PEER, "rank " },
    [OTHER_CALL] = { TL_ERR_PEER, TL_ERR_PEER, "rank " },
};

/* ---- Models ---- */

/* Makes what does not talk. */
static void make_local(model *t)
{
    *t = (model){ .g = tl_graph_new(), .optimizer = tl_adam((tl_adam_options){ 0 }) };
    t->plain = tl_variable_dense("plain", TL_SHAPE(ROWS, WIDTH));
    t->list = tl_checkpoint_new();
}

static tl_status make_tables(model *t)
{
    if (!(t->m = tl_mpi_new(MPI_COMM_WORLD, ranks)) ||
        !(t->table = tl_mpi_table(t->m, "table", ROWS, WIDTH, TL_DIV)) ||
        !(t->other = tl_mpi_table(t->m, "other", ROWS, WIDTH, TL_MOD)))
        return tl_last_status();
    return tl_mpi_broadcast(t->m, &t->plain, 1, NULL);
}

static void make_model(model *t)
{
    make_local(t);
    check_ok(make_tables(t));
    check_ok(tl_mpi_init_normal(t->m, t->table, 0, 1, &(tl_random){ .seed = 1 }));
    check_ok(tl_checkpoint_add_variable(t->list, t->table));
    check_ok(tl_checkpoint_add_variable(t->list, t->other));
    check_ok(tl_checkpoint_add_variable(t->list, t->plain));
    check_ok(tl_checkpoint_add_optimizer(t->list, "adam", t->optimizer));
}

static void free_model(model *t)
{
    tl_checkpoint_free(t->list);
    tl_mpi_free(t->m);
    tl_optimizer_free(t->optimizer);
    tl_graph_free(t->g);
    tl_variable_free(t->table);
    tl_variable_free(t->other);
    tl_variable_free(t->plain);
}

/* ---- Lookups ---- */

static tl_node *look_up(model *t, fault f)
{
    int32_t id[SAMPLES] = { here % ROWS, 9, 3, 3 };
    tl_variable *table = f == PLAIN_VARIABLE ? t->plain
                         : f == OTHER_TABLE  ? t->other
                         : f == NO_TABLE     ? NULL
                                             : t->table;
    id[3] = f == BAD_ID ? ROWS : f == NEGATIVE_ID ? -1 : id[3];
    if (f == FAILED_GRAPH)
        tl_add(tl_use(t->g, t->plain), tl_reshape(tl_use(t->g, t->plain), TL_SHAPE(WIDTH, ROWS)));
    if (f == OTHER_CALL) {
        tl_mpi_sum(t->m, 0, NULL, NULL);
        return NULL;
    }
    const tl_shape shape = f == BAD_SHAPE   ? TL_SHAPE(-1)
                           : f == HIGH_RANK ? TL_SHAPE(1, 1, 2, 2)
                           : f == NO_IDS    ? TL_SHAPE(0)
                                            : TL_SHAPE(SAMPLES);
    return tl_mpi_embedding_lookup(t->m, f == NO_GRAPH ? NULL : t->g, table, f == NO_LIST ? NULL : id, shape);
}

/* The sum of the squares: of no rows, too. */
static tl_node *loss_of(tl_node *y)
{
    return tl_reduce_sum(tl_reduce_sum(tl_square(y), 1), 0);
}

/* Makes a step after the lookup; `expected`: what comes of it. */
static void step(model *t, tl_node *y, tl_status expected)
{
    tl_gradients part, sum;
    if (y) {
        tl_backward(loss_of(y), &part);
        tl_mpi_add(t->m, tl_mpi_first(t->m), &part, 1);
    }
    const tl_status status = tl_mpi_total(t->m, &sum);
    check(status == expected || (expected != TL_OK && status == TL_ERR_PEER), "%s: %s",
          tl_status_name(status), tl_error());
    if (status == TL_OK)
        check_ok(tl_apply_gradients(t->optimizer, &sum));
    tl_graph_reset(t->g);
}

static void faults_in_lookups(void)
{
    model t;
    make_model(&t);
    for (int f = NOTHING; f < FAULTS; f++)
        for (int rank = 0; rank < ranks; rank++) {
            char text[512];
            tl_node *y = look_up(&t, here == rank ? (fault)f : NOTHING);
            if (outcome[f].text) {
                const tl_status expected = here == rank ? outcome[f].here : outcome[f].elsewhere;
                check(!y, "fault %d: there is a node", f);
                check(tl_last_status() == expected, "fault %d: %s", f, tl_error());
                snprintf(text, sizeof text, outcome[f].text, rank);
                check(strncmp(tl_error(), text, strlen(text)) == 0, "'%s' does not begin with '%s'",
                      tl_error(), text);
                check_texts("a lookup");
                check(f == OTHER_CALL || tl_graph_status(t.g) != TL_OK, "the graph goes on");
            } else {
                const bool none = here == rank && f == NO_GRAPH;
                check(none == !y, "%s", tl_error());
                step(&t, y, TL_OK);
            }
            tl_graph_reset(t.g);
            step(&t, look_up(&t, NOTHING), TL_OK); /* they are in step */
        }
    free_model(&t);
}

/* Tables differ before the first sum, too. */
static void other_table_at_first(void)
{
    model t;
    make_model(&t);
    check_all_fail(!look_up(&t, here == 1 ? OTHER_TABLE : NOTHING),
                   "rank 1 has other (10x3), shared out by mod; rank 0 has table (10x3), shared out by div");
    free_model(&t);
}

/* A failed lookup fails the sum, too, with the same text on all ranks. */
static void failed_lookup_in_a_sum(void)
{
    model t;
    tl_gradients part, sum;
    make_model(&t);
    tl_node *y = look_up(&t, here == 1 ? BAD_ID : NOTHING);
    tl_backward(loss_of(y), &part);
    tl_mpi_add(t.m, tl_mpi_first(t.m), &part, 1);
    check_all_fail(tl_mpi_total(t.m, &sum) != TL_OK, "rank 0: part 0: backward: the loss is NULL");
    free_model(&t);
}

/* A share has other rows on each rank: another op must not read it. */
static void other_reader(void)
{
    model t;
    tl_gradients part, sum;
    make_model(&t);
    if (here == 0 && ranks > 1) {
        tl_node *y = tl_embedding_lookup(tl_use(t.g, t.table), (int32_t[]){ 0 }, TL_SHAPE(1));
        check_ok(tl_backward(loss_of(y), &part));
        tl_mpi_add(t.m, 0, &part, 1);
    }
    check_all_fail(tl_mpi_total(t.m, &sum) != TL_OK, "rank 0: mpi_add: the gradient of table is not that of");
    free_model(&t);
}

/* The owner alone has the sum of a row: all hear of it. */
static void not_a_number(void)
{
    model t;
    tl_gradients part, sum;
    make_model(&t);
    tl_node *y = tl_scale(look_up(&t, NOTHING), here == 0 ? (tl_real)INFINITY : 1);
    tl_backward(loss_of(y), &part);
    tl_mpi_add(t.m, tl_mpi_first(t.m), &part, 1);
    check_all_fail(tl_mpi_total(t.m, &sum) != TL_OK,
                   "rank 0: mpi_total: the gradient of table is not finite");
    check(here > 0 || tl_last_status() == TL_ERR_NUMERIC, "%s", tl_error());
    tl_graph_reset(t.g);
    step(&t, look_up(&t, NOTHING), TL_OK);
    free_model(&t);
}

/* ---- Tables ---- */

static void differences_in_table(void)
{
    model t;
    make_model(&t);
    check_all_fail(!tl_mpi_table(t.m, here == 1 ? "a" : "b", 4, 4, TL_MOD),
                   "rank 1 has mpi_table of a, 4x4, by mod; rank 0 has mpi_table of b, 4x4, by mod");
    check_all_fail(!tl_mpi_table(t.m, "a", 4, 4, here == 1 ? TL_DIV : TL_MOD),
                   "rank 1 has mpi_table of a, 4x4, by div; rank 0 has");
    check_all_fail(!tl_mpi_table(t.m, here == 1 ? NULL : "a", 4, 4, TL_MOD),
                   "rank 1: mpi_table: the name is missing");
    check_all_fail(!tl_mpi_table(t.m, "a", here == 1 ? 0 : 4, 4, TL_MOD), "rank 1: mpi_table: a: 0 rows");
    check_all_fail(!tl_mpi_table(t.m, "a", 1, here == 1 ? (int64_t)1 << 31 : 4, TL_MOD),
                   "rank 1: mpi_table: a: 1 rows of 2147483648 values");
    check_all_fail(!tl_mpi_table(t.m, "a", 4, 4, here == 1 ? (tl_partition)7 : TL_MOD),
                   "rank 1: mpi_table: a: 7 is not a tl_partition");
    check_all_fail(tl_mpi_broadcast(t.m, here == 1 ? &t.table : &t.plain, 1, NULL) != TL_OK,
                   "rank 1: mpi_broadcast: table is shared out");
    tl_random r = { .seed = 1 };
    check(tl_mpi_init_normal(t.m, t.plain, 0, 1, &r) == TL_ERR_ARGUMENT &&
              tl_mpi_init_uniform(t.m, t.table, 0, 1, NULL) == TL_ERR_ARGUMENT &&
              tl_mpi_init_uniform(NULL, t.table, 0, 1, &r) == TL_ERR_ARGUMENT && r.position == 0,
          "it was filled");
    check(!tl_mpi_table(NULL, "a", 1, 1, TL_MOD) && tl_mpi_row(NULL, t.table, 0) == -1 &&
              tl_mpi_row(t.m, t.plain, 0) == -1 && tl_mpi_row(t.m, t.table, -1) == -1 &&
              tl_mpi_row(t.m, t.table, ROWS) == -1 && tl_mpi_rounds(NULL) == 0 && tl_mpi_rounds(t.m) == 1 &&
              !tl_mpi_embedding_lookup(NULL, t.g, t.table, NULL, TL_SHAPE(0)) &&
              tl_mpi_save(NULL, t.list, "a") == TL_ERR_ARGUMENT &&
              tl_mpi_load(NULL, t.list, "a") == TL_ERR_ARGUMENT,
          "NULL is no error");
    free_model(&t);
}

/* Rows are those of TensorFlow's partitions, and values those of the whole table. */
static void rows_and_values(void)
{
    tl_mpi *m = tl_mpi_new(MPI_COMM_WORLD, 1);
    tl_variable *whole = tl_variable_dense("whole", TL_SHAPE(13, 2));
    for (int split = 0; split < 2; split++) {
        tl_random r = { .seed = 5, .position = 11 }, of_whole = r;
        tl_variable *share = tl_mpi_table(m, "share", 13, 2, split == 0 ? TL_MOD : TL_DIV);
        check_ok(tl_init_uniform(whole, 1, 2, &of_whole));
        check_ok(tl_mpi_init_uniform(m, share, 1, 2, &r));
        check(r.position == of_whole.position, "the generator is elsewhere");
        const int64_t n = tl_variable_shape(share).dim[0], longer = 13 % ranks;
        check(n == 13 / ranks + (here < longer), "%d rows", (int)n);
        for (int64_t i = 0; i < n; i++) {
            const int64_t first = 13 / ranks * here + (here < longer ? here : longer),
                          row = split == 0 ? i * ranks + here : first + i;
            check(tl_mpi_row(m, share, i) == row, "row %d is %d", (int)i, (int)tl_mpi_row(m, share, i));
            check(memcmp(tl_variable_values(share) + i * 2, tl_variable_values(whole) + row * 2,
                         2 * sizeof(tl_real)) == 0,
                  "row %d has other values", (int)row);
        }
        tl_mpi_free(m);
        tl_variable_free(share);
        m = tl_mpi_new(MPI_COMM_WORLD, 1);
    }
    tl_mpi_free(m);
    tl_variable_free(whole);
}

/* ---- Checkpoints ---- */

static char file[512]; /* of rank 0, the same on all */

static void remove_files(void)
{
    MPI_Barrier(MPI_COMM_WORLD);
    for (int k = 0; k < 2 * ranks && here == 0; k++) {
        char name[sizeof file + 32];
        snprintf(name, sizeof name, "%s.%d.%d", file, k / ranks, k % ranks);
        unlink(name);
    }
    if (here == 0)
        unlink(file);
    MPI_Barrier(MPI_COMM_WORLD);
}

/* Files that are cut short, of which one is enough. */
static void check_damaged(model *t)
{
    char name[sizeof file + 32];
    snprintf(name, sizeof name, "%s.1.1", file); /* rank 1's, of the second save */
    if (here == 0)
        check(truncate(name, 100) == 0, "%s is not there", name);
    check_all_fail(tl_mpi_load(t->m, t->list, file) != TL_OK, "rank 1: checkpoint_load: ");
    check_ok(tl_mpi_save(t->m, t->list, file));
    if (here == 0)
        check(truncate(file, 5) == 0, "%s is not there", file);
    check_all_fail(tl_mpi_load(t->m, t->list, file) != TL_OK, "rank 0: ");
    check_all_fail(tl_mpi_save(t->m, t->list, file) != TL_OK, "rank 0: ");
    MPI_Barrier(MPI_COMM_WORLD);
    if (here == 0)
        unlink(file);
    check_ok(tl_mpi_save(t->m, t->list, file));
    check_ok(tl_mpi_load(t->m, t->list, file));
}

static void differences_in_checkpoints(void)
{
    model t;
    make_model(&t);
    check_all_fail(tl_mpi_save(t.m, here == 1 ? NULL : t.list, file) != TL_OK,
                   "rank 1: mpi_save: the checkpoint is NULL");
    check_all_fail(tl_mpi_save(t.m, t.list, here == 1 ? "/no/such/folder" : file) != TL_OK, "rank 1: ");
    check_all_fail(tl_mpi_load(t.m, t.list, file) != TL_OK, "rank 0: ");
    check_ok(tl_mpi_save(t.m, t.list, file));
    check_ok(tl_mpi_save(t.m, t.list, file));
    check_ok(tl_mpi_load(t.m, t.list, file));
    check_all_fail(tl_mpi_save(t.m, t.list, here == 1 ? NULL : file) != TL_OK, "rank 1: mpi_save: the path");
    check_all_fail(tl_mpi_load(t.m, t.list, here == 1 ? "/no/such/file" : file) != TL_OK, "rank 1: ");
    check_damaged(&t);
    tl_pattern *mask = tl_pattern_random(tl_variable_shape(t.table).dim[0], WIDTH, 0.5, 1);
    if (here == 1)
        check_ok(tl_variable_set_mask(t.table, mask));
    check_all_fail(tl_mpi_save(t.m, t.list, file) != TL_OK, "rank 1: mpi_save: table table has a mask");
    check_ok(tl_variable_set_mask(t.table, NULL));
    tl_pattern_release(mask);
    tl_variable *more = tl_mpi_table(t.m, "more", 3, 3, TL_MOD);
    check_all_fail(tl_mpi_load(t.m, t.list, file) != TL_OK, "rank 0: mpi_load: ");
    check(strstr(tl_error(), "table more has 0 rows in the file and 3 here"), "%s", tl_error());
    free_model(&t);
    tl_variable_free(more);
    remove_files();
}

/* A step of momentum in which the gradient of the last row, which the last rank has, is `factor`. */
static tl_status push_last_row(tl_mpi *m, tl_variable *table, tl_optimizer *o, tl_real factor)
{
    tl_gradients part, sum;
    tl_graph *g = tl_graph_new();
    const bool last = here == ranks - 1;
    const int32_t id = last ? 2 * ranks - 1 : 0;
    tl_node *y = tl_mpi_embedding_lookup(m, g, table, &id, TL_SHAPE(1));
    check_ok(tl_backward(tl_reduce_sum(tl_reduce_sum(tl_scale(y, last ? factor : 1), 1), 0), &part));
    check_ok(tl_mpi_add(m, here, &part, 1));
    check_ok(tl_mpi_total(m, &sum));
    const tl_status status = tl_apply_gradients(o, &sum);
    tl_graph_free(g);
    return status;
}

/* Large slots are known as such after a load that deals rows again: an update that overflows is refused. */
static void overflow_after_load(void)
{
    for (int loads = 0; loads < 2; loads++) {
        tl_mpi *m = tl_mpi_new(MPI_COMM_WORLD, ranks);
        tl_variable *table = tl_mpi_table(m, "t", 2 * ranks, 1, loads ? TL_MOD : TL_DIV);
        tl_optimizer *o = tl_sgd((tl_sgd_options){ .learning_rate = 1, .momentum = 0.9 });
        tl_checkpoint *list = tl_checkpoint_new();
        check_ok(tl_checkpoint_add_variable(list, table));
        check_ok(tl_checkpoint_add_optimizer(list, "sgd", o));
        if (loads) {
            check_ok(tl_mpi_load(m, list, file));
            const tl_status status = push_last_row(m, table, o, 1);
            check(status == (here == ranks - 1 ? TL_ERR_NUMERIC : TL_OK), "%s", tl_status_name(status));
        } else {
            check_ok(push_last_row(m, table, o, (tl_real)3e38));
            check_ok(tl_mpi_save(m, list, file));
        }
        tl_checkpoint_free(list);
        tl_mpi_free(m);
        tl_optimizer_free(o);
        tl_variable_free(table);
    }
    remove_files();
}

/* A table of another width, whose rows are dealt again. */
static void other_width(void)
{
    for (int loads = 0; loads < 2; loads++) {
        tl_mpi *m = tl_mpi_new(MPI_COMM_WORLD, ranks);
        tl_variable *table = tl_mpi_table(m, "t", 2 * ranks, 2 + loads, loads ? TL_MOD : TL_DIV);
        tl_checkpoint *list = tl_checkpoint_new();
        check_ok(tl_checkpoint_add_variable(list, table));
        if (loads) {
            check_all_fail(tl_mpi_load(m, list, file) != TL_OK, "rank 0: mpi_load: ");
            check(tl_last_status() == TL_ERR_ARGUMENT &&
                      strstr(tl_error(), "table t has 2 values per row in the file and 3 here"),
                  "%s", tl_error());
        } else {
            check_ok(tl_mpi_save(m, list, file));
        }
        tl_checkpoint_free(list);
        tl_mpi_free(m);
        tl_variable_free(table);
    }
    remove_files();
}

/* ---- What can fail at any time ---- */

/* Uses all functions, up to the first failure. */
static tl_status use_all(model *t, int64_t failing_call, bool saves)
{
    tl_gradients part, sum;
    watched = (watch){ .fail_at = failing_call };
    tl_status status = make_tables(t);
    if (status != TL_OK)
        return status;
    tl_node *y = look_up(t, NOTHING);
    if (!y)
        return tl_last_status();
    tl_backward(loss_of(y), &part);
    tl_mpi_add(t->m, tl_mpi_first(t->m), &part, 1);
    status = tl_mpi_total(t->m, &sum);
    if (status == TL_OK && saves)
        status = tl_mpi_save(t->m, t->list, file);
    if (status == TL_OK && saves)
        status = tl_mpi_load(t->m, t->list, file);
    return status;
}

static void failing_allocations(int rank, bool saves)
{
    bool failed = true;
    for (int64_t k = 1; failed; k++) {
        const int64_t before = tl_check_live_blocks();
        model t;
        make_local(&t);
        check_ok(tl_checkpoint_add_variable(t.list, t.plain));
        const double begun = MPI_Wtime();
        tl_check_fail_allocation(here == rank ? k : 0);
        const tl_status status = use_all(&t, 0, saves);
        tl_check_fail_allocation(0);
        failed = check_together("allocation", k, rank, status, TL_ERR_MEMORY, begun);
        free_model(&t);
        check(tl_check_live_blocks() == before, "allocation %lld: blocks are left", (long long)k);
        if (!failed && here == 0)
            printf("%d ranks: each of %lld allocations of rank %d\n", ranks, (long long)k - 1, rank);
    }
}

static void failing_calls(int rank)
{
    bool failed = true;
    for (int64_t k = 1; failed; k++) {
        model t;
        make_local(&t);
        check_ok(tl_checkpoint_add_variable(t.list, t.plain));
        const double begun = MPI_Wtime();
        const tl_status status = use_all(&t, here == rank ? k : 0, true);
        watched = (watch){ .fail_at = 0 };
        failed = check_together("call", k, rank, status, TL_ERR_IO, begun);
        free_model(&t);
        if (!failed && here == 0)
            printf("%d ranks: each of %lld calls of rank %d\n", ranks, (long long)k - 1, rank);
    }
}

int main(int argc, char **argv)
{
    tl_check_set_allocator();
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &here);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    const char *folder = getenv("TMPDIR");
    snprintf(file, sizeof file, "%.400s/tulle-mpi-tables-%ld", folder ? folder : "/tmp", (long)getpid());
    MPI_Bcast(file, sizeof file, MPI_CHAR, 0, MPI_COMM_WORLD);
    rows_and_values();
    faults_in_lookups();
    other_table_at_first();
    failed_lookup_in_a_sum();
    other_reader();
    not_a_number();
    differences_in_table();
    differences_in_checkpoints();
    overflow_after_load();
    other_width();
    failing_allocations(ranks - 1, false);
    failing_allocations(0, true);
    failing_calls(0);
    failing_calls(ranks - 1);
    remove_files();
    MPI_Finalize();
    return 0;
}
