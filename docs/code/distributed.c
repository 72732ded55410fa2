/* Trains a classifier on any number of processes, to the same bits: mpirun -n 4 ./distributed */
#include <stdio.h>
#include <tulle/mpi.h>
#include <tulle/tulle.h>

enum { INPUTS = 100, HIDDEN = 64, CLASSES = 2, PARTS = 8, SAMPLES = 16, STEPS = 150, VARIABLES = 3 };

/* Draws a part of a batch: a function of the step and the part, whichever process draws it. */
static void draw_part(int step, int32_t part, tl_real x[SAMPLES][INPUTS], int32_t label[SAMPLES])
{
    tl_random rng = { .seed = (uint64_t)step, .position = (uint64_t)part << 32 };
    for (int k = 0; k < SAMPLES; k++) {
        tl_real sum = 0;
        for (int i = 0; i < INPUTS; i++) {
            x[k][i] = (tl_real)tl_random_normal(&rng);
            sum += i < 10 ? x[k][i] : 0;
        }
        label[k] = sum > 0;
    }
}

/* The loss of a part. The data are copied: they may be gone before the backward pass. */
static tl_node *loss_of(tl_graph *g, tl_variable *const *v, int step, int32_t part)
{
    tl_real x[SAMPLES][INPUTS];
    int32_t label[SAMPLES];
    draw_part(step, part, x, label);
    tl_node *in = tl_constant(g, TL_SHAPE(SAMPLES, INPUTS), x[0]);
    tl_node *h = tl_dense_sparse_matmul(in, tl_use(g, v[0]), TL_NO_TRANSPOSE);
    h = tl_relu(tl_bias(h, tl_use(g, v[1])));
    return tl_softmax_cross_entropy(tl_matmul(h, tl_use(g, v[2])), label);
}

/* Makes a step. What fails on one process fails on all: tl_mpi_total reports it. */
static tl_status train_step(tl_mpi *m, tl_graph *g, tl_variable *const *v, tl_optimizer *o, int step,
                            double *loss)
{
    double part_loss[PARTS] = { 0 };
    tl_gradients part, sum;
    for (int32_t p = tl_mpi_first(m); p < tl_mpi_last(m); p++, tl_graph_reset(g)) {
        tl_node *y = loss_of(g, v, step, p);
        tl_backward(y, &part);
        tl_mpi_add(m, p, &part, 1.0 / PARTS);
        part_loss[p - tl_mpi_first(m)] = y ? (double)tl_value(y)[0] / PARTS : 0;
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
    tl_pattern *pattern = tl_pattern_random(INPUTS, HIDDEN, 0.1, 1);
    tl_variable *v[VARIABLES] = { tl_variable_sparse("w1", pattern),
                                  tl_variable_dense("b1", TL_SHAPE(HIDDEN)),
                                  tl_variable_dense("w2", TL_SHAPE(HIDDEN, CLASSES)) };
    tl_optimizer *adam = tl_adam((tl_adam_options){ .learning_rate = 0.01 });
    tl_graph *g = tl_graph_new();
    tl_mpi *m = tl_mpi_new(MPI_COMM_WORLD, PARTS);
    tl_init_he(v[0], &rng);
    tl_init_he(v[2], &rng);

    double loss = 0;
    tl_status status = tl_mpi_broadcast(m, v, VARIABLES, adam); /* whatever the others had */
    for (int step = 1; step <= STEPS && status == TL_OK; step++) {
        status = train_step(m, g, v, adam, step, &loss);
        if (step % 50 == 0 && rank == 0 && status == TL_OK)
            printf("step %d: loss %.17g\n", step, loss);
    }
    if (status != TL_OK && rank == 0)
        fprintf(stderr, "%s\n", tl_error());

    tl_mpi_free(m);
    tl_graph_free(g);
    tl_optimizer_free(adam);
    for (int k = 0; k < VARIABLES; k++)
        tl_variable_free(v[k]);
    tl_pattern_release(pattern);
    MPI_Finalize();
    return status != TL_OK;
}
