/* Exponential moving averages of weights, for evaluation: they often generalise better than the weights of
 * the last step (Polyak and Juditsky 1992). */
#ifndef TL_EMA_H
#define TL_EMA_H

#include "variable.h"

/* A set of averages, owned by the user. It and its variables may be freed in any order. An average follows
 * its variable: it loses pruned connections, starts grown ones at their initial value, and is +0 off a
 * mask. */
typedef struct tl_ema tl_ema;

/* A zeroed field means the default. */
typedef struct tl_ema_options {
    double decay; /* in (0, 1); default 0.999 */
    /* false: a = decay a + (1 - decay) w, starting from w as it is when the variable is added (as
     * TensorFlow's ExponentialMovingAverage and PyTorch's AveragedModel).
     * true: the mean of w over all updates of the average, with weight (1 - decay) decay^k for k updates ago
     * (as Adam's moments): what w was before the first update does not count. */
    bool bias_correction;
    double reserved1, reserved2, reserved3, reserved4; /* must be 0; see optimizer.h */
} tl_ema_options;

/* Returns a set without averages. NULL: TL_ERR_ARGUMENT for an option out of range, TL_ERR_MEMORY. */
TL_API tl_ema *tl_ema_new(tl_ema_options o);

/* Frees the averages; swaps the weights back in first, if averages are swapped in. NULL is ignored. */
TL_API void tl_ema_free(tl_ema *e);

/* Adds an average of v, which starts at v's present values. TL_ERR_ARGUMENT if v was added before, while
 * averages are swapped in, or while v holds an average of another tl_ema; TL_ERR_MEMORY. */
TL_API tl_status tl_ema_add(tl_ema *e, tl_variable *v);

/* Updates all averages from the present values: call it after each step. Costs a pass over the variables;
 * their pending row updates (TL_ROWS_EXACT) are applied first. TL_ERR_ARGUMENT while averages are swapped in,
 * those of another tl_ema of the same variables included. */
TL_API tl_status tl_ema_update(tl_ema *e);

/* Exchanges weights and averages: once to evaluate with the averages, once more to continue training.
 * Pointers to the variables' data stay valid. No graph may be between forward and backward, and no step may
 * be applied between the two swaps. TL_ERR_ARGUMENT for NULL, or while a variable holds an average of another
 * tl_ema; then nothing is exchanged. */
TL_API tl_status tl_ema_swap(tl_ema *e);

/* Returns whether the averages are swapped in: the variables then hold them. */
TL_API bool tl_ema_is_swapped(const tl_ema *e);

/* Returns the average of v, as many values as v has, or its weights while averages are swapped in. Owned by
 * e. NULL if v was not added. */
TL_API const tl_real *tl_ema_values(const tl_ema *e, const tl_variable *v);

/* Returns the number of updates. */
TL_API int64_t tl_ema_steps(const tl_ema *e);

/* Returns the bytes of all averages: 0 if e is NULL. */
TL_API int64_t tl_ema_bytes(const tl_ema *e);

#endif
