/* What can fail at any time: every allocation and every call of MPI of a rank, one after another. */
#ifndef TL_MPI_FAILURES_H
#define TL_MPI_FAILURES_H

#include "mpi_outcomes.h"
#include "mpi_watch.h"

#include <tulle/op_check.h>

typedef struct model model; /* the program's own */

/* A use of a model, up to the first failure. */
typedef struct trial {
    model *t;
    void (*make)(model *t); /* what does not communicate */
    tl_status (*use)(model *t, int64_t failing_call);
    void (*free)(model *t);
    void (*check_failed)(model *t, int rank, tl_status status); /* after a call of MPI that failed; or NULL */
} trial;

static inline void fail_each(const trial *s, bool calls, int rank)
{
    const char *what = calls ? "call" : "allocation";
    bool failed = true;
    for (int64_t k = 1; failed; k++) {
        const int64_t before = tl_check_live_blocks(), failing = here == rank ? k : 0;
        s->make(s->t);
        const double begun = MPI_Wtime();
        tl_check_fail_allocation(calls ? 0 : failing);
        const tl_status status = s->use(s->t, calls ? failing : 0);
        tl_check_fail_allocation(0);
        watched = (watch){ .fail_at = 0 };
        failed = check_together(what, k, rank, status, calls ? TL_ERR_IO : TL_ERR_MEMORY, begun);
        if (failed && calls && s->check_failed)
            s->check_failed(s->t, rank, status);
        s->free(s->t);
        if (!calls) /* what MPI may still write to is left behind */
            check(tl_check_live_blocks() == before, "allocation %lld: blocks are left", (long long)k);
        if (!failed && here == 0)
            printf("%d ranks: each of %lld %ss of rank %d\n", ranks, (long long)k - 1, what, rank);
    }
}

static inline void failing_allocations(const trial *s, int rank)
{
    fail_each(s, false, rank);
}

static inline void failing_calls(const trial *s, int rank)
{
    fail_each(s, true, rank);
}

#endif
