#include "distance.h"

#include <math.h>
#include <tulle/describe.h>
#include <tulle/tangent.h>

static tl_real factor_of(const tl_node *y)
{
    return *(const tl_real *)y->attr;
}

static tl_status shape(tl_node *y)
{
    const tl_node *x = y->in[0], *p = y->in[1];
    if (x->shape.rank != 2 || p->shape.rank != 2 || x->shape.dim[1] != p->shape.dim[1])
        return tl_fail(TL_ERR_SHAPE, "samples %s and prototypes %s are not matrices with as many columns",
                       tl_node_text(x).text, tl_node_text(p).text);
    if (!isfinite(factor_of(y)))
        return tl_fail(TL_ERR_ARGUMENT, "the factor is %g, and must be finite", (double)factor_of(y));
    return tl_shape_dense(y, TL_SHAPE(x->shape.dim[0], p->shape.dim[0]));
}

static void forward_rows(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const int64_t m = y->shape.dim[1], d = y->in[0]->shape.dim[1];
    for (int64_t i = begin; i < end; i++)
        for (int64_t k = 0; k < m; k++) {
            const tl_real *x = y->in[0]->val + i * d, *p = y->in[1]->val + k * d;
            double sum = 0;
            for (int64_t j = 0; j < d; j++)
                sum += ((double)x[j] - (double)p[j]) * ((double)x[j] - (double)p[j]);
            y->out[i * m + k] = (tl_real)((double)factor_of(y) * sum);
        }
}

static void forward(tl_node *y)
{
    tl_parallel_rows(y->shape.dim[0], y->shape.dim[1] * y->in[0]->shape.dim[1], forward_rows, y);
}

/* The gradient of one operand, A, whose rows are compared with those of the other, B. */
typedef struct gradient {
    const tl_node *y, *a, *b;
    int64_t a_step, b_step; /* from one row of A, or of B, to the next in dY */
} gradient;

static void gradient_rows(void *context, int64_t begin, int64_t end)
{
    const gradient *c = context;
    const int64_t n = c->b->shape.dim[0], d = c->a->shape.dim[1];
    for (int64_t i = begin; i < end; i++)
        for (int64_t j = 0; j < d; j++) {
            double sum = 0;
            for (int64_t k = 0; k < n; k++)
                sum += (double)c->y->grad[i * c->a_step + k * c->b_step] *
                       ((double)c->a->val[i * d + j] - (double)c->b->val[k * d + j]);
            c->a->grad[i * d + j] += (tl_real)(2 * (double)factor_of(c->y) * sum);
        }
}

/* Each task computes whole rows of dX or of dP, so the bits do not depend on the number of threads. */
static void backward(tl_node *y)
{
    const tl_node *x = y->in[0], *p = y->in[1];
    const int64_t n = y->shape.dim[0], m = y->shape.dim[1], d = x->shape.dim[1];
    if (x->grad)
        tl_parallel_rows(n, m * d, gradient_rows, &(gradient){ y, x, p, m, 1 });
    if (p->grad)
        tl_parallel_rows(m, n * d, gradient_rows, &(gradient){ y, p, x, 1, m });
}

/* 2 factor <X(i, :) - P(k, :), dX(i, :) - dP(k, :)>, multiplied out: a column, a row and two products. */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    tl_node *x = y->in[0], *p = y->in[1], *part[2] = { NULL, NULL };
    if (dx[0]) {
        tl_node *column = tl_reshape(tl_reduce_sum(tl_mul(x, dx[0]), 1), TL_SHAPE(y->shape.dim[0], 1));
        part[0] = tl_sub(column, tl_matmul_transposed(dx[0], p, TL_TRANSPOSE_B));
    }
    if (dx[1]) {
        tl_node *row = tl_reduce_sum(tl_mul(p, dx[1]), 1);
        part[1] = tl_sub(row, tl_matmul_transposed(x, dx[1], TL_TRANSPOSE_B));
    }
    return tl_scale(tl_sum_of(2, part), 2 * factor_of(y));
}

static void describe(const tl_node *y, tl_description *to)
{
    tl_describe_number(to, "factor", (double)factor_of(y));
}

static const tl_op op = {
    .name = "squared_distance",
    .n_in = 2,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .tangent = tangent,
    .describe = describe,
};

tl_node *squared_distance(tl_node *x, tl_node *p, tl_real factor)
{
    return tl_apply(&op, (tl_node *[]){ x, p }, &factor, sizeof factor);
}
