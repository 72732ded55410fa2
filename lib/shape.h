/* Shapes of row-major, contiguous tensors of rank 0 to TL_MAX_RANK. */
#ifndef TL_SHAPE_H
#define TL_SHAPE_H

#include "status.h"

typedef struct tl_shape {
    int32_t rank;
    int64_t dim[TL_MAX_RANK]; /* dim[rank..] are 0 */
} tl_shape;

/* TL_SHAPE(784, 300) is a matrix, TL_SHAPE(10) a vector, TL_SHAPE() a scalar. More than TL_MAX_RANK sizes, or
 * a negative one, make a shape that every call rejects. */
#ifdef __cplusplus
#define TL_SHAPE(...) tl_shape_of(__VA_ARGS__)
#else
#define TL_SHAPE(...)                                                                                        \
    tl_shape_from((int32_t)(sizeof((int64_t[]){ 0, __VA_ARGS__ }) / sizeof(int64_t)) - 1,                    \
                  (const int64_t[]){ 0, __VA_ARGS__ } + 1)
#endif

/* Returns the shape with these `rank` sizes, of which at most TL_MAX_RANK are read; without sizes, where
 * there should be some, one that every call refuses. */
TL_API tl_shape tl_shape_from(int32_t rank, const int64_t *dim);

#ifdef __cplusplus
extern "C++" { /* a template, even where a program includes this header in an extern "C" block */
template <typename... Size> inline tl_shape tl_shape_of(Size... size)
{
    const int64_t dim[] = { 0, static_cast<int64_t>(size)... };
    return tl_shape_from(static_cast<int32_t>(sizeof...(size)), dim + 1);
}
}
#endif

/* Checks a shape: TL_ERR_SHAPE if the rank is not in 0..TL_MAX_RANK, a size is negative, or the product of
 * the non-zero sizes is more elements than memory can hold. */
TL_API tl_status tl_shape_check(tl_shape s);

/* Returns the number of elements: the product of the sizes, 1 for a scalar. */
TL_API int64_t tl_shape_size(tl_shape s);

TL_API bool tl_shape_equal(tl_shape a, tl_shape b);

/* Return the sizes of a shape folded into a matrix: cols is the last dimension, rows the product of the
 * others (1 x 1 for a scalar, 1 x n for a vector). */
TL_API int64_t tl_shape_rows(tl_shape s);
TL_API int64_t tl_shape_cols(tl_shape s);

/* In place of an axis, 0..rank-1, of a shape: all of them. */
#define TL_ALL_AXES (-1)

/* A text by value, for use as a printf argument: tl_shape_text(s).text */
typedef struct tl_text {
    char text[96];
} tl_text;

/* Returns "scalar" for rank 0, "[10]" for a vector, "784x300" for a matrix, "2x3x4" and so on for higher
 * ranks; "rank 5" for a rank that is not in 0..TL_MAX_RANK. Sizes are not checked: "[-1]", "0x3". */
TL_API tl_text tl_shape_text(tl_shape s);

#endif
