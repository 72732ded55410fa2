/* layer_norm: Y = (A - mean) / sqrt(variance + epsilon) gain + bias, by rows.  With X^ the quotient,
 * G = dY gain: dA += (G - mean of G - X^ mean of G X^) / sqrt(..);  dgain += sum of dY X^;  dbias += sum of
 * dY. */
#include "normalise.h"
#include "ops.h"
#include "tangent.h"

/* Y moves by X^' gain + X^ dgain + dbias. */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    const tl_norm norm = *(const tl_norm *)y->attr;
    tl_node *part[] = { NULL, NULL, NULL }, *gain = y->in[1];
    if (dx[0]) {
        tl_node *moved = tl_norm_direction(y->in[0], dx[0], norm);
        part[0] = gain ? tl_mul(moved, gain) : moved;
    }
    if (dx[1])
        part[1] = tl_mul(tl_layer_norm(y->in[0], NULL, NULL, norm.epsilon), dx[1]);
    if (dx[2])
        part[2] = tl_broadcast_to(dx[2], y->shape);
    return tl_sum_of(3, part);
}

static void describe(const tl_node *y, tl_description *to)
{
    tl_describe_name(to, "LayerNormalization");
    tl_describe_integer(to, "axis", y->in[0]->shape.rank - 1);
    tl_describe_number(to, "epsilon", ((const tl_norm *)y->attr)->epsilon);
}

static const tl_op op = {
    .name = "layer_norm",
    .n_in = 3,
    .n_optional = 2,
    .shape = tl_norm_shape,
    .forward = tl_norm_forward,
    .backward = tl_norm_backward,
    .can_overwrite = 1 << 0 | 1 << 1 | 1 << 2,
    .tangent = tangent,
    .describe = describe,
};

tl_node *tl_layer_norm(tl_node *a, tl_node *gain, tl_node *bias, double epsilon)
{
    const tl_norm norm = { .epsilon = epsilon, .centred = true };
    return tl_apply(&op, (tl_node *[]){ a, gain, bias }, &norm, sizeof norm);
}
