/* Variables: the weights that training changes. A variable is dense, masked (dense storage that stays 0 off a
 * pattern) or sparse (only the connections of a pattern exist). */
#ifndef TL_VARIABLE_H
#define TL_VARIABLE_H

#include "pattern.h"
#include "shape.h"

/* Owned by the user, who frees it after the graphs that use it were reset, and not while another thread uses
 * it. Several threads may read one variable, each through a graph of its own. */
typedef struct tl_variable tl_variable;

/* Returns a dense variable of zeros, rank 0 to 4. The name is copied; NULL means "". NULL on failure:
 * TL_ERR_SHAPE, TL_ERR_MEMORY. */
TL_API tl_variable *tl_variable_dense(const char *name, tl_shape shape) TL_REAL_SYMBOL(tl_variable_dense);

/* Returns a sparse matrix of zeros that has values at the pattern only, which it retains. The name as above.
 * NULL on failure: TL_ERR_ARGUMENT, TL_ERR_MEMORY. */
TL_API tl_variable *tl_variable_sparse(const char *name, tl_pattern *pattern)
    TL_REAL_SYMBOL(tl_variable_sparse);

/* Frees the variable, with the slots and averages that optimizers and tl_ema hold for it. NULL is ignored. */
TL_API void tl_variable_free(tl_variable *v);

/* Removes connections of a dense variable for ever. Off `keep`, weights, optimizer slots and averages become
 * +0 at once, and no optimizer, weight decay, transform, NaN or Inf changes such a weight later; what the
 * program itself writes there is +0 again from the next step or op that reads it. `keep` has the shape of the
 * variable seen as a matrix, and is retained. A later call may narrow the mask, widen it (connections that
 * come back start at 0 with initial slots) or remove it (keep = NULL). On failure nothing has changed:
 * TL_ERR_ARGUMENT for NULL, TL_ERR_KIND for a sparse variable, TL_ERR_SHAPE. */
TL_API tl_status tl_variable_set_mask(tl_variable *v, tl_pattern *keep);

/* Gives a sparse variable another pattern of its shape, which is retained. Connections in both patterns keep
 * their values, slots and ages under every optimizer; new ones start at 0 with initial slots; the others are
 * gone. On failure nothing has changed: TL_ERR_ARGUMENT, TL_ERR_KIND for a dense variable, TL_ERR_SHAPE,
 * TL_ERR_MEMORY. Graphs that used v must have been reset. */
TL_API tl_status tl_variable_set_pattern(tl_variable *v, tl_pattern *pattern);

/* The same, but new connections start at init(context, row, col); init = NULL: at 0. */
TL_API tl_status tl_variable_grow(tl_variable *v, tl_pattern *pattern,
                                  tl_real (*init)(void *context, int64_t row, int64_t col), void *context);

/* Keeps the `keep_count` existing connections of largest magnitude (the first among equals) and removes the
 * others for ever: by tl_variable_set_pattern if v is sparse, otherwise by tl_variable_set_mask. Changes
 * nothing if no more than that exist. NaN counts as the largest. TL_ERR_ARGUMENT for NULL or a negative
 * count, TL_ERR_MEMORY. */
TL_API tl_status tl_variable_prune_by_magnitude(tl_variable *v, int64_t keep_count);

/* Returns the pattern of the n largest of each m neighbours, for tl_variable_set_pattern or
 * tl_variable_set_mask: of the connections in rows 0 .. m-1 of a column, in rows m .. 2 m - 1 and so on,
 * those of largest magnitude (the first among equals, a NaN before all). Neighbours are thus inputs of one
 * unit in X W, as hardware has it for 2 of 4 (Mishra et al. 2021, "Accelerating sparse deep neural
 * networks"). The last group of a column may be shorter, and one of fewer than n keeps all. The caller
 * releases the pattern. NULL on failure: TL_ERR_ARGUMENT unless 0 <= n <= m and m >= 1, or for too many
 * entries; TL_ERR_MEMORY. */
TL_API tl_pattern *tl_pattern_n_of_m(tl_variable *v, int64_t n, int64_t m);

/* Returns the tl_variable_size values, to be read: row-major if dense, in the order of the pattern if sparse.
 * Owned by the variable. The call applies pending row updates (TL_ROWS_EXACT), so take the pointer after the
 * last step. */
TL_API const tl_real *tl_variable_values(tl_variable *v) TL_REAL_SYMBOL(tl_variable_values);

/* The same, to be written: only between steps, or pending updates are applied on top of what you write. After
 * the call, and until the next step, each op that reads a masked variable first looks for what was written
 * off the mask. */
TL_API tl_real *tl_variable_data(tl_variable *v) TL_REAL_SYMBOL(tl_variable_data);
TL_API int64_t tl_variable_size(const tl_variable *v);

TL_API const char *tl_variable_name(const tl_variable *v);
TL_API tl_shape tl_variable_shape(const tl_variable *v);

/* Returns the pattern of a sparse variable, the mask of a masked one, NULL for a plain dense one. Owned by
 * v. */
TL_API tl_pattern *tl_variable_pattern(const tl_variable *v);
TL_API bool tl_variable_is_sparse(const tl_variable *v);

/* Returns the bytes of the values and of the pattern, if there is one; companions are not included. */
TL_API int64_t tl_variable_bytes(const tl_variable *v);

#endif
