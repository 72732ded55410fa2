/* linear: Y = X W + b.  A composition. */
#include "op.h"
#include "ops.h"

/* Fails if the shapes do not fit. What is NULL is left to the ops. */
static void check(const tl_node *x, const tl_node *w, const tl_node *b)
{
    const tl_shape of_x = tl_shape_of(x), of_w = tl_shape_of(w);
    if (!w)
        return;
    if (of_x.rank == 0 || of_w.rank != 2)
        tl_refuse(x, "linear", TL_ERR_SHAPE, "%s times %s: %s", tl_node_text(x).text, tl_node_text(w).text,
                  of_x.rank == 0 ? "the first is a scalar" : "the second is no matrix");
    else if (tl_shape_cols(of_x) != of_w.dim[0])
        tl_refuse(x, "linear", TL_ERR_SHAPE, "%s times %s: %lld is not %lld", tl_node_text(x).text,
                  tl_node_text(w).text, (long long)tl_shape_cols(of_x), (long long)of_w.dim[0]);
    else if (b && !tl_pattern_of(b) && !tl_shape_equal(tl_shape_of(b), TL_SHAPE(of_w.dim[1])))
        tl_refuse(x, "linear", TL_ERR_SHAPE, "%s times %s: the bias is %s, and must be [%lld]",
                  tl_node_text(x).text, tl_node_text(w).text, tl_node_text(b).text, (long long)of_w.dim[1]);
}

tl_node *tl_linear(tl_node *x, tl_node *w, tl_node *b)
{
    check(x, w, b); /* after a failure, the ops return NULL */
    tl_node *y = tl_pattern_of(w) ? tl_dense_sparse_matmul(x, w, TL_NO_TRANSPOSE) : tl_matmul(x, w);
    return b ? tl_bias(y, b) : y;
}
