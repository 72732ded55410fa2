/* Densities of layers: uniform, Erdos-Renyi, Erdos-Renyi-kernel. */
#include "lib/status_private.h"
#include "topology.h"

#include <math.h>

/* Returns the sum of the first n sizes over their product: 1 for none. */
static double sparseness(tl_shape s, int32_t n)
{
    double sum = n == 0, product = 1;
    for (int32_t d = 0; d < n; d++) {
        sum += (double)s.dim[d];
        product *= (double)s.dim[d];
    }
    return sum / product;
}

static double share_of(tl_shape s, tl_density_rule rule)
{
    return sparseness(s, rule == TL_UNIFORM ? 0 : rule == TL_ERDOS_RENYI ? 2 : s.rank);
}

static double cells_of(tl_shape s)
{
    double cells = 1;
    for (int32_t d = 0; d < s.rank; d++)
        cells *= (double)s.dim[d];
    return cells;
}

static tl_status check(int32_t n, const tl_shape *shape, double density, tl_density_rule rule,
                       const double *out)
{
    const char *who = "topology_densities";
    if (!shape || !out)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the %s NULL", who, shape ? "output is" : "shapes are");
    if (n < 1)
        return tl_fail(TL_ERR_ARGUMENT, "%s: n %d must be >= 1", who, (int)n);
    if (!(density >= 0 && density <= 1))
        return tl_fail(TL_ERR_ARGUMENT, "%s: density %g is not in [0, 1]", who, density);
    if (rule != TL_UNIFORM && rule != TL_ERDOS_RENYI && rule != TL_ERDOS_RENYI_KERNEL)
        return tl_fail(TL_ERR_ARGUMENT, "%s: %d is not a tl_density_rule", who, (int)rule);
    for (int32_t l = 0; l < n; l++) {
        bool good = shape[l].rank >= 2 && shape[l].rank <= TL_MAX_RANK;
        for (int32_t d = 0; good && d < shape[l].rank; d++)
            good = shape[l].dim[d] >= 1;
        if (!good)
            return tl_fail(TL_ERR_SHAPE, "%s: shape %d is %s, which is not of rank 2 to %d with sizes >= 1",
                           who, (int)l, tl_shape_text(shape[l]).text, TL_MAX_RANK);
    }
    return TL_OK;
}

/* Each round solves for c over the layers that are not dense yet, and makes those of the largest share dense
 * that would get more than 1. */
tl_status tl_topology_densities(int32_t n, const tl_shape *shape, double density, tl_density_rule rule,
                                double *out)
{
    if (check(n, shape, density, rule, out) != TL_OK)
        return tl_last_status();
    double all = 0;
    for (int32_t l = 0; l < n; l++) {
        all += cells_of(shape[l]);
        out[l] = 0;
    }
    for (bool fits = false; !fits;) {
        double left = density * all, shares = 0, largest = 0;
        for (int32_t l = 0; l < n; l++) {
            const double share = share_of(shape[l], rule), cells = cells_of(shape[l]);
            left -= out[l] == 1 ? cells : 0;
            shares += out[l] == 1 ? 0 : share * cells;
            largest = out[l] == 1 ? largest : fmax(largest, share);
        }
        const double c = shares > 0 ? left / shares : 0;
        fits = c * largest <= 1;
        for (int32_t l = 0; l < n; l++) {
            const double share = share_of(shape[l], rule);
            if (out[l] != 1)
                out[l] = fits ? c * share : share == largest;
        }
    }
    return TL_OK;
}
