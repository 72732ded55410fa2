/* Multiplication of gradients by a factor. */
#include "transform.h"
#include "graph/backward/backward.h"
#include "graph/transform/scale.h"

tl_status tl_transform_check(const char *who, const tl_gradients *g)
{
    return tl_check_pairs(g) == TL_OK ? TL_OK : tl_fail(TL_ERR_ARGUMENT, "%s: %s", who, tl_error());
}

void tl_gradient_scale(const tl_gradient *pair, double factor)
{
    const int64_t n = tl_gradient_size(pair);
    for (int64_t k = 0; k < n; k++)
        pair->values[k] *= (tl_real)factor;
}

tl_status tl_scale_gradients(tl_gradients *g, void *context)
{
    const double *factor = context;
    if (!factor)
        return tl_fail(TL_ERR_ARGUMENT, "scale_gradients: the factor is NULL");
    if (tl_transform_check("scale_gradients", g) != TL_OK)
        return TL_ERR_ARGUMENT;
    for (int32_t i = 0; i < g->n; i++)
        tl_gradient_scale(&g->pair[i], *factor);
    return TL_OK;
}
