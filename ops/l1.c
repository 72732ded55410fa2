/* l1: Y = mean of |A - B|.  dA += sign(A - B) dY / n;  dB -= the same. */
#include "ops.h"
#include "reduce.h"
#include "tangent.h"

#include <math.h>

static tl_status shape(tl_node *y)
{
    const tl_node *a = y->in[0], *b = y->in[1];
    if (!tl_shape_equal(a->shape, b->shape))
        return tl_fail(TL_ERR_SHAPE, "%s and %s differ in shape", tl_node_text(a).text, tl_node_text(b).text);
    return tl_shape_dense(y, TL_SHAPE());
}

/* Errors in this unit have no sum that overflows where the mean does not. */
static const double large_unit = 0x1p64;

/* Sums by k mod 8: the independent partial sums break the chain of dependent additions. */
static inline double sum_in(double unit, const tl_node *y, int64_t begin, int64_t end)
{
    enum { PARTIALS = 8 };
    const tl_real *a = y->in[0]->val, *b = y->in[1]->val;
    double partial[PARTIALS] = { 0 }, sum = 0;
    for (int64_t k = begin; k < end; k++)
        partial[k % PARTIALS] += fabs((double)a[k] / unit - (double)b[k] / unit);
    for (int l = 0; l < PARTIALS; l++)
        sum += partial[l];
    return sum;
}

static double sum_errors(const void *context, int64_t begin, int64_t end)
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
    y->out[0] = n > 0 ? (tl_real)(tl_sum_terms(n, sum_errors, y) / (double)n) : 0;
    if (isinf(y->out[0]))
        y->out[0] = (tl_real)(tl_sum_terms(n, sum_in_large_unit, y) / (double)n * large_unit);
}

static void backward_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context, *left = y->in[0], *right = y->in[1];
    const tl_real *a = left->val, *b = right->val, c = y->grad[0] / (tl_real)left->size;
    tl_real *da = left->grad, *db = right->grad;
    if (da)
        for (int64_t k = begin; k < end; k++)
            da[k] = (left->overwrite ? 0 : da[k]) + (a[k] > b[k] ? c : a[k] < b[k] ? -c : 0);
    if (db)
        for (int64_t k = begin; k < end; k++)
            db[k] = (right->overwrite ? 0 : db[k]) - (a[k] > b[k] ? c : a[k] < b[k] ? -c : 0);
}

static void backward(tl_node *y)
{
    tl_parallel_for(y->in[0]->size, TL_GRAIN, backward_range, y);
}

/* The mean of sign(A - B) (dA - dB) */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    const tl_node *above = tl_sub(y->in[0], y->in[1]), *below = tl_sub(y->in[1], y->in[0]);
    tl_node *d = tl_sum_of(2, (tl_node *[]){ dx[0], tl_neg(dx[1]) });
    tl_node *part[] = { tl_gate(d, above), tl_neg(tl_gate(d, below)) };
    return tl_reduce_mean(tl_sum_of(2, part), TL_ALL_AXES);
}

static const tl_op op = {
    .name = "l1",
    .n_in = 2,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0 | 1 << 1,
    .tangent = tangent,
};

tl_node *tl_l1(tl_node *a, tl_node *b)
{
    return tl_apply(&op, (tl_node *[]){ a, b }, NULL, 0);
}
