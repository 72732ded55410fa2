/* stop_gradient: Y = A, as a constant: no gradient goes to A. */
#include "describe.h"
#include "ops.h"
#include "tangent.h"

#include <string.h>

static tl_status shape(tl_node *y)
{
    y->requires_grad = false;
    return tl_shape_like(y, y->in[0]);
}

static void forward(tl_node *y)
{
    if (y->size > 0)
        memcpy(y->out, y->in[0]->val, (size_t)y->size * sizeof *y->out);
}

static void backward(tl_node *y)
{
    (void)y;
}

static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    (void)dx;
    return tl_zeros_like(y);
}

static void describe(const tl_node *y, tl_description *to)
{
    (void)y;
    tl_describe_name(to, "Identity");
}

static const tl_op op = {
    .name = "stop_gradient",
    .n_in = 1,
    .in_kind = { TL_ANY },
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .tangent = tangent,
    .describe = describe,
};

tl_node *tl_stop_gradient(tl_node *a)
{
    return tl_apply(&op, (tl_node *[]){ a }, NULL, 0);
}
