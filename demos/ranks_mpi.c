/* Ranks, by MPI. */
#include "measure.h"
#include "ranks.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <tulle/mpi.h>
#include <unistd.h>

enum { REASON = 1024, PATIENCE = 5 /* seconds */ };

bool ranks_start(ranks *r, int argc, char **argv)
{
    int level;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level);
    MPI_Comm_rank(MPI_COMM_WORLD, &r->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &r->n);
    r->terminal = dup(STDERR_FILENO);
    if (r->rank > 0) {
        const int null = open("/dev/null", O_WRONLY);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        close(null);
    }
    return true;
}

void ranks_leave(ranks *r)
{
    fflush(stdout);
    close(r->terminal);
    tl_mpi_free(r->mpi);
    MPI_Finalize();
}

/* Waits for the others. They may be in another exchange, which would never end: then it ends them. */
static void wait_or_abort(const ranks *r, MPI_Request *request)
{
    const double start = seconds();
    int done = 0;
    while (!done) {
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        MPI_Test(request, &done, MPI_STATUS_IGNORE);
        if (!done && seconds() - start > PATIENCE) {
            dup2(r->terminal, STDERR_FILENO);
            fprintf(stderr, "%s: rank %d: %s\n", r->program, r->rank, tl_error());
            MPI_Abort(MPI_COMM_WORLD, 1);
        }
    }
}

bool ranks_agree(ranks *r, bool ok)
{
    if (r->n == 0 || r->failed)
        return ok && !r->failed;
    const int mine = ok ? r->n : r->rank;
    int first = r->n;
    char reason[REASON];
    snprintf(reason, sizeof reason, "%s", tl_error());
    MPI_Request request;
    MPI_Iallreduce(&mine, &first, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD, &request);
    if (ok)
        MPI_Wait(&request, MPI_STATUS_IGNORE);
    else
        wait_or_abort(r, &request);
    if (first == r->n)
        return true;
    MPI_Bcast(reason, REASON, MPI_CHAR, first, MPI_COMM_WORLD);
    r->failed = true;
    if (first == 0)
        tl_fail(TL_ERR_PEER, "%s", reason);
    else
        tl_fail(TL_ERR_PEER, "rank %d: %s", first, reason);
    return false;
}

/* Returns whether a call of the library succeeded, which fails on all ranks or on none. */
static bool succeeded(ranks *r, tl_status status)
{
    r->failed = status != TL_OK;
    return !r->failed;
}

bool ranks_join(ranks *r)
{
    r->mpi = tl_mpi_new(MPI_COMM_WORLD, (int32_t)r->parts);
    return succeeded(r, r->mpi ? TL_OK : tl_last_status());
}

bool ranks_broadcast(ranks *r, tl_variable *const *vars, int n, tl_optimizer *o)
{
    return r->n == 0 || succeeded(r, tl_mpi_broadcast(r->mpi, vars, n, o));
}

samples ranks_own(const ranks *r)
{
    const int32_t first = tl_mpi_first(r->mpi);
    return (samples){ first, tl_mpi_last(r->mpi) - first };
}

void ranks_add(ranks *r, int64_t part, const tl_gradients *g, double weight)
{
    tl_mpi_add(r->mpi, (int32_t)part, g, weight);
}

bool ranks_total(ranks *r, tl_gradients *sum, double *loss)
{
    return succeeded(r, tl_mpi_total(r->mpi, sum)) && succeeded(r, tl_mpi_sum(r->mpi, 1, r->loss, loss));
}
