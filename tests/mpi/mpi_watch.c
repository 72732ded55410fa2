/* The profiling interface of MPI: a program's own MPI_Isend comes before the library's, which is PMPI_Isend.
 * */
#include <mpi.h>
#include <stdlib.h>
#include <time.h>

#include "mpi_watch.h"

watch watched;

static int64_t bytes_of(int n, MPI_Datatype type)
{
    int size;
    PMPI_Type_size(type, &size);
    return (int64_t)n * size;
}

/* Returns whether this call fails. */
static bool fails(void)
{
    if (watched.delay > 0) {
        const struct timespec pause = { .tv_nsec = 1000L * (rand() % watched.delay) };
        nanosleep(&pause, NULL);
    }
    return ++watched.calls == watched.fail_at;
}

int MPI_Isend(const void *from, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm,
              MPI_Request *request)
{
    if (fails())
        return MPI_ERR_OTHER;
    watched.sent += bytes_of(n, type);
    return PMPI_Isend(from, n, type, to, tag, comm, request);
}

int MPI_Irecv(void *to, int n, MPI_Datatype type, int from, int tag, MPI_Comm comm, MPI_Request *request)
{
    return fails() ? MPI_ERR_OTHER : PMPI_Irecv(to, n, type, from, tag, comm, request);
}

int MPI_Iallreduce(const void *from, void *to, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm,
                   MPI_Request *request)
{
    if (fails())
        return MPI_ERR_OTHER;
    watched.reduced += bytes_of(n, type);
    watched.reals = watched.reals || type != MPI_INT64_T;
    return PMPI_Iallreduce(from, to, n, type, op, comm, request);
}

int MPI_Ibcast(void *bytes, int n, MPI_Datatype type, int root, MPI_Comm comm, MPI_Request *request)
{
    if (fails())
        return MPI_ERR_OTHER;
    watched.broadcast += bytes_of(n, type);
    return PMPI_Ibcast(bytes, n, type, root, comm, request);
}
