/* matmul: Y = op(A) op(B).  dA += dY op(B)^T, transposed as A is;  dB += op(A)^T dY, transposed as B is. */
#include "lib/matrix/gemm.h"
#include "op.h"
#include "ops.h"

/* The operands as matrices: Y m x n, op(A) m x k, op(B) k x n. */
typedef struct product {
    int64_t m, n, k;
    tl_matrix a, b;
    bool a_turned, b_turned;
} product;

static tl_status shape(tl_node *y)
{
    const tl_trans t = *(const tl_trans *)y->attr;
    const bool a_turned = t == TL_TRANSPOSE_A || t == TL_TRANSPOSE_BOTH;
    const bool b_turned = t == TL_TRANSPOSE_B || t == TL_TRANSPOSE_BOTH;
    const tl_node *a = y->in[0], *b = y->in[1];
    if (t < TL_NO_TRANSPOSE || t > TL_TRANSPOSE_BOTH)
        return tl_fail(TL_ERR_ARGUMENT, "%d is no tl_trans", (int)t);
    const int64_t rows = tl_shape_rows(a->shape), cols = tl_shape_cols(a->shape);
    const int64_t m = a_turned ? cols : rows, k = a_turned ? rows : cols;
    if (a->shape.rank == 0 || (a_turned && a->shape.rank != 2) || b->shape.rank != 2 ||
        b->shape.dim[b_turned] != k)
        return tl_fail(TL_ERR_SHAPE, "%s%s times %s%s", tl_shape_text(a->shape).text,
                       a_turned ? " transposed" : "", tl_shape_text(b->shape).text,
                       b_turned ? " transposed" : "");
    product *p = y->scratch = tl_scratch(y, 1, sizeof *p);
    if (!p)
        return TL_ERR_MEMORY;
    *p =
        (product){ .m = m, .n = b->shape.dim[!b_turned], .k = k, .a_turned = a_turned, .b_turned = b_turned };
    p->a = tl_matrix_rows(a->val, cols);
    p->b = tl_matrix_rows(b->val, b->shape.dim[1]);
    if (a_turned)
        p->a = tl_matrix_transposed(p->a);
    if (b_turned)
        p->b = tl_matrix_transposed(p->b);
    tl_shape out = a->shape;
    if (a_turned)
        out.dim[0] = m;
    out.dim[out.rank - 1] = p->n;
    return tl_shape_dense(y, out);
}

static void forward(tl_node *y)
{
    const product *p = y->scratch;
    tl_gemm(p->m, p->n, p->k, p->a, p->b, y->out, false);
}

static void backward(tl_node *y)
{
    const product *p = y->scratch;
    const tl_matrix dy = tl_matrix_rows(y->grad, p->n), dy_t = tl_matrix_transposed(dy);
    const tl_matrix a_t = tl_matrix_transposed(p->a), b_t = tl_matrix_transposed(p->b);
    const tl_node *a = y->in[0], *b = y->in[1];
    if (a->grad && p->a_turned)
        tl_gemm(p->k, p->m, p->n, p->b, dy_t, a->grad, !a->overwrite);
    else if (a->grad)
        tl_gemm(p->m, p->k, p->n, dy, b_t, a->grad, !a->overwrite);
    if (b->grad && p->b_turned)
        tl_gemm(p->n, p->k, p->m, dy_t, p->a, b->grad, !b->overwrite);
    else if (b->grad)
        tl_gemm(p->k, p->n, p->m, a_t, dy, b->grad, !b->overwrite);
}

static const tl_op op = { .name = "matmul",
                          .n_in = 2,
                          .shape = shape,
                          .forward = forward,
                          .backward = backward,
                          .can_overwrite = 1 << 0 | 1 << 1 };

tl_node *tl_matmul(tl_node *a, tl_node *b)
{
    return tl_matmul_transposed(a, b, TL_NO_TRANSPOSE);
}

tl_node *tl_matmul_transposed(tl_node *a, tl_node *b, tl_trans t)
{
    return tl_apply(&op, (tl_node *[]){ a, b }, &t, sizeof t);
}
