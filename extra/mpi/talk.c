/* Messages. No call blocks, so that a rank that waits for another hears of that one's error of MPI, after
 * which the message would never come. Such an error is for ever: what was begun is abandoned. */
#include "private.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Fails if MPI has failed: here, or on another rank in this exchange or one before. */
static tl_status check_alarm(tl_mpi *m)
{
    if (m->lost.status == TL_OK && m->alarm.exchange <= m->exchange) {
        m->lost.status = TL_ERR_PEER;
        memcpy(m->lost.text, m->alarm.text, TL_MPI_TEXT);
    }
    return m->lost.status == TL_OK ? TL_OK : tl_mpi_fail(&m->lost);
}

/* Numbers the next exchange, unless MPI has failed. */
static tl_status begin(tl_mpi *m)
{
    m->exchange++;
    return check_alarm(m);
}

/* Receives an alarm, if there is one. Returns an error of MPI. */
static int hear(tl_mpi *m)
{
    MPI_Status from;
    int rung = 0, code = MPI_Iprobe(MPI_ANY_SOURCE, 0, m->alarms, &rung, &from);
    if (code == MPI_SUCCESS && rung)
        code = MPI_Recv(&m->heard, sizeof m->heard, MPI_BYTE, from.MPI_SOURCE, 0, m->alarms,
                        MPI_STATUS_IGNORE);
    if (code == MPI_SUCCESS && rung && m->heard.exchange < m->alarm.exchange)
        m->alarm = m->heard;
    return code;
}

/* Tells all ranks of an error of MPI on this one. */
static tl_status fail_here(tl_mpi *m, const char *function, int code)
{
    enum { SECONDS = 1 }; /* for the messages to leave */
    char why[MPI_MAX_ERROR_STRING] = "an unknown error";
    int length = 0;
    MPI_Error_string(code, why, &length);
    m->lost.status = TL_ERR_IO;
    snprintf(m->lost.text, TL_MPI_TEXT, "rank %d: %s: %.300s", m->rank, function, why);
    m->alarm.exchange = m->exchange;
    memcpy(m->alarm.text, m->lost.text, TL_MPI_TEXT);
    const double begun = MPI_Wtime();
    for (int r = 0; r < m->ranks; r++) {
        MPI_Request request;
        int sent = r == m->rank;
        if (!sent &&
            MPI_Isend(&m->alarm, sizeof m->alarm, MPI_BYTE, r, 0, m->alarms, &request) != MPI_SUCCESS)
            continue;
        while (!sent && MPI_Wtime() - begun < SECONDS)
            if (MPI_Test(&request, &sent, MPI_STATUS_IGNORE) != MPI_SUCCESS)
                break;
    }
    return tl_mpi_fail(&m->lost);
}

/* Waits for the first n of m->request, the last of which `function` began with this result. */
static tl_status finish(tl_mpi *m, const char *function, int code, int n)
{
    enum { SPINS = 200 }; /* longer than a small message takes */
    /* A process that sleeps gets a busy core sooner than one that yields it. */
    const struct timespec pause = { .tv_nsec = 50000 };
    int done = 0;
    for (int64_t spin = 0; code == MPI_SUCCESS; spin++) {
        if (spin > SPINS)
            nanosleep(&pause, NULL);
        code = MPI_Testall(n, m->request, &done, MPI_STATUSES_IGNORE);
        if (code == MPI_SUCCESS && done)
            return TL_OK;
        if (code == MPI_SUCCESS)
            code = hear(m);
        if (code == MPI_SUCCESS && check_alarm(m) != TL_OK)
            return tl_mpi_fail(&m->lost);
    }
    return fail_here(m, function, code);
}

tl_status tl_mpi_least(tl_mpi *m)
{
    if (begin(m) != TL_OK)
        return m->lost.status;
    const int code = MPI_Iallreduce(MPI_IN_PLACE, m->field, TL_MPI_FIELDS, MPI_INT64_T, MPI_MIN, m->comm,
                                    m->request);
    return finish(m, "MPI_Iallreduce", code, 1);
}

tl_status tl_mpi_from(tl_mpi *m, int root, void *bytes, int n)
{
    if (begin(m) != TL_OK)
        return m->lost.status;
    const int code = MPI_Ibcast(bytes, n, MPI_BYTE, root, m->comm, m->request);
    return finish(m, "MPI_Ibcast", code, 1);
}

/* Begins to send and receive units of so many bytes; the next rank comes first, so that not all send to one.
 * */
static tl_status exchange_units(tl_mpi *m, const char *from, char *to, MPI_Datatype unit, int64_t bytes)
{
    const tl_mpi_counts *c = &m->counts;
    const char *function = "MPI_Irecv";
    int n = 0, code = MPI_SUCCESS;
    for (int i = 1; i < m->ranks && code == MPI_SUCCESS; i++) {
        const int r = (m->rank - i + m->ranks) % m->ranks;
        if (c->receive[r] > 0)
            code = MPI_Irecv(to + c->receive_at[r] * bytes, c->receive[r], unit, r, 0, m->comm,
                             &m->request[n++]);
    }
    for (int i = 1; i < m->ranks && code == MPI_SUCCESS; i++) {
        const int r = (m->rank + i) % m->ranks;
        function = "MPI_Isend";
        if (c->send[r] > 0)
            code = MPI_Isend(from + c->send_at[r] * bytes, c->send[r], unit, r, 0, m->comm, &m->request[n++]);
    }
    const char *source = from + c->send_at[m->rank] * bytes;
    char *place = to + c->receive_at[m->rank] * bytes;
    if (c->receive[m->rank] > 0 && source != place)
        memcpy(place, source, (size_t)(c->receive[m->rank] * bytes));
    return finish(m, function, code, n);
}

/* Point to point: Open MPI 4.1 loses step in a non-blocking MPI_Ialltoallv where a rank has nothing to send
 * or receive. A unit is a type, as counts are of type int and messages may have more elements. */
tl_status tl_mpi_exchange(tl_mpi *m, const void *from, void *to, MPI_Datatype type, int size)
{
    MPI_Datatype unit;
    int bytes;
    if (begin(m) != TL_OK)
        return m->lost.status;
    int code = MPI_Type_size(type, &bytes);
    if (code == MPI_SUCCESS)
        code = MPI_Type_contiguous(size, type, &unit);
    if (code == MPI_SUCCESS)
        code = MPI_Type_commit(&unit);
    if (code != MPI_SUCCESS)
        return fail_here(m, "MPI_Type_contiguous", code);
    const tl_status status = exchange_units(m, from, to, unit, (int64_t)bytes * size);
    MPI_Type_free(&unit);
    return status;
}

tl_status tl_mpi_gather(tl_mpi *m, void *all, MPI_Datatype type, int size)
{
    const tl_mpi_counts *c = &m->counts;
    for (int r = 0; r < m->ranks; r++) {
        c->send[r] = c->receive[m->rank];
        c->send_at[r] = c->receive_at[m->rank];
    }
    return tl_mpi_exchange(m, all, all, type, size);
}
