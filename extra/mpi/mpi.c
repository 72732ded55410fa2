/* The life of a tl_mpi. */
#include "private.h"

#include <string.h>

/* Checks what can be checked before the ranks can talk. */
static tl_status check(MPI_Comm comm)
{
    int initialised = 0, finalised = 0, inter = 0;
    MPI_Initialized(&initialised);
    MPI_Finalized(&finalised);
    if (!initialised || finalised)
        return tl_fail(TL_ERR_ARGUMENT, "mpi_new: MPI %s", initialised ? "has ended" : "is not initialised");
    if (comm == MPI_COMM_NULL)
        return tl_fail(TL_ERR_ARGUMENT, "mpi_new: the communicator is MPI_COMM_NULL");
    if (MPI_Comm_test_inter(comm, &inter) != MPI_SUCCESS || inter)
        return tl_fail(TL_ERR_ARGUMENT, "mpi_new: the communicator is an intercommunicator");
    return TL_OK;
}

/* Checks what the ranks then agree on. */
static tl_status check_here(int32_t parts)
{
    int level = MPI_THREAD_SINGLE;
    MPI_Query_thread(&level);
    if (parts < 1)
        return tl_fail(TL_ERR_ARGUMENT, "mpi_new: the number of parts, %d, is not positive", (int)parts);
    if (tl_num_threads() > 1 && level < MPI_THREAD_FUNNELED)
        return tl_fail(TL_ERR_ARGUMENT,
                       "mpi_new: %d threads need MPI_Init_thread with MPI_THREAD_FUNNELED, not MPI_Init",
                       tl_num_threads());
    return TL_OK;
}

/* Duplicates the communicator, whose error handler stays as it is. */
static tl_status duplicate(MPI_Comm comm, MPI_Comm *own)
{
    const int code = MPI_Comm_dup(comm, own);
    if (code != MPI_SUCCESS)
        return tl_fail(TL_ERR_IO, "mpi_new: MPI_Comm_dup: error %d", code);
    MPI_Comm_set_errhandler(*own, MPI_ERRORS_RETURN);
    return TL_OK;
}

/* Takes what depends on the numbers of ranks and parts; failures are noted. */
static void take_tables(tl_mpi *m)
{
    tl_mpi_counts *c = &m->counts;
    c->send = tl_mpi_take(m, &m->own, 4 * (int64_t)m->ranks, sizeof *c->send);
    m->peers = tl_mpi_take(m, &m->own, m->ranks, sizeof *m->peers);
    MPI_Request *request = tl_mpi_take(m, &m->own, 2 * (int64_t)m->ranks, sizeof *request);
    m->request = request ? request : m->request;
    if (c->send) {
        c->send_at = c->send + m->ranks;
        c->receive = c->send_at + m->ranks;
        c->receive_at = c->receive + m->ranks;
    }
    tl_mpi_lay_out(m);
    const int32_t n = m->last_block - m->first_block;
    m->total = tl_mpi_take_zero(m, &m->own, n, sizeof(tl_graph *));
    for (int32_t b = 0; m->total && b < n; b++)
        if (!(m->total[b] = tl_graph_new()))
            tl_mpi_note(m, tl_last_status());
    m->next = m->first;
}

static void free_memory(tl_mpi *m)
{
    tl_graph *own = m->own.graph; /* m is in it */
    for (int32_t k = 0; k < m->n_variables; k++)
        tl_pattern_release(m->variable[k].pattern);
    for (int32_t b = 0; m->total && b < m->last_block - m->first_block; b++)
        tl_graph_free(m->total[b]);
    tl_graph_free(m->sum.graph);
    tl_graph_free(m->call.graph);
    tl_graph_free(own);
}

/* Frees m, unless messages may still arrive in it. */
static void free_all(tl_mpi *m)
{
    if (m->lost.status != TL_OK)
        return;
    MPI_Comm_free(&m->comm);
    MPI_Comm_free(&m->alarms);
    free_memory(m);
}

tl_mpi *tl_mpi_new(MPI_Comm comm, int32_t parts)
{
    static tl_mpi spare; /* in which the ranks agree that one of them lacks memory */
    MPI_Comm own, alarms;
    tl_mpi_memory memory = { NULL, NULL };
    if (check(comm) != TL_OK || duplicate(comm, &own) != TL_OK)
        return NULL;
    if (duplicate(comm, &alarms) != TL_OK) {
        MPI_Comm_free(&own);
        return NULL;
    }
    tl_mpi *m = tl_mpi_take(NULL, &memory, 1, sizeof *m);
    const tl_status taken = m ? TL_OK : TL_ERR_MEMORY;
    m = m ? m : &spare;
    *m = (tl_mpi){
        .comm = own, .alarms = alarms, .parts = parts, .own = memory, .alarm = { .exchange = INT64_MAX }
    };
    m->request = &m->first_request;
    MPI_Comm_rank(own, &m->rank);
    MPI_Comm_size(own, &m->ranks);
    tl_mpi_note(m, taken);
    if (tl_mpi_note(m, check_here(parts)) == TL_OK)
        take_tables(m);
    if (tl_mpi_agree_on(m, &(tl_mpi_claim){ .call = "mpi_new" }, NULL) == TL_OK)
        return m;
    free_all(m);
    return NULL;
}

void tl_mpi_free(tl_mpi *m)
{
    if (m)
        free_all(m);
}

int32_t tl_mpi_first(const tl_mpi *m)
{
    return m ? m->first : 0;
}

int32_t tl_mpi_rounds(const tl_mpi *m)
{
    return m ? (int32_t)(((int64_t)m->parts + m->ranks - 1) / m->ranks) : 0;
}

int32_t tl_mpi_last(const tl_mpi *m)
{
    return m ? m->last : 0;
}
