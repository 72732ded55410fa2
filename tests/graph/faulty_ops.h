/* Ops of one operand with faults on demand, and their cases, which are sound. */
#ifndef TL_FAULTY_OPS_H
#define TL_FAULTY_OPS_H

#include "tests/testing.h"

#include <math.h>
#include <string.h>

static int fault; /* of the op that is checked; 0: none */

/* ---- softplus, elementwise ---- */

enum {
    NAIVE = 1,
    UNWRITTEN,
    FLAT,
    OVERFLOWS,
    MINUS_ZERO,
    WRONG_KINK,
    WRONG_SIGN,
    NO_UPSTREAM,
    LAST_GRADIENT,
    ASSIGNS,
    ASSIGNS_TO_RESULTS,
    HALF_TANGENT,
    CONSTANT_TANGENT,
    NO_TANGENT,
    REFUSES_EMPTY,
    BY_THREADS,
    BY_PLACE,
    WRONG_STATUS,
    LEAKS,
    FORGETS_MEMORY,
    ALLOCATES,
    READS_EARLY,
    READS_RESULT,
    CHANGES_INPUT
};

static tl_pattern *leaked; /* by LEAKS, until the test is over */
static bool short_before;  /* memory was, in FORGETS_MEMORY */

static double softplus(double a)
{
    return fmax(a, 0) + log1p(exp(-fabs(a)));
}

static tl_status soft_shape(tl_node *y)
{
    if (fault == FLAT)
        return tl_shape_dense(y, TL_SHAPE(y->in[0]->size));
    if (fault == REFUSES_EMPTY && y->in[0]->size == 0)
        return tl_fail(TL_ERR_NUMERIC, "no elements");
    tl_pattern *p = NULL;
    if ((fault == LEAKS || fault == ALLOCATES) && !(p = tl_pattern_random(2, 2, 0.5, 1)))
        return TL_ERR_MEMORY;
    /* more than a block of the arena has left, so that it is an allocation of its own */
    y->scratch = tl_scratch(y, 1 << 13, sizeof(double));
    if (y->scratch)
        *(double *)y->scratch = (fault == FORGETS_MEMORY && short_before) ||
                                (fault == READS_EARLY && !y->in[0]->val);
    if (fault == LEAKS && !y->scratch)
        leaked = p;
    else
        tl_pattern_release(p);
    short_before = short_before || !y->scratch;
    if (!y->scratch)
        return fault == WRONG_STATUS ? tl_fail(TL_ERR_ARGUMENT, "no scratch") : TL_ERR_MEMORY;
    return tl_shape_like(y, y->in[0]);
}

/* Computes element k of y. */
static tl_real soft_value(const tl_node *y, int64_t k)
{
    const double a = (double)y->in[0]->val[k];
    if (fault == NAIVE)
        return (tl_real)log(1 + exp(2 * a)) / 2;
    if (fault == OVERFLOWS && a > 100)
        return (tl_real)log(exp(10 * a)) / 10;
    if (fault == MINUS_ZERO && isinf(a) && a < 0)
        return (tl_real)-0.0;
    if (fault == BY_PLACE && a < 50 && k >= y->size - y->size % 8)
        return (tl_real)(softplus(a) * (sizeof(tl_real) == sizeof(double) ? 1 + 0x1p-52 : 1 + 0x1p-23));
    if (fault == BY_THREADS && tl_num_threads() == 7 && k == y->size - 1)
        return (tl_real)(softplus(a) * (sizeof(tl_real) == sizeof(double) ? 1 + 0x1p-52 : 1 + 0x1p-23));
    if (fault == FORGETS_MEMORY || fault == READS_EARLY)
        return (tl_real)(softplus(a) + *(const double *)y->scratch);
    return (tl_real)softplus(a);
}

static void soft_forward(tl_node *y)
{
    for (int64_t k = 0; k < y->size - (fault == UNWRITTEN && y->size > 5); k++)
        y->out[k] = soft_value(y, k);
    if (fault == CHANGES_INPUT && y->size > 5)
        ((tl_real *)(uintptr_t)y->in[0]->val)[5] += 1;
}

static void soft_backward(tl_node *y)
{
    const tl_node *a = y->in[0];
    for (int64_t k = 0; a->grad && k < y->size - (fault == LAST_GRADIENT && y->size > 5); k++) {
        const double dy = fault == NO_UPSTREAM ? 1 : (double)y->grad[k];
        const double slope = fault == READS_RESULT && a->val[k] != 0 ? 1 - exp(-(double)y->val[k])
                                                                     : 1 / (1 + exp(-(double)a->val[k]));
        const tl_real da = (tl_real)((fault == WRONG_SIGN && a->val[k] != 0 ? -1 : 1) * dy * slope);
        const bool kink = fault == WRONG_KINK && a->val[k] == 0;
        if (fault == ASSIGNS || (fault == ASSIGNS_TO_RESULTS && a->op))
            a->grad[k] = da;
        else
            a->grad[k] += kink ? 0 : da;
    }
}

static tl_node *soft_tangent(tl_node *y, tl_node *const *dx)
{
    tl_node *a = y->in[0], *slope = tl_sigmoid(a);
    if (fault == CONSTANT_TANGENT)
        slope = tl_input(y->graph, slope->shape, slope->val);
    return tl_scale(tl_mul(dx[0], slope), fault == HALF_TANGENT ? (tl_real)0.5 : 1);
}

static const tl_op soft_op = {
    .name = "soft",
    .n_in = 1,
    .shape = soft_shape,
    .forward = soft_forward,
    .backward = soft_backward,
    .tangent = soft_tangent,
};
static const tl_op soft_without_tangent = {
    .name = "soft", .n_in = 1, .shape = soft_shape, .forward = soft_forward, .backward = soft_backward
};

static tl_node *soft(tl_node *a)
{
    return tl_apply(fault == NO_TANGENT ? &soft_without_tangent : &soft_op, (tl_node *[]){ a }, NULL, 0);
}

static const tl_unary_case soft_case = {
    .name = "soft",
    .op = soft,
    .value = softplus,
    .low = -40,
    .high = 40,
    .gradient_low = -3,
    .gradient_high = 3,
    .ulps = 2,
    .kink = { { 0, 0.5 } },
    .n_kinks = 1,
    .special = { { -INFINITY, 0 }, { INFINITY, INFINITY }, { 1e4, 1e4 }, { NAN, NAN } },
    .n_special = 4,
};

/* ---- the mean of a row: Y(i) = mean of A(i, :) ---- */

enum { DIVIDES_BY_ZERO = 200 };

static tl_status mean_shape(tl_node *y)
{
    if (y->in[0]->shape.rank != 2)
        return tl_fail(TL_ERR_SHAPE, "rank %d", (int)y->in[0]->shape.rank);
    return tl_shape_dense(y, TL_SHAPE(y->in[0]->shape.dim[0]));
}

static void mean_forward(tl_node *y)
{
    const int64_t cols = y->in[0]->shape.dim[1];
    for (int64_t i = 0; i < y->size; i++) {
        double sum = 0;
        for (int64_t j = 0; j < cols; j++)
            sum += (double)y->in[0]->val[i * cols + j];
        y->out[i] = (tl_real)(cols == 0 && fault != DIVIDES_BY_ZERO ? 0 : sum / (double)cols);
    }
}

static void mean_backward(tl_node *y)
{
    const int64_t cols = y->in[0]->shape.dim[1];
    for (int64_t k = 0; y->in[0]->grad && k < y->in[0]->size; k++)
        y->in[0]->grad[k] += y->grad[k / cols] / (tl_real)cols;
}

static const tl_op mean_op = {
    .name = "mean", .n_in = 1, .shape = mean_shape, .forward = mean_forward, .backward = mean_backward
};

static tl_node *mean(tl_node *const *in, const void *attr)
{
    (void)attr;
    return tl_apply(&mean_op, in, NULL, 0);
}

static tl_shape mean_reference(tl_reference *r)
{
    const int64_t rows = r->shape[0].dim[0], cols = r->shape[0].dim[1];
    for (int64_t k = 0; k < rows * cols; k++) {
        r->y[k / cols] += r->in[0][k] / (double)cols;
        r->terms[k / cols] += fabs(r->in[0][k] / (double)cols);
    }
    return TL_SHAPE(rows);
}

static const tl_sample mean_samples[] = {
    { .in = { TL_DENSE_OPERAND(3, 4) } },
    { .in = { TL_DENSE_OPERAND(400, 50) } },
    { .in = { TL_DENSE_OPERAND(3) }, .status = TL_ERR_SHAPE, .error = "rank 1" },
};
static const tl_op_case mean_case = {
    .name = "mean",
    .n_in = 1,
    .op = mean,
    .reference = mean_reference,
    .sample = mean_samples,
    .n_samples = 3,
    .ulps = 8,
    .no_tangent = "to see that it is checked",
};

/* ---- two ops, of which one reads the gradient of the other: Y = A, twice ---- */

enum { READS_RECYCLED = 300 };

static const tl_real *inner_gradient;

static void same_forward(tl_node *y)
{
    if (y->size > 0)
        memcpy(y->out, y->in[0]->val, (size_t)y->size * sizeof *y->out);
}

static void same_backward(tl_node *y)
{
    const bool last = y->in[0]->op && strcmp(y->in[0]->op->name, "same") == 0;
    const tl_real *dy = fault == READS_RECYCLED && !last ? inner_gradient : y->grad;
    inner_gradient = y->grad;
    for (int64_t k = 0; y->in[0]->grad && k < y->size; k++)
        y->in[0]->grad[k] += dy[k];
}

static tl_status same_shape(tl_node *y)
{
    return tl_shape_like(y, y->in[0]);
}

static tl_node *same_tangent(tl_node *y, tl_node *const *dx)
{
    (void)y;
    return dx[0];
}

static const tl_op same_op = {
    .name = "same",
    .n_in = 1,
    .in_kind = { TL_ANY },
    .shape = same_shape,
    .forward = same_forward,
    .backward = same_backward,
    .tangent = same_tangent,
};

static tl_node *same_twice(tl_node *a)
{
    return tl_apply(&same_op, (tl_node *[]){ tl_apply(&same_op, (tl_node *[]){ a }, NULL, 0) }, NULL, 0);
}

static double identity(double a)
{
    return a;
}

static const tl_unary_case same_case = { .name = "same", .op = same_twice, .value = identity };

#endif
