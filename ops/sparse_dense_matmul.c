/* sparse_dense_matmul: Y = op(S) op(D).  dS += (dY op(D)^T, transposed as S is) at S's pattern;
 * dD += op(S)^T dY, transposed as D is. */
#include "ops/product.h"
#include "ops/sparse_workspace.h"
#include "tangent.h"

static tl_status shape(tl_node *y)
{
    const tl_node *s = y->in[0], *d = y->in[1];
    bool s_trans, d_trans;
    tl_status status = tl_product_check(y, &s_trans, &d_trans);
    if (status != TL_OK)
        return status;
    tl_sparse_product *p = y->scratch = tl_scratch(y, 1, sizeof *p);
    if (!p)
        return TL_ERR_MEMORY;
    *p = (tl_sparse_product){
        .pattern = s->pattern,
        .transposed = s_trans,
        .x_by_sample = d_trans,
        .n = d->shape.dim[!d_trans],
        .x_mutable = tl_node_is_mutable(d),
    };
    status = tl_shape_dense(y, TL_SHAPE(s->shape.dim[s_trans], p->n));
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

static void describe(const tl_node *y, tl_description *to)
{
    tl_trans_describe(y, to);
}

static const tl_op op = {
    .name = "sparse_dense_matmul",
    .n_in = 2,
    .in_kind = { TL_SPARSE, TL_DENSE },
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0 | 1 << 1,
    .tangent = tl_multilinear_tangent,
    .describe = describe,
};

tl_node *tl_sparse_dense_matmul(tl_node *s, tl_node *d, tl_trans t)
{
    return tl_apply(&op, (tl_node *[]){ s, d }, &t, sizeof t);
}
