/* sparse_dense_matmul: Y = op(S) op(D).  dS += (dY op(D)^T, transposed as S is) at S's pattern;
 * dD += op(S)^T dY, transposed as D is. */
#include "ops.h"
#include "product.h"
#include "tangent.h"

static tl_status shape(tl_node *y)
{
    const tl_node *s = y->in[0], *d = y->in[1];
    tl_product of;
    tl_status status = tl_product_check(y, *(const tl_trans *)y->attr, &of);
    if (status != TL_OK)
        return status;
    tl_sparse_product *p = y->scratch = tl_scratch(y, 1, sizeof *p);
    if (!p)
        return TL_ERR_MEMORY;
    *p = (tl_sparse_product){
        .pattern = s->pattern,
        .transposed = of.a_transposed,
        .x_by_sample = of.b_transposed,
        .n = of.n,
        .x_mutable = tl_node_is_mutable(d),
    };
    status = tl_shape_dense(y, of.shape);
    return status == TL_OK ? tl_product_prepare(y, p) : status;
}

static void forward(tl_node *y)
{
    const tl_node *s = y->in[0], *d = y->in[1];
    const tl_sparse_operands o = { .values = s->val, .x = d->val, .y = y->out, .workspace = tl_workspace(y) };
    tl_sparse_product_forward(y->scratch, &o);
}

static void backward(tl_node *y)
{
    const tl_node *s = y->in[0], *d = y->in[1];
    const tl_sparse_operands o = {
        .values = s->val,
        .x = d->val,
        .dy = y->grad,
        .dvalues = s->grad,
        .dx = d->grad,
        .add_dvalues = !s->overwrite,
        .add_dx = !d->overwrite,
        .workspace = tl_workspace(y),
    };
    tl_sparse_product_backward(y->scratch, &o);
}

static void gradient_rows(const tl_node *y, int32_t i, int64_t first, int64_t n, tl_real *rows)
{
    (void)i; /* only S is sparse */
    const tl_sparse_operands o = { .x = y->in[1]->val, .dy = y->grad };
    tl_sparse_product_gradient_rows(y->scratch, &o, first, n, rows);
}

static void describe(const tl_node *y, tl_description *to)
{
    tl_describe_trans(to, *(const tl_trans *)y->attr);
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
    .gradient_rows = gradient_rows,
};

tl_node *tl_sparse_dense_matmul(tl_node *s, tl_node *d, tl_trans t)
{
    return tl_apply(&op, (tl_node *[]){ s, d }, &t, sizeof t);
}
