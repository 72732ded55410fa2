/* Normalisation: moments, and what layer_norm and rms_norm share. */
#include "normalise.h"
#include "lib/kernels/kernels.h"
#include "tangent.h"

#include <math.h>

/* ---- Moments ---- */

/* In one pass over the differences from the first of n elements. The square of the mean difference, which is
 * subtracted from the mean square, is at most n - 1 times the variance, as no element is further than that
 * from the mean: it cancels no more than log2 n of the 53 bits. */
tl_moments tl_moments_of(tl_axis of, int64_t i, const tl_real *x, tl_norm norm)
{
    const tl_kernels *t = tl_kernel_table();
    const int64_t size = of.outer * of.inner;
    double sum[2] = { 0, 0 };
    tl_moments m = { 0, 0, 0, 0 };
    if (size == 0)
        return m;
    const double from = norm.centred ? (double)x[i * of.inner] : 0;
    for (int64_t o = 0; o < of.outer; o++)
        t->deviations(of.inner, x + (o * of.n + i) * of.inner, from, sum);
    const double offset = norm.centred ? sum[0] / (double)size : 0;
    double variance = sum[1] / (double)size - offset * offset;
    variance = variance < 0 ? 0 : variance;
    m.mean = (tl_real)(from + offset);
    m.rest = (tl_real)(from - (double)m.mean + offset);
    m.variance = (tl_real)variance;
    m.scale = variance + norm.epsilon == 0 ? 0 : (tl_real)(1 / sqrt(variance + norm.epsilon));
    return m;
}

static tl_row_norm norm_of(tl_moments m)
{
    return (tl_row_norm){ m.mean, m.rest, m.scale };
}

void tl_normalise(int64_t n, const tl_real *x, tl_moments m, tl_real *y)
{
    tl_kernel_table()->normalise(n, x, norm_of(m), NULL, NULL, y);
}

tl_norm_sums tl_norm_sums_of(tl_axis of, int64_t i, const tl_real *x, tl_moments m, const tl_real *g)
{
    double sum[2] = { 0, 0 };
    for (int64_t o = 0; o < of.outer; o++) {
        const int64_t first = (o * of.n + i) * of.inner;
        tl_kernel_table()->norm_sums(of.inner, x + first, norm_of(m), g + first, NULL, sum);
    }
    return (tl_norm_sums){ sum[0], sum[1] };
}

void tl_norm_gradient(int64_t n, const tl_real *x, tl_moments m, const tl_real *g, tl_real mean,
                      tl_real slope, tl_real *dx, bool add)
{
    tl_kernel_table()->norm_gradient(n, x, norm_of(m), g, NULL, mean, slope, dx, add);
}

/* ---- Rows ---- */

static tl_axis rows_of(const tl_node *a)
{
    return (tl_axis){ 1, tl_shape_rows(a->shape), tl_shape_cols(a->shape) };
}

static const tl_node *bias_of(const tl_node *y)
{
    return y->n_in > 2 ? y->in[2] : NULL;
}

static tl_status check_vector(const char *what, const tl_node *v, int64_t n)
{
    if (!v || tl_shape_equal(v->shape, TL_SHAPE(n)))
        return TL_OK;
    return tl_fail(TL_ERR_SHAPE, "the %s is %s, and must be [%lld]", what, tl_node_text(v).text,
                   (long long)n);
}

tl_status tl_norm_shape(tl_node *y)
{
    const tl_norm *norm = y->attr;
    const tl_node *a = y->in[0];
    if (a->shape.rank == 0)
        return tl_fail(TL_ERR_SHAPE, "%s has no rows", tl_node_text(a).text);
    if (!(norm->epsilon >= 0) || isinf(norm->epsilon))
        return tl_fail(TL_ERR_ARGUMENT, "epsilon is %g, and must be 0 or a positive number", norm->epsilon);
    const tl_axis of = rows_of(a);
    if (check_vector("gain", y->in[1], of.inner) != TL_OK ||
        check_vector("bias", bias_of(y), of.inner) != TL_OK)
        return TL_ERR_SHAPE;
    if (!(y->scratch = tl_scratch(y, of.n, sizeof(tl_moments))))
        return TL_ERR_MEMORY;
    return tl_shape_dense(y, a->shape);
}

static void forward_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context, *bias = bias_of(y);
    const tl_axis of = rows_of(y);
    const tl_real *gain = y->in[1] ? y->in[1]->val : NULL, *shift = bias ? bias->val : NULL;
    const bool both = gain && shift;
    tl_moments *moments = y->scratch;
    for (int64_t i = begin; i < end; i++) {
        tl_real *restrict out = y->out + i * of.inner;
        moments[i] = tl_moments_of(of, i, y->in[0]->val, *(const tl_norm *)y->attr);
        tl_kernel_table()->normalise(of.inner, y->in[0]->val + i * of.inner, norm_of(moments[i]),
                                     both ? gain : NULL, both ? shift : NULL, out);
        for (int64_t j = 0; gain && !both && j < of.inner; j++)
            out[j] *= gain[j];
        for (int64_t j = 0; shift && !both && j < of.inner; j++)
            out[j] += shift[j];
    }
}

void tl_norm_forward(tl_node *y)
{
    const tl_axis of = rows_of(y);
    tl_parallel_rows(of.n, of.inner, forward_rows, y);
}

/* Adds the gradient of X to rows begin .. end-1. */
static void backward_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context, *a = y->in[0];
    const tl_moments *moments = y->scratch;
    const int64_t n = tl_shape_cols(y->shape);
    const bool centred = ((const tl_norm *)y->attr)->centred;
    const tl_real *gain = y->in[1] ? y->in[1]->val : NULL;
    for (int64_t i = begin; i < end; i++) {
        const tl_row_norm m = norm_of(moments[i]);
        const tl_real *x = a->val + i * n, *dy = y->grad + i * n;
        double sum[2] = { 0, 0 };
        tl_kernel_table()->norm_sums(n, x, m, dy, gain, sum);
        const tl_real mean = centred ? (tl_real)(sum[0] / (double)n) : 0,
                      slope = (tl_real)(sum[1] / (double)n);
        tl_kernel_table()->norm_gradient(n, x, m, dy, gain, mean, slope, a->grad + i * n, !a->overwrite);
    }
}

/* Sums over the rows, in their order, that are the gradients of the gain and of the bias. */
enum { WIDTH = 512 }; /* columns whose sums stay in L1 */
typedef struct column_sums {
    double gain[WIDTH], bias[WIDTH];
} column_sums;

static bool has_gradient(const tl_node *v)
{
    return v && v->grad;
}

/* Adds the terms of row i, for `width` columns from j. */
static void add_terms(const tl_node *y, int64_t i, int64_t j, int64_t width, column_sums *sum)
{
    const tl_moments *moments = y->scratch;
    const int64_t at = i * tl_shape_cols(y->shape) + j;
    tl_kernel_table()->norm_terms(width, y->in[0]->val + at, norm_of(moments[i]), y->grad + at, sum->gain,
                                  has_gradient(bias_of(y)) ? sum->bias : NULL);
}

static void deliver(const tl_node *v, int64_t j, int64_t width, const double *sum)
{
    for (int64_t k = 0; k < width; k++)
        v->grad[j + k] = (v->overwrite ? 0 : v->grad[j + k]) + (tl_real)sum[k];
}

static void deliver_sums(const tl_node *y, int64_t j, int64_t width, const column_sums *sum)
{
    deliver(y->in[1], j, width, sum->gain);
    if (has_gradient(bias_of(y)))
        deliver(bias_of(y), j, width, sum->bias);
}

/* Adds the gradients of the gain and of the bias to columns begin .. end-1. */
static void backward_columns(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    for (int64_t j = begin, width; j < end; j += width) {
        column_sums sum = { .gain = { 0 } };
        width = end - j < WIDTH ? end - j : WIDTH;
        for (int64_t i = 0; i < tl_shape_rows(y->shape); i++)
            add_terms(y, i, j, width, &sum);
        deliver_sums(y, j, width, &sum);
    }
}

/* Does what backward_rows and backward_columns do, while a row is in the cache. */
static void backward_at_once(tl_node *y)
{
    column_sums sum = { .gain = { 0 } };
    for (int64_t i = 0; i < tl_shape_rows(y->shape); i++) {
        backward_rows(y, i, i + 1);
        add_terms(y, i, 0, tl_shape_cols(y->shape), &sum);
    }
    deliver_sums(y, 0, tl_shape_cols(y->shape), &sum);
}

static void compute_moments(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    tl_moments *moments = y->scratch;
    for (int64_t i = begin; i < end; i++)
        moments[i] = tl_moments_of(rows_of(y), i, y->in[0]->val, *(const tl_norm *)y->attr);
}

void tl_norm_backward(tl_node *y)
{
    const tl_axis of = rows_of(y);
    const tl_node *gain = y->in[1], *bias = bias_of(y);
    if (tl_node_has_changed(y->in[0]))
        tl_parallel_rows(of.n, of.inner, compute_moments, y);
    if (y->in[0]->grad && has_gradient(gain) && of.inner <= WIDTH && tl_num_threads() == 1) {
        backward_at_once(y);
        return;
    }
    if (y->in[0]->grad)
        tl_parallel_rows(of.n, of.inner, backward_rows, y);
    if (has_gradient(gain))
        tl_parallel_columns(of.inner, of.n, backward_columns, y);
    else if (has_gradient(bias))
        tl_sum_axis(&(tl_axis_sum){ { 1, of.n, of.inner }, y->grad, NULL, false }, bias->grad,
                    !bias->overwrite);
}

/* ---- Directions: Y = scale (dX - mean of dX - X^ mean of dX X^), with no mean if X is not centred ---- */

/* With P(v) = v - mean of v - X^ mean of v X^, <G, Y> is scale <G, P(dX)>, and P is symmetric. So dX receives
 * scale P(G), and X, because of scale and X^,
 * -scale^2 (X^ (mean of G dX - mean of G, of dX - slope of G, of dX) + slope of dX P(G) + slope of G P(dX)),
 * where the slope of v is the mean of v X^. */
typedef struct projection {
    tl_real mean, slope;
} projection;

static projection project(const tl_node *y, int64_t i, const tl_real *v)
{
    const int64_t n = tl_shape_cols(y->shape);
    const tl_moments *moments = y->scratch;
    const tl_norm_sums s = tl_norm_sums_of(rows_of(y), i, y->in[0]->val, moments[i], v);
    const bool centred = ((const tl_norm *)y->attr)->centred;
    return (projection){ centred ? (tl_real)(s.g / (double)n) : 0, (tl_real)(s.gx / (double)n) };
}

static tl_status direction_shape(tl_node *y)
{
    if (!(y->scratch = tl_scratch(y, tl_shape_rows(y->in[0]->shape), sizeof(tl_moments))))
        return TL_ERR_MEMORY;
    return tl_shape_dense(y, y->in[0]->shape);
}

static void direction_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const int64_t n = tl_shape_cols(y->shape);
    const tl_moments *moments = y->scratch;
    compute_moments(context, begin, end);
    for (int64_t i = begin; i < end; i++) {
        const tl_real *x = y->in[0]->val + i * n, *v = y->in[1]->val + i * n;
        const tl_moments m = moments[i];
        const projection p = project(y, i, y->in[1]->val);
        for (int64_t k = 0; k < n; k++)
            y->out[i * n + k] = m.scale * (v[k] - p.mean - (x[k] - m.mean - m.rest) * m.scale * p.slope);
    }
}

static void direction_forward(tl_node *y)
{
    tl_parallel_rows(tl_shape_rows(y->shape), tl_shape_cols(y->shape), direction_rows, y);
}

static void direction_backward_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const int64_t n = tl_shape_cols(y->shape);
    const tl_moments *moments = y->scratch;
    for (int64_t i = begin; i < end; i++) {
        const tl_real *x = y->in[0]->val + i * n, *v = y->in[1]->val + i * n, *g = y->grad + i * n;
        tl_real *da = y->in[0]->grad, *dv = y->in[1]->grad;
        const tl_moments m = moments[i];
        const projection pg = project(y, i, y->grad), pv = project(y, i, y->in[1]->val);
        const tl_real both = (tl_real)(tl_sum_run(n, g, v) / (double)n) - pg.mean * pv.mean -
                             pg.slope * pv.slope;
        for (int64_t k = 0; k < n; k++) {
            const tl_real at = (x[k] - m.mean - m.rest) * m.scale;
            const tl_real of_g = g[k] - pg.mean - at * pg.slope, of_v = v[k] - pv.mean - at * pv.slope;
            if (dv)
                dv[i * n + k] += m.scale * of_g;
            if (da)
                da[i * n + k] -= m.scale * m.scale * (at * both + pv.slope * of_g + pg.slope * of_v);
        }
    }
}

static void direction_backward(tl_node *y)
{
    tl_parallel_rows(tl_shape_rows(y->shape), tl_shape_cols(y->shape), direction_backward_rows, y);
}

static const tl_op direction = {
    .name = "norm_direction",
    .n_in = 2,
    .shape = direction_shape,
    .forward = direction_forward,
    .backward = direction_backward,
};

tl_node *tl_norm_direction(tl_node *x, tl_node *dx, tl_norm norm)
{
    return tl_apply(&direction, (tl_node *[]){ x, dx }, &norm, sizeof norm);
}
