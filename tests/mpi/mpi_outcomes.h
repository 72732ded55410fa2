/* What comes of a failure: all ranks return, at about the same time and with one text. */
#ifndef TL_MPI_OUTCOMES_H
#define TL_MPI_OUTCOMES_H

#include "mpi_testing.h"

/* Checks that all ranks have the same text. */
static inline void check_texts(const char *what)
{
    char own[512] = "", *all = malloc((size_t)ranks * sizeof own);
    snprintf(own, sizeof own, "%s", tl_error());
    MPI_Allgather(own, sizeof own, MPI_CHAR, all, sizeof own, MPI_CHAR, MPI_COMM_WORLD);
    for (int r = 0; r < ranks; r++)
        check(strcmp(own, all + (size_t)r * sizeof own) == 0, "%s: '%s', and on rank %d '%s'", what, own, r,
              all + (size_t)r * sizeof own);
    free(all);
}

/* Checks that this call has failed on all ranks. */
static inline void check_all_fail(bool failed, const char *begins)
{
    check(failed, "it did not fail");
    check(strncmp(tl_error(), begins, strlen(begins)) == 0, "%s", tl_error());
    check_texts(begins);
}

/* Checks that ranks return at about the same time, and what. Returns whether they have failed. */
static inline bool check_together(const char *what, int64_t k, int rank, tl_status status, tl_status expected,
                                  double begun)
{
    const double took = MPI_Wtime() - begun;
    int failed = status != TL_OK, all;
    MPI_Allreduce(&failed, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    check(all == 0 || all == ranks, "%s %lld on rank %d: %s: %s", what, (long long)k, rank,
          tl_status_name(status), tl_error());
    if (all == 0)
        return false;
    check(took < 2, "%s %lld on rank %d: %g s", what, (long long)k, rank, took);
    check(status == (here == rank ? expected : TL_ERR_PEER), "%s %lld on rank %d: %s: %s", what, (long long)k,
          rank, tl_status_name(status), tl_error());
    check_texts(what);
    return true;
}

#endif
