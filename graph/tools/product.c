/* Shapes of products, and the memory of sparse ones. */
#include "product.h"

#include <stdarg.h>
#include <stdio.h>

tl_status tl_product_fail(const tl_node *y, tl_trans t, const char *format, ...)
{
    char rule[128];
    va_list values;
    if (!y || y->n_in < 2)
        return tl_fail(TL_ERR_ARGUMENT, "product_fail: the node %s", y ? "has not two inputs" : "is NULL");
    va_start(values, format);
    vsnprintf(rule, sizeof rule, format, values);
    va_end(values);
    return tl_fail(TL_ERR_SHAPE, "%s%s times %s%s: %s", tl_node_text(y->in[0]).text,
                   t & TL_TRANSPOSE_A ? " transposed" : "", tl_node_text(y->in[1]).text,
                   t & TL_TRANSPOSE_B ? " transposed" : "", rule);
}

tl_status tl_product_check(const tl_node *y, tl_trans t, tl_product *p)
{
    if (!y || y->n_in < 2 || !y->in[0] || !y->in[1] || !p)
        return tl_fail(TL_ERR_ARGUMENT, "product_check: %s",
                       !y   ? "the node is NULL"
                       : !p ? "the output is NULL"
                            : "the node has not two inputs");
    const tl_shape a = y->in[0]->shape, b = y->in[1]->shape;
    if ((int)t < TL_NO_TRANSPOSE || (int)t > TL_TRANSPOSE_BOTH)
        return tl_fail(TL_ERR_ARGUMENT, "%d is not a tl_trans", (int)t);
    *p = (tl_product){ .a_transposed = t & TL_TRANSPOSE_A, .b_transposed = t & TL_TRANSPOSE_B, .shape = a };
    if (a.rank == 0)
        return tl_product_fail(y, t, "the first is a scalar");
    if (p->a_transposed && a.rank != 2)
        return tl_product_fail(y, t, "the first is not a matrix, and cannot be transposed");
    if (b.rank != 2)
        return tl_product_fail(y, t, "the second is not a matrix");
    p->m = p->a_transposed ? a.dim[1] : tl_shape_rows(a);
    p->n = b.dim[!p->b_transposed];
    p->k = p->a_transposed ? a.dim[0] : tl_shape_cols(a);
    if (p->k != b.dim[p->b_transposed])
        return tl_product_fail(y, t, "%lld is not %lld", (long long)p->k, (long long)b.dim[p->b_transposed]);
    if (p->a_transposed)
        p->shape.dim[0] = p->m;
    p->shape.dim[a.rank - 1] = p->n;
    return TL_OK;
}

tl_status tl_product_prepare(tl_node *y, tl_sparse_product *p)
{
    if (!y)
        return tl_fail(TL_ERR_ARGUMENT, "product_prepare: the node is NULL");
    const tl_status status = tl_sparse_product_prepare(p);
    if (status != TL_OK)
        return status;
    if (p->n_packed > 0 && y->requires_grad && !(p->packed = tl_scratch(y, p->n_packed, sizeof *p->packed)))
        return TL_ERR_MEMORY;
    return p->n_workspace > 0 ? tl_reserve_workspace(y, p->n_workspace, sizeof *p->packed) : TL_OK;
}

void tl_describe_trans(tl_description *to, tl_trans t)
{
    static const char *const text[] = {
        [TL_TRANSPOSE_A] = "a", [TL_TRANSPOSE_B] = "b", [TL_TRANSPOSE_BOTH] = "both"
    };
    if ((int)t < TL_NO_TRANSPOSE || (int)t > TL_TRANSPOSE_BOTH)
        tl_describe_integer(to, "transpose", t);
    else if (t != TL_NO_TRANSPOSE)
        tl_describe_text(to, "transpose", text[t]);
}
