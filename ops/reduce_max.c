/* reduce_max: Y = the largest element of A along one axis or of all.  dA += dY at the first that is. */
#include "ops.h"
#include "reduce.h"
#include "tangent.h"

enum { WIDTH = 256 }; /* columns that are compared together */

struct attr {
    int32_t axis;
    int64_t *from; /* for each element of Y, the one of A that it is */
};

static tl_status shape(tl_node *y)
{
    struct attr *attr = y->attr;
    const tl_node *a = y->in[0];
    if (a->kind == TL_SPARSE)
        return tl_fail(TL_ERR_KIND,
                       "%s is sparse, and cells that are no entries have no value to compare: give them one "
                       "with tl_sparse_to_dense",
                       tl_node_text(a).text);
    tl_status status = tl_shape_reduced(y, attr->axis);
    if (status == TL_OK && ((const tl_axis *)y->scratch)->n == 0)
        status = tl_fail(TL_ERR_SHAPE, "%s has no element that could be the largest", tl_node_text(a).text);
    if (status == TL_OK && !(attr->from = tl_scratch(y, y->size, sizeof *attr->from)))
        status = TL_ERR_MEMORY;
    return status;
}

/* Returns whether x is the maximum: if that is NaN, so is each NaN and nothing else. */
static bool is(tl_real x, tl_real max)
{
    return x == max || x != x;
}

static void reduce_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const int64_t n = ((const tl_axis *)y->scratch)->n;
    int64_t *from = ((const struct attr *)y->attr)->from;
    for (int64_t i = begin; i < end; i++) {
        const tl_real *a = y->in[0]->val + i * n, max = tl_max_run(n, a);
        int64_t k = 0;
        while (!is(a[k], max))
            k++;
        from[i] = i * n + k;
        y->out[i] = a[k];
    }
}

/* Reduces `width` columns of A, whose rows are `inner` long, from element `first` of it. */
static void reduce_block(const tl_axis *of, const tl_real *a, int64_t first, int64_t width, tl_real *out,
                         int64_t *from)
{
    tl_real max[WIDTH];
    int64_t k_of[WIDTH];
    for (int64_t j = 0; j < width; j++)
        max[j] = a[first + j];
    for (int64_t k = 1; k < of->n; k++)
        for (int64_t j = 0; j < width; j++) {
            const tl_real x = a[first + k * of->inner + j];
            max[j] = x > max[j] || x != x ? x : max[j];
        }
    for (int64_t k = of->n - 1; k >= 0; k--)
        for (int64_t j = 0; j < width; j++)
            k_of[j] = is(a[first + k * of->inner + j], max[j]) ? k : k_of[j];
    for (int64_t j = 0; j < width; j++) {
        from[j] = first + k_of[j] * of->inner + j;
        out[j] = a[from[j]];
    }
}

static void reduce_columns(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const tl_axis of = *(const tl_axis *)y->scratch;
    int64_t *from = ((const struct attr *)y->attr)->from;
    for (int64_t k = begin, width; k < end; k += width) {
        const int64_t left = of.inner - k % of.inner, first = k / of.inner * of.n * of.inner + k % of.inner;
        width = left < end - k ? left : end - k;
        width = width < WIDTH ? width : WIDTH;
        reduce_block(&of, y->in[0]->val, first, width, y->out + k, from + k);
    }
}

static void forward(tl_node *y)
{
    const tl_axis of = *(const tl_axis *)y->scratch;
    if (of.inner == 1)
        tl_parallel_rows(of.outer, of.n, reduce_rows, y);
    else
        tl_parallel_columns(of.outer * of.inner, of.n, reduce_columns, y);
}

static void backward_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const int64_t *from = ((const struct attr *)y->attr)->from;
    for (int64_t k = begin; k < end; k++)
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

static void describe(const tl_node *y, tl_description *to)
{
    tl_describe_name(to, "ReduceMax");
    tl_describe_axis(to, ((const struct attr *)y->attr)->axis);
}

static const tl_op op = {
    .name = "reduce_max",
    .n_in = 1,
    .in_kind = { TL_ANY },
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .tangent = tangent,
    .describe = describe,
};

tl_node *tl_reduce_max(tl_node *a, int32_t axis)
{
    return tl_apply(&op, (tl_node *[]){ a }, &(struct attr){ axis, NULL }, sizeof(struct attr));
}
