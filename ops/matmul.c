/* matmul: Y = op(A) op(B).  dA += dY op(B)^T, transposed as A is;  dB += op(A)^T dY, transposed as B is. */
#include "ops.h"
#include "product.h"
#include "tangent.h"

static tl_status shape(tl_node *y)
{
    tl_product p;
    const tl_status status = tl_product_check(y, *(const tl_trans *)y->attr, &p);
    if (status != TL_OK)
        return status;
    tl_product *saved = y->scratch = tl_scratch(y, 1, sizeof *saved);
    if (!saved)
        return TL_ERR_MEMORY;
    *saved = p;
    return tl_shape_dense(y, p.shape);
}

/* Returns op(A), for a transposed A as a view. */
static tl_matrix operand(const tl_node *a, bool transposed)
{
    const tl_matrix rows = tl_matrix_rows(a->val, tl_shape_cols(a->shape));
    return transposed ? tl_matrix_transposed(rows) : rows;
}

static void forward(tl_node *y)
{
    const tl_product *p = y->scratch;
    tl_gemm(p->m, p->n, p->k, operand(y->in[0], p->a_transposed), operand(y->in[1], p->b_transposed), y->out,
            false);
}

static void backward(tl_node *y)
{
    const tl_product *p = y->scratch;
    const tl_node *a = y->in[0], *b = y->in[1];
    const tl_matrix dy = tl_matrix_rows(y->grad, p->n), dy_t = tl_matrix_transposed(dy);
    const tl_matrix op_a = operand(a, p->a_transposed), op_b = operand(b, p->b_transposed);
    if (a->grad && p->a_transposed)
        tl_gemm(p->k, p->m, p->n, op_b, dy_t, a->grad, !a->overwrite);
    else if (a->grad)
        tl_gemm(p->m, p->k, p->n, dy, tl_matrix_transposed(op_b), a->grad, !a->overwrite);
    if (b->grad && p->b_transposed)
        tl_gemm(p->n, p->k, p->m, dy_t, op_a, b->grad, !b->overwrite);
    else if (b->grad)
        tl_gemm(p->k, p->n, p->m, tl_matrix_transposed(op_a), dy, b->grad, !b->overwrite);
}

static void describe(const tl_node *y, tl_description *to)
{
    const tl_trans t = *(const tl_trans *)y->attr;
    if (t == TL_NO_TRANSPOSE)
        tl_describe_name(to, "MatMul");
    else if (y->in[0]->shape.rank == 2)
        tl_describe_name(to, "Gemm");
    tl_describe_trans(to, t);
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
