/* Clipping by norm and by value. */
#include "transform.h"
#include "graph/transform/scale.h"
#include "lib/kernels/kernels.h"
#include "lib/status_private.h"

#include <float.h>
#include <math.h>

/* scaled 2^exponent: it may be neither representable itself nor have a square that is. */
typedef struct norm {
    double scaled;
    int exponent;
} norm;

static double value_of(norm n)
{
    return ldexp(n.scaled, n.exponent);
}

/* Returns the sum of the squares of all values, divided by 2^exponent before. */
static double sum_of_squares(const tl_gradient *pair, int32_t n, int exponent)
{
    double sum = 0;
    for (int32_t i = 0; i < n; i++) {
        double of_pair = 0;
        const int64_t size = tl_gradient_size(&pair[i]);
        const tl_real *x = pair[i].values;
        if (exponent == 0)
            for (int64_t k = 0; k < size; k++)
                of_pair += (double)x[k] * (double)x[k];
        else
            for (int64_t k = 0; k < size; k++) {
                const double scaled = ldexp((double)x[k], -exponent);
                of_pair += scaled * scaled;
            }
        sum += of_pair;
    }
    return sum;
}

/* Returns the norm of n pairs. The squares are scaled only if their sum, as it is, has overflowed or is so
 * small that some may have vanished. */
static norm norm_of(const tl_gradient *pair, int32_t n)
{
    const double sum = sum_of_squares(pair, n, 0);
    if (isfinite(sum) && sum >= 0x1p-900)
        return (norm){ sqrt(sum), 0 };
    double largest = 0;
    for (int32_t i = 0; i < n; i++) {
        bool minus_zero;
        const tl_real max = tl_kernel_table()->max_abs(tl_gradient_size(&pair[i]), pair[i].values,
                                                       &minus_zero);
        if (!isfinite(max))
            return (norm){ sqrt(sum), 0 };
        largest = (double)max > largest ? (double)max : largest;
    }
    const int exponent = largest > 0 ? ilogb(largest) : 0;
    return (norm){ sqrt(sum_of_squares(pair, n, exponent)), exponent };
}

double tl_global_norm(const tl_gradients *g)
{
    if (tl_transform_check("global_norm", g) != TL_OK)
        return 0;
    return value_of(norm_of(g->pair, g->n));
}

/* Scales n pairs from their norm to max_norm. The factor itself may be subnormal, or 0, where products with
 * it are not: then the values are first divided by a power of 2 near the norm. */
static void scale(const tl_gradient *pair, int32_t n, norm from, double max_norm)
{
    const double factor = max_norm / from.scaled,
                 least = sizeof(tl_real) == sizeof(double) ? DBL_MIN : (double)FLT_MIN;
    const bool direct = from.exponent == 0 && factor >= least;
    const int of_scaled = ilogb(from.scaled);
    const double rest = max_norm / ldexp(from.scaled, -of_scaled);
    for (int32_t i = 0; i < n; i++) {
        if (direct) {
            tl_gradient_scale(&pair[i], factor);
            continue;
        }
        const int64_t size = tl_gradient_size(&pair[i]);
        for (int64_t k = 0; k < size; k++)
            pair[i].values[k] = (tl_real)(ldexp((double)pair[i].values[k], -from.exponent - of_scaled) *
                                          rest);
    }
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
    const norm n = norm_of(g->pair, g->n);
    clip->norm = value_of(n);
    if (isfinite(n.scaled) && clip->norm > clip->max_norm)
        scale(g->pair, g->n, n, clip->max_norm);
    return TL_OK;
}

tl_status tl_clip_by_norm(tl_gradients *g, void *context)
{
    tl_clip *clip = context;
    if (check_clip("clip_by_norm", g, clip) != TL_OK)
        return TL_ERR_ARGUMENT;
    clip->norm = 0;
    for (int32_t i = 0; i < g->n; i++) {
        const norm n = norm_of(&g->pair[i], 1);
        const double value = value_of(n);
        clip->norm = value > clip->norm || isnan(value) ? value : clip->norm;
        if (isfinite(n.scaled) && value > clip->max_norm)
            scale(&g->pair[i], 1, n, clip->max_norm);
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
