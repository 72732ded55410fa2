/* dense_sparse_matmul: Y = op(D) op(S).  dD += dY op(S)^T, transposed as D is;
 * dS += (op(D)^T dY, transposed as S is) at S's pattern.
 *
 * Computed as the product Y^T = op(S)^T op(D)^T, with samples as rows on both sides. */
#include "ops/product.h"
#include "ops/sparse_workspace.h"
#include "tangent.h"

static tl_status shape(tl_node *y)
{
    const tl_node *d = y->in[0], *s = y->in[1];
    bool d_trans, s_trans;
    tl_status status = tl_product_check(y, &d_trans, &s_trans);
    if (status != TL_OK)
        return status;
    tl_sparse_product *p = y->scratch = tl_scratch(y, 1, sizeof *p);
    if (!p)
        return TL_ERR_MEMORY;
    *p = (tl_sparse_product){
        .pattern = s->pattern,
        .transposed = !s_trans,
        .x_by_sample = !d_trans,
        .y_by_sample = true,
        .n = d_trans ? d->shape.dim[1] : tl_shape_rows(d->shape),
        .x_mutable = tl_node_is_mutable(d),
    };
    tl_shape out = d->shape;
    if (d_trans)
        out.dim[0] = p->n;
    out.dim[out.rank - 1] = s->shape.dim[!s_trans];
    status = tl_shape_dense(y, out);
    return status == TL_OK ? tl_sparse_product_alloc(y, p) : status;
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

static void describe(const tl_node *y, tl_description *to)
{
    tl_trans_describe(y, to);
}

static const tl_op op = {
    .name = "dense_sparse_matmul",
    .n_in = 2,
    .in_kind = { TL_DENSE, TL_SPARSE },
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0 | 1 << 1,
    .tangent = tl_multilinear_tangent,
    .describe = describe,
};

tl_node *tl_dense_sparse_matmul(tl_node *d, tl_node *s, tl_trans t)
{
    return tl_apply(&op, (tl_node *[]){ d, s }, &t, sizeof t);
}
