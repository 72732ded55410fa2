/* Checks of ids: row numbers, labels, coordinates. */
#include "ids.h"

#include <inttypes.h>

/* Returns 1 or 0. Branch-free 32-bit arithmetic, so that loops over it vectorise. */
static inline uint32_t is_outside(uint32_t id, uint32_t below, uint32_t padded, uint32_t pad)
{
    return (id >= below) & ~(padded & (id == pad));
}

/* Returns the index of the first id that is neither in 0 .. bound-1 nor padding, n if there is none. The
 * first loop has no early exit, so that it vectorises. */
static int64_t first_outside(const int32_t *ids, int64_t n, int64_t bound, const int32_t *padding)
{
    const uint32_t below = bound < 0 ? 0 : bound > INT32_MAX ? (uint32_t)INT32_MAX + 1 : (uint32_t)bound;
    const uint32_t padded = padding != NULL, pad = padding ? (uint32_t)*padding : 0;
    uint32_t outside = 0;
    for (int64_t k = 0; k < n; k++)
        outside |= is_outside((uint32_t)ids[k], below, padded, pad);
    if (!outside)
        return n;
    int64_t k = 0;
    while (!is_outside((uint32_t)ids[k], below, padded, pad))
        k++;
    return k;
}

tl_status tl_check_ids(const char *name, const int32_t *ids, int64_t n, int64_t bound, const int32_t *padding,
                       const char *of, const char *unit)
{
    if (!name || !of || !unit)
        return tl_fail(TL_ERR_ARGUMENT, "check_ids: the %s is NULL", !name ? "name" : !of ? "owner" : "unit");
    if (n < 0)
        return tl_fail(TL_ERR_ARGUMENT, "%s: their number is %" PRId64, name, n);
    if (!ids && n > 0)
        return tl_fail(TL_ERR_ARGUMENT, "%s is NULL", name);
    const int64_t k = first_outside(ids, n, bound, padding);
    if (k == n)
        return TL_OK;
    return tl_fail(TL_ERR_INDEX, "%s[%" PRId64 "] = %" PRId32 ", %s has %" PRId64 " %s", name, k, ids[k], of,
                   bound, unit);
}
