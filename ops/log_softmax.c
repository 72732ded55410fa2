/* log_softmax: Y = A - log of the sum of exp(A), per row.  dA += dY - exp(Y) (sum of dY). */
#include "describe.h"
#include "ops.h"
#include "reduce.h"
#include "softmax.h"
#include "tangent.h"
#include "vmath.h"

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

static void compute_rows(const tl_node *y, int64_t begin, int64_t end, tl_real *to)
{
    const int64_t n = tl_shape_cols(y->shape);
    for (int64_t i = begin; i < end; i++) {
        const tl_real *a = y->in[0]->val + i * n;
        tl_real *restrict out = to + i * n, max;
        const double sum = tl_exp_row(n, a, &max, out);
        const tl_real log_sum = (tl_real)log(sum);
        if (isinf(max))
            for (int64_t k = 0; k < n; k++)
                out[k] = out[k] > 0 ? -log_sum : -INFINITY;
        else
            for (int64_t k = 0; k < n; k++)
                out[k] = a[k] - max - log_sum;
    }
}

static void forward_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    compute_rows(y, begin, end, y->out);
}

static void forward(tl_node *y)
{
    tl_parallel_rows(tl_shape_rows(y->shape), tl_shape_cols(y->shape), forward_rows, y);
}

/* Returns the sum of dY over the elements that are not excluded. */
static tl_real sum_of_row(int64_t n, const tl_real *y, const tl_real *dy)
{
    int excluded = 0;
    for (int64_t k = 0; k < n; k++)
        excluded |= y[k] == -INFINITY;
    if (!excluded)
        return (tl_real)tl_sum_run(n, dy, NULL);
    double sum = 0;
    for (int64_t k = 0; k < n; k++)
        sum += y[k] == -INFINITY ? 0 : (double)dy[k];
    return (tl_real)sum;
}

static void backward_row(int64_t n, const tl_real *y, const tl_real *dy, tl_real *restrict da, bool add)
{
    enum { STRIP = 256 };
    const tl_real sum = sum_of_row(n, y, dy);
    tl_real g[STRIP];
    for (int64_t k = 0; k < n; k += STRIP) {
        const int64_t m = n - k < STRIP ? n - k : STRIP;
        tl_vexp(m, y + k, g);
        for (int64_t j = 0; j < m; j++)
            g[j] = y[k + j] == -INFINITY ? 0 : dy[k + j] - g[j] * sum;
        for (int64_t j = 0; j < m; j++)
            da[k + j] = (add ? da[k + j] : 0) + g[j];
    }
}

static void backward_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context, *a = y->in[0];
    const int64_t n = tl_shape_cols(y->shape);
    const tl_real *now = y->val;
    if (tl_node_has_changed(a)) {
        compute_rows(y, begin, end, tl_workspace(y));
        now = tl_workspace(y);
    }
    for (int64_t i = begin; i < end; i++)
        backward_row(n, now + i * n, y->grad + i * n, a->grad + i * n, !a->overwrite);
}

static void backward(tl_node *y)
{
    tl_parallel_rows(tl_shape_rows(y->shape), tl_shape_cols(y->shape), backward_rows, y);
}

/* Y moves by dA - <softmax(A), dA>. */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    tl_shape column = y->shape;
    column.dim[column.rank - 1] = 1;
    tl_node *moved = tl_mul(tl_softmax(y->in[0]), dx[0]);
    return tl_sub(dx[0], tl_reshape(tl_reduce_sum(moved, y->shape.rank - 1), column));
}

static void describe(const tl_node *y, tl_description *to)
{
    tl_describe_name(to, "LogSoftmax");
    tl_describe_integer(to, "axis", y->in[0]->shape.rank - 1);
}

static const tl_op op = {
    .name = "log_softmax",
    .n_in = 1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0,
    .tangent = tangent,
    .describe = describe,
};

tl_node *tl_log_softmax(tl_node *a)
{
    return tl_apply(&op, (tl_node *[]){ a }, NULL, 0);
}
