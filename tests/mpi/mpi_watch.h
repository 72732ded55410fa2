/* What a test sees of MPI, and does to it: mpi_watch.c wraps the functions that the library calls. */
#ifndef TL_MPI_WATCH_H
#define TL_MPI_WATCH_H

#include <stdbool.h>
#include <stdint.h>

typedef struct watch {
    int64_t calls;     /* that move data, from this rank's point of view */
    int64_t fail_at;   /* this call does nothing and returns an error; 0: none does */
    int64_t sent;      /* bytes in point-to-point messages */
    int64_t reduced;   /* bytes given to reductions */
    int64_t broadcast; /* bytes given to broadcasts */
    bool reals;        /* a reduction had floating-point numbers */
    int delay;         /* the longest, before each call, in microseconds */
} watch;

extern watch watched;

#endif
