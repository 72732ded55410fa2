/* Trains a table that no process has as a whole, to the same bits on any number: mpirun -n 4 ./tables */
#include <stdio.h>
#include <tulle/mpi.h>
#include <tulle/tulle.h>

enum { ROWS = 50000, WIDTH = 16, CLASSES = 3, PARTS = 8, SAMPLES = 64, STEPS = 150 };

/* The loss of a part: on a graph, or on none to take part in the lookup only. */
static tl_node *loss_of(tl_mpi *m, tl_graph *g, tl_variable *table, tl_variable *w, int step, int32_t part)
{
    int32_t id[SAMPLES], label[SAMPLES];
    tl_random rng = { .seed = (uint64_t)step, .position = (uint64_t)part << 32 };
    for (int k = 0; k < SAMPLES; k++) {
        id[k] = (int32_t)(tl_random_integer(&rng, 20) * tl_random_integer(&rng, 20) * 100);
        label[k] = id[k] / 100 % CLASSES;
    }
    tl_node *rows = tl_mpi_embedding_lookup(m, g, table, id, TL_SHAPE(SAMPLES));
    return tl_softmax_cross_entropy(tl_matmul(rows, tl_use(g, w)), label);
}

static tl_status train_step(tl_mpi *m, tl_graph *g, tl_variable *table, tl_variable *w, tl_optimizer *o,
                            int step, double *loss)
{
    double part_loss[PARTS] = { 0 };
    tl_gradients part, sum;
    for (int32_t k = 0; k < tl_mpi_rounds(m); k++, tl_graph_reset(g)) {
        const int32_t p = tl_mpi_first(m) + k;
        const bool mine = p < tl_mpi_last(m);
        tl_node *y = loss_of(m, mine ? g : NULL, table, w, step, p);
        if (!mine)
            continue;
        tl_backward(y, &part);
        tl_mpi_add(m, p, &part, 1.0 / PARTS);
        part_loss[k] = y ? (double)tl_value(y)[0] / PARTS : 0;
    }
    tl_status status = tl_mpi_total(m, &sum);
    if (status == TL_OK)
        status = tl_mpi_check(m, tl_apply_gradients(o, &sum));
    return status == TL_OK ? tl_mpi_sum(m, 1, part_loss, loss) : status;
}

int main(int argc, char **argv)
{
    int rank, level;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);

    tl_random rng = { .seed = 1 };
    tl_mpi *m = tl_mpi_new(MPI_COMM_WORLD, PARTS);
    tl_variable *table = tl_mpi_table(m, "table", ROWS, WIDTH, TL_MOD);
    tl_variable *w = tl_variable_dense("w", TL_SHAPE(WIDTH, CLASSES));
    tl_optimizer *adam = tl_adam((tl_adam_options){ .learning_rate = 0.02 });
    tl_graph *g = tl_graph_new();
    tl_mpi_init_normal(m, table, 0, (tl_real)0.1, &rng);
    tl_init_glorot(w, &rng);

    double loss = 0;
    tl_status status = table ? tl_mpi_broadcast(m, &w, 1, NULL) : tl_last_status();
    for (int step = 1; step <= STEPS && status == TL_OK; step++) {
        status = train_step(m, g, table, w, adam, step, &loss);
        if (step % 50 == 0 && rank == 0 && status == TL_OK)
            printf("step %d: loss %.17g\n", step, loss);
    }
    if (status != TL_OK && rank == 0)
        fprintf(stderr, "%s\n", tl_error());

    tl_mpi_free(m);
    tl_graph_free(g);
    tl_optimizer_free(adam);
    tl_variable_free(table);
    tl_variable_free(w);
    MPI_Finalize();
    return status != TL_OK;
}
