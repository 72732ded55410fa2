/* matmul: Y = op(A) op(B).  dA += dY op(B)^T, transposed as A is;  dB += op(A)^T dY, transposed as B is. */
#include "lib/matrix/gemm.h"
#include "ops/product.h"
#include "tangent.h"

/* The operands as matrices: Y is m x n, op(A) m x k, op(B) k x n. */
struct saved {
    int64_t m, n, k;
    tl_matrix a, b;
    bool a_trans, b_trans;
};

static tl_status shape(tl_node *y)
{
    const tl_node *a = y->in[0], *b = y->in[1];
    bool a_trans, b_trans;
    tl_status status = tl_product_check(y, &a_trans, &b_trans);
    if (status != TL_OK)
        return status;
    struct saved *s = y->scratch = tl_scratch(y, 1, sizeof *s);
    if (!s)
        return TL_ERR_MEMORY;
    const int64_t rows = tl_shape_rows(a->shape), cols = tl_shape_cols(a->shape);
    s->m = a_trans ? cols : rows;
    s->n = b->shape.dim[!b_trans];
    s->k = a_trans ? rows : cols;
    s->a = tl_matrix_rows(a->val, cols);
    s->b = tl_matrix_rows(b->val, b->shape.dim[1]);
    s->a_trans = a_trans;
    s->b_trans = b_trans;
    if (a_trans)
        s->a = tl_matrix_transposed(s->a);
    if (b_trans)
        s->b = tl_matrix_transposed(s->b);
    tl_shape out = a->shape;
    if (a_trans)
        out.dim[0] = s->m;
    out.dim[out.rank - 1] = s->n;
    return tl_shape_dense(y, out);
}

static void forward(tl_node *y)
{
    const struct saved *s = y->scratch;
    tl_gemm(s->m, s->n, s->k, s->a, s->b, y->out, false);
}

static void backward(tl_node *y)
{
    const struct saved *s = y->scratch;
    const tl_matrix dy = tl_matrix_rows(y->grad, s->n), dy_t = tl_matrix_transposed(dy);
    const tl_matrix a_t = tl_matrix_transposed(s->a), b_t = tl_matrix_transposed(s->b);
    const tl_node *a = y->in[0], *b = y->in[1];
    if (a->grad && s->a_trans)
        tl_gemm(s->k, s->m, s->n, s->b, dy_t, a->grad, !a->overwrite);
    else if (a->grad)
        tl_gemm(s->m, s->k, s->n, dy, b_t, a->grad, !a->overwrite);
    if (b->grad && s->b_trans)
        tl_gemm(s->n, s->k, s->m, dy_t, s->a, b->grad, !b->overwrite);
    else if (b->grad)
        tl_gemm(s->k, s->n, s->m, a_t, dy, b->grad, !b->overwrite);
}

static void describe(const tl_node *y, tl_description *to)
{
    const tl_trans t = *(const tl_trans *)y->attr;
    if (t == TL_NO_TRANSPOSE)
        tl_describe_name(to, "MatMul");
    else if (y->in[0]->shape.rank == 2)
        tl_describe_name(to, "Gemm");
    tl_trans_describe(y, to);
}

static const tl_op op = {
    .name = "matmul",
    .n_in = 2,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0 | 1 << 1,
    .tangent = tl_multilinear_tangent,
    .describe = describe,
};

tl_node *tl_matmul(tl_node *a, tl_node *b)
{
    return tl_matmul_transposed(a, b, TL_NO_TRANSPOSE);
}

tl_node *tl_matmul_transposed(tl_node *a, tl_node *b, tl_trans t)
{
    return tl_apply(&op, (tl_node *[]){ a, b }, &t, sizeof t);
}
