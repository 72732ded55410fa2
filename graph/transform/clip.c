/* The transforms that come with the library, but for the mask. */
#include "transform.h"
#include "graph/internal.h"

#include <math.h>

static double square_norm(const tl_gradient *pair)
{
    double sum = 0;
    const int64_t n = tl_gradient_size(pair);
    for (int64_t k = 0; k < n; k++)
        sum += (double)pair->values[k] * (double)pair->values[k];
    return sum;
}

static void scale(const tl_gradient *pair, double factor)
{
    const int64_t n = tl_gradient_size(pair);
    for (int64_t k = 0; k < n; k++)
        pair->values[k] *= (tl_real)factor;
}

double tl_global_norm(const tl_gradients *g)
{
    double sum = 0;
    for (int32_t i = 0; i < g->n; i++)
        sum += square_norm(&g->pair[i]);
    return sqrt(sum);
}

static tl_status check_clip(const char *who, const tl_clip *clip)
{
    if (!clip)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the context is not a tl_clip", who);
    if (!(clip->max_norm > 0))
        return tl_fail(TL_ERR_ARGUMENT, "%s: max_norm is %g, and must be positive", who, clip->max_norm);
    return TL_OK;
}

tl_status tl_clip_by_global_norm(tl_gradients *g, void *context)
{
    tl_clip *clip = context;
    if (check_clip("clip_by_global_norm", clip) != TL_OK)
        return TL_ERR_ARGUMENT;
    clip->norm = tl_global_norm(g);
    if (!isfinite(clip->norm) || clip->norm <= clip->max_norm)
        return TL_OK;
    for (int32_t i = 0; i < g->n; i++)
        scale(&g->pair[i], clip->max_norm / clip->norm);
    return TL_OK;
}

tl_status tl_clip_by_norm(tl_gradients *g, void *context)
{
    tl_clip *clip = context;
    if (check_clip("clip_by_norm", clip) != TL_OK)
        return TL_ERR_ARGUMENT;
    clip->norm = 0;
    for (int32_t i = 0; i < g->n; i++) {
        const double norm = sqrt(square_norm(&g->pair[i]));
        clip->norm = norm > clip->norm || isnan(norm) ? norm : clip->norm;
        if (isfinite(norm) && norm > clip->max_norm)
            scale(&g->pair[i], clip->max_norm / norm);
    }
    return TL_OK;
}

tl_status tl_clip_by_value(tl_gradients *g, void *context)
{
    const tl_clip_range *c = context;
    if (!c)
        return tl_fail(TL_ERR_ARGUMENT, "clip_by_value: the context is not a tl_clip_range");
    if (!(c->low <= 0 && c->high >= 0))
        return tl_fail(TL_ERR_ARGUMENT, "clip_by_value: %g to %g does not enclose 0", c->low, c->high);
    const tl_real low = (tl_real)c->low, high = (tl_real)c->high;
    for (int32_t i = 0; i < g->n; i++) {
        const int64_t n = tl_gradient_size(&g->pair[i]);
        tl_real *x = g->pair[i].values;
        for (int64_t k = 0; k < n; k++)
            x[k] = x[k] < low ? low : x[k] > high ? high : x[k];
    }
    return TL_OK;
}

tl_status tl_scale_gradients(tl_gradients *g, void *context)
{
    const double *factor = context;
    if (!factor)
        return tl_fail(TL_ERR_ARGUMENT, "scale_gradients: the factor is NULL");
    for (int32_t i = 0; i < g->n; i++)
        scale(&g->pair[i], *factor);
    return TL_OK;
}

tl_status tl_add_noise(tl_gradients *g, void *context)
{
    tl_noise *noise = context;
    if (!noise)
        return tl_fail(TL_ERR_ARGUMENT, "add_noise: the context is not a tl_noise");
    if (!(noise->deviation >= 0))
        return tl_fail(TL_ERR_ARGUMENT, "add_noise: deviation is %g, and must be 0 or more",
                       noise->deviation);
    for (int32_t i = 0; i < g->n; i++) {
        const int64_t n = tl_gradient_size(&g->pair[i]);
        for (int64_t k = 0; k < n; k++)
            g->pair[i].values[k] += (tl_real)(noise->deviation * tl_random_normal(&noise->r));
    }
    return TL_OK;
}

tl_status tl_freeze(tl_gradients *g, void *context)
{
    const tl_frozen *frozen = context;
    if (!frozen || (frozen->n > 0 && !frozen->variable))
        return tl_fail(TL_ERR_ARGUMENT, "freeze: the context is not a tl_frozen");
    int32_t left = 0;
    for (int32_t i = 0; i < g->n; i++) {
        bool drop = false;
        for (int32_t k = 0; k < frozen->n; k++)
            drop = drop || frozen->variable[k] == g->pair[i].variable;
        if (!drop)
            g->pair[left++] = g->pair[i];
    }
    g->n = left;
    return TL_OK;
}

enum { STRIP = 256 }; /* columns that are centralized together */

typedef struct strip {
    int64_t first, end; /* columns */
    double sum[STRIP];
    int64_t count[STRIP];
} strip;

/* Adds what exists of a gradient in these columns to their sums, or takes their means from it. */
static void visit(const tl_gradient *pair, strip *c, bool subtract)
{
    const tl_variable *v = pair->variable;
    const tl_pattern *p = v->pattern;
    const int64_t rows = tl_shape_rows(v->shape), cols = tl_shape_cols(v->shape);
    for (int64_t i = 0; i < rows; i++) {
        int64_t e = p ? tl_pattern_row_ptr(p)[i] : c->first;
        const int64_t end = p ? tl_pattern_row_ptr(p)[i + 1] : c->end;
        while (p && e < end && tl_pattern_col(p)[e] < c->first)
            e++;
        for (; e < end && (!p || tl_pattern_col(p)[e] < c->end); e++) {
            const int64_t j = p ? tl_pattern_col(p)[e] : e, k = j - c->first;
            tl_real *x = &pair->values[v->sparse ? e : i * cols + j];
            if (subtract) {
                *x -= (tl_real)(c->sum[k] / (double)c->count[k]);
            } else {
                c->sum[k] += (double)*x;
                c->count[k]++;
            }
        }
    }
}

tl_status tl_centralize(tl_gradients *g, void *context)
{
    (void)context;
    for (int32_t i = 0; i < g->n; i++) {
        const tl_gradient *pair = &g->pair[i];
        if (!pair->values || pair->rows || pair->variable->shape.rank < 2)
            continue;
        const int64_t cols = tl_shape_cols(pair->variable->shape);
        for (int64_t j = 0; j < cols; j += STRIP) {
            strip c = { .first = j, .end = cols - j < STRIP ? cols : j + STRIP };
            visit(pair, &c, false);
            visit(pair, &c, true);
        }
    }
    return TL_OK;
}
