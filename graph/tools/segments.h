/* Tools for ops that reduce segments of rows: the nodes of one graph in a batch of graphs, the words of one
 * text. Segment i of input 0 has its rows row_ptr[i] .. row_ptr[i + 1] - 1, and is row i of Y. */
#ifndef TL_SEGMENTS_H
#define TL_SEGMENTS_H

#include "reduce.h"

/* The attributes of such an op, or the first member of them. */
typedef struct tl_segments {
    const int64_t *row_ptr; /* n + 1 */
    int64_t n;
} tl_segments;

/* For `shape`: checks and copies row_ptr, and declares Y, with a row per segment. TL_ERR_SHAPE for a scalar;
 * TL_ERR_INDEX unless each row_ptr[i] is in 0..rows, as "row_ptr[3] = 12, a (10x4) has 10 rows";
 * TL_ERR_ARGUMENT if they do not ascend, for NULL or a negative n; TL_ERR_MEMORY. */
TL_API tl_status tl_segments_shape(tl_node *y);

/* Returns the number of elements in a row. */
TL_API int64_t tl_segments_width(const tl_node *y);

/* Calls body(y, begin, end) for ranges of segments, in tasks of about TL_GRAIN elements. */
TL_API void tl_segments_parallel(tl_node *y, void (*body)(void *context, int64_t begin, int64_t end));

/* Y(i, :) = the sum (mean: the mean) of segment i, as tl_sum_axis and tl_mean_axis have it; 0 of no rows. */
TL_API void tl_segments_sum(tl_node *y, bool mean);

/* The gradient of that: dA(row, :) += dY(i, :) (mean: / the number of rows) in segment i, 0 in no segment.
 * The op can overwrite it. */
TL_API void tl_segments_repeat(tl_node *y, bool mean);

/* For `describe`: states how many segments there are. */
TL_API void tl_segments_describe(const tl_node *y, tl_description *to);

#endif
