/* Trains a table of four times what a rank may hold: its address space is limited to what it has, a quarter
 * of the table with its slots, and little else. */
#include "mpi_testing.h"

#include <sys/resource.h>

enum { RANKS = 4, ROWS = 1 << 18, WIDTH = 64, SAMPLES = 64, STEPS = 20, REST = 12 << 20 /* bytes */ };

/* Returns the bytes of the process's address space. */
static size_t address_space(void)
{
    long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    check(f && fscanf(f, "%lld", &pages) == 1, "there is no /proc/self/statm");
    fclose(f);
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

static double step(tl_mpi *m, tl_graph *g, tl_variable *share, tl_optimizer *adam, int k)
{
    int32_t id[SAMPLES];
    double loss;
    tl_random r = { .seed = 7, .position = (uint64_t)here << 32 };
    tl_gradients part, sum;
    for (int i = 0; i < SAMPLES; i++)
        id[i] = (int32_t)tl_random_integer(&r, ROWS);
    tl_node *y = tl_mpi_embedding_lookup(m, g, share, id, TL_SHAPE(SAMPLES));
    y = tl_reduce_sum(tl_reduce_mean(tl_square(tl_add_constant(y, 1)), 0), 0);
    check_ok(tl_backward(y, &part));
    loss = (double)tl_value(y)[0];
    check_ok(tl_mpi_add(m, here, &part, 1.0 / RANKS));
    tl_graph_reset(g);
    check_ok(tl_mpi_total(m, &sum));
    check_ok(tl_apply_gradients(adam, &sum));
    check_ok(tl_mpi_sum(m, 1, &loss, &loss));
    if (here == 0 && k % (STEPS - 1) == 0)
        printf("step %d: loss %g\n", k, loss);
    return loss;
}

int main(int argc, char **argv)
{
    const size_t table = (size_t)ROWS * WIDTH * sizeof(tl_real);
    begin_ranks(&argc, &argv);
    check(ranks == RANKS, "%d ranks", ranks);
    tl_mpi *m = tl_mpi_new(MPI_COMM_WORLD, RANKS);
    check_ok(tl_mpi_sum(m, 0, NULL, NULL)); /* MPI has mapped what it shares */
    const size_t limit = address_space() + 3 * table / RANKS + REST;
    check(setrlimit(RLIMIT_AS, &(struct rlimit){ limit, limit }) == 0, "no limit");
    tl_variable *whole = tl_variable_dense("whole", TL_SHAPE(ROWS, WIDTH));
    check(!whole, "a rank can hold the table");

    tl_variable *share = tl_mpi_table(m, "share", ROWS, WIDTH, TL_MOD);
    check(share, "%s", tl_error());
    check_ok(tl_mpi_init_uniform(m, share, -1, 1, &(tl_random){ .seed = 1 }));
    tl_optimizer *adam = tl_adam((tl_adam_options){ .learning_rate = 0.1, .rows = TL_ROWS_LAZY });
    tl_graph *g = tl_graph_new();
    double first = 0, last = 0;
    for (int k = 0; k < STEPS; k++) {
        last = step(m, g, share, adam, k);
        first = k == 0 ? last : first;
    }
    check(last < first / 4, "the loss went from %g to %g", first, last);
    tl_mpi_free(m);
    tl_graph_free(g);
    tl_optimizer_free(adam);
    tl_variable_free(share);
    MPI_Finalize();
    return 0;
}
