/* Checks of options. Each returns TL_OK, or TL_ERR_ARGUMENT with a text that names the function, the option,
 * its value and what was expected. NaN fails every check, and so does a value that overflows tl_real. */
#ifndef TL_CHECK_H
#define TL_CHECK_H

#include "status.h"

/* Checks that x > 0, also after rounding to tl_real, which may take a tiny double to 0. */
tl_status tl_check_positive(const char *who, const char *name, double x);

/* Checks that x >= 0. */
tl_status tl_check_at_least_zero(const char *who, const char *name, double x);

/* Checks that x is in an interval, written as in mathematics: '[', 0, 1, ')' includes 0 and excludes 1. */
tl_status tl_check_range(const char *who, const char *name, double x, char open, double low, double high,
                         char close);

/* Checks that the reserved fields of an options structure, bytes used .. size-1, are 0: one that is not is an
 * option of a newer version. */
tl_status tl_check_reserved(const char *who, const void *options, size_t used, size_t size);

#endif
