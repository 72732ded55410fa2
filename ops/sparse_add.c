/* sparse_add: Y = A + B for A sparse: with B sparse, on the union of the patterns; with B dense, dense.
 * dA += dY at A's pattern;  dB += dY at B's. */
#include "op.h"
#include "ops.h"
#include "tangent.h"
#include "vmath.h"

#include <string.h>

static tl_status check_shapes(const tl_node *y)
{
    const tl_node *a = y->in[0], *b = y->in[1];
    if (!tl_shape_equal(a->shape, b->shape))
        return tl_fail(TL_ERR_SHAPE, "%s and %s differ in shape", tl_node_text(a).text, tl_node_text(b).text);
    return TL_OK;
}

/* ---- Sparse + sparse ---- */

/* Sets *both to the union of two patterns, by merging their rows, which are sorted by column. */
static tl_status merge(tl_node *y, tl_csr a, tl_csr b, tl_pattern **both)
{
    int64_t *row_ptr = tl_scratch(y, a.rows + 1, sizeof *row_ptr), n = 0;
    int32_t *col = tl_scratch(y, a.nnz + b.nnz, sizeof *col);
    if (!row_ptr || !col)
        return TL_ERR_MEMORY;
    row_ptr[0] = 0;
    for (int64_t i = 0; i < a.rows; i++) {
        const int64_t a_end = a.row_ptr[i + 1], b_end = b.row_ptr[i + 1];
        int64_t e = a.row_ptr[i], f = b.row_ptr[i];
        while (e < a_end || f < b_end) {
            const bool from_a = f == b_end || (e < a_end && a.col[e] <= b.col[f]);
            const bool from_b = e == a_end || (f < b_end && b.col[f] <= a.col[e]);
            col[n++] = from_a ? a.col[e] : b.col[f];
            e += from_a;
            f += from_b;
        }
        row_ptr[i + 1] = n;
    }
    *both = tl_pattern_from_csr(a.rows, a.cols, row_ptr, col);
    return *both ? TL_OK : n > INT32_MAX ? TL_ERR_ARGUMENT : TL_ERR_MEMORY;
}

static tl_status shape_sparse(tl_node *y)
{
    if (check_shapes(y) != TL_OK)
        return TL_ERR_SHAPE;
    tl_pattern *a = y->in[0]->pattern, *b = y->in[1]->pattern;
    if (tl_pattern_equal(a, b))
        return tl_shape_sparse(y, a);
    tl_pattern *both = tl_memo_pattern(y, a, b);
    if (!both) {
        tl_status status = merge(y, tl_pattern_csr(a), tl_pattern_csr(b), &both);
        if (status == TL_OK)
            status = tl_memo_store(y, a, b, both);
        if (status != TL_OK)
            return status;
    }
    return tl_shape_sparse(y, both);
}

/* Returns the entry of this column, which exists, searching from entry f of its row on. */
static int64_t find_col(tl_csr whole, int64_t f, int32_t col)
{
    while (whole.col[f] < col)
        f++;
    return f;
}

/* y += x, where y is on pattern `whole` and x on a subset `part`. */
static void scatter_add(tl_csr whole, tl_csr part, const tl_real *x, tl_real *y)
{
    for (int64_t i = 0; i < whole.rows; i++) {
        int64_t f = whole.row_ptr[i];
        for (int64_t e = part.row_ptr[i]; e < part.row_ptr[i + 1]; e++) {
            f = find_col(whole, f, part.col[e]);
            y[f] += x[e];
        }
    }
}

/* dx += dy, where dx is on `part` and dy on `whole`. */
static void gather_add(tl_csr whole, tl_csr part, const tl_real *dy, tl_real *dx)
{
    for (int64_t i = 0; i < whole.rows; i++) {
        int64_t f = whole.row_ptr[i];
        for (int64_t e = part.row_ptr[i]; e < part.row_ptr[i + 1]; e++) {
            f = find_col(whole, f, part.col[e]);
            dx[e] += dy[f];
        }
    }
}

static void forward_sparse(tl_node *y)
{
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] = 0;
    for (int i = 0; i < 2; i++)
        scatter_add(tl_pattern_csr(y->pattern), tl_pattern_csr(y->in[i]->pattern), y->in[i]->val, y->out);
}

static void backward_sparse(tl_node *y)
{
    for (int i = 0; i < 2; i++)
        if (y->in[i]->grad)
            gather_add(tl_pattern_csr(y->pattern), tl_pattern_csr(y->in[i]->pattern), y->grad,
                       y->in[i]->grad);
}

/* ---- Sparse + dense ---- */

static tl_status shape_dense(tl_node *y)
{
    if (check_shapes(y) != TL_OK)
        return TL_ERR_SHAPE;
    return tl_shape_dense(y, y->in[1]->shape);
}

static void forward_dense(tl_node *y)
{
    const tl_node *a = y->in[0];
    const tl_csr s = tl_pattern_csr(a->pattern);
    if (y->size > 0)
        memcpy(y->out, y->in[1]->val, (size_t)y->size * sizeof *y->out);
    for (int64_t i = 0; i < s.rows; i++)
        for (int64_t e = s.row_ptr[i]; e < s.row_ptr[i + 1]; e++)
            y->out[i * s.cols + s.col[e]] += a->val[e];
}

static void backward_dense(tl_node *y)
{
    const tl_node *a = y->in[0];
    const tl_csr s = tl_pattern_csr(a->pattern);
    if (a->grad)
        for (int64_t i = 0; i < s.rows; i++)
            for (int64_t e = s.row_ptr[i]; e < s.row_ptr[i + 1]; e++)
                a->grad[e] += y->grad[i * s.cols + s.col[e]];
    if (y->in[1]->grad)
        tl_vadd(y->size, y->grad, y->in[1]->grad);
}

static const tl_op with_sparse = {
    .name = "sparse_add",
    .n_in = 2,
    .in_kind = { TL_SPARSE, TL_SPARSE },
    .shape = shape_sparse,
    .forward = forward_sparse,
    .backward = backward_sparse,
    .tangent = tl_sum_tangent,
};
static const tl_op with_dense = {
    .name = "sparse_add",
    .n_in = 2,
    .in_kind = { TL_SPARSE, TL_DENSE },
    .shape = shape_dense,
    .forward = forward_dense,
    .backward = backward_dense,
    .tangent = tl_sum_tangent,
};

tl_node *tl_sparse_add(tl_node *a, tl_node *b)
{
    const bool sparse = b && b->kind == TL_SPARSE;
    return tl_apply(sparse ? &with_sparse : &with_dense, (tl_node *[]){ a, b }, NULL, 0);
}
