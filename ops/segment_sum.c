/* segment_sum: Y(i, :) = the sum of A's rows ptr[i] .. ptr[i + 1] - 1.  dA += dY(i, :) in these rows. */
#include "ops.h"
#include "segments.h"
#include "tangent.h"

static void forward(tl_node *y)
{
    tl_segments_sum(y, false);
}

static void backward(tl_node *y)
{
    tl_segments_repeat(y, false);
}

static const tl_op op = {
    .name = "segment_sum",
    .n_in = 1,
    .shape = tl_segments_shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0,
    .tangent = tl_linear_tangent,
    .describe = tl_segments_describe,
};

tl_node *tl_segment_sum(tl_node *a, const int64_t *row_ptr, int64_t n)
{
    return tl_apply(&op, (tl_node *[]){ a }, &(tl_segments){ row_ptr, n }, sizeof(tl_segments));
}
