/* One rank errs: all return, within moments and with the same text, and can go on. */
#include "mpi_failures.h"

#include <math.h>

enum { IN = 6, OUT = 5, ROWS = 10, SAMPLES = 3, PARTS_PER_RANK = 2, VARIABLES = 2 };
enum { SPARSE, TABLE };

struct model {
    tl_mpi *m;
    tl_variable *v[VARIABLES], *other;
    tl_optimizer *optimizer;
    tl_graph *g;
};

/* What a rank does wrong, or differently. */
typedef enum fault {
    NOTHING,
    BAD_ID,
    FAILED_BACKWARD,
    UNKNOWN_VARIABLE,
    OTHER_PATTERN,
    CHANGED_PATTERN,
    NO_ROWS,
    NO_SAMPLES,
    DENSE_TABLE,
    DENSE_TABLE_IN_A_PART,
    NOT_ITS_PART,
    PART_AGAIN,
    NO_OUTPUT,
    OTHER_CALL,
    FAULTS
} fault;

/* What comes of it: the status there and elsewhere, and how the text begins; %d is the rank, %p its last
 * part. */
static const struct {
    tl_status here, elsewhere;
    const char *text;
} outcome[FAULTS] = {
    [NOTHING] = { TL_OK, TL_OK, "" },
    [BAD_ID] = { TL_ERR_INDEX, TL_ERR_PEER,
                 "rank %d: part %p: backward: the loss is NULL; the last failure was embedding_lookup: "
                 "ids[0] = 10, " },
    [FAILED_BACKWARD] = { TL_ERR_SHAPE, TL_ERR_PEER, "rank %d: part %p: backward: the loss is 3x5" },
    [UNKNOWN_VARIABLE] = { TL_ERR_ARGUMENT, TL_ERR_PEER,
                           "rank %d: mpi_add: variable other was not broadcast" },
    [OTHER_PATTERN] = { TL_ERR_PEER, TL_ERR_PEER, "rank " },
    [CHANGED_PATTERN] = { TL_ERR_ARGUMENT, TL_ERR_PEER,
                          "rank %d: mpi_total: the pattern of sparse has changed" },
    [NO_ROWS] = { TL_OK, TL_OK, "" },
    [NO_SAMPLES] = { TL_OK, TL_OK, "" },
    [DENSE_TABLE] = { TL_ERR_KIND, TL_ERR_KIND, "the gradient of table is " },
    [DENSE_TABLE_IN_A_PART] = { TL_ERR_KIND, TL_ERR_PEER,
                                "rank %d: mpi_add: the gradient of table is row-sparse in" },
    [NOT_ITS_PART] = { TL_ERR_ARGUMENT, TL_ERR_PEER, "rank %d: mpi_add: part -1 is not in " },
    [PART_AGAIN] = { TL_ERR_ARGUMENT, TL_ERR_PEER, "rank %d: mpi_add: part %p comes after part %p" },
    [NO_OUTPUT] = { TL_ERR_ARGUMENT, TL_ERR_PEER, "rank %d: mpi_total: the output argument is NULL" },
    [OTHER_CALL] = { TL_ERR_PEER, TL_ERR_PEER, "rank " },
};

/* ---- Models ---- */

static void make_variables(model *t)
{
    tl_random r = { .seed = 1 };
    tl_pattern *pattern = tl_pattern_random(IN, OUT, 0.5, 1);
    *t = (model){ .g = tl_graph_new(), .optimizer = tl_adam((tl_adam_options){ 0 }) };
    t->v[SPARSE] = tl_variable_sparse("sparse", pattern);
    t->v[TABLE] = tl_variable_dense("table", TL_SHAPE(ROWS, OUT));
    t->other = tl_variable_dense("other", TL_SHAPE(OUT));
    for (int k = 0; k < VARIABLES; k++)
        check_ok(tl_init_normal(t->v[k], 0, 1, &r));
    tl_pattern_release(pattern);
}

static void make_model(model *t)
{
    make_variables(t);
    t->m = tl_mpi_new(MPI_COMM_WORLD, PARTS_PER_RANK * ranks);
    check(t->m, "%s", tl_error());
    check_ok(tl_mpi_broadcast(t->m, t->v, VARIABLES, t->optimizer));
}

static void free_model(model *t)
{
    tl_mpi_free(t->m);
    tl_optimizer_free(t->optimizer);
    tl_graph_free(t->g);
    for (int k = 0; k < VARIABLES; k++)
        tl_variable_free(t->v[k]);
    tl_variable_free(t->other);
}

/* A loss, unless something is wrong with it. */
static tl_node *loss_of(model *t, int32_t part, fault f)
{
    const int32_t label[SAMPLES] = { 0, 1, 2 };
    int32_t id[SAMPLES] = { part % ROWS, (part * part) % ROWS, 3 };
    tl_real x[SAMPLES * IN];
    for (int k = 0; k < SAMPLES * IN; k++)
        x[k] = (tl_real)((k + part) % 7 - 3);
    id[0] = f == BAD_ID ? ROWS : id[0];
    tl_node *table = tl_use(t->g, t->v[TABLE]), *e = tl_embedding_lookup(table, id, TL_SHAPE(SAMPLES));
    tl_node *y = tl_dense_sparse_matmul(tl_constant(t->g, TL_SHAPE(SAMPLES, IN), x),
                                        tl_use(t->g, t->v[SPARSE]), TL_NO_TRANSPOSE);
    if (f == NO_ROWS)
        e = tl_pad(tl_embedding_lookup(table, id, TL_SHAPE(0)), (int64_t[]){ 0, 0 },
                   (int64_t[]){ SAMPLES, 0 }, 0);
    if (f == DENSE_TABLE || f == DENSE_TABLE_IN_A_PART)
        e = tl_slice(table, 0, 0, SAMPLES);
    y = tl_add(y, e);
    if (f == UNKNOWN_VARIABLE)
        y = tl_bias(y, tl_use(t->g, t->other));
    return f == FAILED_BACKWARD ? y : tl_softmax_cross_entropy(y, label);
}

/* ---- Outcomes ---- */

/* Checks that the last error begins with a text, in which %d and %p are replaced. */
static void check_begins(const char *text, int rank)
{
    char expected[512];
    int n = 0;
    for (const char *c = text; *c; c++) {
        const bool replaced = *c == '%';
        if (replaced)
            c++;
        if (!replaced)
            expected[n++] = *c;
        else
            n += snprintf(expected + n, sizeof expected - (size_t)n, "%d",
                          *c == 'd' ? rank : PARTS_PER_RANK * (rank + 1) - 1);
    }
    expected[n] = '\0';
    check(strncmp(tl_error(), expected, (size_t)n) == 0, "'%s' does not begin with '%s'", tl_error(),
          expected);
}

/* ---- A step, in which one rank errs ---- */

static tl_status add_parts(model *t, fault f)
{
    tl_status status = TL_OK;
    const int32_t last = tl_mpi_last(t->m) - 1;
    for (int32_t p = tl_mpi_first(t->m); p <= last; p++, tl_graph_reset(t->g)) {
        const bool errs = p == last || f == DENSE_TABLE || f == NO_SAMPLES || f == NO_ROWS;
        tl_gradients part;
        tl_backward(loss_of(t, p, errs ? f : NOTHING), &part);
        status = tl_mpi_add(t->m, errs && f == NOT_ITS_PART ? -1 : p, f == NO_SAMPLES ? NULL : &part, 0.25);
        if (errs && f == PART_AGAIN)
            status = tl_mpi_add(t->m, p, &part, 0.25);
    }
    return status;
}

/* Makes a step in which `rank` errs. */
static void step(model *t, fault f, int rank)
{
    tl_gradients sum = { 0 };
    const fault own = here == rank ? f : NOTHING;
    if (own == OTHER_PATTERN)
        check_ok(tl_variable_prune_by_magnitude(t->v[SPARSE], 3));
    add_parts(t, own);
    if (own == CHANGED_PATTERN)
        check_ok(tl_variable_prune_by_magnitude(t->v[SPARSE], 3));
    tl_status status;
    if (own == OTHER_CALL)
        status = tl_mpi_sum(t->m, 0, NULL, NULL);
    else
        status = tl_mpi_total(t->m, own == NO_OUTPUT ? NULL : &sum);
    const tl_status expected = here == rank ? outcome[f].here : outcome[f].elsewhere;
    check(status == expected, "fault %d on rank %d: %s: %s", (int)f, rank, tl_status_name(status),
          tl_error());
    if (status == TL_OK) {
        check(sum.n == 2, "%d pairs", (int)sum.n);
        check_ok(tl_apply_gradients(t->optimizer, &sum));
        return;
    }
    check_begins(outcome[f].text, rank);
    check_texts("mpi_total");
    check(sum.n == 0 && !sum.pair, "there are pairs");
}

static void faults_in_a_step(void)
{
    for (int f = NOTHING; f < FAULTS; f++)
        for (int rank = 0; rank < ranks; rank++) {
            model t;
            make_model(&t);
            step(&t, NOTHING, 0);
            step(&t, (fault)f, rank);
            if (f == OTHER_PATTERN || f == CHANGED_PATTERN)
                check_ok(tl_mpi_broadcast(t.m, t.v, VARIABLES, NULL));
            step(&t, NOTHING, 0); /* they are in step */
            free_model(&t);
        }
}

/* NaN goes into the sum, which all ranks refuse. */
static void not_a_number(void)
{
    model t;
    make_model(&t);
    if (here == ranks - 1)
        tl_variable_data(t.v[TABLE])[OUT * 3] = (tl_real)NAN;
    tl_gradients sum;
    check_ok(add_parts(&t, NOTHING));
    check_ok(tl_mpi_total(t.m, &sum));
    const tl_status status = tl_apply_gradients(t.optimizer, &sum);
    check(status == TL_ERR_NUMERIC, "%s", tl_status_name(status));
    check_texts("apply_gradients");
    free_model(&t);
}

/* ---- Other calls ---- */

static void differences_in_new(void)
{
    check_all_fail(!tl_mpi_new(MPI_COMM_WORLD, 8 + (here == 1)), "rank 1 has 9 parts; rank 0 has 8 parts");
    check_all_fail(!tl_mpi_new(MPI_COMM_WORLD, here == 1 ? 0 : 8),
                   "rank 1: mpi_new: the number of parts, 0, is not positive");
    check(!tl_mpi_new(MPI_COMM_NULL, 8) &&
              strcmp(tl_error(), "mpi_new: the communicator is MPI_COMM_NULL") == 0,
          "%s", tl_error());
    check(tl_mpi_first(NULL) == 0 && tl_mpi_last(NULL) == 0, "NULL has parts");
    check(tl_mpi_total(NULL, NULL) == TL_ERR_ARGUMENT && tl_mpi_add(NULL, 0, NULL, 1) == TL_ERR_ARGUMENT &&
              tl_mpi_sum(NULL, 0, NULL, NULL) == TL_ERR_ARGUMENT &&
              tl_mpi_broadcast(NULL, NULL, 0, NULL) == TL_ERR_ARGUMENT,
          "NULL is no error");
    tl_mpi_free(NULL);
}

static void differences_in_broadcast(void)
{
    model t;
    make_model(&t);
    tl_variable *list[] = { t.v[TABLE], here == 1 ? t.v[SPARSE] : t.other };
    check_all_fail(tl_mpi_broadcast(t.m, list, 2, NULL) != TL_OK,
                   "rank 1 has sparse (6x5), sparse; rank 0 has other");
    check_all_fail(tl_mpi_broadcast(t.m, t.v, here == 1 ? 1 : 2, NULL) != TL_OK,
                   "rank 1 has 1 variables; rank 0 has 2 variables");
    check_all_fail(
        tl_mpi_broadcast(t.m, t.v, 2, here == 1 ? NULL : t.optimizer) != TL_OK,
        "rank 1 has mpi_broadcast without an optimizer; rank 0 has mpi_broadcast with an optimizer");
    check_all_fail(tl_mpi_broadcast(t.m, here == 1 ? NULL : t.v, 2, NULL) != TL_OK,
                   "rank 1: mpi_broadcast: the list of variables is empty");
    list[1] = here == 1 ? NULL : list[1];
    check_all_fail(tl_mpi_broadcast(t.m, list, 2, NULL) != TL_OK,
                   "rank 1: mpi_broadcast: variable 1 is NULL");
    list[1] = list[0];
    check_all_fail(tl_mpi_broadcast(t.m, list, 2, NULL) != TL_OK,
                   "rank 0: checkpoint_add_variable: table is in");
    tl_optimizer *o = tl_adam((tl_adam_options){ .beta1 = here == 1 ? 0.5 : 0 });
    check_all_fail(tl_mpi_broadcast(t.m, t.v, 2, o) != TL_OK, "rank 1: checkpoint_load: ");
    tl_optimizer_free(o);
    step(&t, NOTHING, 0);
    free_model(&t);
}

static void differences_in_sum(void)
{
    model t;
    make_model(&t);
    double values[2 * PARTS_PER_RANK] = { 1, 2, 3, 4 }, sum[2];
    check_all_fail(tl_mpi_sum(t.m, here == 1 ? 1 : 2, values, sum) != TL_OK,
                   "rank 1 has mpi_sum of 1 numbers; rank 0 has mpi_sum of 2 numbers");
    check_all_fail(tl_mpi_sum(t.m, 2, here == 1 ? NULL : values, sum) != TL_OK,
                   "rank 1: mpi_sum: the values are NULL");
    check_all_fail(tl_mpi_sum(t.m, 2, values, here == 1 ? NULL : sum) != TL_OK,
                   "rank 1: mpi_sum: the sums are NULL");
    check_all_fail(tl_mpi_sum(t.m, here == 1 ? -1 : 2, values, sum) != TL_OK,
                   "rank 1: mpi_sum: -1 numbers of each");
    check_ok(tl_mpi_sum(t.m, 2, values, sum));
    check(sum[0] == 4 * ranks && sum[1] == 6 * ranks, "%g, %g", sum[0], sum[1]);
    free_model(&t);
}

/* A rank fails in a call that is not collective. */
static void failure_of_one(void)
{
    model t;
    make_model(&t);
    check_ok(tl_mpi_check(t.m, TL_OK));
    check_all_fail(tl_mpi_check(t.m, here == 1 ? tl_apply_gradients(NULL, NULL) : TL_OK) != TL_OK,
                   "rank 1: apply_gradients: ");
    check(tl_last_status() == (here == 1 ? TL_ERR_ARGUMENT : TL_ERR_PEER), "%s", tl_error());
    check(tl_mpi_check(NULL, TL_OK) == TL_ERR_ARGUMENT, "NULL is no error");
    step(&t, NOTHING, 0);
    free_model(&t);
}

/* ---- What can fail at any time ---- */

/* Makes and uses a model in every way, up to the first failure. */
static tl_status use_all(model *t, int64_t failing_call)
{
    double values[PARTS_PER_RANK] = { 1, 2 }, sum;
    tl_gradients total;
    t->m = tl_mpi_new(MPI_COMM_WORLD, PARTS_PER_RANK * ranks);
    if (!t->m)
        return tl_last_status();
    watched = (watch){ .fail_at = failing_call };
    tl_status status = tl_mpi_broadcast(t->m, t->v, VARIABLES, t->optimizer);
    if (status == TL_OK)
        add_parts(t, NOTHING);
    if (status == TL_OK)
        status = tl_mpi_total(t->m, &total);
    if (status == TL_OK)
        status = tl_mpi_check(t->m, tl_apply_gradients(t->optimizer, &total));
    if (status == TL_OK)
        status = tl_mpi_sum(t->m, 1, values, &sum);
    return status;
}

/* An error of MPI is for ever. */
static void check_failed(model *t, int rank, tl_status status)
{
    char text[32];
    snprintf(text, sizeof text, "rank %d: MPI_I", rank);
    check(strncmp(tl_error(), text, strlen(text)) == 0, "%s", tl_error());
    const tl_status again = tl_mpi_sum(t->m, 0, NULL, NULL);
    check(again == status, "%s, then %s: %s", tl_status_name(status), tl_status_name(again), tl_error());
    check_texts("after an error of MPI");
}

/* Of two kernel levels, where the machine has them: the processes begin anew, each with one. */
static void kernels(char **argv)
{
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    if (!getenv("TULLE_KERNELS")) {
        setenv("TULLE_KERNELS", rank && strcmp(rank, "1") == 0 ? "baseline" : "avx2", 1);
        execv(argv[0], argv);
    }
}

int main(int argc, char **argv)
{
    const bool mixed = argc == 2 && strcmp(argv[1], "kernels") == 0;
    if (mixed)
        kernels(argv);
    tl_check_set_allocator();
    begin_ranks(&argc, &argv);
    if (mixed) {
        char other[16] = "";
        strcpy(other, tl_kernel_level());
        MPI_Bcast(other, sizeof other, MPI_CHAR, 0, MPI_COMM_WORLD);
        int same = strcmp(other, tl_kernel_level()) == 0, all;
        MPI_Allreduce(&same, &all, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
        if (!all)
            check_all_fail(!tl_mpi_new(MPI_COMM_WORLD, 8),
                           "rank 1 has baseline kernels (TULLE_KERNELS); rank 0 has avx2 kernels");
    } else {
        faults_in_a_step();
        not_a_number();
        differences_in_new();
        differences_in_broadcast();
        differences_in_sum();
        failure_of_one();
        const trial all = { &(model){ 0 }, make_variables, use_all, free_model, check_failed };
        failing_allocations(&all, 0);
        failing_allocations(&all, ranks - 1);
        failing_calls(&all, 0);
        failing_calls(&all, ranks - 1);
    }
    MPI_Finalize();
    return 0;
}
