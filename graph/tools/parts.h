/* Tools for ops whose tasks need memory of their own, such as tiles. Work is divided into units, and these
 * into at most TL_PARTS parts of consecutive ones, each with its own piece of the workspace. Neither depends
 * on the number of threads. */
#ifndef TL_PARTS_H
#define TL_PARTS_H

#include "op.h"

enum { TL_PARTS = 16 };

typedef struct tl_parts {
    int64_t n;     /* the most parts */
    int64_t size;  /* values in the piece of each */
    int64_t grain; /* units in a part: set by tl_parts_run */
} tl_parts;

/* Returns parts with pieces of `size` values: TL_PARTS, or fewer so that they have no more than 2^22 values
 * in all, but at least one. */
TL_API tl_parts tl_parts_of(int64_t size);

/* Calls body(context, begin, end) for the units begin .. end-1 of each part, on any thread. */
TL_API void tl_parts_run(tl_parts *p, int64_t units, void (*body)(void *context, int64_t begin, int64_t end),
                         void *context);

/* Returns the number of values in all pieces, which `shape` reserves at the beginning of y's workspace. */
TL_API int64_t tl_parts_size(const tl_parts *p);

/* For a body: returns the piece of the part that begins with this unit. */
TL_API tl_real *tl_parts_piece(const tl_parts *p, const tl_node *y, int64_t unit)
    TL_REAL_SYMBOL(tl_parts_piece);

/* Returns into how many blocks, at most n, each of some units is to be divided so that there is one for each
 * of TL_PARTS. */
TL_API int64_t tl_parts_blocks(int64_t units, int64_t n);

/* Return n, or the bound that it is beyond; and n / by, rounded up. */
static inline int64_t tl_between(int64_t n, int64_t low, int64_t high)
{
    return n < low ? low : n > high ? high : n;
}

static inline int64_t tl_divide_up(int64_t n, int64_t by)
{
    return (n + by - 1) / by;
}

/* Indices begin .. end-1. */
typedef struct tl_span {
    int64_t begin, end;
} tl_span;

/* Returns the indices among 0 .. n-1 of block b, of `blocks` about equal ones. */
TL_API tl_span tl_block_of(int64_t b, int64_t blocks, int64_t n);

#endif
