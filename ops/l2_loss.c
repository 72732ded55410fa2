/* l2_loss: Y = half the sum of A^2; of a sparse A, of its values.  dA += A dY. */
#include "ops.h"
#include "reduce.h"
#include "tangent.h"

static tl_status shape(tl_node *y)
{
    return tl_shape_dense(y, TL_SHAPE());
}

static double sum_squares(const void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context;
    const tl_real *a = y->in[0]->val + begin;
    return tl_sum_run(end - begin, a, a);
}

static void forward(tl_node *y)
{
    y->out[0] = (tl_real)(tl_sum_terms(y->in[0]->size, sum_squares, y) / 2);
}

static void backward_range(void *context, int64_t begin, int64_t end)
{
    const tl_node *y = context, *a = y->in[0];
    for (int64_t k = begin; k < end; k++)
        a->grad[k] = (a->overwrite ? 0 : a->grad[k]) + y->grad[0] * a->val[k];
}

static void backward(tl_node *y)
{
    tl_parallel_for(y->in[0]->size, TL_GRAIN, backward_range, y);
}

/* The sum of A dA */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    return tl_reduce_sum(tl_mul(y->in[0], dx[0]), TL_ALL_AXES);
}

static const tl_op op = {
    .name = "l2_loss",
    .n_in = 1,
    .in_kind = { TL_ANY },
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .can_overwrite = 1 << 0,
    .tangent = tangent,
};

tl_node *tl_l2_loss(tl_node *a)
{
    return tl_apply(&op, (tl_node *[]){ a }, NULL, 0);
}
