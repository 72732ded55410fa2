/* One rank errs with a table that is shared out, or a checkpoint of it: all return, with the same text. */
#include "mpi_failures.h"
#include "mpi_table_model.h"

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

static char file[PATH_SIZE]; /* the same on all ranks */

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

static void make_listed(model *t)
{
    make_local(t);
    check_ok(tl_checkpoint_add_variable(t->list, t->plain));
}

static tl_status use_tables(model *t, int64_t failing_call)
{
    const int32_t id[SAMPLES] = { here % ROWS, 9, 3, 3 };
    tl_gradients part, sum;
    watched = (watch){ .fail_at = failing_call };
    const tl_status status = make_tables(t);
    if (status != TL_OK)
        return status;
    tl_node *y = tl_mpi_embedding_lookup(t->m, t->g, t->table, id, TL_SHAPE(SAMPLES));
    if (!y)
        return tl_last_status();
    tl_backward(loss_of(y), &part);
    tl_mpi_add(t->m, tl_mpi_first(t->m), &part, 1);
    return tl_mpi_total(t->m, &sum);
}

static tl_status use_and_save(model *t, int64_t failing_call)
{
    tl_status status = use_tables(t, failing_call);
    if (status == TL_OK)
        status = tl_mpi_save(t->m, t->list, file);
    if (status == TL_OK)
        status = tl_mpi_load(t->m, t->list, file);
    return status;
}

int main(int argc, char **argv)
{
    tl_check_set_allocator();
    begin_ranks(&argc, &argv);
    choose_path(file, "tables");
    rows_and_values();
    differences_in_table();
    differences_in_checkpoints();
    overflow_after_load();
    other_width();
    model t;
    const trial tables = { &t, make_listed, use_tables, free_model, NULL },
                all = { &t, make_listed, use_and_save, free_model, NULL };
    failing_allocations(&tables, ranks - 1);
    failing_allocations(&all, 0);
    failing_calls(&all, 0);
    failing_calls(&all, ranks - 1);
    remove_files();
    MPI_Finalize();
    return 0;
}
