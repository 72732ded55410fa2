/* Ops of two operands with faults on demand, and their cases, which are sound. */
#ifndef TL_FAULTY_PAIRS_H
#define TL_FAULTY_PAIRS_H

#include "tests/graph/faulty_ops.h"

/* ---- product of two, of one shape ---- */

enum { TAKES_NULL = 100, TAKES_SHAPES, NEEDS_FIRST, ONLY_VARIABLES, LOSES_SHARED, ROUNDS };

static tl_status product_shape(tl_node *y)
{
    if (!tl_shape_equal(y->in[0]->shape, y->in[1]->shape) &&
        !(fault == TAKES_SHAPES && y->in[1]->size >= y->in[0]->size))
        return tl_fail(TL_ERR_SHAPE, "%s and %s", tl_node_text(y->in[0]).text, tl_node_text(y->in[1]).text);
    if (!(y->scratch = tl_scratch(y, y->in[1]->size, sizeof(tl_real))))
        return TL_ERR_MEMORY;
    return tl_shape_like(y, y->in[0]);
}

static void product_forward(tl_node *y)
{
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] = y->in[0]->val[k] * y->in[1]->val[k];
}

static void product_backward(tl_node *y)
{
    const tl_real *a = y->in[0]->val, *b = y->in[1]->val;
    tl_real *da = y->in[0]->grad, *db = y->in[1]->grad, *before = y->scratch;
    if (fault == NEEDS_FIRST && !da)
        return;
    if (fault == ONLY_VARIABLES && !(y->in[0]->requires_grad && y->in[1]->requires_grad))
        return;
    for (int64_t k = 0; db && k < y->size; k++)
        before[k] = db[k];
    for (int64_t k = 0; da && k < y->size; k++)
        da[k] += y->grad[k] * b[k] * (fault == ROUNDS && y->size == 6 ? 1 + (tl_real)0x1p-22 : 1);
    for (int64_t k = 0; db && k < y->size; k++)
        db[k] = (fault == LOSES_SHARED ? before[k] : db[k]) + y->grad[k] * a[k];
}

static const tl_op product_op = {
    .name = "product",
    .n_in = 2,
    .shape = product_shape,
    .forward = product_forward,
    .backward = product_backward,
};

static tl_node *product(tl_node *const *in, const void *attr)
{
    (void)attr;
    return tl_apply(&product_op, (tl_node *[]){ in[0], fault == TAKES_NULL && !in[1] ? in[0] : in[1] }, NULL,
                    0);
}

static tl_shape product_reference(tl_reference *r)
{
    for (int64_t k = 0; k < tl_shape_size(r->shape[0]); k++)
        r->y[k] = r->in[0][k] * r->in[1][k];
    return r->shape[0];
}

static const double exact_a[] = { 1, 2, INFINITY }, exact_b[] = { 3, 4, 5 }, exact_y[] = { 3, 8, INFINITY },
                    exact_u[] = { 1, 2, NAN }, exact_da[] = { 3, 8, NAN }, exact_db[] = { 1, 4, NAN };
static const tl_sample product_samples[] = {
    { .in = { TL_DENSE_OPERAND(3, 2), TL_DENSE_OPERAND(3, 2) } },
    { .in = { TL_SCALAR_OPERAND, TL_SCALAR_OPERAND } },
    { .in = { TL_DENSE_OPERAND(200, 100), TL_DENSE_OPERAND(200, 100) } },
    { .in = { TL_DENSE_OPERAND(3, 2), TL_DENSE_OPERAND(2, 3) },
      .status = TL_ERR_SHAPE,
      .error = "a (3x2) and b (2x3)" },
    { .in = { TL_DENSE_OPERAND(2), TL_DENSE_OPERAND(3) }, .status = TL_ERR_SHAPE },
    { .in = { { TL_STATIC_SHAPE(3), .values = exact_a }, { TL_STATIC_SHAPE(3), .values = exact_b } },
      .y = exact_y,
      .upstream = exact_u,
      .gradient = { exact_da, exact_db } },
};
static const tl_op_case product_case = {
    .name = "product",
    .n_in = 2,
    .op = product,
    .reference = product_reference,
    .sample = product_samples,
    .n_samples = sizeof product_samples / sizeof *product_samples,
    .row_operands = 1 << 0 | 1 << 1,
    .no_tangent = "to see that it is checked",
};

/* ---- maximum, broadcast: of the built-in ops there is none with a tie ---- */

enum { BOTH_AT_TIES = 400, BY_COLUMN };

static double maximum(double a, double b)
{
    return a > b ? a : b;
}

static double difference(double a, double b)
{
    return a - b;
}

static tl_shape broadcast(tl_shape a, tl_shape b, bool *fits)
{
    tl_shape y = { .rank = a.rank > b.rank ? a.rank : b.rank };
    for (int32_t d = 1; d <= y.rank; d++) {
        const int64_t m = d <= a.rank ? a.dim[a.rank - d] : 1, n = d <= b.rank ? b.dim[b.rank - d] : 1;
        *fits = *fits && (m == n || m == 1 || n == 1);
        y.dim[y.rank - d] = m == 1 ? n : m;
    }
    return y;
}

/* Returns which element of an operand of this shape meets element k of y. */
static int64_t met(tl_shape a, tl_shape y, int64_t k)
{
    int64_t at = 0, stride = 1;
    for (int32_t d = 1; d <= a.rank; d++) {
        at += a.dim[a.rank - d] == 1 ? 0 : k % y.dim[y.rank - d] * stride;
        stride *= a.dim[a.rank - d];
        k /= y.dim[y.rank - d];
    }
    return at;
}

static tl_status maximum_shape(tl_node *y)
{
    bool fits = true;
    const tl_shape shape = broadcast(y->in[0]->shape, y->in[1]->shape, &fits);
    return fits ? tl_shape_dense(y, shape) : tl_fail(TL_ERR_SHAPE, "no broadcast");
}

static void maximum_forward(tl_node *y)
{
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] = (tl_real)maximum((double)y->in[0]->val[met(y->in[0]->shape, y->shape, k)],
                                     (double)y->in[1]->val[met(y->in[1]->shape, y->shape, k)]);
}

static void maximum_backward(tl_node *y)
{
    for (int64_t k = 0; k < y->size; k++) {
        const int64_t at[] = { met(y->in[0]->shape, y->shape, k), met(y->in[1]->shape, y->shape, k) };
        for (int i = 0; i < 2; i++) {
            const tl_real mine = y->in[i]->val[at[i]], other = y->in[1 - i]->val[at[1 - i]];
            const tl_real tie = fault == BOTH_AT_TIES ? 1 : (tl_real)0.5;
            if (y->in[i]->grad && !(fault == BY_COLUMN && y->in[i]->shape.rank == 2 && k / 5 > 1))
                y->in[i]->grad[at[i]] += y->grad[k] * (mine > other ? 1 : mine == other ? tie : 0);
        }
    }
}

static const tl_op maximum_op = {
    .name = "maximum",
    .n_in = 2,
    .shape = maximum_shape,
    .forward = maximum_forward,
    .backward = maximum_backward,
};

static tl_node *tl_maximum_of(tl_node *a, tl_node *b)
{
    return tl_apply(&maximum_op, (tl_node *[]){ a, b }, NULL, 0);
}

static const tl_binary_case maximum_case = {
    .name = "maximum",
    .op = tl_maximum_of,
    .value = maximum,
    .kink_distance = difference,
    .kink = { { 2, 2, 0.5, 0.5 }, { 3, 2, 1, 0 } },
    .n_kinks = 2,
    .special = { { INFINITY, 1, INFINITY }, { -INFINITY, 1, 1 } },
    .n_special = 2,
    .no_tangent = "it would need a gate",
};

/* ---- the product of sparse and dense, whose gradient of absent cells is at fault ---- */

enum { FORGETS_ABSENT = 500, ASSIGNS_ABSENT };

static const tl_op *product_of_sparse;

static void faulty_rows(const tl_node *y, int32_t i, int64_t first, int64_t n, tl_real *rows)
{
    const int64_t cols = y->in[i]->shape.dim[1];
    if (fault == ASSIGNS_ABSENT)
        memset(rows, 0, (size_t)(n * cols) * sizeof *rows);
    product_of_sparse->gradient_rows(y, i, first, n, rows);
    if (fault == FORGETS_ABSENT && n > 0)
        rows[n * cols - 1] = 0;
}

static tl_node *sparse_product(tl_node *const *in, const void *attr)
{
    static tl_op faulty;
    (void)attr;
    tl_node *y = tl_sparse_dense_matmul(in[0], in[1], TL_NO_TRANSPOSE);
    if (y && (fault == FORGETS_ABSENT || fault == ASSIGNS_ABSENT)) {
        product_of_sparse = y->op;
        faulty = *y->op;
        faulty.gradient_rows = faulty_rows;
        y->op = &faulty;
    }
    return y;
}

/* Its operands in another order than the op's. */
static tl_node *product_with_sparse(tl_node *const *in, const void *attr)
{
    return sparse_product((tl_node *[]){ in[1], in[0] }, attr);
}

static tl_shape sparse_product_reference(tl_reference *r)
{
    const int64_t m = r->shape[0].dim[0], k = r->shape[0].dim[1], n = r->shape[1].dim[1];
    for (int64_t e = 0; e < m * n * k; e++) {
        const double term = r->in[0][e / (n * k) * k + e % k] * r->in[1][e % k * n + e / k % n];
        r->y[e / k] += term;
        r->terms[e / k] += fabs(term);
    }
    return TL_SHAPE(m, n);
}

static const tl_sample sparse_product_sample = { .in = { TL_SPARSE_OPERAND(4, 3, 0.5),
                                                         TL_DENSE_OPERAND(3, 2) } };
static const tl_op_case sparse_product_case = {
    .name = "sparse_dense_matmul",
    .n_in = 2,
    .op = sparse_product,
    .reference = sparse_product_reference,
    .sample = &sparse_product_sample,
    .n_samples = 1,
    .ulps = 4,
    .skip = TL_SKIP(TL_STAGE_SHARED) | TL_SKIP(TL_STAGE_THREADS) |
            TL_SKIP(TL_STAGE_PLACE), /* one small sample */
};

#endif
