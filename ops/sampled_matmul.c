/* sampled_matmul: Y = op(A) op(B) at the entries of a pattern, sparse.
 * dA += dY op(B)^T, transposed as A is;  dB += op(A)^T dY, transposed as B is. */
#include "ops.h"
#include "product.h"
#include "tangent.h"

struct attr {
    tl_pattern *pattern;
    tl_trans t;
};

/* Returns the product P = S X of a matrix S on the pattern with X = op(B)^T or, transposed, P = S^T X with
 * X = op(A). Where the gradient of P is the other operand, that of S is Y; where S is dY, that of X is the
 * gradient of op(B)^T or op(A). */
static tl_sparse_product product_of(const tl_node *y, bool transposed)
{
    const struct attr *attr = y->attr;
    const tl_shape a = y->in[0]->shape;
    const bool a_by_depth = attr->t & TL_TRANSPOSE_A, b_by_depth = !(attr->t & TL_TRANSPOSE_B);
    return (tl_sparse_product){
        .pattern = attr->pattern,
        .transposed = transposed,
        .x_by_sample = transposed ? a_by_depth : b_by_depth,
        .y_by_sample = transposed ? b_by_depth : a_by_depth,
        .n = a.dim[a_by_depth ? 0 : 1],
    };
}

static tl_status check(const tl_node *y)
{
    const struct attr *attr = y->attr;
    tl_product of;
    if (!attr->pattern)
        return tl_fail(TL_ERR_ARGUMENT, "the pattern is NULL");
    const tl_status status = tl_product_check(y, attr->t, &of);
    if (status != TL_OK)
        return status;
    if (y->in[0]->shape.rank != 2)
        return tl_product_fail(y, attr->t, "the first is not a matrix");
    const tl_shape p = TL_SHAPE(tl_pattern_rows(attr->pattern), tl_pattern_cols(attr->pattern));
    return tl_shape_equal(p, of.shape)
               ? TL_OK
               : tl_product_fail(y, attr->t, "the pattern is %s", tl_shape_text(p).text);
}

static tl_status shape(tl_node *y)
{
    tl_status status = check(y);
    if (status == TL_OK)
        status = tl_shape_sparse(y, ((const struct attr *)y->attr)->pattern);
    if (status != TL_OK)
        return status;
    tl_sparse_product p = product_of(y, false); /* the transposed one has the same workspace */
    status = tl_sparse_product_prepare(&p);
    return status == TL_OK ? tl_reserve_workspace(y, p.n_workspace, sizeof *y->out) : status;
}

static void forward(tl_node *y)
{
    tl_sparse_product p = product_of(y, false);
    p.x_mutable = true; /* it was not packed by a forward */
    const tl_sparse_operands o = {
        .x = y->in[1]->val, .dy = y->in[0]->val, .dvalues = y->out, .workspace = tl_workspace(y)
    };
    tl_sparse_product_backward(&p, &o);
}

static void backward_to(const tl_node *y, int i)
{
    const tl_sparse_product p = product_of(y, i == 0);
    const tl_sparse_operands o = {
        .values = y->grad,
        .dy = y->in[1 - i]->val,
        .dx = y->in[i]->grad,
        .add_dx = !y->in[i]->overwrite,
        .workspace = tl_workspace(y),
    };
    tl_sparse_product_backward(&p, &o);
}

static void backward(tl_node *y)
{
    backward_to(y, 0);
    backward_to(y, 1);
}

static void describe(const tl_node *y, tl_description *to)
{
    tl_describe_trans(to, ((const struct attr *)y->attr)->t);
}

static const tl_op op = {
    .name = "sampled_matmul",
    .n_in = 2,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0 | 1 << 1,
    .tangent = tl_multilinear_tangent,
    .describe = describe,
};

tl_node *tl_sampled_matmul(tl_node *a, tl_node *b, tl_pattern *p, tl_trans t)
{
    const struct attr attr = { p, t };
    return tl_apply(&op, (tl_node *[]){ a, b }, &attr, sizeof attr);
}
