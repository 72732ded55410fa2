/* sigmoid_cross_entropy: Y = mean of max(x, 0) - x z + log1p(exp(-|x|)), logits x, targets z.
 * dx += (sigmoid(x) - z) dY / n;  dz -= x dY / n. */
#include "logistic.h"
#include "op.h"
#include "ops.h"

static tl_status shape(tl_node *y)
{
    tl_shape x = y->in[0]->shape, z = y->in[1]->shape;
    if (!tl_shape_equal(x, z))
        return tl_fail(TL_ERR_SHAPE, "logits %s against targets %s", tl_shape_text(x).text,
                       tl_shape_text(z).text);
    return tl_shape_dense(y, TL_SHAPE());
}

static void forward(tl_node *y)
{
    const tl_real *x = y->in[0]->val, *z = y->in[1]->val;
    int64_t n = y->in[0]->size;
    double sum = 0;
    for (int64_t k = 0; k < n; k++)
        sum += (double)((x[k] > 0 ? x[k] : 0) - x[k] * z[k] + log1p(exp(-fabs(x[k]))));
    y->out[0] = n > 0 ? (tl_real)(sum / (double)n) : 0;
}

static void backward(tl_node *y)
{
    const tl_real *x = y->in[0]->val, *z = y->in[1]->val;
    tl_real *dx = y->in[0]->grad, *dz = y->in[1]->grad;
    int64_t n = y->in[0]->size;
    tl_real c = n > 0 ? y->grad[0] / (tl_real)n : 0;
    for (int64_t k = 0; dx && k < n; k++)
        dx[k] += c * (tl_logistic(x[k]) - z[k]);
    for (int64_t k = 0; dz && k < n; k++)
        dz[k] -= c * x[k];
}

static const tl_op op = {
    .name = "sigmoid_cross_entropy", .n_in = 2, .shape = shape, .forward = forward, .backward = backward
};

tl_node *tl_sigmoid_cross_entropy(tl_node *logits, tl_node *targets)
{
    return tl_apply(&op, (tl_node *[]){ logits, targets }, NULL, 0);
}
