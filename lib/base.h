/* What every header starts from: the number type, the export mark, the largest rank. */
#ifndef TL_BASE_H
#define TL_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The number type of every value, gradient and slot: float in libtulle, double in libtulle64
 * (whose pkg-config file defines TULLE_DOUBLE). A program uses one of the two. */
#ifdef TULLE_DOUBLE
typedef double tl_real;
#else
typedef float tl_real;
#endif

#define TL_MAX_RANK 4

#if defined(__GNUC__)
#define TL_VISIBLE         __attribute__((visibility("default")))
#define TL_PRINTF(fmt, at) __attribute__((format(printf, fmt, at)))
#else
#define TL_VISIBLE
#define TL_PRINTF(fmt, at)
#endif

/* TL_API precedes every function of the library; in C++ it also gives the function its C name, so that no
 * header needs an extern "C" block. TL_LITERAL(tl_random){ 1, 0 } is a structure with these fields in both
 * languages. */
#ifdef __cplusplus
#define TL_API           extern "C" TL_VISIBLE
#define TL_LITERAL(type) type
#else
#define TL_API           TL_VISIBLE
#define TL_LITERAL(type) (type)
#endif

/* Follows the declarations of functions that create objects with values or pass arrays of them. Their symbols
 * end in the number type, so that a program compiled for one type does not link with the library of the
 * other: "undefined reference to `tl_graph_new_double'". Debuggers still show the C names. */
#if defined(__GNUC__) && defined(TULLE_DOUBLE)
#define TL_REAL_SYMBOL(name) __asm__(TL_LABEL_PREFIX(__USER_LABEL_PREFIX__) #name "_double")
#elif defined(__GNUC__)
#define TL_REAL_SYMBOL(name) __asm__(TL_LABEL_PREFIX(__USER_LABEL_PREFIX__) #name "_float")
#else
#define TL_REAL_SYMBOL(name)
#endif
#define TL_LABEL_PREFIX(prefix) TL_QUOTED(prefix)
#define TL_QUOTED(text)         #text

#endif
