/* rms_norm: Y = A / sqrt(mean of A^2 + epsilon) gain, by rows.  With X^ the quotient, G = dY gain:
 * dA += (G - X^ mean of G X^) / sqrt(..);  dgain += sum of dY X^. */
#include "normalise.h"
#include "ops.h"
#include "tangent.h"

/* Y moves by X^' gain + X^ dgain. */
static tl_node *tangent(tl_node *y, tl_node *const *dx)
{
    const tl_norm norm = *(const tl_norm *)y->attr;
    tl_node *part[] = { NULL, NULL }, *gain = y->in[1];
    if (dx[0]) {
        tl_node *moved = tl_norm_direction(y->in[0], dx[0], norm);
        part[0] = gain ? tl_mul(moved, gain) : moved;
    }
    if (dx[1])
        part[1] = tl_mul(tl_rms_norm(y->in[0], NULL, norm.epsilon), dx[1]);
    return tl_sum_of(2, part);
}

static void describe(const tl_node *y, tl_description *to)
{
    tl_describe_name(to, "RMSNormalization");
    tl_describe_integer(to, "axis", y->in[0]->shape.rank - 1);
    tl_describe_number(to, "epsilon", ((const tl_norm *)y->attr)->epsilon);
}

static const tl_op op = {
    .name = "rms_norm",
    .n_in = 2,
    .n_optional = 1,
    .shape = tl_norm_shape,
    .forward = tl_norm_forward,
    .backward = tl_norm_backward,
    .can_overwrite = 1 << 0 | 1 << 1,
    .tangent = tangent,
    .describe = describe,
};

tl_node *tl_rms_norm(tl_node *a, tl_node *gain, double epsilon)
{
    const tl_norm norm = { .epsilon = epsilon };
    return tl_apply(&op, (tl_node *[]){ a, gain }, &norm, sizeof norm);
}
