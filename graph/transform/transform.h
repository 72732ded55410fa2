/* Transforms of gradients, for tl_optimizer_add_transform. */
#ifndef TL_TRANSFORM_H
#define TL_TRANSFORM_H

#include "gradient.h"
#include "random.h"

typedef struct tl_gradient_mask {
    tl_variable *variable;
    const tl_pattern *keep; /* has the shape of the variable seen as a matrix; borrowed */
} tl_gradient_mask;

typedef struct tl_gradient_masks {
    const tl_gradient_mask *mask;
    int32_t n;
} tl_gradient_masks;

/* Sets the gradients of these variables to +0 off their masks, even where they are Inf or NaN. context:
 * tl_gradient_masks. TL_ERR_ARGUMENT for NULL, TL_ERR_SHAPE for a mask of another shape.
 *
 * This masks gradients, not updates. An optimizer with slots still moves a removed weight (momentum by
 * lr mu/(1-mu) times the old buffer, Adam by about 9 lr), and weight decay moves any weight that is not 0. To
 * remove connections for ever, use tl_variable_set_mask or a sparse variable. */
TL_API tl_status tl_mask_gradients(tl_gradients *g, void *context);

typedef struct tl_clip {
    double max_norm; /* > 0 */
    double norm;     /* out: the norm before clipping; infinite if a double cannot hold it */
} tl_clip;

/* Scales all gradients by max_norm / norm if their joint Euclidean norm (over existing values, summed in
 * double) exceeds max_norm (Pascanu et al. 2013). Squares neither overflow nor vanish: gradients of 1e200 are
 * scaled, too. Leaves gradients that are not finite to the optimizer's .non_finite policy. TL_ERR_ARGUMENT
 * unless max_norm > 0. context: tl_clip. */
TL_API tl_status tl_clip_by_global_norm(tl_gradients *g, void *context);

/* The same for each gradient on its own, as TensorFlow's clip_by_norm. Sets tl_clip.norm to the largest norm.
 * context: tl_clip. */
TL_API tl_status tl_clip_by_norm(tl_gradients *g, void *context);

/* Returns the joint Euclidean norm of all gradients, summed in double; squares neither overflow nor vanish.
 * 0, with a text in tl_error(), for a list without pairs or variables. */
TL_API double tl_global_norm(const tl_gradients *g);

typedef struct tl_clip_range {
    double low, high; /* low <= 0 <= high */
} tl_clip_range;

/* Clamps every value to [low, high]. A NaN stays. TL_ERR_ARGUMENT if [low, high] does not contain 0. context:
 * tl_clip_range. */
TL_API tl_status tl_clip_by_value(tl_gradients *g, void *context);

/* Multiplies all gradients by a factor. context: double, the factor. TL_ERR_ARGUMENT if it is NULL. */
TL_API tl_status tl_scale_gradients(tl_gradients *g, void *context);

typedef struct tl_noise {
    double deviation; /* standard deviation, >= 0 */
    tl_random r;      /* advances by one draw per value; a step that fails or is skipped puts it back */
} tl_noise;

/* Adds normal noise to every existing value of every gradient (Neelakantan et al. 2015). TL_ERR_ARGUMENT for
 * a negative deviation. context: tl_noise. */
TL_API tl_status tl_add_noise(tl_gradients *g, void *context);

typedef struct tl_frozen {
    tl_variable *const *variable;
    int32_t n;
} tl_frozen;

/* Drops the gradients of these variables: the step changes neither them nor their slots. context: tl_frozen.
 * TL_ERR_ARGUMENT if it is NULL. */
TL_API tl_status tl_freeze(tl_gradients *g, void *context);

/* Subtracts from each value of a matrix's gradient the mean of its column over existing connections (Yong et
 * al. 2020). Vectors, scalars and row-sparse gradients stay as they are. context: ignored. */
TL_API tl_status tl_centralize(tl_gradients *g, void *context);

#endif
