/* Tools for ops that move values: copies between arrays that hold the same elements in different orders, and
 * the gradient of what was repeated. They run on all threads. */
#ifndef TL_STRIDED_H
#define TL_STRIDED_H

#include "op.h"

/* Elements (i, j, k, l) of a shape, with strides in two arrays: the one that is read has it at the sum of
 * i from[0], j from[1] and so on, the one that is written at that of i to[0], j to[1] and so on. Where a
 * stride of `from` is 0, elements are repeated. No two elements are written to one place. */
typedef struct tl_strided {
    tl_shape shape;
    int64_t from[TL_MAX_RANK], to[TL_MAX_RANK];
} tl_strided;

/* Sets stride[k] to the stride of dimension k of a row-major tensor of this shape. */
TL_API void tl_strides(tl_shape shape, int64_t *stride);

/* to = (add: +=) from, for each element of the shape. Rows that both arrays have are copied as such, and what
 * is transposed is moved in blocks that fit in a cache. */
TL_API void tl_copy_strided(const tl_strided *s, const tl_real *from, tl_real *to, bool add)
    TL_REAL_SYMBOL(tl_copy_strided);

/* For `backward` of an op whose Y is input 0, broadcast by NumPy's rule: its gradient is dY, summed in double
 * over the elements that each of its own was repeated to. The op can overwrite it. */
TL_API void tl_sum_repeated(const tl_node *y);

#endif
