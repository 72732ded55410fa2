/* An op of a program's own, and its gradient check. */
#include <stdio.h>
#include <tulle/op.h>
#include <tulle/tulle.h>

/* cube: Y = A^3.  dA += 3 A^2 dY. */

static tl_status shape(tl_node *y)
{
    return tl_shape_like(y, y->in[0]);
}

static void forward(tl_node *y)
{
    const tl_real *a = y->in[0]->val;
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] = a[k] * a[k] * a[k];
}

static void backward(tl_node *y)
{
    const tl_real *a = y->in[0]->val;
    tl_real *da = y->in[0]->grad;
    if (!da) /* nobody wants this gradient */
        return;
    for (int64_t k = 0; k < y->size; k++)
        da[k] += 3 * a[k] * a[k] * y->grad[k];
}

/* For second order, and optional: how Y moves where A moves by dx[0]. */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    return tl_scale(tl_mul(tl_mul(y->in[0], y->in[0]), dx[0]), 3);
}

static const tl_op op = {
    .name = "cube",
    .n_in = 1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .tangent = tangent,
};

static tl_node *cube(tl_node *a)
{
    return tl_apply(&op, (tl_node *[]){ a }, NULL, 0);
}

/* The function under test. */
static tl_node *build(tl_graph *g, void *variable)
{
    return cube(tl_use(g, variable));
}

int main(void)
{
    tl_random rng = { .seed = 1 };
    tl_variable *a = tl_variable_dense("a", TL_SHAPE(3, 4));
    tl_init_normal(a, 0, 1, &rng);
    tl_status status = tl_gradcheck(build, a, &a, 1, NULL);
    printf("cube: %s\n", status == TL_OK ? "the gradient is right" : tl_error());
    tl_variable_free(a);
    return status != TL_OK;
}
