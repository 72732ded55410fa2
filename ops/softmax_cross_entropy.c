/* softmax_cross_entropy: Y = sum over rows i of w_i (log sum exp(Z(i, :)) - Z(i, label_i)) / sum of w, where
 * Z(i, :) = X(i, :) - max X(i, :), so that only differences of logits enter.
 * dX(i, :) += w_i (exp(Z(i, :) - log sum exp(Z(i, :))) - onehot(label_i)) dY / sum of w. */
#include "describe.h"
#include "ops.h"
#include "softmax.h"

#include <math.h>

struct attr {
    const int32_t *label;
    const tl_real *weight; /* NULL: all 1 */
};

struct saved {
    tl_log_sum *row;    /* of each row that counts */
    double unit, total; /* the sum of the weights, each divided by `unit`: 1 unless the sum is infinite */
};

static tl_real weight(const struct attr *attr, int64_t i)
{
    return attr->weight ? attr->weight[i] : 1;
}

/* Sets the total of weights that are divided by `unit` first. */
static void add_weights(const struct attr *attr, int64_t rows, double unit, struct saved *s)
{
    s->unit = unit;
    s->total = 0;
    for (int64_t i = 0; i < rows; i++)
        s->total += (double)weight(attr, i) / unit;
}

/* Returns a row's weight in the unit of the total. */
static double part_of_total(const struct attr *attr, const struct saved *s, int64_t i)
{
    return (double)weight(attr, i) / s->unit;
}

/* Checks the labels of the rows that count. */
static tl_status check_labels(const struct attr *attr, int64_t rows, int64_t cols)
{
    const char *name = "labels", *of = "a row", *unit = "logits";
    const tl_status status = tl_check_ids(name, attr->label, rows, cols, NULL, of, unit);
    if (status != TL_ERR_INDEX || !attr->weight)
        return status;
    /* rare: a label out of range, which may be that of a row of weight 0 */
    for (int64_t i = 0; i < rows; i++)
        if (attr->weight[i] != 0 && (attr->label[i] < 0 || attr->label[i] >= cols))
            return tl_fail(TL_ERR_INDEX, "%s[%lld] = %d, %s has %lld %s", name, (long long)i,
                           (int)attr->label[i], of, (long long)cols, unit);
    return TL_OK;
}

/* Copies the arrays, and checks the copies. */
static tl_status copy_arrays(tl_node *y, struct attr *attr, int64_t rows)
{
    if (attr->label && !(attr->label = tl_scratch_copy(y, rows, sizeof *attr->label, attr->label)))
        return TL_ERR_MEMORY;
    if (attr->weight && !(attr->weight = tl_scratch_copy(y, rows, sizeof *attr->weight, attr->weight)))
        return TL_ERR_MEMORY;
    return check_labels(attr, rows, tl_shape_cols(y->in[0]->shape));
}

static tl_status shape(tl_node *y)
{
    struct attr *attr = y->attr;
    const tl_shape x = y->in[0]->shape;
    const int64_t rows = tl_shape_rows(x);
    if (x.rank == 0)
        return tl_fail(TL_ERR_SHAPE, "the logits are %s, and must have rank 1 or more",
                       tl_node_text(y->in[0]).text);
    const tl_status status = copy_arrays(y, attr, rows);
    if (status != TL_OK)
        return status;
    struct saved *s = y->scratch = tl_scratch(y, 1, sizeof *s);
    if (!s || !(s->row = tl_scratch(y, rows, sizeof *s->row)))
        return TL_ERR_MEMORY;
    add_weights(attr, rows, 1, s);
    if (isinf(s->total)) {
        double largest = 0;
        for (int64_t i = 0; i < rows; i++)
            largest = fmax(largest, fabs((double)weight(attr, i)));
        add_weights(attr, rows, largest, s);
    }
    return tl_shape_dense(y, TL_SHAPE());
}

enum { STRIP = 256 }; /* logits at a time: temporaries that stay in L1 */

/* Runs a loop over the rows. A logit counts twice: an exponential costs more than a pass over memory. */
static void for_rows(tl_node *y, void (*body)(void *context, int64_t begin, int64_t end))
{
    const tl_shape x = y->in[0]->shape;
    tl_parallel_rows(tl_shape_rows(x), 2 * tl_shape_cols(x), body, y);
}

/* The loss of a row: where the label's logit is -Inf, its probability is 0. */
static tl_real loss_of(tl_log_sum r, tl_real of_label)
{
    if (!isinf(r.max) || isnan(r.log_sum))
        return r.log_sum + (r.max - of_label);
    return r.max > 0 && of_label == r.max ? r.log_sum : INFINITY;
}

static void log_sum_exp_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const struct attr *attr = y->attr;
    const struct saved *s = y->scratch;
    const int64_t cols = tl_shape_cols(y->in[0]->shape);
    for (int64_t i = begin; i < end; i++)
        if (weight(attr, i) != 0)
            s->row[i] = tl_log_sum_exp(cols, y->in[0]->val + i * cols);
}

/* Returns half a row's loss in double, where all of it may be beyond a tl_real. */
static double half_loss_of(tl_log_sum r, tl_real of_label)
{
    if (isinf(r.max))
        return (double)loss_of(r, of_label) / 2;
    return (double)r.log_sum / 2 + ((double)r.max / 2 - (double)of_label / 2);
}

/* The mean where a loss or the sum is beyond its type: losses are halved, and multiplied by their row's share
 * of the weight before they are added. */
static double scaled_mean(const tl_node *y)
{
    const struct attr *attr = y->attr;
    const struct saved *s = y->scratch;
    const int64_t rows = tl_shape_rows(y->in[0]->shape), cols = tl_shape_cols(y->in[0]->shape);
    double sum = 0;
    for (int64_t i = 0; i < rows; i++)
        if (weight(attr, i) != 0)
            sum += part_of_total(attr, s, i) / s->total *
                   half_loss_of(s->row[i], y->in[0]->val[i * cols + attr->label[i]]);
    return 2 * sum;
}

/* Rows of weight 0 are skipped, even if they hold NaN. */
static void forward(tl_node *y)
{
    const struct attr *attr = y->attr;
    const struct saved *s = y->scratch;
    const tl_shape x = y->in[0]->shape;
    const int64_t rows = tl_shape_rows(x), cols = tl_shape_cols(x);
    double sum = 0;
    for_rows(y, log_sum_exp_rows);
    for (int64_t i = 0; i < rows; i++) {
        if (weight(attr, i) == 0)
            continue;
        const tl_log_sum r = s->row[i];
        const tl_real logit = y->in[0]->val[i * cols + attr->label[i]];
        sum += part_of_total(attr, s, i) * (double)loss_of(r, logit);
    }
    y->out[0] = s->total != 0 ? (tl_real)(sum / s->total) : 0;
    if (!isfinite(y->out[0]))
        y->out[0] = (tl_real)scaled_mean(y);
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

static void backward_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const struct attr *attr = y->attr;
    const struct saved *s = y->scratch;
    const int64_t cols = tl_shape_cols(y->in[0]->shape);
    for (int64_t i = begin; i < end; i++) {
        const tl_real c = (tl_real)((double)y->grad[0] * part_of_total(attr, s, i) / s->total);
        if (c != 0 && weight(attr, i) != 0)
            add_softmax(cols, y->in[0]->val + i * cols, s->row[i], attr->label[i], c,
                        y->in[0]->grad + i * cols);
    }
}

static void backward(tl_node *y)
{
    const struct saved *s = y->scratch;
    if (s->total == 0)
        return;
    if (tl_node_is_mutable(y->in[0]))
        for_rows(y, log_sum_exp_rows);
    for_rows(y, backward_rows);
}

/* ---- The tangent, an op of its own: with c_i = w_i / sum of w and P = softmax(X),
 * Y' = sum over rows i of c_i <P(i, :) - onehot(label_i), D(i, :)>.
 * dX(i, :) += c_i P(i, :) (D(i, :) - <P(i, :), D(i, :)>) dY';
 * dD(i, :) += c_i (P(i, :) - onehot(label_i)) dY'.
 * The log-sum-exps are those of the loss. ---- */

struct tangent {
    const struct attr *attr;
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
    y->scratch = tl_scratch(y, tl_shape_rows(y->in[0]->shape), sizeof(double)); /* <P(i, :), D(i, :)> */
    return y->scratch ? tl_shape_dense(y, TL_SHAPE()) : TL_ERR_MEMORY;
}

static void mean_directions(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const struct tangent *t = y->attr;
    const int64_t cols = tl_shape_cols(y->in[0]->shape);
    double *mean = y->scratch;
    for (int64_t i = begin; i < end; i++)
        if (weight(t->attr, i) != 0)
            mean[i] = mean_direction(cols, y->in[0]->val + i * cols, t->of->row[i], y->in[1]->val + i * cols);
}

static void tangent_forward(tl_node *y)
{
    const struct tangent *t = y->attr;
    const tl_shape x = y->in[0]->shape;
    const int64_t rows = tl_shape_rows(x), cols = tl_shape_cols(x);
    const double *mean = y->scratch;
    double sum = 0;
    for_rows(y, mean_directions);
    for (int64_t i = 0; i < rows; i++)
        if (weight(t->attr, i) != 0)
            sum += part_of_total(t->attr, t->of, i) *
                   (mean[i] - (double)y->in[1]->val[i * cols + t->attr->label[i]]);
    y->out[0] = t->of->total != 0 ? (tl_real)(sum / t->of->total) : 0;
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
    const struct tangent *t = y->attr;
    const int64_t cols = tl_shape_cols(x->shape);
    const double *mean = y->scratch;
    for (int64_t i = begin; i < end; i++) {
        const tl_real c = (tl_real)((double)y->grad[0] * part_of_total(t->attr, t->of, i) / t->of->total);
        const tl_real *xi = x->val + i * cols;
        if (c == 0 || weight(t->attr, i) == 0)
            continue;
        if (x->grad)
            add_curvature(cols, xi, t->of->row[i], d->val + i * cols, (tl_real)mean[i], c,
                          x->grad + i * cols);
        if (d->grad)
            add_softmax(cols, xi, t->of->row[i], t->attr->label[i], c, d->grad + i * cols);
    }
}

static void tangent_backward(tl_node *y)
{
    const struct tangent *t = y->attr;
    if (t->of->total != 0)
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
    return tl_apply(&tangent_op, (tl_node *[]){ y->in[0], dx[0] },
                    &(struct tangent){ .attr = y->attr, .of = y->scratch }, sizeof(struct tangent));
}

static void describe(const tl_node *y, tl_description *to)
{
    const struct attr *attr = y->attr;
    if (attr->weight)
        tl_describe_boolean(to, "weighted", true);
    else
        tl_describe_name(to, "SoftmaxCrossEntropyLoss");
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
    return tl_softmax_cross_entropy_weighted(logits, labels, NULL);
}

tl_node *tl_softmax_cross_entropy_weighted(tl_node *logits, const int32_t *labels, const tl_real *weights)
{
    return tl_apply(&op, (tl_node *[]){ logits }, &(struct attr){ labels, weights }, sizeof(struct attr));
}
