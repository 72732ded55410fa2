/* One rank errs in a lookup of a table that is shared out: all return, with the same text, and can go on. */
#include "mpi_table_model.h"

#include <math.h>

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

int main(int argc, char **argv)
{
    begin_ranks(&argc, &argv);
    faults_in_lookups();
    other_table_at_first();
    failed_lookup_in_a_sum();
    other_reader();
    not_a_number();
    MPI_Finalize();
    return 0;
}
