/* reduce_sum: Y = sum of A over one axis or all; of a sparse A, over its entries.  dA += dY, repeated along
 * the axis. */
#include "ops.h"
#include "reduce.h"
#include "tangent.h"

static int32_t axis_of(const tl_node *y)
{
    return *(const int32_t *)y->attr;
}

/* Returns whether Y has a sum per row or per column of a sparse matrix. Over all axes its values are summed
 * like a dense vector. */
static bool by_entries(const tl_node *y)
{
    return y->in[0]->kind == TL_SPARSE && axis_of(y) != TL_ALL_AXES;
}

static tl_status shape(tl_node *y)
{
    const tl_status status = tl_shape_reduced(y, axis_of(y));
    if (status == TL_OK && by_entries(y) && axis_of(y) == 0 && !tl_pattern_transpose(y->in[0]->pattern, NULL))
        return TL_ERR_MEMORY;
    return status;
}

static void sum_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context, *a = y->in[0];
    const int64_t *ptr = tl_pattern_row_ptr(a->pattern);
    for (int64_t i = begin; i < end; i++)
        y->out[i] = (tl_real)tl_sum_run(ptr[i + 1] - ptr[i], a->val + ptr[i], NULL);
}

/* The pattern has cached its transpose. */
static void sum_columns(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context, *a = y->in[0];
    const int32_t *perm;
    const int64_t *ptr = tl_pattern_row_ptr(tl_pattern_transpose(a->pattern, &perm));
    for (int64_t j = begin; j < end; j++) {
        double sum = 0;
        for (int64_t e = ptr[j]; e < ptr[j + 1]; e++)
            sum += (double)a->val[perm[e]];
        y->out[j] = (tl_real)sum;
    }
}

static void forward(tl_node *y)
{
    const tl_node *a = y->in[0];
    if (by_entries(y))
        tl_parallel_rows(y->size, y->size > 0 ? a->size / y->size : 0,
                         axis_of(y) == 0 ? sum_columns : sum_rows, y);
    else
        tl_sum_axis(&(tl_axis_sum){ .of = *(const tl_axis *)y->scratch, .a = a->val }, y->out, false);
}

/* Adds dY to the entries of rows begin .. end-1. */
static void repeat_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context, *a = y->in[0];
    const tl_csr at = tl_pattern_csr(a->pattern);
    const bool of_column = axis_of(y) == 0;
    for (int64_t i = begin; i < end; i++)
        for (int64_t e = at.row_ptr[i]; e < at.row_ptr[i + 1]; e++)
            a->grad[e] = (a->overwrite ? 0 : a->grad[e]) + y->grad[of_column ? at.col[e] : i];
}

static void backward(tl_node *y)
{
    const tl_node *a = y->in[0];
    if (by_entries(y)) {
        const int64_t rows = a->shape.dim[0];
        tl_parallel_rows(rows, rows > 0 ? a->size / rows : 0, repeat_rows, y);
    } else {
        tl_repeat_axis(*(const tl_axis *)y->scratch, 1, y->grad, a->grad, !a->overwrite);
    }
}

static void describe(const tl_node *y, tl_description *to)
{
    tl_describe_name(to, "ReduceSum");
    tl_describe_axis(to, axis_of(y));
}

static const tl_op op = {
    .name = "reduce_sum",
    .n_in = 1,
    .in_kind = { TL_ANY },
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0,
    .tangent = tl_linear_tangent,
    .describe = describe,
};

tl_node *tl_reduce_sum(tl_node *a, int32_t axis)
{
    return tl_apply(&op, (tl_node *[]){ a }, &axis, sizeof axis);
}
