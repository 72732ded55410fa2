/* Checkpoints: all that a run needs to go on as if it had never stopped, to the bit, in one file.
 *
 *     int64_t epoch = 0;
 *     tl_checkpoint *c = tl_checkpoint_new();
 *     tl_checkpoint_add_variable(c, w);
 *     tl_checkpoint_add_optimizer(c, "adam", optimizer);
 *     tl_checkpoint_add_random(c, "dropout", &rng);
 *     tl_checkpoint_add_integer(c, "epoch", &epoch);
 *     if (access("run.ckpt", F_OK) == 0 && tl_checkpoint_load(c, "run.ckpt") != TL_OK)
 *         return fprintf(stderr, "%s\n", tl_error()), 1;
 *     while (epoch < 20) {
 *         train(...);
 *         epoch++;
 *         tl_checkpoint_save(c, "run.ckpt");
 *     }
 *
 * The file is safetensors (safetensors.h), which Python reads. docs/checkpoints.md lists what is in it. */
#ifndef TL_CHECKPOINT_H
#define TL_CHECKPOINT_H

#include "optimizer.h"
#include "random.h"

/* A list of what makes up a run, registered once and used in both directions. The objects are borrowed until
 * the list is freed. */
typedef struct tl_checkpoint tl_checkpoint;

/* Returns an empty list; NULL if memory is short. */
TL_API tl_checkpoint *tl_checkpoint_new(void);

/* Frees the list, not what is in it. NULL is ignored. */
TL_API void tl_checkpoint_free(tl_checkpoint *c);

/* Add an object. TL_ERR_ARGUMENT for NULL, for a name that is NULL, empty or not UTF-8, and for an object
 * that is in the list already; TL_ERR_MEMORY. Names must differ among objects of a kind, which is checked by
 * save and load.
 *
 * A variable has its own name, which a program must have given it. With it are saved its pattern or mask, and
 * each average that a tl_ema holds of it, with the number of updates. Averages have no names: several of one
 * variable are told from each other by the order in which they were added to it.
 *
 * With an optimizer are saved, for each variable, its slots, ages, numbers of steps and own options; also the
 * class, all options, and whether there are a schedule and transforms. A load restores the learning rate and
 * the options of single variables, which a run may change, and compares the others. Functions cannot be
 * saved: the program sets schedules and transforms again, and adds what they keep (tl_noise.r) to the
 * list. */
TL_API tl_status tl_checkpoint_add_variable(tl_checkpoint *c, tl_variable *v);
TL_API tl_status tl_checkpoint_add_optimizer(tl_checkpoint *c, const char *name, tl_optimizer *o);
TL_API tl_status tl_checkpoint_add_random(tl_checkpoint *c, const char *name, tl_random *r);
TL_API tl_status tl_checkpoint_add_integer(tl_checkpoint *c, const char *name, int64_t *value);
TL_API tl_status tl_checkpoint_add_number(tl_checkpoint *c, const char *name, double *value);

/* Writes the file, whole or not at all: on failure the old one stands, unless the error text says that the
 * new one was saved but may not survive a power cut. Call it between steps. The run goes on to the same bits
 * as without the call; pending row updates (TL_ROWS_EXACT) are applied. TL_ERR_ARGUMENT for names that are
 * missing or repeated, or would be taken for a part of something else (those that begin with optimizer/ or
 * ema/, or end in .crow_indices or .col_indices; optimizers a and a/b); for an optimizer that has slots for a
 * variable that is not in the list; and while averages are swapped in. TL_ERR_IO, TL_ERR_MEMORY. */
TL_API tl_status tl_checkpoint_save(const tl_checkpoint *c, const char *path);

/* Reads the file into the objects of the list, or changes none of them. TL_ERR_ARGUMENT if the file and the
 * list differ: an object that only one of them has, another kind, shape, number type, class or option; the
 * text lists the differences. A file of a higher major format version is TL_ERR_ARGUMENT, too. TL_ERR_FORMAT
 * for a file that is damaged, TL_ERR_IO, TL_ERR_MEMORY. Takes the size of the file in memory until it is
 * done.
 *
 * Sparse variables get the file's pattern, dense ones the file's mask. Graphs that used the variables must
 * have been reset, and pointers to their data are no longer valid. The number of threads may be another than
 * that of the run that saved. */
TL_API tl_status tl_checkpoint_load(tl_checkpoint *c, const char *path);

/* Returns what the last load restored, but differently from the run that saved, a line each; "" if there is
 * nothing to say: another instruction set (tl_kernel_level), which gives other last bits; a schedule or
 * transforms that the optimizer had and does not have now, or the reverse. Owned by the list. */
TL_API const char *tl_checkpoint_warnings(const tl_checkpoint *c);

#endif
