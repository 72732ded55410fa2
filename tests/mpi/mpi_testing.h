/* Checks for programs that run on several ranks: a failure ends all of them, with a line on what failed
 * where. */
#ifndef TL_MPI_TESTING_H
#define TL_MPI_TESTING_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tulle/mpi.h>
#include <tulle/tulle.h>
#include <unistd.h>

/* The rank in MPI_COMM_WORLD, 0 without MPI, and their number. */
static int here, ranks;

#define check(holds, ...)                                                                                    \
    do {                                                                                                     \
        if (!(holds)) {                                                                                      \
            fprintf(stderr, "rank %d: %s:%d: %s: ", here, __FILE__, __LINE__, #holds);                       \
            fprintf(stderr, __VA_ARGS__);                                                                    \
            fputc('\n', stderr);                                                                             \
            _Exit(1); /* mpirun ends the others */                                                           \
        }                                                                                                    \
    } while (0)

#define check_ok(call) check((call) == TL_OK, "%s", tl_error())

static inline void begin_ranks(int *argc, char ***argv)
{
    MPI_Init(argc, argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &here);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
}

enum { PATH_SIZE = 512 };

/* Chooses the path of a new file, the same on all ranks. */
static inline void choose_path(char to[PATH_SIZE], const char *name)
{
    const char *folder = getenv("TMPDIR");
    snprintf(to, PATH_SIZE, "%.400s/tulle-mpi-%s-%ld", folder ? folder : "/tmp", name, (long)getpid());
    MPI_Bcast(to, PATH_SIZE, MPI_CHAR, 0, MPI_COMM_WORLD);
}

/* Goes on from the hash of other bytes (FNV-1a, by words of four bytes). */
static inline uint64_t hash_of(uint64_t h, const void *bytes, int64_t n)
{
    for (int64_t at = 0; at + 4 <= n; at += 4) {
        uint32_t word;
        memcpy(&word, (const char *)bytes + at, 4);
        h = (h ^ word) * 1099511628211u;
    }
    return h;
}

#endif
