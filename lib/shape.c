/* Shapes of row-major, contiguous tensors. */
#include "shape.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

tl_shape tl_shape_from(int32_t rank, const int64_t *dim)
{
    tl_shape s = { .rank = rank };
    for (int32_t k = 0; k < rank && k < TL_MAX_RANK; k++)
        s.dim[k] = dim[k];
    return s;
}

tl_status tl_shape_check(tl_shape s)
{
    if (s.rank < 0 || s.rank > TL_MAX_RANK)
        return tl_fail(TL_ERR_SHAPE, "rank %d is not 0 to %d", (int)s.rank, TL_MAX_RANK);
    for (int32_t k = 0; k < s.rank; k++)
        if (s.dim[k] < 0)
            return tl_fail(TL_ERR_SHAPE, "%s has a negative size", tl_shape_text(s).text);
    int64_t limit = PTRDIFF_MAX / (int64_t)sizeof(tl_real);
    /* a size of 0 hides no overflow of the others: rows and columns are products, too */
    for (int32_t k = 0; k < s.rank; k++) {
        if (s.dim[k] > 0)
            limit /= s.dim[k];
        if (limit == 0)
            return tl_fail(TL_ERR_SHAPE, "%s has more elements than memory can hold", tl_shape_text(s).text);
    }
    return TL_OK;
}

/* How many sizes there are to read, of a shape that may not have been checked. */
static int32_t sizes(tl_shape s)
{
    return s.rank < TL_MAX_RANK ? s.rank : TL_MAX_RANK;
}

/* Without a sign, as it may overflow. */
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
    bool same = a.rank == b.rank;
    for (int32_t k = 0; same && k < sizes(a); k++)
        same = a.dim[k] == b.dim[k];
    return same;
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
    for (int32_t k = 0; k < s.rank && k < TL_MAX_RANK; k++)
        at += (size_t)snprintf(t.text + at, sizeof t.text - at, "%s%" PRId64, k ? "x" : "", s.dim[k]);
    return t;
}
