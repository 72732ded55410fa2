/* softmax: Y = exp(A) / sum of exp(A), per row; of a sparse A, per row over its entries.
 * dA += Y (dY - <dY, Y>). */
#include "describe.h"
#include "ops.h"
#include "reduce.h"
#include "softmax.h"
#include "tangent.h"

#include <math.h>

static tl_status shape(tl_node *y)
{
    if (y->in[0]->shape.rank == 0)
        return tl_fail(TL_ERR_SHAPE, "%s has no rows", tl_node_text(y->in[0]).text);
    if (y->requires_grad && tl_node_is_mutable(y->in[0]) &&
        tl_reserve_workspace(y, y->in[0]->size, sizeof *y->val) != TL_OK)
        return TL_ERR_MEMORY;
    return tl_shape_like(y, y->in[0]);
}

/* The values of a row: n of them, from `first`. */
typedef struct row {
    int64_t first, n;
} row;

static row row_of(const tl_node *y, int64_t i)
{
    const int64_t cols = tl_shape_cols(y->shape);
    if (y->kind == TL_DENSE)
        return (row){ i * cols, cols };
    const int64_t *ptr = tl_pattern_row_ptr(y->pattern);
    return (row){ ptr[i], ptr[i + 1] - ptr[i] };
}

static void parallel_rows(tl_node *y, void (*body)(void *context, int64_t begin, int64_t end))
{
    const int64_t rows = tl_shape_rows(y->shape);
    if (y->size > 0)
        tl_parallel_rows(rows, y->size / rows, body, y);
}

static void compute_rows(const tl_node *y, int64_t begin, int64_t end, tl_real *to)
{
    for (int64_t i = begin; i < end; i++) {
        const row r = row_of(y, i);
        tl_real max, *out = to + r.first;
        const double sum = tl_exp_row(r.n, y->in[0]->val + r.first, &max, out);
        const tl_real c = sum == 0 ? 0 : (tl_real)(1 / sum);
        for (int64_t k = 0; k < r.n; k++)
            out[k] *= c;
    }
}

static void forward_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    compute_rows(y, begin, end, y->out);
}

static void forward(tl_node *y)
{
    parallel_rows(y, forward_rows);
}

/* The gradient of a row where dY is not finite: that of an excluded element is 0, whatever dY is there. */
static void backward_not_finite(int64_t n, const tl_real *y, const tl_real *dy, tl_real *da, bool add)
{
    double sum = 0;
    for (int64_t k = 0; k < n; k++)
        sum += y[k] == 0 ? 0 : (double)dy[k] * (double)y[k];
    for (int64_t k = 0; k < n; k++)
        da[k] = (add ? da[k] : 0) + (y[k] == 0 ? 0 : y[k] * (dy[k] - (tl_real)sum));
}

static void backward_row(int64_t n, const tl_real *y, const tl_real *dy, tl_real *restrict da, bool add)
{
    const tl_real sum = (tl_real)tl_sum_run(n, dy, y);
    if (!isfinite(sum))
        backward_not_finite(n, y, dy, da, add);
    else if (add)
        for (int64_t k = 0; k < n; k++)
            da[k] += y[k] * (dy[k] - sum);
    else
        for (int64_t k = 0; k < n; k++)
            da[k] = y[k] * (dy[k] - sum);
}

static void backward_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context, *a = y->in[0];
    const tl_real *now = y->val;
    if (tl_node_has_changed(a)) {
        compute_rows(y, begin, end, tl_workspace(y));
        now = tl_workspace(y);
    }
    for (int64_t i = begin; i < end; i++) {
        const row r = row_of(y, i);
        backward_row(r.n, now + r.first, y->grad + r.first, a->grad + r.first, !a->overwrite);
    }
}

static void backward(tl_node *y)
{
    parallel_rows(y, backward_rows);
}

/* Y moves by Y dA - Y <Y, dA>. */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    tl_node *moved = tl_mul(y, dx[0]);
    tl_shape column = y->shape;
    column.dim[column.rank - 1] = 1;
    tl_node *sums = tl_reshape(tl_reduce_sum(moved, y->shape.rank - 1), column);
    return tl_sum_of(2, (tl_node *[]){ moved, tl_scale(tl_mul(y, sums), -1) });
}

static void describe(const tl_node *y, tl_description *to)
{
    tl_describe_name(to, "Softmax");
    tl_describe_integer(to, "axis", y->in[0]->shape.rank - 1);
}

static const tl_op op = {
    .name = "softmax",
    .n_in = 1,
    .in_kind = { TL_ANY },
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0,
    .tangent = tangent,
    .describe = describe,
};

tl_node *tl_softmax(tl_node *a)
{
    return tl_apply(&op, (tl_node *[]){ a }, NULL, 0);
}
