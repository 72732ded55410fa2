/* Training on several processes by MPI. A batch is cut into numbered parts, which the ranks share out, and
 * gradients are summed along a tree over the numbers of the parts: the bits are those of one process, on any
 * number of ranks.
 *
 *     tl_mpi *m = tl_mpi_new(MPI_COMM_WORLD, PARTS);
 *     tl_mpi_broadcast(m, vars, n, adam);
 *     ...
 *     for (int32_t p = tl_mpi_first(m); p < tl_mpi_last(m); p++, tl_graph_reset(g)) {
 *         tl_gradients part;
 *         tl_backward(loss_of(g, batch, p), &part);
 *         tl_mpi_add(m, p, &part, 1.0 / PARTS);
 *     }
 *     if (tl_mpi_total(m, &sum) == TL_OK)
 *         tl_apply_gradients(adam, &sum);
 *
 * A library of its own (pkg-config: tulle-mpi, in double tulle64-mpi). The program calls MPI_Init and
 * MPI_Finalize. All calls come from the thread that may call MPI. docs/distributed.md has a whole program. */
#ifndef TL_MPI_H
#define TL_MPI_H

#include <mpi.h>

#include <tulle/optimizer.h>

/* Owned by the program. It borrows the variables that were broadcast until it is freed. */
typedef struct tl_mpi tl_mpi;

/* A function is collective unless it says otherwise: every rank calls it, in the same order. It fails on all
 * ranks or on none, and with one text, "rank 3: embedding_lookup: ids[7] = 12, table has 10 rows". The status
 * is that of the failure on the rank that failed, and TL_ERR_PEER on the others; if ranks differ in what must
 * be the same (the call, tl_kernel_level, the number of parts, the variables and their patterns), TL_ERR_PEER
 * on all, with what two of them have. After such a failure the ranks are in step, and may go on, with the
 * next sum. An error of MPI itself is TL_ERR_IO on the rank that saw it and TL_ERR_PEER on the others, and
 * every later call fails likewise. */

/* Returns a batch of `parts` parts on the ranks of comm, of which it makes duplicates. parts is part of the
 * meaning of a run, as the seed is; the number of ranks is not. Rank r has parts floor(parts r / ranks) to
 * floor(parts (r + 1) / ranks) - 1, which may be none. NULL on failure: TL_ERR_ARGUMENT, before MPI_Init, for
 * comm (MPI_COMM_NULL, an intercommunicator), for parts below 1, or if the library uses several threads and
 * MPI was not given MPI_THREAD_FUNNELED; TL_ERR_MEMORY; TL_ERR_IO; TL_ERR_PEER. */
TL_API tl_mpi *tl_mpi_new(MPI_Comm comm, int32_t parts) TL_REAL_SYMBOL(tl_mpi_new);

/* Frees m, before MPI_Finalize. After an error of MPI it leaves behind what MPI may still write to. NULL is
 * ignored. */
TL_API void tl_mpi_free(tl_mpi *m);

/* Return the first of this rank's parts, and the one after the last. Not collective. */
TL_API int32_t tl_mpi_first(const tl_mpi *m);
TL_API int32_t tl_mpi_last(const tl_mpi *m);

/* Gives every rank what rank 0 has of n variables: values, patterns, masks, averages and, unless o is NULL,
 * the optimizer's slots, steps and learning rate: after initialising, and after reading a checkpoint. A
 * variable must have been in such a list before its gradients are added; lists add up, and their order must
 * be the same on all ranks. Names must be there and differ. It passes through temporary files in TMPDIR, or
 * /tmp, that are as large as a checkpoint. Errors as of tl_checkpoint_save and tl_checkpoint_load: then
 * variables of some ranks may have changed. */
TL_API tl_status tl_mpi_broadcast(tl_mpi *m, tl_variable *const *vars, int32_t n, tl_optimizer *o);

/* Adds weight * gradient as part `part`, one of this rank's; parts come in ascending order, and one that is
 * left out adds nothing, as g = NULL does. Not collective. As tl_gradients_add, whose tree and bits these
 * are; but a variable whose gradient is row-sparse in one part must not have a dense one in another. A
 * failure is kept for tl_mpi_total, which reports it on all ranks; so is that of the backward pass that g
 * comes from, if g is passed on nonetheless. TL_ERR_ARGUMENT, TL_ERR_KIND, TL_ERR_INDEX, TL_ERR_MEMORY. */
TL_API tl_status tl_mpi_add(tl_mpi *m, int32_t part, const tl_gradients *g, double weight);

/* Sets *out to the sums over all parts, on every rank: pairs for tl_apply_gradients, as tl_gradients_total
 * orders them, valid until the next tl_mpi_add or tl_mpi_total, which starts the next sum, also after a
 * failure. The sums are computed by their owners: each rank has a slice of all dense values, and the rows
 * that leave its number as the remainder by that of the ranks. TL_ERR_KIND for a variable with a dense
 * gradient in one part and a row-sparse one in another, TL_ERR_MEMORY, and the failures that were kept. */
TL_API tl_status tl_mpi_total(tl_mpi *m, tl_gradients *out);

/* Sets sum[k] to the sum over all parts of n numbers of each, losses or hits, along the same tree in double.
 * Those of part p, one of this rank's, are values[(p - first) * n + k]. */
TL_API tl_status tl_mpi_sum(tl_mpi *m, int32_t n, const double *values, double *sum);

#endif
