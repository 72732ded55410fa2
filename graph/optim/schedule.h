/* Learning-rate schedules, for tl_optimizer_set_schedule. Each function takes the structure declared above it
 * as `context`; `rate` is the option learning_rate, and k = step - 1 the number of steps before this one. If
 * the structure is out of range or NULL the rate is NaN, which fails the step with TL_ERR_ARGUMENT. */
#ifndef TL_SCHEDULE_H
#define TL_SCHEDULE_H

#include "optimizer.h"

/* rate factor^floor(k / every), as PyTorch's StepLR */
typedef struct tl_step_decay {
    int64_t every; /* > 0 */
    double factor;
} tl_step_decay;
TL_API double tl_schedule_step(int64_t step, double rate, const void *context);

/* rate factor^(k / every), as TensorFlow's ExponentialDecay */
typedef struct tl_exponential_decay {
    int64_t every; /* > 0 */
    double factor;
} tl_exponential_decay;
TL_API double tl_schedule_exponential(int64_t step, double rate, const void *context);

/* last + (rate - last) (1 + cos(pi min(k / steps, 1))) / 2 (Loshchilov and Hutter 2017) */
typedef struct tl_cosine_decay {
    int64_t steps; /* > 0 */
    double last;
} tl_cosine_decay;
TL_API double tl_schedule_cosine(int64_t step, double rate, const void *context);

/* rate step / steps for the first `steps` steps, then the schedule `then` with its steps counted from there;
 * then = NULL: rate */
typedef struct tl_warm_up {
    int64_t steps; /* >= 0 */
    tl_schedule then;
    const void *then_context;
} tl_warm_up;
TL_API double tl_schedule_warm_up(int64_t step, double rate, const void *context);

#endif
