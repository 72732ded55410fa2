/* softmax_cross_entropy: Y = sum over rows i of <T(i, :), log sum exp(Z(i, :)) - Z(i, :)> / sum of w, where
 * Z(i, :) = X(i, :) - max X(i, :), so that only differences of logits enter. T is w_i onehot(label_i), of
 * which smoothing spreads a part over all classes (labels.h).
 * dX(i, :) += (t_i exp(Z(i, :) - log sum exp(Z(i, :))) - T(i, :)) dY / sum of w, t_i the sum of T(i, :). */
#include "labels.h"
#include "ops.h"
#include "softmax.h"

#include <math.h>

struct saved {
    tl_log_sum *row;   /* of each row that counts */
    double *half_each; /* with smoothing, of each: half the losses of its classes, summed by class weight */
};

static tl_status shape(tl_node *y)
{
    const tl_labels *l = y->attr;
    const tl_status status = tl_labels_shape(y, "logits");
    if (status != TL_OK)
        return status;
    const int64_t rows = tl_shape_rows(y->in[0]->shape);
    struct saved *s = y->scratch = tl_scratch(y, 1, sizeof *s);
    if (!s || !(s->row = tl_scratch(y, rows, sizeof *s->row)))
        return TL_ERR_MEMORY;
    if (l->smoothing != 0 && !(s->half_each = tl_scratch(y, rows, sizeof *s->half_each)))
        return TL_ERR_MEMORY;
    return TL_OK;
}

enum { STRIP = 256 }; /* logits at a time: temporaries that stay in L1 */

/* Runs a loop over the rows. A logit counts twice: an exponential costs more than a pass over memory. */
static void for_rows(tl_node *y, void (*body)(void *context, int64_t begin, int64_t end))
{
    const tl_shape x = y->in[0]->shape;
    tl_parallel_rows(tl_shape_rows(x), 2 * tl_shape_cols(x), body, y);
}

/* Returns half the losses of a row's classes, summed by class weight. A class of weight 0 is not looked
 * at. */
static double half_loss_of_each(const tl_labels *l, int64_t n, const tl_real *x, tl_log_sum r)
{
    double sum = 0;
    for (int64_t j = 0; j < n; j++) {
        const double weight = l->class_weight ? (double)l->class_weight[j] : 1;
        sum += weight != 0 ? weight * tl_half_loss(r, x[j]) : 0;
    }
    return sum;
}

static void sum_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const tl_labels *l = y->attr;
    const struct saved *s = y->scratch;
    const int64_t cols = tl_shape_cols(y->in[0]->shape);
    for (int64_t i = begin; i < end; i++) {
        const tl_target t = tl_labels_target(l, i);
        const tl_real *x = y->in[0]->val + i * cols;
        if (!tl_target_counts(t))
            continue;
        s->row[i] = tl_log_sum_exp(cols, x);
        if (t.each != 0)
            s->half_each[i] = half_loss_of_each(l, cols, x, s->row[i]);
    }
}

/* Returns the loss of row i by its target; NaN or Inf where it overflows or the largest logit is infinite. */
static double loss(const tl_node *y, int64_t i, int64_t n, tl_target t)
{
    const tl_labels *l = y->attr;
    const struct saved *s = y->scratch;
    const tl_real *x = y->in[0]->val + i * n;
    const tl_log_sum r = s->row[i];
    double sum = t.label != 0 ? t.label * (double)(r.log_sum + (r.max - x[l->label[i]])) : 0;
    if (t.each != 0)
        sum += t.each * 2 * s->half_each[i];
    return sum;
}

/* Returns that loss over the total, where it or a sum of such losses is not finite: what is added is halved,
 * and multiplied by its share of the weight first. Of infinite logits it is the limit. */
static double scaled_loss(const tl_node *y, int64_t i, int64_t n, tl_target t)
{
    const tl_labels *l = y->attr;
    const struct saved *s = y->scratch;
    const tl_real *x = y->in[0]->val + i * n;
    double sum = t.label != 0 ? t.label / l->total * tl_half_loss(s->row[i], x[l->label[i]]) : 0;
    if (t.each != 0)
        sum += t.each / l->total * s->half_each[i];
    return sum;
}

static double sum_of_losses(const tl_node *y,
                            double (*of_row)(const tl_node *y, int64_t i, int64_t n, tl_target t))
{
    const int64_t rows = tl_shape_rows(y->in[0]->shape), cols = tl_shape_cols(y->in[0]->shape);
    double sum = 0;
    for (int64_t i = 0; i < rows; i++)
        sum += of_row(y, i, cols, tl_labels_target(y->attr, i));
    return sum;
}

static void forward(tl_node *y)
{
    const tl_labels *l = y->attr;
    const int64_t cols = tl_shape_cols(y->in[0]->shape);
    for_rows(y, sum_rows);
    if (!l->per_row) {
        y->out[0] = l->total != 0 ? (tl_real)(sum_of_losses(y, loss) / l->total) : 0;
        if (!isfinite(y->out[0]))
            y->out[0] = (tl_real)(2 * sum_of_losses(y, scaled_loss));
        return;
    }
    for (int64_t i = 0; i < y->size; i++) {
        const tl_target t = tl_labels_target(l, i);
        y->out[i] = (tl_real)loss(y, i, cols, t);
        if (!isfinite(y->out[i]))
            y->out[i] = (tl_real)(2 * scaled_loss(y, i, cols, t));
    }
}

/* dx += c (softmax(x) - onehot(label)), for one row. */
static void add_softmax(int64_t n, const tl_real *x, tl_log_sum r, int64_t label, tl_real c, tl_real *dx)
{
    tl_real e[STRIP];
    for (int64_t j = 0; j < n; j += STRIP) {
        const int64_t m = n - j < STRIP ? n - j : STRIP;
        tl_softmax_row(m, x + j, r, e);
        if (label >= j && label < j + m)
            e[label - j] -= 1;
        for (int64_t k = 0; k < m; k++)
            dx[j + k] += c * e[k];
    }
}

/* dx += c softmax(x) - each (class_weight), for one row. */
static void add_smoothed(int64_t n, const tl_real *x, tl_log_sum r, const tl_real *class_weight, tl_real c,
                         tl_real each, tl_real *dx)
{
    tl_real e[STRIP];
    for (int64_t j = 0; j < n; j += STRIP) {
        const int64_t m = n - j < STRIP ? n - j : STRIP;
        tl_softmax_row(m, x + j, r, e);
        for (int64_t k = 0; k < m; k++)
            dx[j + k] += c * e[k] - (class_weight ? each * class_weight[j + k] : each);
    }
}

/* dx += dY (the sum of the target times softmax(x) - the target) / total, for row i. */
static void add_row(const tl_node *y, int64_t i, int64_t n, tl_target t, tl_log_sum r, tl_real *dx)
{
    const tl_labels *l = y->attr;
    const tl_real *x = y->in[0]->val + i * n, c = tl_labels_gradient(y, i, t.label);
    if (t.each != 0) {
        const tl_real sum = tl_labels_gradient(y, i, tl_target_sum(l, t));
        add_smoothed(n, x, r, l->class_weight, sum, tl_labels_gradient(y, i, t.each), dx + i * n);
        dx[i * n + l->label[i]] -= c;
    } else if (c != 0) {
        add_softmax(n, x, r, l->label[i], c, dx + i * n);
    }
}

static void backward_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const struct saved *s = y->scratch;
    const int64_t cols = tl_shape_cols(y->in[0]->shape);
    for (int64_t i = begin; i < end; i++) {
        const tl_target t = tl_labels_target(y->attr, i);
        if (tl_target_counts(t))
            add_row(y, i, cols, t, s->row[i], y->in[0]->grad);
    }
}

static void backward(tl_node *y)
{
    const tl_labels *l = y->attr;
    if (l->total == 0)
        return;
    if (tl_node_has_changed(y->in[0]))
        for_rows(y, sum_rows);
    for_rows(y, backward_rows);
}

/* ---- The tangent, an op of its own: with T(i, :) the target over sum of w, t_i its sum and P = softmax(X),
 * Y' = sum over rows i of <t_i P(i, :) - T(i, :), D(i, :)>.
 * dX(i, :) += t_i P(i, :) (D(i, :) - <P(i, :), D(i, :)>) dY';
 * dD(i, :) += (t_i P(i, :) - T(i, :)) dY'.
 * The log-sum-exps are those of the loss. ---- */

struct tangent {
    tl_labels labels;
    const struct saved *of;
};

/* Returns <P, D> of a row. */
static double mean_direction(int64_t n, const tl_real *x, tl_log_sum r, const tl_real *d)
{
    tl_real e[STRIP];
    double sum = 0;
    for (int64_t j = 0; j < n; j += STRIP) {
        const int64_t m = n - j < STRIP ? n - j : STRIP;
        tl_softmax_row(m, x + j, r, e);
        for (int64_t k = 0; k < m; k++)
            sum += (double)e[k] * (double)d[j + k];
    }
    return sum;
}

static tl_status tangent_shape(tl_node *y)
{
    const struct tangent *t = y->attr;
    const int64_t rows = tl_shape_rows(y->in[0]->shape);
    y->scratch = tl_scratch(y, rows, sizeof(double)); /* <P(i, :), D(i, :)> */
    if (!y->scratch)
        return TL_ERR_MEMORY;
    return tl_shape_dense(y, t->labels.per_row ? TL_SHAPE(rows) : TL_SHAPE());
}

static void mean_directions(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const struct tangent *t = y->attr;
    const int64_t cols = tl_shape_cols(y->in[0]->shape);
    double *mean = y->scratch;
    for (int64_t i = begin; i < end; i++)
        if (tl_target_counts(tl_labels_target(&t->labels, i)))
            mean[i] = mean_direction(cols, y->in[0]->val + i * cols, t->of->row[i], y->in[1]->val + i * cols);
}

/* Returns <t P - T, D> of row i, times sum of w. */
static double tangent_of_row(const tl_node *y, int64_t i, int64_t n, tl_target t)
{
    const tl_labels *l = y->attr;
    const tl_real *d = y->in[1]->val + i * n;
    const double mean = ((const double *)y->scratch)[i];
    double sum = t.label != 0 ? t.label * (mean - (double)d[l->label[i]]) : 0;
    if (t.each == 0)
        return sum;
    for (int64_t j = 0; j < n; j++)
        sum += t.each * (l->class_weight ? (double)l->class_weight[j] : 1) * (mean - (double)d[j]);
    return sum;
}

static void tangent_forward(tl_node *y)
{
    const tl_labels *l = y->attr;
    const int64_t cols = tl_shape_cols(y->in[0]->shape);
    for_rows(y, mean_directions);
    if (!l->per_row) {
        y->out[0] = l->total != 0 ? (tl_real)(sum_of_losses(y, tangent_of_row) / l->total) : 0;
        return;
    }
    for (int64_t i = 0; i < y->size; i++)
        y->out[i] = (tl_real)tangent_of_row(y, i, cols, tl_labels_target(l, i));
}

/* dx += c P (d - mean), for one row. */
static void add_curvature(int64_t n, const tl_real *x, tl_log_sum r, const tl_real *d, tl_real mean,
                          tl_real c, tl_real *dx)
{
    tl_real e[STRIP];
    for (int64_t j = 0; j < n; j += STRIP) {
        const int64_t m = n - j < STRIP ? n - j : STRIP;
        tl_softmax_row(m, x + j, r, e);
        for (int64_t k = 0; k < m; k++)
            dx[j + k] += c * e[k] * (d[j + k] - mean);
    }
}

static void tangent_backward_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context, *x = y->in[0], *d = y->in[1];
    const struct tangent *of = y->attr;
    const int64_t cols = tl_shape_cols(x->shape);
    const double *mean = y->scratch;
    for (int64_t i = begin; i < end; i++) {
        const tl_target t = tl_labels_target(&of->labels, i);
        if (!tl_target_counts(t))
            continue;
        if (x->grad)
            add_curvature(cols, x->val + i * cols, of->of->row[i], d->val + i * cols, (tl_real)mean[i],
                          tl_labels_gradient(y, i, tl_target_sum(&of->labels, t)), x->grad + i * cols);
        if (d->grad)
            add_row(y, i, cols, t, of->of->row[i], d->grad);
    }
}

static void tangent_backward(tl_node *y)
{
    const tl_labels *l = y->attr;
    if (l->total != 0)
        for_rows(y, tangent_backward_rows);
}

static const tl_op tangent_op = {
    .name = "tangent of softmax_cross_entropy",
    .n_in = 2,
    .shape = tangent_shape,
    .forward = tangent_forward,
    .backward = tangent_backward,
};

static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    const struct tangent attr = { .labels = *(const tl_labels *)y->attr, .of = y->scratch };
    return tl_apply(&tangent_op, (tl_node *[]){ y->in[0], dx[0] }, &attr, sizeof attr);
}

static void describe(const tl_node *y, tl_description *to)
{
    tl_labels_describe(y, "SoftmaxCrossEntropyLoss", to);
}

static const tl_op op = {
    .name = "softmax_cross_entropy",
    .n_in = 1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .tangent = tangent,
    .describe = describe,
};

tl_node *tl_softmax_cross_entropy(tl_node *logits, const int32_t *labels)
{
    return tl_softmax_cross_entropy_with(logits, labels, NULL);
}

tl_node *tl_softmax_cross_entropy_weighted(tl_node *logits, const int32_t *labels, const tl_real *weights)
{
    return tl_softmax_cross_entropy_with(logits, labels,
                                         &(tl_cross_entropy_options){ .row_weights = weights });
}

tl_node *tl_softmax_cross_entropy_with(tl_node *logits, const int32_t *labels,
                                       const tl_cross_entropy_options *o)
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
    return tl_apply(&op, (tl_node *[]){ logits }, &attr, sizeof attr);
}
