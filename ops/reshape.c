/* reshape: Y = A in another shape of as many elements.  dA += dY. */
#include "ops/grad_pass.h"
#include "ops.h"

static tl_status shape(tl_node *y)
{
    const tl_shape *to = y->attr;
    tl_status status = tl_shape_dense(y, *to);
    if (status == TL_OK && y->size != y->in[0]->size)
        status = tl_fail(TL_ERR_SHAPE, "%s to %s", tl_shape_text(y->in[0]->shape).text,
                         tl_shape_text(*to).text);
    return status;
}

static void forward(tl_node *y)
{
    if (y->size > 0)
        memcpy(y->out, y->in[0]->val, (size_t)y->size * sizeof *y->out);
}

static void backward(tl_node *y)
{
    tl_grad_pass(y);
}

static const tl_op op = { .name = "reshape",
                          .n_in = 1,
                          .shape = shape,
                          .forward = forward,
                          .backward = backward,
                          .can_overwrite = 1 << 0 };

tl_node *tl_reshape(tl_node *a, tl_shape shape)
{
    return tl_apply(&op, (tl_node *[]){ a }, &shape, sizeof shape);
}
