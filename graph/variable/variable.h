/* Variables: what training changes. Dense, masked (dense storage that stays 0 off a pattern), or sparse (only
 * the connections of a pattern exist). */
#ifndef TL_VARIABLE_H
#define TL_VARIABLE_H

#include "pattern.h"
#include "random.h"
#include "shape.h"

/* Owned by the user, who frees it after the graphs that use it were reset, and not while another thread uses
 * it. Threads may read one variable through graphs of their own. */
typedef struct tl_variable tl_variable;

/* A dense variable of zeros, rank 0 to 4. The name is copied; NULL stands for "". Returns NULL with the
 * reason in tl_error(): TL_ERR_SHAPE, TL_ERR_MEMORY. */
TL_API tl_variable *tl_variable_dense(const char *name, tl_shape shape);

/* A sparse matrix of zeros that has values only at the pattern, which it retains. NULL on failure. */
TL_API tl_variable *tl_variable_sparse(const char *name, tl_pattern *pattern);

/* Frees the variable and the slots that optimizers hold for it. NULL is ignored. */
TL_API void tl_variable_free(tl_variable *v);

/* Removes connections of a dense variable for good: at once, weights and every slot that any optimizer
 * holds for it become +0 off `keep`; from then on no optimizer, weight decay, transform, NaN or Inf makes
 * such a weight anything else. `keep` has the shape of the variable seen as a matrix, and is retained. A
 * later call may widen, narrow (newly kept weights start at 0 with fresh slots) or remove the mask (keep =
 * NULL). TL_ERR_KIND for a sparse variable, TL_ERR_SHAPE where the shapes differ; then nothing has
 * changed. */
TL_API tl_status tl_variable_set_mask(tl_variable *v, tl_pattern *keep);

/* Gives a sparse variable another pattern of its shape. Kept connections keep their values, slots and ages
 * under every optimizer; new ones start at 0 with fresh slots; the rest is gone. Either all of that
 * happens or, with TL_ERR_KIND, TL_ERR_SHAPE or TL_ERR_MEMORY, none of it. Graphs that used v must have
 * been reset. */
TL_API tl_status tl_variable_set_pattern(tl_variable *v, tl_pattern *pattern);

/* The same with new connections starting at init(context, row, col). */
TL_API tl_status tl_variable_grow(tl_variable *v, tl_pattern *pattern,
                                  tl_real (*init)(void *context, int64_t row, int64_t col), void *context);

/* Keeps the `keep_count` connections of largest magnitude among those that exist (of equal ones the
 * first), and removes the others for good: by tl_variable_set_pattern if v is sparse, else by
 * tl_variable_set_mask. Where no more than that exist, all stay. TL_ERR_ARGUMENT for a negative count. */
TL_API tl_status tl_variable_prune_by_magnitude(tl_variable *v, int64_t keep_count);

/* The values, tl_variable_size of them: row-major if dense, in the order of the pattern if sparse. Owned
 * by the variable; to be written between steps only, and then through a pointer taken after the last step:
 * the call brings rows up to date that TL_ROWS_EXACT left behind, which would else befall what is written. */
TL_API tl_real *tl_variable_data(tl_variable *v);
TL_API int64_t tl_variable_size(const tl_variable *v);

TL_API const char *tl_variable_name(const tl_variable *v);
TL_API tl_shape tl_variable_shape(const tl_variable *v);

/* The pattern of a sparse variable, the mask of a masked one, NULL for a plain dense one. Owned by v. */
TL_API tl_pattern *tl_variable_pattern(const tl_variable *v);
TL_API bool tl_variable_is_sparse(const tl_variable *v);

/* Bytes of the values, and of the pattern where there is one. */
TL_API int64_t tl_variable_bytes(const tl_variable *v);

/* Initialisers. Each draws one number a value that exists, in order: a sparse variable and a masked one of
 * the same pattern get the same weights. Off a mask the values stay +0. TL_ERR_ARGUMENT for a NULL,
 * TL_ERR_MEMORY; then nothing was drawn. */
TL_API tl_status tl_init_constant(tl_variable *v, tl_real value);
TL_API tl_status tl_init_uniform(tl_variable *v, tl_real lo, tl_real hi, tl_random *r);
TL_API tl_status tl_init_normal(tl_variable *v, tl_real mean, tl_real deviation, tl_random *r);

/* Glorot and Bengio 2010: uniform within +-sqrt(6 / (fan_in + fan_out)). He et al. 2015: normal with
 * deviation sqrt(2 / fan_in). Units are columns, as in X W: fan-in is the number of connections that exist
 * in a value's column, fan-out in its row. A vector is one row. In rank 3 and 4, as convolution kernels
 * have, all dimensions but the last feed a unit, and all but the last but one are fed by an input. */
TL_API tl_status tl_init_glorot(tl_variable *v, tl_random *r);
TL_API tl_status tl_init_he(tl_variable *v, tl_random *r);

/* The same for matrices with units as rows, as in W X with samples as columns. */
TL_API tl_status tl_init_glorot_rows(tl_variable *v, tl_random *r);
TL_API tl_status tl_init_he_rows(tl_variable *v, tl_random *r);

#endif
