/* The checks of a product of two matrices: tl_trans is decoded, and the shapes are checked. */
#ifndef TL_PRODUCT_H
#define TL_PRODUCT_H

#include "describe.h"
#include "ops.h"

#include <stdio.h>

/* Sets *a_trans and *b_trans to whether t transposes A and B. TL_ERR_ARGUMENT for a value that is not a
 * tl_trans. */
static inline tl_status tl_trans_check(tl_trans t, bool *a_trans, bool *b_trans)
{
    *a_trans = t & TL_TRANSPOSE_A;
    *b_trans = t & TL_TRANSPOSE_B;
    if ((int)t < TL_NO_TRANSPOSE || (int)t > TL_TRANSPOSE_BOTH)
        return tl_fail(TL_ERR_ARGUMENT, "%d is not a tl_trans", (int)t);
    return TL_OK;
}

/* Fails with "A transposed times B: RULE", where A and B are the inputs' names and shapes. */
static inline tl_status tl_product_fail(const tl_node *y, bool a_trans, bool b_trans, const char *rule)
{
    return tl_fail(TL_ERR_SHAPE, "%s%s times %s%s: %s", tl_node_text(y->in[0]).text,
                   a_trans ? " transposed" : "", tl_node_text(y->in[1]).text, b_trans ? " transposed" : "",
                   rule);
}

/* For `shape` of an op whose attribute is a tl_trans: decodes it and checks that op(A) op(B) exists for the
 * two inputs. A has any rank but 0 and is folded into rows, but must be a matrix to be transposed; B is a
 * matrix. */
static inline tl_status tl_product_check(const tl_node *y, bool *a_trans, bool *b_trans)
{
    const tl_shape a = y->in[0]->shape, b = y->in[1]->shape;
    const tl_status status = tl_trans_check(*(const tl_trans *)y->attr, a_trans, b_trans);
    if (status != TL_OK)
        return status;
    if (a.rank == 0)
        return tl_product_fail(y, *a_trans, *b_trans, "the first is a scalar");
    if (*a_trans && a.rank != 2)
        return tl_product_fail(y, *a_trans, *b_trans, "the first is not a matrix, and cannot be transposed");
    if (b.rank != 2)
        return tl_product_fail(y, *a_trans, *b_trans, "the second is not a matrix");
    const int64_t depth = *a_trans ? a.dim[0] : tl_shape_cols(a);
    if (depth == b.dim[*b_trans])
        return TL_OK;
    char rule[64];
    snprintf(rule, sizeof rule, "%lld is not %lld", (long long)depth, (long long)b.dim[*b_trans]);
    return tl_product_fail(y, *a_trans, *b_trans, rule);
}

/* Describes that attribute, unless nothing is transposed. */
static inline void tl_trans_describe(const tl_node *y, tl_description *to)
{
    const tl_trans t = *(const tl_trans *)y->attr;
    const char *text = t == TL_TRANSPOSE_A      ? "a"
                       : t == TL_TRANSPOSE_B    ? "b"
                       : t == TL_TRANSPOSE_BOTH ? "both"
                                                : NULL;
    if (text)
        tl_describe_text(to, "transpose", text);
    else if (t != TL_NO_TRANSPOSE)
        tl_describe_integer(to, "transpose", t);
}

#endif
