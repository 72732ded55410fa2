/* sparse_dense_matmul: Y = op(S) op(D).  dS += (dY op(D)^T, transposed as S is) at S's pattern;
 * dD += op(S)^T dY, transposed as D is. */
#include "op.h"
#include "ops.h"
#include "ops/sparse_workspace.h"

static tl_status shape(tl_node *y)
{
    const tl_trans t = *(const tl_trans *)y->attr;
    const tl_node *s = y->in[0], *d = y->in[1];
    const bool s_turned = t == TL_TRANSPOSE_A || t == TL_TRANSPOSE_BOTH;
    const bool d_turned = t == TL_TRANSPOSE_B || t == TL_TRANSPOSE_BOTH;
    if (t < TL_NO_TRANSPOSE || t > TL_TRANSPOSE_BOTH)
        return tl_fail(TL_ERR_ARGUMENT, "%d is no tl_trans", (int)t);
    if (d->shape.rank != 2 || d->shape.dim[d_turned] != s->shape.dim[!s_turned])
        return tl_fail(TL_ERR_SHAPE, "%s%s times %s%s", tl_shape_text(s->shape).text,
                       s_turned ? " transposed" : "", tl_shape_text(d->shape).text,
                       d_turned ? " transposed" : "");
    tl_sparse_product *p = y->scratch = tl_scratch(y, 1, sizeof *p);
    if (!p)
        return TL_ERR_MEMORY;
    *p = (tl_sparse_product){ .pattern = s->pattern,
                              .transposed = s_turned,
                              .x_by_sample = d_turned,
                              .n = d->shape.dim[!d_turned],
                              .x_mutable = d->variable != NULL };
    const tl_status status = tl_shape_dense(y, TL_SHAPE(s->shape.dim[s_turned], p->n));
    return status == TL_OK ? tl_sparse_product_alloc(y, p) : status;
}

static void forward(tl_node *y)
{
    tl_sparse_product_forward(tl_sparse_product_of(y), y->in[0]->val, y->in[1]->val, y->out);
}

static void backward(tl_node *y)
{
    const tl_node *s = y->in[0], *d = y->in[1];
    tl_sparse_product_backward(tl_sparse_product_of(y), s->val, d->val, y->grad, s->grad, !s->overwrite,
                               d->grad, !d->overwrite);
}

static const tl_op op = { .name = "sparse_dense_matmul",
                          .n_in = 2,
                          .in_kind = { TL_SPARSE, TL_DENSE },
                          .shape = shape,
                          .forward = forward,
                          .backward = backward,
                          .can_overwrite = 1 << 0 | 1 << 1 };

tl_node *tl_sparse_dense_matmul(tl_node *s, tl_node *d, tl_trans t)
{
    return tl_apply(&op, (tl_node *[]){ s, d }, &t, sizeof t);
}
