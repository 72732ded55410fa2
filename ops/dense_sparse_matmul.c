/* dense_sparse_matmul: Y = op(D) op(S).  dD += dY op(S)^T, transposed as D is;
 * dS += (op(D)^T dY, transposed as S is) at S's pattern.
 *
 * It is the product Y^T = op(S)^T op(D)^T, with samples as rows on both sides. */
#include "op.h"
#include "ops.h"
#include "ops/sparse_workspace.h"

static tl_status shape(tl_node *y)
{
    const tl_trans t = *(const tl_trans *)y->attr;
    const tl_node *d = y->in[0], *s = y->in[1];
    const bool d_turned = t == TL_TRANSPOSE_A || t == TL_TRANSPOSE_BOTH;
    const bool s_turned = t == TL_TRANSPOSE_B || t == TL_TRANSPOSE_BOTH;
    if (t < TL_NO_TRANSPOSE || t > TL_TRANSPOSE_BOTH)
        return tl_fail(TL_ERR_ARGUMENT, "%d is no tl_trans", (int)t);
    const int64_t rows = tl_shape_rows(d->shape), cols = tl_shape_cols(d->shape);
    if (d->shape.rank == 0 || (d_turned && d->shape.rank != 2) ||
        (d_turned ? rows : cols) != s->shape.dim[s_turned])
        return tl_fail(TL_ERR_SHAPE, "%s%s times %s%s", tl_shape_text(d->shape).text,
                       d_turned ? " transposed" : "", tl_shape_text(s->shape).text,
                       s_turned ? " transposed" : "");
    tl_sparse_product *p = y->scratch = tl_scratch(y, 1, sizeof *p);
    if (!p)
        return TL_ERR_MEMORY;
    *p = (tl_sparse_product){ .pattern = s->pattern,
                              .transposed = !s_turned,
                              .x_by_sample = !d_turned,
                              .y_by_sample = true,
                              .n = d_turned ? cols : rows,
                              .x_mutable = d->variable != NULL };
    tl_shape out = d->shape;
    out.dim[0] = d_turned ? p->n : out.dim[0];
    out.dim[out.rank - 1] = s->shape.dim[!s_turned];
    tl_status status = tl_shape_dense(y, out);
    if (status != TL_OK)
        return status;
    return tl_sparse_product_alloc(y, p);
}

static void forward(tl_node *y)
{
    tl_sparse_product_forward(tl_sparse_product_of(y), y->in[1]->val, y->in[0]->val, y->out);
}

static void backward(tl_node *y)
{
    const tl_node *d = y->in[0], *s = y->in[1];
    tl_sparse_product_backward(tl_sparse_product_of(y), s->val, d->val, y->grad, s->grad, !s->overwrite,
                               d->grad, !d->overwrite);
}

static const tl_op op = { .name = "dense_sparse_matmul",
                          .n_in = 2,
                          .in_kind = { TL_DENSE, TL_SPARSE },
                          .shape = shape,
                          .forward = forward,
                          .backward = backward,
                          .can_overwrite = 1 << 0 | 1 << 1 };

tl_node *tl_dense_sparse_matmul(tl_node *d, tl_node *s, tl_trans t)
{
    return tl_apply(&op, (tl_node *[]){ d, s }, &t, sizeof t);
}
