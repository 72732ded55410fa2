/* Noise added to gradients. */
#include "transform.h"

tl_status tl_add_noise(tl_gradients *g, void *context)
{
    tl_noise *noise = context;
    if (!noise)
        return tl_fail(TL_ERR_ARGUMENT, "add_noise: the context is not a tl_noise");
    if (!(noise->deviation >= 0))
        return tl_fail(TL_ERR_ARGUMENT, "add_noise: deviation %g must be >= 0", noise->deviation);
    for (int32_t i = 0; i < g->n; i++) {
        const int64_t n = tl_gradient_size(&g->pair[i]);
        for (int64_t k = 0; k < n; k++)
            g->pair[i].values[k] += (tl_real)(noise->deviation * tl_random_normal(&noise->r));
    }
    return TL_OK;
}
