/* Exponential moving averages of weights, for evaluation: they often generalise better than the weights of
 * the last step (Polyak and Juditsky 1992). */
#ifndef TL_EMA_H
#define TL_EMA_H

#include "variable.h"

/* Owned by the user, with the averages that it holds of variables. Either may be freed first. An average
 * follows its variable: pruned connections leave it, grown ones start in it at their initial value, and it is
 * +0 off a mask. */
typedef struct tl_ema tl_ema;

/* A zeroed field means the default. */
typedef struct tl_ema_options {
    double decay; /* in (0, 1); default 0.999 */
    /* false: a = decay a + (1 - decay) w, starting from the weights as they are when they are added, as
     * TensorFlow's ExponentialMovingAverage and PyTorch's AveragedModel do. true: the sum with weights (1 -
     * decay) decay^k for the weights of k updates ago, divided by the sum of these weights, as in Adam: a has
     * no share of the weights before the variable's first update. */
    bool bias_correction;
    double reserved1, reserved2, reserved3, reserved4; /* must be 0; see optimizer.h */
} tl_ema_options;

/* NULL on failure: TL_ERR_ARGUMENT for an option that is out of range, TL_ERR_MEMORY. */
TL_API tl_ema *tl_ema_new(tl_ema_options o);

/* Puts the weights back, if the averages are swapped in. NULL is ignored. */
TL_API void tl_ema_free(tl_ema *e);

/* Starts an average at the present values of v. TL_ERR_ARGUMENT if there is one, while averages are swapped
 * in, or while v holds an average of another tl_ema; TL_ERR_MEMORY. */
TL_API tl_status tl_ema_add(tl_ema *e, tl_variable *v);

/* Updates all averages from the present values: call it after each step. Costs a pass over the variables, of
 * which pending row updates (TL_ROWS_EXACT) are applied first. TL_ERR_ARGUMENT while averages are swapped in,
 * those of another tl_ema of the same variables included. */
TL_API tl_status tl_ema_update(tl_ema *e);

/* Exchanges weights and averages: once to evaluate with the averages, once more to go on training. The memory
 * of variables stays where it is. No graph may be between forward and backward, and no step may be applied in
 * between. TL_ERR_ARGUMENT, and nothing is exchanged, while a variable holds an average of another tl_ema. */
TL_API tl_status tl_ema_swap(tl_ema *e);

/* Whether the averages are swapped in: the variables then hold them. */
TL_API bool tl_ema_is_swapped(const tl_ema *e);

/* Returns what e holds of v, as many values as v: the average, or the weights while averages are swapped in.
 * Owned by e. NULL if v was not added. */
TL_API const tl_real *tl_ema_values(const tl_ema *e, const tl_variable *v);

/* Returns the number of updates. */
TL_API int64_t tl_ema_steps(const tl_ema *e);

/* Returns the bytes of all averages. */
TL_API int64_t tl_ema_bytes(const tl_ema *e);

#endif
