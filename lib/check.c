/* Checks of options. */
#include "lib/check.h"
#include "shape.h"
#include "version.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Returns a number for a message, in as few digits as %g has, or as many as tell it from its neighbours. */
static tl_text number(double x)
{
    tl_text t;
    snprintf(t.text, sizeof t.text, "%g", x);
    if (strtod(t.text, NULL) != x)
        snprintf(t.text, sizeof t.text, "%.17g", x);
    return t;
}

static tl_status out_of_range(const char *who, const char *name, double x)
{
    return tl_fail(TL_ERR_ARGUMENT, "%s: %s %g is out of the range of tl_real", who, name, x);
}

tl_status tl_check_positive(const char *who, const char *name, double x)
{
    if (!(x > 0))
        return tl_fail(TL_ERR_ARGUMENT, "%s: %s %g must be > 0", who, name, x);
    const tl_real rounded = (tl_real)x;
    return rounded > 0 && !isinf(rounded) ? TL_OK : out_of_range(who, name, x);
}

tl_status tl_check_at_least_zero(const char *who, const char *name, double x)
{
    if (!(x >= 0))
        return tl_fail(TL_ERR_ARGUMENT, "%s: %s %g must be >= 0", who, name, x);
    return isinf((tl_real)x) ? out_of_range(who, name, x) : TL_OK;
}

tl_status tl_check_range(const char *who, const char *name, double x, char open, double low, double high,
                         char close)
{
    const bool above = open == '[' ? x >= low : x > low, below = close == ']' ? x <= high : x < high;
    if (!above || !below)
        return tl_fail(TL_ERR_ARGUMENT, "%s: %s %s is not in %c%g, %g%c", who, name, number(x).text, open,
                       low, high, close);
    return isinf((tl_real)x) ? out_of_range(who, name, x) : TL_OK;
}

tl_status tl_check_reserved(const char *who, const void *options, size_t used, size_t size)
{
    const unsigned char *byte = options;
    for (size_t k = used; k < size; k++)
        if (byte[k] != 0)
            return tl_fail(TL_ERR_ARGUMENT,
                           "%s: a reserved field is not 0: an option that version %s does not have", who,
                           TL_VERSION_STRING);
    return TL_OK;
}
