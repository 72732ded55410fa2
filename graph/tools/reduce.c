/* Reductions over an axis, and sums in chunks. */
#include "reduce.h"
#include "lib/kernels/kernels.h"

#include <math.h>
#include <string.h>

tl_status tl_axis_of(const tl_node *a, int32_t axis, tl_axis *of, tl_shape *rest)
{
    if (!a || !of || !rest)
        return tl_fail(TL_ERR_ARGUMENT, "axis_of: %s is NULL", a ? "an output" : "the node");
    const tl_shape s = a->shape;
    const bool is_axis = axis >= TL_ALL_AXES && axis < s.rank;
    if (!is_axis && s.rank == 0)
        return tl_fail(TL_ERR_ARGUMENT, "axis %d of %s is not TL_ALL_AXES", (int)axis, tl_node_text(a).text);
    if (!is_axis)
        return tl_fail(TL_ERR_ARGUMENT, "axis %d of %s is neither in 0..%d nor TL_ALL_AXES", (int)axis,
                       tl_node_text(a).text, (int)s.rank - 1);
    *rest = TL_SHAPE();
    *of = (tl_axis){ 1, axis == TL_ALL_AXES ? a->size : s.dim[axis], 1 };
    for (int32_t k = 0; k < s.rank && axis != TL_ALL_AXES; k++) {
        if (k != axis)
            rest->dim[rest->rank++] = s.dim[k];
        if (k < axis)
            of->outer *= s.dim[k];
        else if (k > axis)
            of->inner *= s.dim[k];
    }
    return TL_OK;
}

tl_status tl_shape_reduced(tl_node *y, int32_t axis)
{
    tl_shape rest;
    if (!y || !y->op)
        return tl_fail(TL_ERR_ARGUMENT, "shape_reduced: the node is %s", y ? "a leaf" : "NULL");
    tl_axis *of = y->scratch = tl_scratch(y, 1, sizeof *of);
    if (!of)
        return TL_ERR_MEMORY;
    const tl_status status = tl_axis_of(y->in[0], axis, of, &rest);
    return status == TL_OK ? tl_shape_dense(y, rest) : status;
}

void tl_describe_axis(tl_description *to, int32_t axis)
{
    if (axis == TL_ALL_AXES)
        tl_describe_text(to, "axis", "all");
    else
        tl_describe_integer(to, "axis", axis);
}

/* ---- Sums ---- */

typedef struct axis_sum {
    const tl_axis_sum *s;
    tl_real *y;
} axis_sum;

/* Adds sums to columns begin .. end-1 of the only block (outer = 1). */
static void sum_columns(void *context, int64_t begin, int64_t end)
{
    const axis_sum *c = context;
    const tl_axis_sum *s = c->s;
    tl_kernel_table()->col_sums(s->of.n, s->of.inner, begin, end, s->negate ? -1 : 1, s->a, s->b, c->y);
}

/* Adds sums to the columns of blocks begin .. end-1. */
static void sum_blocks(void *context, int64_t begin, int64_t end)
{
    const axis_sum *c = context;
    const tl_axis_sum *s = c->s;
    const int64_t size = s->of.n * s->of.inner;
    for (int64_t i = begin; i < end; i++)
        tl_kernel_table()->col_sums(s->of.n, s->of.inner, 0, s->of.inner, s->negate ? -1 : 1, s->a + i * size,
                                    s->b ? s->b + i * size : NULL, c->y + i * s->of.inner);
}

void tl_sum_axis(const tl_axis_sum *s, tl_real *y, bool add)
{
    const int64_t left = s->of.outer * s->of.inner;
    if (!add && left > 0)
        memset(y, 0, (size_t)left * sizeof *y);
    if (left == 0 || s->of.n == 0)
        return;
    if (s->of.outer == 1)
        tl_parallel_columns(s->of.inner, s->of.n, sum_columns, &(axis_sum){ s, y });
    else
        tl_parallel_rows(s->of.outer, s->of.n * s->of.inner, sum_blocks, &(axis_sum){ s, y });
}

/* Returns the mean of n values, every stride-th from a on, divided first: for a sum that is not a tl_real. No
 * mean is beyond the largest value, as rounding could make it. */
static tl_real mean_of_quotients(int64_t n, int64_t stride, const tl_real *a)
{
    double sum = 0, largest = 0;
    for (int64_t k = 0; k < n; k++) {
        sum += (double)a[k * stride] / (double)n;
        largest = fmax(largest, fabs((double)a[k * stride]));
    }
    return (tl_real)(fabs(sum) > largest ? copysign(largest, sum) : sum);
}

/* A sum is divided, not multiplied by 1 / n: the mean of equal values is that value if their sum is exact. */
void tl_mean_axis(tl_axis of, const tl_real *a, tl_real *y)
{
    const int64_t left = of.outer * of.inner;
    bool minus_zero;
    tl_sum_axis(&(tl_axis_sum){ .of = of, .a = a }, y, false);
    if (left == 0 || of.n <= 1)
        return;
    for (int64_t k = 0; k < left; k++)
        y[k] /= (tl_real)of.n;
    if (isfinite(tl_kernel_table()->max_abs(left, y, &minus_zero)))
        return;
    for (int64_t k = 0; k < left; k++)
        if (!isfinite(y[k]))
            y[k] = mean_of_quotients(of.n, of.inner, a + k / of.inner * of.n * of.inner + k % of.inner);
}

typedef struct repeat {
    tl_axis of;
    tl_real c;
    const tl_real *dy;
    tl_real *da;
    bool add;
} repeat;

/* Computes elements begin .. end-1 of dA for inner = 1: n neighbours receive the same element of dY. */
static void repeat_elements(void *context, int64_t begin, int64_t end)
{
    const repeat *r = context;
    const int64_t n = r->of.n;
    const tl_real *dy = r->dy + begin / n;
    tl_real *restrict da = r->da;
    for (int64_t k = begin, next = begin + n - begin % n; k < end; next += n, dy++) {
        const tl_real g = r->c * *dy;
        for (; k < next && k < end; k++)
            da[k] = (r->add ? da[k] : 0) + g;
    }
}

/* Computes rows begin .. end-1 of dA, each `inner` long: n neighbours receive the same row of dY. */
static void repeat_rows(void *context, int64_t begin, int64_t end)
{
    const repeat *r = context;
    const int64_t n = r->of.n, inner = r->of.inner;
    const tl_real *dy = r->dy + begin / n * inner;
    for (int64_t i = begin, next = begin + n - begin % n; i < end; next += n, dy += inner)
        for (; i < next && i < end; i++) {
            tl_real *restrict da = r->da + i * inner;
            for (int64_t j = 0; j < inner; j++)
                da[j] = (r->add ? da[j] : 0) + r->c * dy[j];
        }
}

void tl_repeat_axis(tl_axis of, tl_real c, const tl_real *dy, tl_real *da, bool add)
{
    repeat r = { of, c, dy, da, add };
    if (of.n == 0 || of.inner == 0)
        return;
    if (of.inner == 1)
        tl_parallel_for(of.outer * of.n, TL_GRAIN, repeat_elements, &r);
    else
        tl_parallel_rows(of.outer * of.n, of.inner, repeat_rows, &r);
}

/* ---- Runs ---- */

double tl_sum_run(int64_t n, const tl_real *x, const tl_real *z)
{
    if (n < 16) {
        double sum = 0;
        for (int64_t k = 0; k < n; k++)
            sum += (double)x[k] * (z ? (double)z[k] : 1);
        return sum;
    }
    return tl_kernel_table()->sum_run(n, x, z);
}

tl_real tl_max_run(int64_t n, const tl_real *x)
{
    return tl_kernel_table()->largest(n, x);
}

/* ---- Walks along an axis ---- */

typedef struct walk {
    tl_axis of;
    void (*body)(void *context, tl_line line);
    void *context;
} walk;

static void walk_lines(void *context, int64_t begin, int64_t end)
{
    const walk *w = context;
    const tl_axis of = w->of;
    for (int64_t l = begin; l < end; l++) {
        const int64_t first = l / of.inner * of.n * of.inner + l % of.inner;
        w->body(w->context, (tl_line){ .index = l, .first = first, .stride = of.inner, .n = of.n });
    }
}

void tl_parallel_lines(tl_axis of, void (*body)(void *context, tl_line line), void *context)
{
    if (body)
        tl_parallel_rows(of.outer * of.inner, of.n, walk_lines, &(walk){ of, body, context });
    else
        tl_fail(TL_ERR_ARGUMENT, "parallel_lines: the body is NULL");
}

/* ---- Sums of an op's own terms ---- */

enum { CHUNKS = 256 }; /* whose sums are kept at a time */

typedef struct terms {
    int64_t n, first; /* first: of the chunks */
    double (*sum)(const void *context, int64_t begin, int64_t end);
    const void *context;
    double partial[CHUNKS];
} terms;

static void sum_chunks(void *context, int64_t begin, int64_t end)
{
    terms *t = context;
    for (int64_t c = begin; c < end; c++) {
        const int64_t first = t->first + c * TL_SUM_CHUNK, left = t->n - first;
        t->partial[c] = t->sum(t->context, first, first + (left < TL_SUM_CHUNK ? left : TL_SUM_CHUNK));
    }
}

double tl_sum_terms(int64_t n, double (*sum)(const void *context, int64_t begin, int64_t end),
                    const void *context)
{
    terms t; /* no initialiser: it would clear `partial` */
    t.first = 0;
    t.n = n;
    t.sum = sum;
    t.context = context;
    double total = 0;
    if (!sum)
        tl_fail(TL_ERR_ARGUMENT, "sum_terms: the function is NULL");
    for (; sum && t.first < n; t.first += (int64_t)CHUNKS * TL_SUM_CHUNK) {
        const int64_t left = (n - t.first + TL_SUM_CHUNK - 1) / TL_SUM_CHUNK,
                      chunks = left < CHUNKS ? left : CHUNKS;
        tl_parallel_for(chunks, 1, sum_chunks, &t);
        for (int64_t c = 0; c < chunks; c++)
            total += t.partial[c];
    }
    return total;
}
