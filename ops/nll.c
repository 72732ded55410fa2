/* nll: Y = -(sum over rows i of <T(i, :), X(i, :)>) / sum of w.  dX(i, :) -= T(i, :) dY / sum of w.  T is
 * w_i onehot(label_i), of which smoothing spreads a part over all classes (labels.h). */
#include "labels.h"
#include "ops.h"
#include "reduce.h"
#include "tangent.h"

#include <math.h>

static tl_status shape(tl_node *y)
{
    return tl_labels_shape(y, "log-probabilities");
}

/* Returns the loss of row i by its target over a divisor. What has no weight is not looked at: it may be
 * -Inf. */
static double loss(const tl_node *y, int64_t i, double divisor)
{
    const tl_labels *l = y->attr;
    const int64_t cols = tl_shape_cols(y->in[0]->shape);
    const tl_real *x = y->in[0]->val + i * cols;
    const tl_target t = tl_labels_target(l, i);
    double sum = 0; /* which stays 0, not -0 */
    if (t.label != 0)
        sum -= t.label / divisor * (double)x[l->label[i]];
    if (t.each != 0)
        for (int64_t j = 0; j < cols; j++) {
            const double weight = l->class_weight ? (double)l->class_weight[j] : 1;
            sum -= weight != 0 ? t.each / divisor * weight * (double)x[j] : 0;
        }
    return sum;
}

static double sum_losses(const void *context, int64_t begin, int64_t end)
{
    double sum = 0;
    for (int64_t i = begin; i < end; i++)
        sum += loss(context, i, 1);
    return sum;
}

static double sum_shares(const void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const tl_labels *l = y->attr;
    double sum = 0;
    for (int64_t i = begin; i < end; i++)
        sum += loss(y, i, l->total);
    return sum;
}

static void forward_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    for (int64_t i = begin; i < end; i++)
        y->out[i] = (tl_real)loss(y, i, 1);
}

/* Runs a loop over the rows. */
static void for_rows(tl_node *y, void (*body)(void *context, int64_t begin, int64_t end))
{
    const tl_labels *l = y->attr;
    const tl_shape x = y->in[0]->shape;
    tl_parallel_rows(tl_shape_rows(x), l->smoothing != 0 ? tl_shape_cols(x) : 1, body, y);
}

/* The mean of finite values is a number even if their sum overflows: in shares of the total it does not. */
static void forward(tl_node *y)
{
    const tl_labels *l = y->attr;
    const int64_t rows = tl_shape_rows(y->in[0]->shape);
    if (l->per_row) {
        for_rows(y, forward_rows);
        return;
    }
    y->out[0] = l->total != 0 ? (tl_real)(tl_sum_terms(rows, sum_losses, y) / l->total) : 0;
    if (!isfinite(y->out[0]))
        y->out[0] = (tl_real)tl_sum_terms(rows, sum_shares, y);
}

static void subtract_from_each(int64_t n, const tl_real *class_weight, tl_real c, tl_real *dx)
{
    for (int64_t j = 0; j < n; j++)
        dx[j] -= class_weight ? c * class_weight[j] : c;
}

static void backward_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const tl_labels *l = y->attr;
    const int64_t cols = tl_shape_cols(y->in[0]->shape);
    for (int64_t i = begin; i < end; i++) {
        const tl_target t = tl_labels_target(l, i);
        tl_real *dx = y->in[0]->grad + i * cols;
        if (!tl_target_counts(t))
            continue;
        dx[l->label[i]] -= tl_labels_gradient(y, i, t.label);
        if (t.each != 0)
            subtract_from_each(cols, l->class_weight, tl_labels_gradient(y, i, t.each), dx);
    }
}

static void backward(tl_node *y)
{
    const tl_labels *l = y->attr;
    if (l->total != 0)
        for_rows(y, backward_rows);
}

static void describe(const tl_node *y, tl_description *to)
{
    tl_labels_describe(y, "NegativeLogLikelihoodLoss", to);
}

static const tl_op op = {
    .name = "nll",
    .n_in = 1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .tangent = tl_linear_tangent,
    .describe = describe,
};

tl_node *tl_nll(tl_node *log_probabilities, const int32_t *labels)
{
    return tl_nll_with(log_probabilities, labels, NULL);
}

tl_node *tl_nll_with(tl_node *log_probabilities, const int32_t *labels, const tl_cross_entropy_options *o)
{
    const tl_cross_entropy_options with = o ? *o : (tl_cross_entropy_options){ 0 };
    const tl_labels attr = {
        .label = labels,
        .row_weight = with.row_weights,
        .class_weight = with.class_weights,
        .ignore = with.ignore,
        .has_ignore = with.has_ignore,
        .smoothing = with.smoothing,
        .per_row = with.per_row,
    };
    return tl_apply(&op, (tl_node *[]){ log_probabilities }, &attr, sizeof attr);
}
