/* mse: Y = mean of (A - B)^2.  dA += 2 (A - B) dY / n;  dB -= the same. */
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

/* Sums by k mod 8: the independent partial sums break the chain of dependent additions. */
static double sum_squares(const void *context, int64_t begin, int64_t end)
{
    enum { PARTIALS = 8 };
    const tl_node *y = context;
    const tl_real *a = y->in[0]->val + begin, *b = y->in[1]->val + begin;
    const int64_t n = end - begin, whole = n - n % PARTIALS;
    double partial[PARTIALS] = { 0 }, sum = 0;
    for (int64_t k = 0; k < whole; k += PARTIALS)
        for (int l = 0; l < PARTIALS; l++) {
            const double d = (double)a[k + l] - (double)b[k + l];
            partial[l] += d * d;
        }
    for (int64_t k = whole; k < n; k++)
        partial[k - whole] += ((double)a[k] - (double)b[k]) * ((double)a[k] - (double)b[k]);
    for (int l = 0; l < PARTIALS; l++)
        sum += partial[l];
    return sum;
}

/* The mean where the sum has overflowed: from the errors divided by the largest of them. */
static double scaled_mean(int64_t n, const tl_real *a, const tl_real *b)
{
    double largest = 0, sum = 0;
    for (int64_t k = 0; k < n; k++)
        largest = fmax(largest, fabs((double)a[k] - (double)b[k]));
    if (isinf(largest))
        return INFINITY;
    for (int64_t k = 0; k < n; k++) {
        const double d = ((double)a[k] - (double)b[k]) / largest;
        sum += d * d;
    }
    return sum / (double)n * largest * largest;
}

static void forward(tl_node *y)
{
    const int64_t n = y->in[0]->size;
    y->out[0] = n > 0 ? (tl_real)(tl_sum_terms(n, sum_squares, y) / (double)n) : 0;
    if (sizeof(tl_real) == sizeof(double) && isinf(y->out[0]))
        y->out[0] = (tl_real)scaled_mean(n, y->in[0]->val, y->in[1]->val);
}

static void backward_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context, *left = y->in[0], *right = y->in[1];
    const tl_real *a = left->val, *b = right->val, c = 2 * (y->grad[0] / (tl_real)left->size);
    tl_real *da = left->grad, *db = right->grad;
    if (da)
        for (int64_t k = begin; k < end; k++)
            da[k] = (left->overwrite ? 0 : da[k]) + c * (a[k] - b[k]);
    if (db)
        for (int64_t k = begin; k < end; k++)
            db[k] = (right->overwrite ? 0 : db[k]) - c * (a[k] - b[k]);
}

static void backward(tl_node *y)
{
    tl_parallel_for(y->in[0]->size, TL_GRAIN, backward_range, y);
}

/* The mean of 2 (A - B) (dA - dB) */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    tl_node *d = !dx[1] ? dx[0] : !dx[0] ? tl_scale(dx[1], -1) : tl_sub(dx[0], dx[1]);
    return tl_scale(tl_reduce_mean(tl_mul(tl_sub(y->in[0], y->in[1]), d), TL_ALL_AXES), 2);
}

static const tl_op op = {
    .name = "mse",
    .n_in = 2,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0 | 1 << 1,
    .tangent = tangent,
};

tl_node *tl_mse(tl_node *a, tl_node *b)
{
    return tl_apply(&op, (tl_node *[]){ a, b }, NULL, 0);
}
