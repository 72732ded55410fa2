/* Shapes of row-major, contiguous tensors. */
#include "shape.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

tl_shape tl_shape_from(int32_t rank, const int64_t *dim)
{
    tl_shape s = { .rank = dim || rank <= 0 ? rank : -1 };
    for (int32_t k = 0; k < s.rank && k < TL_MAX_RANK; k++)
        s.dim[k] = dim[k];
    return s;
}

tl_status tl_shape_check(tl_shape s)
{
    if (s.rank < 0 || s.rank > TL_MAX_RANK)
        return tl_fail(TL_ERR_SHAPE, "rank %d is not in 0..%d", (int)s.rank, TL_MAX_RANK);
    for (int32_t k = 0; k < s.rank; k++)
        if (s.dim[k] < 0)
            return tl_fail(TL_ERR_SHAPE, "%s has a negative size", tl_shape_text(s).text);
    int64_t limit = PTRDIFF_MAX / (int64_t)sizeof(tl_real);
    /* check the product of the non-zero sizes: tl_shape_rows and _cols multiply subsets of the sizes */
    for (int32_t k = 0; k < s.rank; k++) {
        if (s.dim[k] > 0)
            limit /= s.dim[k];
        if (limit == 0)
            return tl_fail(TL_ERR_SHAPE, "%s has more elements than memory can hold", tl_shape_text(s).text);
    }
    return TL_OK;
}

/* Returns the number of sizes that can be read: the rank of an unchecked shape may exceed TL_MAX_RANK. */
static int32_t sizes(tl_shape s)
{
    return s.rank < 0 ? 0 : s.rank < TL_MAX_RANK ? s.rank : TL_MAX_RANK;
}

/* Unsigned, because it may overflow. */
static int64_t product(tl_shape s, int32_t n)
{
    uint64_t size = 1;
    for (int32_t k = 0; k < n; k++)
        size *= (uint64_t)s.dim[k];
    return (int64_t)size;
}

int64_t tl_shape_size(tl_shape s)
{
    return product(s, sizes(s));
}

bool tl_shape_equal(tl_shape a, tl_shape b)
{
    if (a.rank != b.rank)
        return false;
    for (int32_t k = 0; k < sizes(a); k++)
        if (a.dim[k] != b.dim[k])
            return false;
    return true;
}

int64_t tl_shape_rows(tl_shape s)
{
    return product(s, sizes(s) - 1);
}

int64_t tl_shape_cols(tl_shape s)
{
    return s.rank > 0 ? s.dim[sizes(s) - 1] : 1;
}

tl_text tl_shape_text(tl_shape s)
{
    tl_text t = { "scalar" };
    size_t at = 0;
    if (s.rank < 0 || s.rank > TL_MAX_RANK)
        snprintf(t.text, sizeof t.text, "rank %d", (int)s.rank);
    else if (s.rank == 1)
        snprintf(t.text, sizeof t.text, "[%" PRId64 "]", s.dim[0]);
    else
        for (int32_t k = 0; k < s.rank; k++)
            at += (size_t)snprintf(t.text + at, sizeof t.text - at, "%s%" PRId64, k ? "x" : "", s.dim[k]);
    return t;
}
