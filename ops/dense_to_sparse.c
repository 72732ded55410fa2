/* dense_to_sparse: Y = D at the pattern.  dD += dY at the pattern. */
#include "op.h"
#include "ops.h"
#include "tangent.h"

static tl_status shape(tl_node *y)
{
    tl_pattern *p = *(tl_pattern *const *)y->attr;
    if (!p)
        return tl_fail(TL_ERR_ARGUMENT, "the pattern is NULL");
    const tl_shape s = TL_SHAPE(tl_pattern_rows(p), tl_pattern_cols(p));
    if (!tl_shape_equal(y->in[0]->shape, s))
        return tl_fail(TL_ERR_SHAPE, "%s and the pattern, %s, differ in shape", tl_node_text(y->in[0]).text,
                       tl_shape_text(s).text);
    return tl_shape_sparse(y, p);
}

static void forward(tl_node *y)
{
    const tl_csr s = tl_pattern_csr(y->pattern);
    for (int64_t i = 0; i < s.rows; i++)
        for (int64_t e = s.row_ptr[i]; e < s.row_ptr[i + 1]; e++)
            y->out[e] = y->in[0]->val[i * s.cols + s.col[e]];
}

static void backward(tl_node *y)
{
    const tl_csr s = tl_pattern_csr(y->pattern);
    tl_real *dd = y->in[0]->grad;
    for (int64_t i = 0; i < s.rows; i++)
        for (int64_t e = s.row_ptr[i]; e < s.row_ptr[i + 1]; e++)
            dd[i * s.cols + s.col[e]] += y->grad[e];
}

static const tl_op op = {
    .name = "dense_to_sparse",
    .n_in = 1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .tangent = tl_linear_tangent,
};

tl_node *tl_dense_to_sparse(tl_node *d, tl_pattern *p)
{
    return tl_apply(&op, (tl_node *[]){ d }, &p, sizeof p);
}
