/* softmax_cross_entropy: Y = sum over rows i of w_i (lse(X(i, :)) - X(i, label_i)) / sum of w, where
 * lse(x) = max x + log sum exp(x - max x).  dX(i, :) += w_i (exp(X(i, :) - lse) - onehot(label_i)) dY / sum of w. */
#include "op.h"
#include "ops.h"

#include <tgmath.h>

typedef struct labelled {
    const int32_t *label;
    const tl_real *weight; /* NULL: all 1 */
} labelled;

typedef struct saved {
    tl_real *lse;  /* a row */
    tl_real share; /* 1 / sum of weights, 0 if that is 0 */
} saved;

static tl_status shape(tl_node *y)
{
    const labelled *by = y->attr;
    tl_shape x = y->in[0]->shape;
    int64_t rows = tl_shape_rows(x);
    if (x.rank == 0)
        return tl_fail(TL_ERR_SHAPE, "the logits are a scalar");
    tl_status status = tl_check_ids("labels", by->label, rows, tl_shape_cols(x), "a row", "logits");
    if (status != TL_OK)
        return status;
    saved *s = y->scratch = tl_scratch(y, 1, sizeof *s);
    if (!s || !(s->lse = tl_scratch(y, rows, sizeof *s->lse)))
        return TL_ERR_MEMORY;
    double sum = 0;
    for (int64_t i = 0; i < rows; i++)
        sum += by->weight ? (double)by->weight[i] : 1;
    s->share = sum != 0 ? (tl_real)(1 / sum) : 0;
    return tl_shape_dense(y, TL_SHAPE());
}

static tl_real log_sum_exp(int64_t n, const tl_real *x)
{
    tl_real most = x[0], sum = 0;
    for (int64_t j = 1; j < n; j++)
        most = x[j] > most ? x[j] : most;
    for (int64_t j = 0; j < n; j++)
        sum += exp(x[j] - most);
    return most + log(sum);
}

static void forward(tl_node *y)
{
    const labelled *by = y->attr;
    saved *s = y->scratch;
    const tl_shape x = y->in[0]->shape;
    int64_t rows = tl_shape_rows(x), cols = tl_shape_cols(x);
    double sum = 0;
    for (int64_t i = 0; i < rows; i++) {
        const tl_real *xi = y->in[0]->val + i * cols;
        s->lse[i] = log_sum_exp(cols, xi);
        sum += (by->weight ? (double)by->weight[i] : 1) * (double)(s->lse[i] - xi[by->label[i]]);
    }
    y->out[0] = s->share != 0 ? (tl_real)(sum * (double)s->share) : 0;
}

static void backward(tl_node *y)
{
    const labelled *by = y->attr;
    const saved *s = y->scratch;
    const tl_shape x = y->in[0]->shape;
    int64_t rows = tl_shape_rows(x), cols = tl_shape_cols(x);
    for (int64_t i = 0; y->in[0]->grad && i < rows; i++) {
        const tl_real *xi = y->in[0]->val + i * cols;
        tl_real *dxi = y->in[0]->grad + i * cols;
        tl_real c = y->grad[0] * s->share * (by->weight ? by->weight[i] : 1);
        if (c == 0)
            continue;
        for (int64_t j = 0; j < cols; j++)
            dxi[j] += c * (exp(xi[j] - s->lse[i]) - (j == by->label[i]));
    }
}

static const tl_op op = {
    .name = "softmax_cross_entropy", .n_in = 1, .shape = shape, .forward = forward, .backward = backward
};

tl_node *tl_softmax_cross_entropy(tl_node *logits, const int32_t *labels)
{
    return tl_softmax_cross_entropy_weighted(logits, labels, NULL);
}

tl_node *tl_softmax_cross_entropy_weighted(tl_node *logits, const int32_t *labels, const tl_real *weights)
{
    return tl_apply(&op, (tl_node *[]){ logits }, &(labelled){ labels, weights }, sizeof(labelled));
}
