/* huber: Y = mean of h(A - B), h(d) = d^2 / 2 where |d| <= delta, otherwise delta (|d| - delta / 2).
 * dA += min(max(A - B, -delta), delta) dY / n;  dB -= the same. */
#include "describe.h"
#include "ops.h"
#include "reduce.h"
#include "tangent.h"

#include <math.h>

static tl_real delta_of(const tl_node *y)
{
    return *(const tl_real *)y->attr;
}

static tl_status shape(tl_node *y)
{
    const tl_node *a = y->in[0], *b = y->in[1];
    if (!(delta_of(y) > 0))
        return tl_fail(TL_ERR_ARGUMENT, "delta = %g is not above 0", (double)delta_of(y));
    if (!tl_shape_equal(a->shape, b->shape))
        return tl_fail(TL_ERR_SHAPE, "%s and %s differ in shape", tl_node_text(a).text, tl_node_text(b).text);
    return tl_shape_dense(y, TL_SHAPE());
}

/* Losses in this unit, of errors in it, have no sum that overflows where their mean does not. */
static const double large_unit = 0x1p64;

/* Returns the loss in a unit of an error in it. */
static inline double loss(double unit, double error, double delta)
{
    return error <= delta / unit ? error * (error * unit) / 2 : delta * (error - delta / unit / 2);
}

/* Sums by k mod 8: the independent partial sums break the chain of dependent additions. */
static inline double sum_in(double unit, const tl_node *y, int64_t begin, int64_t end)
{
    enum { PARTIALS = 8 };
    const tl_real *a = y->in[0]->val, *b = y->in[1]->val;
    const double delta = (double)delta_of(y);
    double partial[PARTIALS] = { 0 }, sum = 0;
    for (int64_t k = begin; k < end; k++)
        partial[k % PARTIALS] += loss(unit, fabs((double)a[k] / unit - (double)b[k] / unit), delta);
    for (int l = 0; l < PARTIALS; l++)
        sum += partial[l];
    return sum;
}

static double sum_losses(const void *context, int64_t begin, int64_t end)
{
    return sum_in(1, context, begin, end);
}

static double sum_in_large_unit(const void *context, int64_t begin, int64_t end)
{
    return sum_in(large_unit, context, begin, end);
}

static void forward(tl_node *y)
{
    const int64_t n = y->in[0]->size;
    y->out[0] = n > 0 ? (tl_real)(tl_sum_terms(n, sum_losses, y) / (double)n) : 0;
    if (isinf(y->out[0]))
        y->out[0] = (tl_real)(tl_sum_terms(n, sum_in_large_unit, y) / (double)n * large_unit);
}

static tl_real bounded(tl_real d, tl_real delta)
{
    return d > delta ? delta : d < -delta ? -delta : d;
}

static void backward_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context, *left = y->in[0], *right = y->in[1];
    const tl_real *a = left->val, *b = right->val, c = y->grad[0] / (tl_real)left->size, delta = delta_of(y);
    tl_real *da = left->grad, *db = right->grad;
    if (da)
        for (int64_t k = begin; k < end; k++)
            da[k] = (left->overwrite ? 0 : da[k]) + c * bounded(a[k] - b[k], delta);
    if (db)
        for (int64_t k = begin; k < end; k++)
            db[k] = (right->overwrite ? 0 : db[k]) - c * bounded(a[k] - b[k], delta);
}

static void backward(tl_node *y)
{
    tl_parallel_for(y->in[0]->size, TL_GRAIN, backward_range, y);
}

/* The mean of min(max(A - B, -delta), delta) (dA - dB) */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    tl_node *d = tl_sum_of(2, (tl_node *[]){ dx[0], tl_neg(dx[1]) });
    tl_node *slope = tl_clamp(tl_sub(y->in[0], y->in[1]), -delta_of(y), delta_of(y));
    return tl_reduce_mean(tl_mul(slope, d), TL_ALL_AXES);
}

static void describe(const tl_node *y, tl_description *to)
{
    tl_describe_number(to, "delta", (double)delta_of(y));
}

static const tl_op op = {
    .name = "huber",
    .n_in = 2,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0 | 1 << 1,
    .tangent = tangent,
    .describe = describe,
};

tl_node *tl_huber(tl_node *a, tl_node *b, tl_real delta)
{
    return tl_apply(&op, (tl_node *[]){ a, b }, &delta, sizeof delta);
}
