/* softmax_cross_entropy_dense: Y = mean over rows i of <T(i, :), L(i, :)>, L = -log softmax(X).
 * dX(i, :) += (t_i softmax(X(i, :)) - T(i, :)) dY / rows, t_i the sum of T(i, :);
 * dT(i, :) += L(i, :) dY / rows. */
#include "ops.h"
#include "reduce.h"
#include "softmax.h"
#include "tangent.h"

#include <math.h>

/* Of each row. */
struct saved {
    tl_log_sum *row;
    double *loss;
};

static tl_status shape(tl_node *y)
{
    const tl_node *x = y->in[0], *t = y->in[1];
    const int64_t rows = tl_shape_rows(x->shape);
    if (x->shape.rank == 0)
        return tl_fail(TL_ERR_SHAPE, "the logits are %s, and must have rank 1 or more", tl_node_text(x).text);
    if (!tl_shape_equal(x->shape, t->shape))
        return tl_fail(TL_ERR_SHAPE, "logits %s and targets %s differ in shape", tl_node_text(x).text,
                       tl_node_text(t).text);
    struct saved *s = y->scratch = tl_scratch(y, 1, sizeof *s);
    if (!s || !(s->row = tl_scratch(y, rows, sizeof *s->row)) ||
        !(s->loss = tl_scratch(y, rows, sizeof *s->loss)))
        return TL_ERR_MEMORY;
    return tl_shape_dense(y, TL_SHAPE());
}

/* Runs a loop over the rows. A logit counts twice: an exponential costs more than a pass over memory. */
static void for_rows(tl_node *y, void (*body)(void *context, int64_t begin, int64_t end))
{
    const tl_shape x = y->in[0]->shape;
    tl_parallel_rows(tl_shape_rows(x), 2 * tl_shape_cols(x), body, y);
}

/* Returns -log softmax of a logit if it is finite. Of infinite logits and losses, tl_half_loss has it. */
static double loss_of(tl_log_sum r, tl_real x)
{
    return (double)r.log_sum + ((double)r.max - (double)x);
}

static void sum_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const struct saved *s = y->scratch;
    const int64_t cols = tl_shape_cols(y->in[0]->shape);
    for (int64_t i = begin; i < end; i++) {
        const tl_real *x = y->in[0]->val + i * cols, *t = y->in[1]->val + i * cols;
        const tl_log_sum r = s->row[i] = tl_log_sum_exp(cols, x);
        double sum = 0;
        for (int64_t j = 0; j < cols; j++)
            sum += t[j] != 0 ? (double)t[j] * loss_of(r, x[j]) : 0;
        s->loss[i] = sum;
    }
}

/* The mean where a logit, a loss or the sum is not finite: from halves, which are divided first. */
static double scaled_mean(const tl_node *y, int64_t rows)
{
    const struct saved *s = y->scratch;
    const int64_t cols = tl_shape_cols(y->in[0]->shape);
    const tl_real *x = y->in[0]->val, *t = y->in[1]->val;
    double sum = 0;
    for (int64_t i = 0; i < rows; i++, x += cols, t += cols)
        for (int64_t j = 0; j < cols; j++)
            sum += t[j] != 0 ? (double)t[j] / (double)rows * tl_half_loss(s->row[i], x[j]) : 0;
    return 2 * sum;
}

static void forward(tl_node *y)
{
    const struct saved *s = y->scratch;
    const int64_t rows = tl_shape_rows(y->in[0]->shape);
    double sum = 0;
    for_rows(y, sum_rows);
    for (int64_t i = 0; i < rows; i++)
        sum += s->loss[i];
    y->out[0] = rows > 0 ? (tl_real)(sum / (double)rows) : 0;
    if (!isfinite(y->out[0]))
        y->out[0] = (tl_real)scaled_mean(y, rows);
}

/* dx += c (the sum of t times softmax(x) - t), for one row. */
static void add_to_logits(int64_t n, const tl_real *x, const tl_real *t, tl_log_sum r, tl_real c, tl_real *dx)
{
    enum { STRIP = 256 };
    const tl_real sum = (tl_real)tl_sum_run(n, t, NULL);
    tl_real e[STRIP];
    for (int64_t j = 0; j < n; j += STRIP) {
        const int64_t m = n - j < STRIP ? n - j : STRIP;
        tl_softmax_row(m, x + j, r, e);
        for (int64_t k = 0; k < m; k++)
            dx[j + k] += c * (sum * e[k] - t[j + k]);
    }
}

/* Returns c times -log softmax of a logit. */
static tl_real times_loss(tl_real c, tl_log_sum r, tl_real x)
{
    const tl_real whole = (tl_real)loss_of(r, x);
    return isfinite(whole) ? c * whole : 2 * (tl_real)((double)c * tl_half_loss(r, x));
}

static void backward_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context, *x = y->in[0], *t = y->in[1];
    const struct saved *s = y->scratch;
    const int64_t cols = tl_shape_cols(x->shape);
    const tl_real c = y->grad[0] / (tl_real)tl_shape_rows(x->shape);
    for (int64_t i = begin; i < end; i++) {
        const tl_real *xi = x->val + i * cols;
        if (x->grad)
            add_to_logits(cols, xi, t->val + i * cols, s->row[i], c, x->grad + i * cols);
        if (t->grad)
            for (int64_t j = 0; j < cols; j++)
                t->grad[i * cols + j] += times_loss(c, s->row[i], xi[j]);
    }
}

static void backward(tl_node *y)
{
    if (tl_node_has_changed(y->in[0]))
        for_rows(y, sum_rows);
    for_rows(y, backward_rows);
}

/* The mean over the rows of <T, <softmax(X), dX> - dX>, and the op of X and dT, in which it is linear. */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    tl_node *x = y->in[0], *t = y->in[1], *part[] = { NULL, NULL };
    const int32_t last = x->shape.rank - 1;
    if (dx[0]) {
        tl_shape column = x->shape;
        column.dim[last] = 1;
        tl_node *mean = tl_reduce_sum(tl_mul(tl_softmax(x), dx[0]), last);
        tl_node *of_row = tl_reduce_sum(tl_mul(t, tl_sub(tl_reshape(mean, column), dx[0])), last);
        part[0] = tl_reduce_mean(of_row, TL_ALL_AXES);
    }
    if (dx[1])
        part[1] = tl_softmax_cross_entropy_dense(x, dx[1]);
    return tl_sum_of(2, part);
}

static const tl_op op = {
    .name = "softmax_cross_entropy_dense",
    .n_in = 2,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .tangent = tangent,
};

tl_node *tl_softmax_cross_entropy_dense(tl_node *logits, tl_node *targets)
{
    return tl_apply(&op, (tl_node *[]){ logits, targets }, NULL, 0);
}
