/* reduce_logsumexp: Y = log of the sum of exp(A), over one axis or all.  dA += dY exp(A - Y). */
#include "ops.h"
#include "reduce.h"
#include "softmax.h"
#include "tangent.h"
#include "vmath.h"

#include <math.h>

enum { STRIP = 256 };

struct attr {
    int32_t axis;
    tl_log_sum *sum; /* for each element of Y, which is max + log_sum */
};

static tl_status shape(tl_node *y)
{
    struct attr *attr = y->attr;
    tl_status status = tl_shape_reduced(y, attr->axis);
    if (status == TL_OK && !(attr->sum = tl_scratch(y, y->size, sizeof *attr->sum)))
        status = TL_ERR_MEMORY;
    return status;
}

/* ---- Of the last axis: rows ---- */

/* The same as tl_log_sum_exp, but for the order of the sum, which here is one of many at once. */
static tl_log_sum sum_row(int64_t n, const tl_real *a)
{
    const tl_real max = tl_max_run(n, a);
    tl_real e[STRIP];
    double sum = 0;
    if (isinf(max))
        return tl_log_sum_exp(n, a);
    for (int64_t k = 0; k < n; k += STRIP) {
        const int64_t m = n - k < STRIP ? n - k : STRIP;
        for (int64_t j = 0; j < m; j++)
            e[j] = a[k + j] - max;
        tl_vexp(m, e, e);
        sum += tl_sum_run(m, e, NULL);
    }
    return (tl_log_sum){ max, (tl_real)log(sum) };
}

static void sum_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const int64_t n = ((const tl_axis *)y->scratch)->n;
    const struct attr *attr = y->attr;
    for (int64_t i = begin; i < end; i++)
        attr->sum[i] = sum_row(n, y->in[0]->val + i * n);
}

static void backward_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context, *a = y->in[0];
    const int64_t n = ((const tl_axis *)y->scratch)->n;
    const struct attr *attr = y->attr;
    tl_real p[STRIP];
    for (int64_t i = begin; i < end; i++)
        for (int64_t k = 0; k < n; k += STRIP) {
            const int64_t m = n - k < STRIP ? n - k : STRIP;
            tl_real *da = a->grad + i * n + k;
            tl_softmax_row(m, a->val + i * n + k, attr->sum[i], p);
            for (int64_t j = 0; j < m; j++)
                da[j] = (a->overwrite ? 0 : da[j]) + y->grad[i] * p[j];
        }
}

/* ---- Of another axis: columns, up to STRIP side by side ---- */

/* The columns of A that belong to elements k .. k + width-1 of Y begin at element `first`. */
typedef struct block {
    int64_t first, width;
} block;

static block next_block(const tl_axis *of, int64_t k, int64_t end)
{
    const int64_t left = of->inner - k % of->inner;
    block b = { k / of->inner * of->n * of->inner + k % of->inner, left < end - k ? left : end - k };
    b.width = b.width < STRIP ? b.width : STRIP;
    return b;
}

/* Returns the log-sum-exp of one column. */
static tl_log_sum sum_column(const tl_axis *of, const tl_real *a, tl_real max)
{
    double count = 0;
    for (int64_t k = 0; k < of->n; k++)
        count += a[k * of->inner] == max;
    return (tl_log_sum){ max, (tl_real)log(count) };
}

static void sum_block(const tl_axis *of, const tl_real *a, int64_t width, tl_log_sum *result)
{
    tl_real max[STRIP], e[STRIP];
    double sum[STRIP];
    for (int64_t j = 0; j < width; j++) {
        max[j] = -INFINITY;
        sum[j] = 0;
    }
    for (int64_t k = 0; k < of->n; k++)
        for (int64_t j = 0; j < width; j++) {
            const tl_real x = a[k * of->inner + j];
            max[j] = x > max[j] || x != x ? x : max[j];
        }
    for (int64_t k = 0; k < of->n; k++) {
        for (int64_t j = 0; j < width; j++)
            e[j] = a[k * of->inner + j] - max[j];
        tl_vexp(width, e, e);
        for (int64_t j = 0; j < width; j++)
            sum[j] += (double)e[j];
    }
    for (int64_t j = 0; j < width; j++)
        result[j] = isinf(max[j]) ? sum_column(of, a + j, max[j])
                                  : (tl_log_sum){ max[j], (tl_real)log(sum[j]) };
}

static void sum_columns(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const tl_axis of = *(const tl_axis *)y->scratch;
    const struct attr *attr = y->attr;
    for (int64_t k = begin; k < end;) {
        const block b = next_block(&of, k, end);
        sum_block(&of, y->in[0]->val + b.first, b.width, attr->sum + k);
        k += b.width;
    }
}

/* Adds to the gradient of n elements of a row of A. */
static void backward_row(int64_t n, const tl_real *a, const tl_log_sum *of, const tl_real *dy, tl_real *da,
                         bool add)
{
    tl_real p[STRIP] = { 0 };
    bool infinite = false;
    for (int64_t j = 0; j < n; j++) {
        p[j] = a[j] - of[j].max - of[j].log_sum;
        infinite = infinite || isinf(of[j].max);
    }
    tl_vexp(n, p, p);
    for (int64_t j = 0; infinite && j < n; j++)
        if (isinf(of[j].max))
            tl_softmax_row(1, a + j, of[j], p + j);
    for (int64_t j = 0; j < n; j++)
        da[j] = (add ? da[j] : 0) + dy[j] * p[j];
}

static void backward_columns(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context, *a = y->in[0];
    const tl_axis of = *(const tl_axis *)y->scratch;
    const struct attr *attr = y->attr;
    for (int64_t k = begin; k < end;) {
        const block b = next_block(&of, k, end);
        for (int64_t l = 0; l < of.n; l++) {
            const int64_t at = b.first + l * of.inner;
            backward_row(b.width, a->val + at, attr->sum + k, y->grad + k, a->grad + at, !a->overwrite);
        }
        k += b.width;
    }
}

/* ---- The op ---- */

static void compute_sums(tl_node *y)
{
    const tl_axis of = *(const tl_axis *)y->scratch;
    if (of.inner == 1)
        tl_parallel_rows(of.outer, of.n, sum_rows, y);
    else
        tl_parallel_columns(of.outer * of.inner, of.n, sum_columns, y);
}

static void forward(tl_node *y)
{
    const struct attr *attr = y->attr;
    compute_sums(y);
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] = attr->sum[k].max + attr->sum[k].log_sum;
}

static void backward(tl_node *y)
{
    const tl_axis of = *(const tl_axis *)y->scratch;
    if (tl_node_has_changed(y->in[0]))
        compute_sums(y);
    if (of.inner == 1)
        tl_parallel_rows(of.outer, of.n, backward_rows, y);
    else
        tl_parallel_columns(of.outer * of.inner, of.n, backward_columns, y);
}

/* Returns A with the axis as its last, as a matrix. */
static tl_node *as_rows(const tl_node *y, tl_node *a)
{
    const tl_axis of = *(const tl_axis *)y->scratch;
    tl_node *rows = tl_permute(tl_reshape(a, TL_SHAPE(of.outer, of.n, of.inner)),
                               (const int32_t[]){ 0, 2, 1 });
    return tl_reshape(rows, TL_SHAPE(of.outer * of.inner, of.n));
}

/* Y moves by the sum of softmax(A) dA along the axis. */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    tl_node *p = tl_softmax(as_rows(y, y->in[0]));
    return tl_reshape(tl_reduce_sum(tl_mul(p, as_rows(y, dx[0])), 1), y->shape);
}

static void describe(const tl_node *y, tl_description *to)
{
    tl_describe_name(to, "ReduceLogSumExp");
    tl_describe_axis(to, ((const struct attr *)y->attr)->axis);
}

static const tl_op op = {
    .name = "reduce_logsumexp",
    .n_in = 1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0,
    .tangent = tangent,
    .describe = describe,
};

tl_node *tl_reduce_logsumexp(tl_node *a, int32_t axis)
{
    return tl_apply(&op, (tl_node *[]){ a }, &(struct attr){ axis, NULL }, sizeof(struct attr));
}
