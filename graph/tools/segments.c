/* Reductions of segments of rows. */
#include "segments.h"

#include <string.h>

static tl_status check_row_ptr(const tl_node *a, const tl_segments *s)
{
    const int64_t rows = a->shape.dim[0];
    if (!s->row_ptr || s->n < 0)
        return s->row_ptr ? tl_fail(TL_ERR_ARGUMENT, "%lld segments", (long long)s->n)
                          : tl_fail(TL_ERR_ARGUMENT, "row_ptr is NULL");
    for (int64_t i = 0; i <= s->n; i++) {
        if (s->row_ptr[i] < 0 || s->row_ptr[i] > rows)
            return tl_fail(TL_ERR_INDEX, "row_ptr[%lld] = %lld, %s has %lld rows", (long long)i,
                           (long long)s->row_ptr[i], tl_node_text(a).text, (long long)rows);
        if (i > 0 && s->row_ptr[i] < s->row_ptr[i - 1])
            return tl_fail(TL_ERR_ARGUMENT, "row_ptr[%lld] = %lld is below row_ptr[%lld] = %lld",
                           (long long)i, (long long)s->row_ptr[i], (long long)(i - 1),
                           (long long)s->row_ptr[i - 1]);
    }
    return TL_OK;
}

tl_status tl_segments_shape(tl_node *y)
{
    tl_segments *s = y->attr;
    tl_shape shape = y->in[0]->shape;
    if (shape.rank == 0)
        return tl_fail(TL_ERR_SHAPE, "%s has no rows", tl_node_text(y->in[0]).text);
    tl_status status = check_row_ptr(y->in[0], s);
    if (status == TL_OK && !(s->row_ptr = tl_scratch_copy(y, s->n + 1, sizeof *s->row_ptr, s->row_ptr)))
        status = TL_ERR_MEMORY;
    shape.dim[0] = s->n;
    return status == TL_OK ? tl_shape_dense(y, shape) : status;
}

int64_t tl_segments_width(const tl_node *y)
{
    const tl_node *a = y->in[0];
    int64_t width = 1;
    for (int32_t d = 1; d < a->shape.rank; d++)
        width *= a->shape.dim[d];
    return width;
}

void tl_segments_parallel(tl_node *y, void (*body)(void *context, int64_t begin, int64_t end))
{
    const int64_t n = ((const tl_segments *)y->attr)->n;
    if (n > 0 && tl_segments_width(y) > 0)
        tl_parallel_rows(n, y->in[0]->size / n + tl_segments_width(y), body, y);
}

static void sum_segments(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const tl_segments *s = y->attr;
    const int64_t width = tl_segments_width(y);
    for (int64_t i = begin; i < end; i++) {
        const tl_axis of = { 1, s->row_ptr[i + 1] - s->row_ptr[i], width };
        tl_sum_axis(&(tl_axis_sum){ .of = of, .a = y->in[0]->val + s->row_ptr[i] * width },
                    y->out + i * width, false);
    }
}

static void mean_segments(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const tl_segments *s = y->attr;
    const int64_t width = tl_segments_width(y);
    for (int64_t i = begin; i < end; i++) {
        const tl_axis of = { 1, s->row_ptr[i + 1] - s->row_ptr[i], width };
        tl_mean_axis(of, y->in[0]->val + s->row_ptr[i] * width, y->out + i * width);
    }
}

void tl_segments_sum(tl_node *y, bool mean)
{
    tl_segments_parallel(y, mean ? mean_segments : sum_segments);
}

/* What tl_segments_repeat does. */
static void repeat_segments(const tl_node *y, int64_t begin, int64_t end, bool mean)
{
    const tl_segments *s = y->attr;
    const int64_t width = tl_segments_width(y);
    const tl_node *a = y->in[0];
    for (int64_t i = begin; i < end; i++) {
        const tl_axis of = { 1, s->row_ptr[i + 1] - s->row_ptr[i], width };
        const tl_real c = mean && of.n > 0 ? 1 / (tl_real)of.n : 1;
        tl_repeat_axis(of, c, y->grad + i * width, a->grad + s->row_ptr[i] * width, !a->overwrite);
    }
}

static void repeat_sums(void *context, int64_t begin, int64_t end)
{
    repeat_segments(context, begin, end, false);
}

static void repeat_means(void *context, int64_t begin, int64_t end)
{
    repeat_segments(context, begin, end, true);
}

void tl_segments_repeat(tl_node *y, bool mean)
{
    const tl_segments *s = y->attr;
    const tl_node *a = y->in[0];
    const int64_t width = tl_segments_width(y);
    if (a->size == 0)
        return;
    if (a->overwrite) { /* the rows of no segment */
        memset(a->grad, 0, (size_t)(s->row_ptr[0] * width) * sizeof *a->grad);
        memset(a->grad + s->row_ptr[s->n] * width, 0,
               (size_t)(a->size - s->row_ptr[s->n] * width) * sizeof *a->grad);
    }
    tl_segments_parallel(y, mean ? repeat_means : repeat_sums);
}

void tl_segments_describe(const tl_node *y, tl_description *to)
{
    tl_describe_integer(to, "segments", ((const tl_segments *)y->attr)->n);
}
