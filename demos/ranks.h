/* The parts of a batch (--parts), and the ranks that share them out: the processes of mpirun (--mpi).
 *
 * What a run computes depends on the number of parts, and not on that of ranks: gradients and losses are
 * summed along a tree over the parts, so that the bits are the same on any number of ranks, and without MPI.
 * Only rank 0 prints and writes files. Functions that return bool leave the reason of a failure in
 * tl_error(). */
#ifndef RANKS_H
#define RANKS_H

#include <stdbool.h>
#include <stdint.h>
#include <tulle/tulle.h>

typedef struct ranks {
    const char *program;
    int64_t parts;      /* 0: a batch is one pass, in one process */
    int rank, n;        /* of how many; 0 without --mpi */
    int terminal;       /* stderr, while that of the ranks but 0 is /dev/null */
    bool failed;        /* all ranks know of the failure */
    struct tl_mpi *mpi; /* NULL: one process */
    tl_graph *total;    /* of one process */
    double *loss;       /* of each part that this process has, times its weight */
} ranks;

/* A range of the samples of a batch. */
typedef struct samples {
    int64_t first, n;
} samples;

/* Makes the mean loss of samples of a batch. */
typedef tl_node *loss_function(void *context, samples s);

/* Starts MPI if --mpi is among the arguments, and silences all ranks but 0. Returns false if tulle is built
 * without MPI. */
bool ranks_begin(ranks *r, const char *program, int argc, char **argv);

/* Cuts batches into parts from here on, unless `parts` is 0. */
bool ranks_make(ranks *r, int64_t parts);

/* Ends MPI if it was started. */
void ranks_free(ranks *r);

/* Returns whether `ok` is true on all ranks, each of which calls it; tl_error() becomes that of the first on
 * which it is not. A rank that has failed waits some seconds for the others, and then ends them. */
bool ranks_agree(ranks *r, bool ok);

/* Gives all ranks what rank 0 has: to be called before gradients of these variables are summed. */
bool ranks_broadcast(ranks *r, tl_variable *const *vars, int n, tl_optimizer *o);

/* Returns the samples of a part of a batch of n; the only part without --parts is 0. There may be none. */
samples ranks_part(const ranks *r, int64_t part, int64_t n);

/* Computes the gradients and the mean loss of a batch of n samples: the sums over its parts, in each of which
 * the graph is reset. The gradients are valid until the next batch, or, without --parts, until the reset. */
bool ranks_gradients(ranks *r, tl_graph *g, int64_t n, loss_function *loss_of, void *context,
                     tl_gradients *sum, double *loss);

/* Makes a step on a batch: tl_minimize without --parts. The graph is reset. */
bool ranks_minimize(ranks *r, tl_optimizer *o, tl_graph *g, int64_t n, loss_function *loss_of, void *context,
                    double *loss);

/* ---- What ranks tell each other: by MPI (ranks_mpi.c), or without it nothing (ranks_alone.c) ---- */

/* Starts MPI and silences all ranks but 0, for ranks_begin. Returns false without MPI. */
bool ranks_start(ranks *r, int argc, char **argv);

/* Makes r->mpi, for r->parts. */
bool ranks_join(ranks *r);

/* Frees r->mpi, and ends MPI. */
void ranks_leave(ranks *r);

/* Returns the parts that this rank has. */
samples ranks_own(const ranks *r);

/* Adds the gradient of a part, NULL if it is empty. A failure, also of the pass that it comes from, is one of
 * ranks_total. */
void ranks_add(ranks *r, int64_t part, const tl_gradients *g, double weight);

/* Sums the gradients and r->loss over the parts of all ranks. */
bool ranks_total(ranks *r, tl_gradients *sum, double *loss);

#endif
