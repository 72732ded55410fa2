/* attention: Y = softmax(Q K^T / sqrt(width) + mask) V, per head.  A composition. */
#include "ops.h"

#include <math.h>

/* Batch x time x width to batch x heads x time x width of a head. */
static tl_node *split(tl_node *a, int32_t heads)
{
    const tl_shape s = tl_shape_of(a);
    a = tl_reshape(a, TL_SHAPE(s.dim[0], s.dim[1], heads, s.dim[2] / heads));
    return tl_permute(a, (const int32_t[]){ 0, 2, 1, 3 });
}

tl_node *tl_attention(tl_node *q, tl_node *k, tl_node *v, const tl_attention_options *o)
{
    const tl_attention_options options = o ? *o : (tl_attention_options){ 0 };
    const int32_t heads = options.heads == 0 ? 1 : options.heads;
    const tl_shape from = tl_shape_of(q), to = tl_shape_of(v);
    const double width = (double)(from.dim[2] / heads);
    tl_node *queries = tl_scale(split(q, heads), (tl_real)(1 / sqrt(width)));
    tl_node *scores = tl_matmul_transposed(queries, split(k, heads), TL_TRANSPOSE_B);
    if (options.mask)
        scores = tl_add(scores, options.mask);
    if (options.causal)
        scores = tl_tril(scores, 0, -INFINITY);
    tl_node *y = tl_matmul(tl_softmax(scores), split(v, heads));
    y = tl_permute(y, (const int32_t[]){ 0, 2, 1, 3 });
    return tl_reshape(y, TL_SHAPE(from.dim[0], from.dim[1], to.dim[2]));
}
