/* What programs that train in several ways share: the ways, sums without MPI, and the command line. */
#ifndef TL_MPI_PLANS_H
#define TL_MPI_PLANS_H

#include "mpi_testing.h"

enum { MOST_PARTS = 16, MANY_STEPS = 60 };

/* What a run is made of. */
typedef struct plan {
    const char *name;
    int optimizer; /* 0: SGD, 1: Adam, 2: FTRL */
    tl_rows_policy rows;
    int32_t parts;
} plan;

static const plan plans[] = {
    { "SGD, exact rows, 8 parts", 0, TL_ROWS_EXACT, 8 },
    { "SGD, lazy rows, 6 parts", 0, TL_ROWS_LAZY, 6 },
    { "Adam, exact rows, 6 parts", 1, TL_ROWS_EXACT, 6 },
    { "Adam, lazy rows, 8 parts", 1, TL_ROWS_LAZY, 8 },
    { "FTRL, exact rows, 13 parts", 2, TL_ROWS_EXACT, 13 },
    { "FTRL, lazy rows, 1 part", 2, TL_ROWS_LAZY, 1 },
};

static inline tl_optimizer *make_optimizer(const plan *p)
{
    if (p->optimizer == 0)
        return tl_sgd((tl_sgd_options){ .learning_rate = 0.05, .momentum = 0.9, .rows = p->rows });
    if (p->optimizer == 1)
        return tl_adam((tl_adam_options){ .learning_rate = 0.01, .weight_decay = 0.01, .rows = p->rows });
    return tl_ftrl((tl_ftrl_options){ .learning_rate = 0.1, .l1 = 0.001, .rows = p->rows });
}

/* Returns the sum over the parts by the tree, as the header defines it. */
static inline double tree(const double *value, int32_t parts, int32_t part, int32_t size)
{
    if (size == 1)
        return value[part];
    const double left = tree(value, parts, part, size / 2);
    return part + size / 2 < parts ? left + tree(value, parts, part + size / 2, size / 2) : left;
}

/* Checks that all ranks have a hash. */
static inline void check_same(bool alone, uint64_t h)
{
    uint64_t least = h, most = h;
    if (!alone) {
        MPI_Allreduce(&h, &least, 1, MPI_UINT64_T, MPI_MIN, MPI_COMM_WORLD);
        MPI_Allreduce(&h, &most, 1, MPI_UINT64_T, MPI_MAX, MPI_COMM_WORLD);
    }
    check(least == most, "the ranks end with different bits");
}

/* Prints what a run of a plan ends with. */
static inline void print_end(const plan *p, bool alone, uint64_t h)
{
    check_same(alone, h);
    if (here == 0)
        printf("%s: %016llx\n", p->name, (unsigned long long)h);
}

/* Returns a checkpoint of a run's variables and its place, to which the optimizers are to be added. */
static inline tl_checkpoint *list_run(tl_variable *const *v, int n, int64_t *step, double *loss)
{
    tl_checkpoint *list = tl_checkpoint_new();
    for (int k = 0; k < n; k++)
        check_ok(tl_checkpoint_add_variable(list, v[k]));
    check_ok(tl_checkpoint_add_integer(list, "step", step));
    check_ok(tl_checkpoint_add_number(list, "loss", loss));
    return list;
}

/* Print what a run that can be resumed begins and ends with. */
static inline void print_process(void)
{
    printf("rank %d: process %ld\n", here, (long)getpid());
    fflush(stdout);
}

static inline void print_resumed(uint64_t h)
{
    if (here == 0)
        printf("ends with %016llx\n", (unsigned long long)h);
    fflush(stdout); /* a process that is killed after MPI_Finalize has ended as far as mpirun can tell */
}

/* Does what the command line says: nothing, --without-mpi or --resume FILE. */
static inline int run_plans(int argc, char **argv, void (*train)(const plan *p, bool alone, int threads),
                            void (*resume)(const char *file))
{
    const bool alone = argc == 2 && strcmp(argv[1], "--without-mpi") == 0;
    int level;
    if (!alone) {
        MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level);
        MPI_Comm_rank(MPI_COMM_WORLD, &here);
    }
    if (argc == 3 && strcmp(argv[1], "--resume") == 0)
        resume(argv[2]);
    else
        for (size_t k = 0; k < sizeof plans / sizeof *plans; k++)
            for (int threads = 1; threads <= 2; threads++)
                train(&plans[k], alone, threads);
    if (!alone)
        MPI_Finalize();
    return 0;
}

#endif
