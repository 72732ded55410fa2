/* sparse_to_dense: Y = fill everywhere, then S at its pattern.  dS += dY at the pattern;  dfill += sum of
 * dY off it. */
#include "op.h"
#include "ops.h"

static tl_status shape(tl_node *y)
{
    const tl_node *fill = y->in[1];
    if (fill && fill->shape.rank != 0)
        return tl_fail(TL_ERR_SHAPE, "the fill is %s, and must be a scalar", tl_shape_text(fill->shape).text);
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

/* dfill sums the uncovered cells themselves: the total less the covered ones would cancel. */
static void backward(tl_node *y)
{
    const tl_node *s = y->in[0], *fill = y->in[1];
    const tl_csr at = tl_pattern_csr(s->pattern);
    double off = 0;
    for (int64_t i = 0; i < at.rows; i++) {
        const tl_real *dyi = y->grad + i * at.cols;
        int64_t j = 0;
        for (int64_t e = at.row_ptr[i]; e < at.row_ptr[i + 1]; e++) {
            if (s->grad)
                s->grad[e] += dyi[at.col[e]];
            for (; fill && fill->grad && j < at.col[e]; j++)
                off += (double)dyi[j];
            j = at.col[e] + 1;
        }
        for (; fill && fill->grad && j < at.cols; j++)
            off += (double)dyi[j];
    }
    if (fill && fill->grad)
        fill->grad[0] += (tl_real)off;
}

static const tl_op op = { .name = "sparse_to_dense",
                          .n_in = 2,
                          .n_optional = 1,
                          .in_kind = { TL_SPARSE, TL_DENSE },
                          .shape = shape,
                          .forward = forward,
                          .backward = backward };

tl_node *tl_sparse_to_dense(tl_node *s, tl_node *fill)
{
    return tl_apply(&op, (tl_node *[]){ s, fill }, NULL, 0);
}
