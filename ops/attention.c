/* attention: Y = softmax(Q K^T / sqrt(width) + mask) V, per head.  A composition. */
#include "op.h"
#include "ops.h"

#include <math.h>

/* Returns what is wrong with the shapes, NULL if nothing is. */
static const char *fault_of(tl_shape q, tl_shape k, tl_shape v, int32_t heads)
{
    if (q.rank != 3 || k.rank != 3 || v.rank != 3)
        return "each must be batch x time x width";
    if (q.dim[0] != k.dim[0] || q.dim[0] != v.dim[0])
        return "the batches differ";
    if (k.dim[1] != v.dim[1])
        return "K and V differ in time";
    if (q.dim[2] != k.dim[2])
        return "Q and K differ in width";
    return heads < 1 || q.dim[2] % heads != 0 || v.dim[2] % heads != 0 ? "heads do not divide the widths"
                                                                       : NULL;
}

/* Returns whether a mask is broadcast to the scores. */
static bool is_mask_of(tl_shape mask, tl_shape scores)
{
    for (int32_t d = 0; d < mask.rank; d++)
        if (mask.dim[d] != 1 && mask.dim[d] != scores.dim[4 - mask.rank + d])
            return false;
    return true;
}

/* Fails if the shapes do not fit. NULL is left to the ops. */
static void check(const tl_node *q, const tl_node *k, const tl_node *v, const tl_node *mask, int32_t heads)
{
    if (!k || !v)
        return;
    const tl_shape from = tl_shape_of(q), to = tl_shape_of(v);
    const tl_shape all = TL_SHAPE(from.dim[0], heads, from.dim[1], to.dim[1]);
    const char *fault = fault_of(from, tl_shape_of(k), to, heads);
    if (fault)
        tl_refuse(q, "attention", TL_ERR_SHAPE, "%s, %s and %s, %d heads: %s", tl_node_text(q).text,
                  tl_node_text(k).text, tl_node_text(v).text, (int)heads, fault);
    else if (!is_mask_of(tl_shape_of(mask), all))
        tl_refuse(q, "attention", TL_ERR_SHAPE, "the mask %s is not broadcast to the scores, %s",
                  tl_node_text(mask).text, tl_shape_text(all).text);
}

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
    check(q, k, v, options.mask, heads); /* after a failure, the ops return NULL */
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
