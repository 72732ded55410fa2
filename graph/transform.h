/* Transforms that come with the library, for tl_optimizer_add_transform. */
#ifndef TL_TRANSFORM_H
#define TL_TRANSFORM_H

#include "optimizer.h"

typedef struct tl_gradient_mask {
    tl_variable *variable;
    const tl_pattern *keep; /* of the variable's shape seen as a matrix; borrowed */
} tl_gradient_mask;

typedef struct tl_gradient_masks {
    const tl_gradient_mask *mask;
    int32_t n;
} tl_gradient_masks;

/* Sets the gradients of the named variables to +0 off their masks, by selection: an Inf or NaN does not get through.
 * context: tl_gradient_masks.
 *
 * This masks gradients, not updates. An optimizer that has a memory goes on moving a removed weight by it (momentum by
 * lr mu/(1-mu) times the old buffer, Adam by about 9 lr), and weight decay moves any that is not 0. What removes
 * connections for good is tl_variable_set_mask, or a sparse variable. */
TL_API tl_status tl_mask_gradients(tl_gradients *g, void *context);

typedef struct tl_clip {
    double max_norm; /* > 0 */
    double norm;     /* out: the norm before clipping */
} tl_clip;

/* Scales all gradients by max_norm / norm where their joint Euclidean norm (of coalesced rows, summed in double)
 * exceeds max_norm (Pascanu et al. 2013). A norm that is not finite leaves them as they are, for the optimizer's
 * .non_finite to judge. TL_ERR_ARGUMENT unless max_norm > 0. context: tl_clip. */
TL_API tl_status tl_clip_by_global_norm(tl_gradients *g, void *context);

/* The joint Euclidean norm of all gradients, summed in double. */
TL_API double tl_global_norm(const tl_gradients *g);

#endif
