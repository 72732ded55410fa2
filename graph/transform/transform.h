/* Transforms that come with the library, for tl_optimizer_add_transform. */
#ifndef TL_TRANSFORM_H
#define TL_TRANSFORM_H

#include "gradient.h"
#include "random.h"

typedef struct tl_gradient_mask {
    tl_variable *variable;
    const tl_pattern *keep; /* of the variable's shape seen as a matrix; borrowed */
} tl_gradient_mask;

typedef struct tl_gradient_masks {
    const tl_gradient_mask *mask;
    int32_t n;
} tl_gradient_masks;

/* Sets the gradients of the named variables to +0 off their masks, by selection: an Inf or NaN does not get
 * through. context: tl_gradient_masks.
 *
 * This masks gradients, not updates. An optimizer that has a memory goes on moving a removed weight by it
 * (momentum by lr mu/(1-mu) times the old buffer, Adam by about 9 lr), and weight decay moves any that is
 * not 0. What removes connections for good is tl_variable_set_mask, or a sparse variable. */
TL_API tl_status tl_mask_gradients(tl_gradients *g, void *context);

typedef struct tl_clip {
    double max_norm; /* > 0 */
    double norm;     /* out: the norm before clipping */
} tl_clip;

/* Scales all gradients by max_norm / norm where their joint Euclidean norm (of coalesced rows, summed in
 * double) exceeds max_norm (Pascanu et al. 2013). A norm that is not finite leaves them as they are, for
 * the optimizer's .non_finite to judge. TL_ERR_ARGUMENT unless max_norm > 0. context: tl_clip. */
TL_API tl_status tl_clip_by_global_norm(tl_gradients *g, void *context);

/* The same for each gradient by itself. clip->norm receives the largest norm. context: tl_clip. */
TL_API tl_status tl_clip_by_norm(tl_gradients *g, void *context);

/* The joint Euclidean norm of all gradients, summed in double. */
TL_API double tl_global_norm(const tl_gradients *g);

typedef struct tl_clip_range {
    double low, high; /* low <= 0 <= high */
} tl_clip_range;

/* Brings every value into low .. high. A NaN stays. context: tl_clip_range. */
TL_API tl_status tl_clip_by_value(tl_gradients *g, void *context);

/* Multiplies all gradients. context: double, the factor. */
TL_API tl_status tl_scale_gradients(tl_gradients *g, void *context);

typedef struct tl_noise {
    double deviation;
    tl_random r; /* moves on by a draw for each value */
} tl_noise;

/* Adds normal noise to every value of every gradient, of the rows in a row-sparse one (Neelakantan et al.
 * 2015). context: tl_noise. */
TL_API tl_status tl_add_noise(tl_gradients *g, void *context);

typedef struct tl_frozen {
    tl_variable *const *variable;
    int32_t n;
} tl_frozen;

/* Drops the gradients of these variables: they and their slots stay as they are. context: tl_frozen. */
TL_API tl_status tl_freeze(tl_gradients *g, void *context);

/* Subtracts from the gradient of each matrix the mean of its column, over the connections that exist (Yong
 * et al. 2020). Vectors, scalars and row-sparse gradients stay as they are. context: none. */
TL_API tl_status tl_centralize(tl_gradients *g, void *context);

#endif
