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
 *         tl_mpi_check(m, tl_apply_gradients(adam, &sum));
 *
 * A library of its own (pkg-config: tulle-mpi, in double tulle64-mpi). The program calls MPI_Init and
 * MPI_Finalize. All calls come from the thread that may call MPI. docs/distributed.md has a whole program. */
#ifndef TL_MPI_H
#define TL_MPI_H

#include <mpi.h>

#include <tulle/checkpoint.h>
#include <tulle/init.h>
#include <tulle/sparse_ops.h>

/* Owned by the program. It borrows the variables that were broadcast until it is freed. */
typedef struct tl_mpi tl_mpi;

/* A function is collective unless it says otherwise: every rank calls it, in the same order. It fails on all
 * ranks or on none, and with one text, "rank 3: embedding_lookup: ids[7] = 12, table has 10 rows". The status
 * is that of the failure on the rank that failed, and TL_ERR_PEER on the others; if ranks differ in what must
 * be the same (the call, tl_kernel_level, the number of parts, the variables and their patterns), TL_ERR_PEER
 * on all, with what two of them have. After such a failure the ranks are in step, and may go on, with the
 * next sum.
 *
 * An error of MPI itself is TL_ERR_IO on the rank that saw it and TL_ERR_PEER on the others, in the same call
 * or, if these had all they needed from that rank, in their next. Every later collective call fails
 * likewise. */

/* Returns a batch of `parts` parts on the ranks of comm, of which it makes duplicates. parts is part of the
 * meaning of a run, as the seed is; the number of ranks is not. Rank r has parts floor(parts r / ranks) to
 * floor(parts (r + 1) / ranks) - 1, which may be none. NULL on failure: TL_ERR_ARGUMENT, before MPI_Init, for
 * comm (MPI_COMM_NULL, an intercommunicator), for parts below 1, or if the library uses several threads and
 * MPI was not given MPI_THREAD_FUNNELED; TL_ERR_MEMORY; TL_ERR_IO; TL_ERR_PEER. */
TL_API tl_mpi *tl_mpi_new(MPI_Comm comm, int32_t parts) TL_REAL_SYMBOL(tl_mpi_new);

/* Frees m: to be called before MPI_Finalize. After an error of MPI, what MPI may still write to is not freed.
 * NULL is ignored. */
TL_API void tl_mpi_free(tl_mpi *m);

/* Return the first of this rank's parts, and the one after the last. Not collective. */
TL_API int32_t tl_mpi_first(const tl_mpi *m);
TL_API int32_t tl_mpi_last(const tl_mpi *m);

/* Gives every rank what rank 0 has of n variables: values, patterns, masks, averages and, unless o is NULL,
 * the optimizer's slots, steps and learning rate: to be called after initialising, and after reading a
 * checkpoint. A variable must have been in such a list before its gradients are added; later lists may name
 * more, and the order must be the same on all ranks. Names must be distinct and not empty. The state passes
 * through temporary files in TMPDIR, or /tmp, that are as large as a checkpoint. Errors as of
 * tl_checkpoint_save and tl_checkpoint_load: then variables of some ranks may have changed. */
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
 * whose number modulo that of ranks is its own. TL_ERR_KIND, on all ranks, for a variable with a dense
 * gradient on one rank and a row-sparse one on another; TL_ERR_ARGUMENT if out is NULL, or if a pattern has
 * changed since a gradient was added; TL_ERR_NUMERIC if the sum of a table that is shared out is not finite;
 * TL_ERR_MEMORY; and the failures that were kept. */
TL_API tl_status tl_mpi_total(tl_mpi *m, tl_gradients *out);

/* Sets sum[k], k < n, to the sum over all parts of their numbers k, losses or hits, along the same tree in
 * double. Number k of part p, one of this rank's, is values[(p - first) * n + k]; sum may be values.
 * TL_ERR_ARGUMENT if n < 0, if n * parts exceeds INT_MAX, or if n > 0 and sum is NULL, or values on a rank
 * that has parts; TL_ERR_MEMORY. */
TL_API tl_status tl_mpi_sum(tl_mpi *m, int32_t n, const double *values, double *sum);

/* Makes the failure of a call that is not collective one of all ranks. `status` is what the call returned:
 * tl_apply_gradients, or the reading of a rank's own data. Without this the other ranks would wait, in their
 * next collective call, for a rank that has given up. What ranks have changed by then may differ. */
TL_API tl_status tl_mpi_check(tl_mpi *m, tl_status status);

/* ---- Tables that are shared out ---- */

/* Returns this rank's share of a table that no rank has as a whole: a dense variable of zeros, whose rows are
 * those of shard `rank` as tl_partition has them, with values and slots there. The program frees it after m.
 * It is read by tl_mpi_embedding_lookup only. tl_mpi_total gives each rank the sums of its own rows, as a
 * row-sparse pair for tl_apply_gradients; m knows the table, so it is not broadcast. What depends on all
 * pairs at once (tl_clip_by_global_norm) would see other rows on each rank, so that the ranks would differ:
 * give tables an optimizer without it. NULL on failure: TL_ERR_ARGUMENT, TL_ERR_SHAPE unless rows and width
 * are from 1 to 2^31 - 1, TL_ERR_MEMORY. */
TL_API tl_variable *tl_mpi_table(tl_mpi *m, const char *name, int64_t rows, int64_t width, tl_partition split)
    TL_REAL_SYMBOL(tl_mpi_table);

/* Returns the row of the whole table that row i of the share is; -1 if there is none. Not collective. */
TL_API int64_t tl_mpi_row(const tl_mpi *m, const tl_variable *share, int64_t i);

/* Fill the share with the values that tl_init_uniform and tl_init_normal give its rows in the whole table,
 * and leave the generator where those do. Not collective. TL_ERR_ARGUMENT, TL_ERR_MEMORY. */
TL_API tl_status tl_mpi_init_uniform(const tl_mpi *m, tl_variable *share, tl_real lo, tl_real hi,
                                     tl_random *r) TL_REAL_SYMBOL(tl_mpi_init_uniform);
TL_API tl_status tl_mpi_init_normal(const tl_mpi *m, tl_variable *share, tl_real mean, tl_real deviation,
                                    tl_random *r) TL_REAL_SYMBOL(tl_mpi_init_normal);

/* Y(i, :) = T(ids[i], :) with the ids of the whole table, as tl_embedding_lookup, to the same bits. The ranks
 * send each other the distinct rows that they need. Collective: every rank calls it for the same tables in
 * the same order, in as many rounds as tl_mpi_rounds says. A rank that has nothing to look up takes part with
 * g = NULL, which gives NULL and is no failure; as every op accepts NULL, a model can be written for a
 * graph or none:
 *
 *     for (int32_t k = 0; k < tl_mpi_rounds(m); k++, tl_graph_reset(g)) {
 *         const int32_t p = tl_mpi_first(m) + k;
 *         const bool mine = p < tl_mpi_last(m);
 *         tl_node *y = loss_of(mine ? g : NULL, batch, p);
 *         if (mine) {
 *             tl_backward(y, &part);
 *             tl_mpi_add(m, p, &part, 1.0 / PARTS);
 *         }
 *     }
 *
 * A failure on one rank, or a graph there that has failed before, is a failure of the graphs of all ranks.
 * TL_ERR_INDEX, TL_ERR_SHAPE, TL_ERR_ARGUMENT, TL_ERR_MEMORY. The op has no derivative of a derivative. On a
 * graph for inference it runs when it is called. */
TL_API tl_node *tl_mpi_embedding_lookup(tl_mpi *m, tl_graph *g, tl_variable *share, const int32_t *ids,
                                        tl_shape ids_shape) TL_REAL_SYMBOL(tl_mpi_embedding_lookup);

/* Returns the most parts that a rank has: the number of rounds in which all ranks get through theirs. Not
 * collective. */
TL_API int32_t tl_mpi_rounds(const tl_mpi *m);

/* ---- Checkpoints of shares ---- */

/* Write and read a checkpoint of a run with such tables: the list of each rank has the same objects, and its
 * shares among them. Rank r writes PATH.0.r, at the next call PATH.1.r, and so on in turn; when all are
 * there, rank 0 writes PATH, which says which of them count, on how many ranks and how the tables are shared
 * out, and removes the others. So a run that is killed at any time finds the last checkpoint whole.
 *
 * It may be read on any number of ranks, and with another split: each rank takes the rows that it has now,
 * with their slots and averages, from the files of those that had them, and all else from that of rank 0.
 * All ranks must see all files; a rank writes one of its own while it reads, PATH.load.r, unless the shares
 * are as they were. Errors as of tl_checkpoint_save and tl_checkpoint_load; TL_ERR_ARGUMENT also for a table
 * of another size, TL_ERR_KIND for one with a mask. If reading fails, the objects of some ranks may have
 * changed. */
TL_API tl_status tl_mpi_save(tl_mpi *m, const tl_checkpoint *c, const char *path);
TL_API tl_status tl_mpi_load(tl_mpi *m, tl_checkpoint *c, const char *path);

#endif
