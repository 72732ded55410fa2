/* transpose: Y = A with its last two dimensions exchanged; of a sparse A, on the transposed pattern.
 * dA += dY, exchanged back. */
#include "describe.h"
#include "ops.h"
#include "strided.h"
#include "tangent.h"

/* What `shape` found out. */
typedef union layout {
    tl_strided dense;
    const int32_t *perm; /* of a sparse A: value e of Y is value perm[e] of A */
} layout;

static tl_status shape_sparse(tl_node *y, layout *l)
{
    const tl_pattern *p = tl_pattern_transpose(y->in[0]->pattern, &l->perm);
    return p ? tl_shape_sparse(y, (tl_pattern *)(uintptr_t)p) : TL_ERR_MEMORY;
}

static tl_status shape(tl_node *y)
{
    const tl_node *a = y->in[0];
    tl_shape s = a->shape;
    if (s.rank < 2)
        return tl_fail(TL_ERR_SHAPE, "%s has no two dimensions", tl_node_text(a).text);
    layout *l = y->scratch = tl_scratch(y, 1, sizeof *l);
    if (!l)
        return TL_ERR_MEMORY;
    if (a->kind == TL_SPARSE)
        return shape_sparse(y, l);
    const int32_t row = s.rank - 2, col = s.rank - 1;
    s.dim[row] = a->shape.dim[col];
    s.dim[col] = a->shape.dim[row];
    l->dense.shape = s;
    tl_strides(a->shape, l->dense.from);
    tl_strides(s, l->dense.to);
    l->dense.from[col] = l->dense.from[row];
    l->dense.from[row] = 1;
    return tl_shape_dense(y, s);
}

static void gather(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const int32_t *perm = ((const layout *)y->scratch)->perm;
    const tl_real *a = y->in[0]->val;
    for (int64_t e = begin; e < end; e++)
        y->out[e] = a[perm[e]];
}

static void forward(tl_node *y)
{
    const layout *l = y->scratch;
    if (y->kind == TL_SPARSE)
        tl_parallel_for(y->size, TL_GRAIN, gather, y);
    else
        tl_copy_strided(&l->dense, y->in[0]->val, y->out, false);
}

static void scatter(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const int32_t *perm = ((const layout *)y->scratch)->perm;
    tl_real *da = y->in[0]->grad;
    const bool add = !y->in[0]->overwrite;
    for (int64_t e = begin; e < end; e++)
        da[perm[e]] = (add ? da[perm[e]] : 0) + y->grad[e];
}

static void backward(tl_node *y)
{
    const tl_node *a = y->in[0];
    if (y->kind == TL_SPARSE) {
        tl_parallel_for(y->size, TL_GRAIN, scatter, y);
        return;
    }
    tl_strided back = ((const layout *)y->scratch)->dense;
    const int32_t row = back.shape.rank - 2, col = back.shape.rank - 1;
    const int64_t from = back.from[col], to = back.to[row];
    back.from[row] = to;
    back.from[col] = 1;
    back.to[row] = 1;
    back.to[col] = from;
    tl_copy_strided(&back, y->grad, a->grad, !a->overwrite);
}

static void describe(const tl_node *y, tl_description *to)
{
    const int32_t rank = y->in[0]->shape.rank;
    tl_shape perm = { .rank = rank };
    tl_describe_name(to, "Transpose");
    if (rank < 2)
        return;
    for (int32_t k = 0; k < rank; k++)
        perm.dim[k] = k < rank - 2 ? k : 2 * rank - 3 - k;
    tl_describe_shape(to, "perm", perm);
}

static const tl_op op = {
    .name = "transpose",
    .n_in = 1,
    .in_kind = { TL_ANY },
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0,
    .tangent = tl_linear_tangent,
    .describe = describe,
};

tl_node *tl_transpose(tl_node *a)
{
    return tl_apply(&op, (tl_node *[]){ a }, NULL, 0);
}
