/* Clipping by norm and by value. */
#include "transform.h"
#include "graph/transform/scale.h"
#include "lib/status_private.h"

#include <math.h>

/* Returns the square of the gradient's Euclidean norm. */
static double square_norm(const tl_gradient *pair)
{
    double sum = 0;
    const int64_t n = tl_gradient_size(pair);
    for (int64_t k = 0; k < n; k++)
        sum += (double)pair->values[k] * (double)pair->values[k];
    return sum;
}

double tl_global_norm(const tl_gradients *g)
{
    double sum = 0;
    if (tl_transform_check("global_norm", g) != TL_OK)
        return 0;
    for (int32_t i = 0; i < g->n; i++)
        sum += square_norm(&g->pair[i]);
    return sqrt(sum);
}

static tl_status check_clip(const char *who, const tl_gradients *g, const tl_clip *clip)
{
    if (!clip)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the context is not a tl_clip", who);
    if (!(clip->max_norm > 0))
        return tl_fail(TL_ERR_ARGUMENT, "%s: max_norm %g must be > 0", who, clip->max_norm);
    return tl_transform_check(who, g);
}

tl_status tl_clip_by_global_norm(tl_gradients *g, void *context)
{
    tl_clip *clip = context;
    if (check_clip("clip_by_global_norm", g, clip) != TL_OK)
        return TL_ERR_ARGUMENT;
    clip->norm = tl_global_norm(g);
    if (!isfinite(clip->norm) || clip->norm <= clip->max_norm)
        return TL_OK;
    for (int32_t i = 0; i < g->n; i++)
        tl_gradient_scale(&g->pair[i], clip->max_norm / clip->norm);
    return TL_OK;
}

tl_status tl_clip_by_norm(tl_gradients *g, void *context)
{
    tl_clip *clip = context;
    if (check_clip("clip_by_norm", g, clip) != TL_OK)
        return TL_ERR_ARGUMENT;
    clip->norm = 0;
    for (int32_t i = 0; i < g->n; i++) {
        const double norm = sqrt(square_norm(&g->pair[i]));
        clip->norm = norm > clip->norm || isnan(norm) ? norm : clip->norm;
        if (isfinite(norm) && norm > clip->max_norm)
            tl_gradient_scale(&g->pair[i], clip->max_norm / norm);
    }
    return TL_OK;
}

tl_status tl_clip_by_value(tl_gradients *g, void *context)
{
    const tl_clip_range *c = context;
    if (!c)
        return tl_fail(TL_ERR_ARGUMENT, "clip_by_value: the context is not a tl_clip_range");
    if (!(c->low <= 0 && c->high >= 0))
        return tl_fail(TL_ERR_ARGUMENT, "clip_by_value: [%g, %g] does not contain 0", c->low, c->high);
    if (tl_transform_check("clip_by_value", g) != TL_OK)
        return TL_ERR_ARGUMENT;
    const tl_real low = (tl_real)c->low, high = (tl_real)c->high;
    for (int32_t i = 0; i < g->n; i++) {
        const int64_t n = tl_gradient_size(&g->pair[i]);
        tl_real *x = g->pair[i].values;
        for (int64_t k = 0; k < n; k++)
            x[k] = x[k] < low ? low : x[k] > high ? high : x[k];
    }
    return TL_OK;
}
