/* What every header starts from: the number type, the export mark, the largest rank. */
#ifndef TL_BASE_H
#define TL_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#error "tulle is a C11 library: call it from C translation units"
#endif

/* The number type of every value, gradient and slot: float in libtulle, double in libtulle64
 * (whose pkg-config file defines TULLE_DOUBLE). A program uses one of the two. */
#ifdef TULLE_DOUBLE
typedef double tl_real;
#else
typedef float tl_real;
#endif

#define TL_MAX_RANK 4

#if defined(__GNUC__)
#define TL_API             __attribute__((visibility("default")))
#define TL_PRINTF(fmt, at) __attribute__((format(printf, fmt, at)))
#else
#define TL_API
#define TL_PRINTF(fmt, at)
#endif

#endif
