/* Times a step of a sparse layer, 4096 x 4096 of density 0.1, on a batch of 512 in 8 parts.
 *
 *     mpi_speed [STEPS]     prints the median of a step, and of its tl_mpi_total, in milliseconds
 */
#include "mpi_testing.h"

enum { SIDE = 4096, BATCH = 512, PARTS = 8, SAMPLES = BATCH / PARTS, MOST_STEPS = 1000 };

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *time, int n)
{
    qsort(time, (size_t)n, sizeof *time, compare);
    return 1e3 * time[n / 2];
}

/* Makes a step. Returns the seconds that tl_mpi_total took. */
static double step(tl_mpi *m, tl_graph *g, tl_variable *v, tl_optimizer *o, const tl_real *x)
{
    tl_gradients part, sum;
    for (int32_t p = tl_mpi_first(m); p < tl_mpi_last(m); p++, tl_graph_reset(g)) {
        tl_node *in = tl_input(g, TL_SHAPE(SAMPLES, SIDE), x + (int64_t)p * SAMPLES * SIDE);
        tl_node *y = tl_dense_sparse_matmul(in, tl_use(g, v), TL_NO_TRANSPOSE);
        check_ok(tl_backward(tl_reduce_mean(tl_square(y), TL_ALL_AXES), &part));
        check_ok(tl_mpi_add(m, p, &part, 1.0 / PARTS));
    }
    const double begun = MPI_Wtime();
    check_ok(tl_mpi_total(m, &sum));
    const double took = MPI_Wtime() - begun;
    check_ok(tl_apply_gradients(o, &sum));
    return took;
}

int main(int argc, char **argv)
{
    const int steps = argc > 1 ? atoi(argv[1]) : 20;
    static double whole[MOST_STEPS], total[MOST_STEPS];
    check(steps > 0 && steps <= MOST_STEPS, "%d is not in 1..%d", steps, MOST_STEPS);
    begin_ranks(&argc, &argv);
    tl_random r = { .seed = 1 };
    tl_real *x = malloc((size_t)BATCH * SIDE * sizeof *x);
    for (int64_t k = 0; k < (int64_t)BATCH * SIDE; k++)
        x[k] = (tl_real)tl_random_uniform(&r);
    tl_pattern *pattern = tl_pattern_random(SIDE, SIDE, 0.1, 1);
    tl_variable *v = tl_variable_sparse("w", pattern);
    tl_optimizer *adam = tl_adam((tl_adam_options){ 0 });
    tl_graph *g = tl_graph_new();
    tl_mpi *m = tl_mpi_new(MPI_COMM_WORLD, PARTS);
    check_ok(tl_init_he(v, &r));
    check_ok(tl_mpi_broadcast(m, &v, 1, NULL));
    step(m, g, v, adam, x); /* schedules, slots and memory */
    for (int k = 0; k < steps; k++) {
        MPI_Barrier(MPI_COMM_WORLD);
        const double begun = MPI_Wtime();
        total[k] = step(m, g, v, adam, x);
        whole[k] = MPI_Wtime() - begun;
    }
    const double a_step = median(whole, steps), a_total = median(total, steps);
    if (here == 0)
        printf("%d ranks: %.1f ms a step, %.1f ms of them tl_mpi_total\n", ranks, a_step, a_total);
    tl_mpi_free(m);
    tl_graph_free(g);
    tl_optimizer_free(adam);
    tl_variable_free(v);
    tl_pattern_release(pattern);
    free(x);
    MPI_Finalize();
    return 0;
}
