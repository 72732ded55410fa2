/* The ops that the checks are written with: no check of an op relies on another op. */
#include "graph/check/op_check_private.h"

#include <string.h>

/* copy: Y = A.  dA += dY. */

static tl_status copy_shape(tl_node *y)
{
    return tl_shape_like(y, y->in[0]);
}

static void copy_forward(tl_node *y)
{
    if (y->size > 0)
        memcpy(y->out, y->in[0]->val, (size_t)y->size * sizeof *y->out);
}

static void copy_backward(tl_node *y)
{
    tl_real *da = y->in[0]->grad;
    for (int64_t k = 0; da && k < y->size; k++)
        da[k] += y->grad[k];
}

static const tl_op copy = {
    .name = "copy",
    .n_in = 1,
    .in_kind = { TL_ANY },
    .shape = copy_shape,
    .forward = copy_forward,
    .backward = copy_backward,
};

tl_node *tl_copy_node(tl_node *a)
{
    return tl_apply(&copy, (tl_node *[]){ a }, NULL, 0);
}

/* join: Y = the values of all A's, one after the other.  dA += its part of dY. */

static tl_status join_shape(tl_node *y)
{
    int64_t size = 0;
    for (int32_t i = 0; i < y->n_in; i++)
        size += y->in[i]->size;
    return tl_shape_dense(y, TL_SHAPE(size));
}

static void join_forward(tl_node *y)
{
    tl_real *out = y->out;
    for (int32_t i = 0; i < y->n_in; i++)
        for (int64_t k = 0; k < y->in[i]->size; k++)
            *out++ = y->in[i]->val[k];
}

static void join_backward(tl_node *y)
{
    const tl_real *dy = y->grad;
    for (int32_t i = 0; i < y->n_in; dy += y->in[i++]->size)
        for (int64_t k = 0; y->in[i]->grad && k < y->in[i]->size; k++)
            y->in[i]->grad[k] += dy[k];
}

static const tl_op join = {
    .name = "join",
    .min_in = 1,
    .max_in = INT32_MAX,
    .in_kind = { TL_ANY },
    .shape = join_shape,
    .forward = join_forward,
    .backward = join_backward,
};

tl_node *tl_join_nodes(int32_t n, tl_node *const *a)
{
    return tl_apply_list(&join, n, a, NULL, 0);
}

/* dot: Y = <w, A>.  dA += w dY. */

typedef struct attr {
    const tl_real *weights;
} attr;

static tl_status dot_shape(tl_node *y)
{
    return tl_shape_dense(y, TL_SHAPE());
}

static void dot_forward(tl_node *y)
{
    const tl_real *w = ((const attr *)y->attr)->weights;
    double sum = 0;
    for (int64_t k = 0; k < y->in[0]->size; k++)
        sum += (double)w[k] * (double)y->in[0]->val[k];
    y->out[0] = (tl_real)sum;
}

static void dot_backward(tl_node *y)
{
    const tl_real *w = ((const attr *)y->attr)->weights;
    for (int64_t k = 0; y->in[0]->grad && k < y->in[0]->size; k++)
        y->in[0]->grad[k] += w[k] * y->grad[0];
}

static const tl_op dot = {
    .name = "dot",
    .n_in = 1,
    .in_kind = { TL_ANY },
    .shape = dot_shape,
    .forward = dot_forward,
    .backward = dot_backward,
};

tl_node *tl_dot_node(tl_node *a, const tl_real *weights)
{
    return tl_apply(&dot, (tl_node *[]){ a }, &(attr){ weights }, sizeof(attr));
}
