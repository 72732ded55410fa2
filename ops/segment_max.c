/* segment_max: Y(i, j) = the largest of column j in A's rows ptr[i] .. ptr[i + 1] - 1, 0 if there are none.
 * dA += dY(i, j) at the first that is. */
#include "lookup.h"
#include "ops.h"
#include "segments.h"
#include "tangent.h"

struct attr {
    tl_segments segments;
    int64_t *from; /* for each element of Y, the one of A that it is, or -1 */
};

static tl_status shape(tl_node *y)
{
    struct attr *attr = y->attr;
    const tl_status status = tl_segments_shape(y);
    if (status == TL_OK && !(attr->from = tl_scratch(y, y->size, sizeof *attr->from)))
        return TL_ERR_MEMORY;
    return status;
}

static void forward(tl_node *y)
{
    const struct attr *attr = y->attr;
    const tl_row_extremes segments = {
        .n = attr->segments.n,
        .width = tl_segments_width(y),
        .ptr = attr->segments.row_ptr,
    };
    tl_extreme_rows(&segments, y->in[0]->val, y->out, attr->from);
}

static void backward_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const int64_t *from = ((const struct attr *)y->attr)->from;
    for (int64_t k = begin; k < end; k++)
        if (from[k] >= 0)
            y->in[0]->grad[from[k]] += y->grad[k];
}

static void backward(tl_node *y)
{
    tl_parallel_for(y->size, TL_GRAIN, backward_range, y);
}

/* The same elements, of the direction. */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    return tl_pick(dx[0], y->shape, ((const struct attr *)y->attr)->from);
}

static const tl_op op = {
    .name = "segment_max",
    .n_in = 1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .tangent = tangent,
    .describe = tl_segments_describe,
};

tl_node *tl_segment_max(tl_node *a, const int64_t *row_ptr, int64_t n)
{
    return tl_apply(&op, (tl_node *[]){ a }, &(struct attr){ { row_ptr, n }, NULL }, sizeof(struct attr));
}
