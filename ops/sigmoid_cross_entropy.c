/* sigmoid_cross_entropy: Y = mean of max(x, 0) - x z + log1p(exp(-|x|)), logits x, targets z.
 * dx += (sigmoid(x) - z) dY / n;  dz -= x dY / n.
 * With a weight p of positive targets there is more: (p - 1) z softplus(-x) in the mean,
 * dx += (p - 1) z (sigmoid(x) - 1) dY / n;  dz += (p - 1) softplus(-x) dY / n. */
#include "describe.h"
#include "ops.h"
#include "reduce.h"
#include "tangent.h"
#include "vmath.h"

#include <math.h>

enum { STRIP = 256 }; /* elements per call of vmath.h: temporaries that stay in L1 */

static tl_real positive_weight(const tl_node *y)
{
    return *(const tl_real *)y->attr;
}

static tl_status shape(tl_node *y)
{
    const tl_node *x = y->in[0], *z = y->in[1];
    if (!(positive_weight(y) >= 0) || isinf(positive_weight(y)))
        return tl_fail(TL_ERR_ARGUMENT, "the positive weight, %g, is not a number from 0 on",
                       (double)positive_weight(y));
    if (!tl_shape_equal(x->shape, z->shape))
        return tl_fail(TL_ERR_SHAPE, "logits %s and targets %s differ in shape", tl_node_text(x).text,
                       tl_node_text(z).text);
    return tl_shape_dense(y, TL_SHAPE());
}

/* The loss of one logit that may be infinite, as the limit: where the formula subtracts Inf from Inf, or
 * multiplies 0 by it. */
static double limit_of(double x, double z, double p, double formula)
{
    if (!isinf(x))
        return formula;
    const double rate = x > 0 ? 1 - z : p * z; /* at which the loss grows with |x| */
    return rate == 0 ? 0 : rate * INFINITY;
}

static double sum_losses(const void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const tl_real *x = y->in[0]->val, *z = y->in[1]->val, p = positive_weight(y);
    tl_real e[STRIP];
    double sum = 0;
    for (int64_t k = begin; k < end; k += STRIP) {
        const int64_t m = end - k < STRIP ? end - k : STRIP;
        for (int64_t l = 0; l < m; l++)
            e[l] = x[k + l] < 0 ? x[k + l] : -x[k + l];
        tl_vexp(m, e, e);
        tl_vlog1p(m, e, e);
        if (p == 1)
            for (int64_t l = 0; l < m; l++)
                e[l] = (x[k + l] > 0 ? x[k + l] : 0) - x[k + l] * z[k + l] + e[l];
        else
            for (int64_t l = 0; l < m; l++)
                e[l] = (x[k + l] > 0 ? (1 - z[k + l]) * x[k + l] : -p * z[k + l] * x[k + l]) +
                       (1 + (p - 1) * z[k + l]) * e[l];
        double part = sum;
        for (int64_t l = 0; l < m; l++)
            part += (double)e[l];
        if (isnan(part)) {
            part = sum;
            for (int64_t l = 0; l < m; l++)
                part += limit_of((double)x[k + l], (double)z[k + l], (double)p, (double)e[l]);
        }
        sum = part;
    }
    return sum;
}

/* The mean where the sum is beyond a double: each loss is divided first. It is not beyond the largest one, as
 * rounding could make it. */
static double scaled_mean(int64_t n, const tl_real *x, const tl_real *z, double p)
{
    double sum = 0, largest = 0;
    for (int64_t k = 0; k < n; k++) {
        const double a = (double)x[k], b = (double)z[k], weight = p == 1 ? 1 : 1 + (p - 1) * b,
                     of_sign = a > 0 ? (1 - b) * a : -p * b * a,
                     loss = limit_of(a, b, p, of_sign + weight * log1p(exp(-fabs(a))));
        sum += loss / (double)n;
        largest = fmax(largest, fabs(loss));
    }
    return fabs(sum) > largest ? copysign(largest, sum) : sum;
}

static void forward(tl_node *y)
{
    const int64_t n = y->in[0]->size;
    y->out[0] = n > 0 ? (tl_real)(tl_sum_terms(n, sum_losses, y) / (double)n) : 0;
    if (sizeof(tl_real) == sizeof(double) && !isfinite(y->out[0]))
        y->out[0] = (tl_real)scaled_mean(n, y->in[0]->val, y->in[1]->val, (double)positive_weight(y));
}

/* dx[k] += c ((1 + (p - 1) z[k]) sigmoid(x[k]) - p z[k]) */
static void add_to_logits(int64_t n, const tl_real *x, const tl_real *z, tl_real p, tl_real c, tl_real *dx,
                          bool overwrite)
{
    tl_real s[STRIP];
    for (int64_t k = 0; k < n; k += STRIP) {
        const int64_t m = n - k < STRIP ? n - k : STRIP;
        tl_vsigmoid(m, x + k, s);
        if (p == 1)
            for (int64_t l = 0; l < m; l++)
                dx[k + l] = (overwrite ? 0 : dx[k + l]) + c * (s[l] - z[k + l]);
        else
            for (int64_t l = 0; l < m; l++)
                dx[k + l] = (overwrite ? 0 : dx[k + l]) +
                            c * ((1 + (p - 1) * z[k + l]) * s[l] - p * z[k + l]);
    }
}

/* dz[k] += c ((p - 1) log1p(exp(-|x[k]|)) - x[k] if that is positive, otherwise p x[k]) */
static void add_to_targets(int64_t n, const tl_real *x, tl_real p, tl_real c, tl_real *dz, bool overwrite)
{
    tl_real e[STRIP];
    for (int64_t k = 0; k < n; k += STRIP) {
        const int64_t m = n - k < STRIP ? n - k : STRIP;
        for (int64_t l = 0; l < m; l++)
            e[l] = x[k + l] < 0 ? x[k + l] : -x[k + l];
        tl_vexp(m, e, e);
        tl_vlog1p(m, e, e);
        for (int64_t l = 0; l < m; l++) {
            const tl_real of_sign = x[k + l] > 0 ? x[k + l] : p > 0 ? p * x[k + l] : 0;
            dz[k + l] = (overwrite ? 0 : dz[k + l]) + c * ((p - 1) * e[l] - of_sign);
        }
    }
}

static void backward_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context, *left = y->in[0], *right = y->in[1];
    const tl_real *x = left->val, *z = right->val, p = positive_weight(y);
    const tl_real c = y->grad[0] / (tl_real)left->size;
    tl_real *dx = left->grad, *dz = right->grad;
    if (dx)
        add_to_logits(end - begin, x + begin, z + begin, p, c, dx + begin, left->overwrite);
    if (dz && p != 1)
        add_to_targets(end - begin, x + begin, p, c, dz + begin, right->overwrite);
    else if (dz)
        for (int64_t k = begin; k < end; k++)
            dz[k] = (right->overwrite ? 0 : dz[k]) - c * x[k];
}

static void backward(tl_node *y)
{
    tl_parallel_for(y->in[0]->size, TL_GRAIN / 2, backward_range, y);
}

/* The mean of (sigmoid(x) - z) dx - x dz, and of (p - 1) (softplus(-x) dz - sigmoid(-x) z dx). */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    tl_node *x = y->in[0], *z = y->in[1], *part[4] = { NULL };
    const tl_real more = positive_weight(y) - 1;
    if (dx[0])
        part[0] = tl_mul(tl_sub(tl_sigmoid(x), z), dx[0]);
    if (dx[1])
        part[1] = tl_scale(tl_mul(x, dx[1]), -1);
    if (dx[0] && more != 0)
        part[2] = tl_scale(tl_mul(tl_mul(tl_sigmoid(tl_neg(x)), z), dx[0]), -more);
    if (dx[1] && more != 0)
        part[3] = tl_scale(tl_mul(tl_softplus(tl_neg(x)), dx[1]), more);
    return tl_reduce_mean(tl_sum_of(4, part), TL_ALL_AXES);
}

static void describe(const tl_node *y, tl_description *to)
{
    if (positive_weight(y) != 1)
        tl_describe_number(to, "positive_weight", (double)positive_weight(y));
}

static const tl_op op = {
    .name = "sigmoid_cross_entropy",
    .n_in = 2,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0 | 1 << 1,
    .tangent = tangent,
    .describe = describe,
};

tl_node *tl_sigmoid_cross_entropy(tl_node *logits, tl_node *targets)
{
    return tl_sigmoid_cross_entropy_weighted(logits, targets, 1);
}

tl_node *tl_sigmoid_cross_entropy_weighted(tl_node *logits, tl_node *targets, tl_real positive_weight)
{
    return tl_apply(&op, (tl_node *[]){ logits, targets }, &positive_weight, sizeof positive_weight);
}
