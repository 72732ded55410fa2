/* ONNX's functions of each element, and of the elements of two or more tensors. */
#include "case.h"

#include <math.h>

/* ---- Of one tensor ---- */

static tl_node *identity(tl_node *a)
{
    return a;
}

static tl_node *cosh_of(tl_node *a)
{
    return tl_scale(tl_add(tl_exp(a), tl_exp(tl_neg(a))), (tl_real)0.5);
}

static tl_node *sinh_of(tl_node *a)
{
    return tl_scale(tl_sub(tl_expm1(a), tl_expm1(tl_neg(a))), (tl_real)0.5);
}

static tl_node *tan_of(tl_node *a)
{
    return tl_div(tl_sin(a), tl_cos(a));
}

/* a / (1 + |a|) */
static tl_node *softsign(tl_node *a)
{
    return tl_div(a, tl_add_constant(tl_abs(a), 1));
}

/* alpha (e^(a / alpha) - 1) where a < 0 */
static tl_node *celu(onnx_case *c)
{
    const tl_real alpha = (tl_real)onnx_real(c, "alpha", 1);
    return tl_scale(tl_elu(tl_scale(onnx_in(c, 0), 1 / alpha), 1), alpha);
}

static tl_node *elu(onnx_case *c)
{
    return tl_elu(onnx_in(c, 0), (tl_real)onnx_real(c, "alpha", 1));
}

static tl_node *selu(onnx_case *c)
{
    const double alpha = onnx_real(c, "alpha", 1.67326319217681884765625);
    const double gamma = onnx_real(c, "gamma", 1.05070102214813232421875);
    return tl_scale(tl_elu(onnx_in(c, 0), (tl_real)alpha), (tl_real)gamma);
}

static tl_node *leaky_relu(onnx_case *c)
{
    return tl_leaky_relu(onnx_in(c, 0), (tl_real)onnx_real(c, "alpha", 0.01));
}

static tl_node *hard_sigmoid_of(tl_node *a, double alpha, double beta)
{
    return tl_clamp(tl_add_constant(tl_scale(a, (tl_real)alpha), (tl_real)beta), 0, 1);
}

static tl_node *hard_sigmoid(onnx_case *c)
{
    return hard_sigmoid_of(onnx_in(c, 0), onnx_real(c, "alpha", 0.2), onnx_real(c, "beta", 0.5));
}

static tl_node *hard_swish(tl_node *a)
{
    return tl_mul(a, hard_sigmoid_of(a, 1 / 6.0, 0.5));
}

static tl_node *clip(onnx_case *c)
{
    return tl_clamp(onnx_in(c, 0), (tl_real)onnx_real(c, "min", -INFINITY),
                    (tl_real)onnx_real(c, "max", INFINITY));
}

/* Without training nothing is dropped, and with a ratio of 0 neither. */
static tl_node *dropout(onnx_case *c)
{
    const bool training = onnx_integer(c, "training_mode", 0) != 0;
    tl_random r = { .seed = 1 };
    if (c->n_out > 1)
        return onnx_refuse(c, "has a mask as its second result");
    if (training && onnx_real(c, "ratio", 0.5) != 0)
        return onnx_refuse(c, "draws the random numbers of another generator");
    return tl_dropout(onnx_in(c, 0), 0, &r);
}

/* ---- Of more ---- */

/* tl_bias adds a row as long as those of a. */
static tl_node *add(tl_node *a, tl_node *b)
{
    const tl_shape row = tl_shape_of(b);
    return row.rank == 1 && row.dim[0] == tl_shape_cols(tl_shape_of(a)) ? tl_bias(a, b) : tl_add(a, b);
}

/* a^b; if b is not one number, of a >= 0 */
static tl_node *power(onnx_case *c)
{
    tl_node *a = onnx_in(c, 0);
    if (onnx_has(c, "exponent"))
        return tl_pow(a, (tl_real)onnx_real(c, "exponent", 1));
    return tl_exp(tl_mul(onnx_in(c, 1), tl_log(a)));
}

static tl_node *parametric_relu(onnx_case *c)
{
    tl_node *a = onnx_in(c, 0);
    return tl_sub(tl_relu(a), tl_mul(onnx_in(c, 1), tl_relu(tl_neg(a))));
}

/* a where the condition is 1, b where it is 0 */
static tl_node *where(onnx_case *c)
{
    tl_node *condition = onnx_in(c, 0), *other = tl_add_constant(tl_neg(condition), 1);
    return tl_add(tl_mul(condition, onnx_in(c, 1)), tl_mul(other, onnx_in(c, 2)));
}

/* Any number of inputs, one after the other. */
static tl_node *all_of(onnx_case *c, tl_node *(*op)(tl_node *a, tl_node *b))
{
    tl_node *y = onnx_in(c, 0);
    for (int k = 1; k < c->n_in; k++)
        y = op(y, onnx_in(c, k));
    return y;
}

static tl_node *max_of(onnx_case *c)
{
    return all_of(c, tl_maximum);
}

static tl_node *min_of(onnx_case *c)
{
    return all_of(c, tl_minimum);
}

static tl_node *sum_of(onnx_case *c)
{
    return all_of(c, tl_add);
}

static tl_node *mean_of(onnx_case *c)
{
    return tl_scale(all_of(c, tl_add), 1 / (tl_real)c->n_in);
}

const onnx_op onnx_elementwise[] = {
    { "Abs", .unary = tl_abs },
    { "Add", .binary = add },
    { "Celu", .run = celu },
    { "Clip", .run = clip },
    { "Cos", .unary = tl_cos },
    { "Cosh", .unary = cosh_of },
    { "Div", .binary = tl_div },
    { "Dropout", .run = dropout },
    { "Elu", .run = elu },
    { "Erf", .unary = tl_erf },
    { "Exp", .unary = tl_exp },
    { "HardSigmoid", .run = hard_sigmoid },
    { "HardSwish", .unary = hard_swish },
    { "Identity", .unary = identity },
    { "LeakyRelu", .run = leaky_relu },
    { "Log", .unary = tl_log },
    { "Max", .run = max_of },
    { "Mean", .run = mean_of },
    { "Min", .run = min_of },
    { "Mul", .binary = tl_mul },
    { "Neg", .unary = tl_neg },
    { "PRelu", .run = parametric_relu },
    { "Pow", .run = power },
    { "Reciprocal", .unary = tl_reciprocal },
    { "Relu", .unary = tl_relu },
    { "Selu", .run = selu },
    { "Sigmoid", .unary = tl_sigmoid },
    { "Sin", .unary = tl_sin },
    { "Sinh", .unary = sinh_of },
    { "Softplus", .unary = tl_softplus },
    { "Softsign", .unary = softsign },
    { "Sqrt", .unary = tl_sqrt },
    { "Sub", .binary = tl_sub },
    { "Sum", .run = sum_of },
    { "Tan", .unary = tan_of },
    { "Tanh", .unary = tl_tanh },
    { "Where", .run = where },
    { .name = NULL },
};
