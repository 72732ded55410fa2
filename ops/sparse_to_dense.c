/* sparse_to_dense: Y = S at its pattern, fill elsewhere.  dS += dY at the pattern;  dfill += sum of dY
 * elsewhere. */
#include "op.h"
#include "ops.h"
#include "tangent.h"

static tl_status shape(tl_node *y)
{
    const tl_node *fill = y->in[1];
    if (fill && fill->shape.rank != 0)
        return tl_fail(TL_ERR_SHAPE, "the fill is %s, and must be a scalar", tl_node_text(fill).text);
    return tl_shape_dense(y, y->in[0]->shape);
}

static void forward(tl_node *y)
{
    const tl_node *s = y->in[0];
    const tl_real fill = y->in[1] ? y->in[1]->val[0] : 0;
    const tl_csr at = tl_pattern_csr(s->pattern);
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] = fill;
    for (int64_t i = 0; i < at.rows; i++)
        for (int64_t e = at.row_ptr[i]; e < at.row_ptr[i + 1]; e++)
            y->out[i * at.cols + at.col[e]] = s->val[e];
}

/* Returns the sum of dY off the pattern, cell by cell: the total less the sum at the pattern would suffer
 * from cancellation. */
static double sum_off_pattern(tl_csr at, const tl_real *dy)
{
    double sum = 0;
    for (int64_t i = 0; i < at.rows; i++, dy += at.cols) {
        int64_t j = 0;
        for (int64_t e = at.row_ptr[i]; e < at.row_ptr[i + 1]; e++) {
            for (; j < at.col[e]; j++)
                sum += (double)dy[j];
            j = at.col[e] + 1;
        }
        for (; j < at.cols; j++)
            sum += (double)dy[j];
    }
    return sum;
}

static void backward(tl_node *y)
{
    const tl_node *s = y->in[0], *fill = y->in[1];
    const tl_csr at = tl_pattern_csr(s->pattern);
    if (s->grad)
        for (int64_t i = 0; i < at.rows; i++)
            for (int64_t e = at.row_ptr[i]; e < at.row_ptr[i + 1]; e++)
                s->grad[e] += y->grad[i * at.cols + at.col[e]];
    if (fill && fill->grad)
        fill->grad[0] += (tl_real)sum_off_pattern(at, y->grad);
}

static const tl_op op = {
    .name = "sparse_to_dense",
    .n_in = 2,
    .n_optional = 1,
    .in_kind = { TL_SPARSE, TL_DENSE },
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .tangent = tl_linear_tangent,
};

tl_node *tl_sparse_to_dense(tl_node *s, tl_node *fill)
{
    return tl_apply(&op, (tl_node *[]){ s, fill }, NULL, 0);
}
