/* Functions of each element, of one input or two. */
#include "tests/fuzz/ops/program.h"

#include "op.h"
#include "ops.h"

/* ---- One input ---- */

static bool positive(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 1;
    c->in[0] = tl_fuzz_positive(p, tl_fuzz_pick(p, FUZZ_EITHER, 0, TL_MAX_RANK));
    return true;
}

static bool any_and_number(fuzz_program *p, fuzz_item *c)
{
    c->c = tl_fuzz_number();
    return tl_fuzz_any(p, c);
}

static bool positive_and_number(fuzz_program *p, fuzz_item *c)
{
    c->c = tl_fuzz_number();
    return positive(p, c);
}

static bool bounds(fuzz_program *p, fuzz_item *c)
{
    c->c = tl_fuzz_number();
    c->d = tl_fuzz_rarely(8) ? (double)INFINITY : c->c + 0.5 * (double)tl_fuzz_draw(4);
    return tl_fuzz_any(p, c);
}

static tl_node *clamp(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    (void)w;
    return tl_clamp(in[0], (tl_real)c->c, (tl_real)c->d);
}

static bool dropped(fuzz_program *p, fuzz_item *c)
{
    static const double rate[] = { 0.5, 0.1, 0, 1 };
    c->c = rate[tl_fuzz_draw(4)];
    c->n = tl_fuzz_draw(256);
    c->begin = tl_fuzz_draw(3);
    return tl_fuzz_any(p, c);
}

static tl_node *dropout(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    tl_random r = { .seed = (uint64_t)c->n, .position = (uint64_t)c->begin };
    (void)w;
    return tl_dropout(in[0], (tl_real)c->c, &r);
}

/* Of a sparse input it drops values: the factors of these, in their places. */
static tl_node *dropout_in_place(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    if (!c->on)
        return dropout(w, c, in);
    tl_real *ones = tl_fuzz_block(w->p, c->size, sizeof *ones);
    for (int64_t k = 0; k < c->size; k++)
        ones[k] = 1;
    tl_node *factor = tl_input(w->g, TL_SHAPE(c->size), ones);
    factor = dropout(w, c, &factor);
    if (!factor)
        return NULL;
    return tl_mul(in[0], tl_input(w->g, c->shape, tl_fuzz_expand(w->p, c->on, tl_value(factor))));
}

/* ---- Kinks: no value may be near one ---- */

static bool is_far(const tl_node *a, double from)
{
    const tl_real *values = tl_value(a);
    for (int64_t k = 0; k < a->size; k++)
        if (!(fabs((double)values[k] - from) > 0.02))
            return false;
    return true;
}

static bool at_zero(const fuzz_item *c, tl_node *const *in)
{
    (void)c;
    return is_far(in[0], 0);
}

static bool at_bounds(const fuzz_item *c, tl_node *const *in)
{
    return is_far(in[0], c->c) && is_far(in[0], c->d);
}

/* ---- Two inputs ---- */

static bool broadcast(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 2;
    const int32_t a = tl_fuzz_pick(p, FUZZ_DENSE, 0, TL_MAX_RANK), side = (int32_t)tl_fuzz_draw(2);
    if (a < 0)
        return false;
    c->in[side] = a;
    c->in[1 - side] = tl_fuzz_want(p, FUZZ_DENSE, tl_fuzz_lesser(p->item[a].shape), NULL);
    return true;
}

/* One side may be sparse; then the other is so on its pattern, or dense and broadcast to its shape. */
static bool scaled(fuzz_program *p, fuzz_item *c)
{
    c->n_in = 2;
    c->in[0] = tl_fuzz_pick(p, FUZZ_EITHER, 0, TL_MAX_RANK);
    if (c->in[0] < 0)
        return false;
    const fuzz_item *a = &p->item[c->in[0]];
    c->in[1] = a->on && tl_fuzz_rarely(3) ? tl_fuzz_want(p, FUZZ_SPARSE, a->shape, a->on)
                                          : tl_fuzz_want(p, FUZZ_DENSE, tl_fuzz_lesser(a->shape), NULL);
    return true;
}

static bool divided(fuzz_program *p, fuzz_item *c)
{
    if (!scaled(p, c))
        return false;
    c->in[1] = tl_fuzz_positive(p, c->in[1]);
    return true;
}

const fuzz_op tl_fuzz_elementwise[] = {
    { "abs", tl_fuzz_any, .one = tl_abs, .smooth = at_zero },
    { "add", broadcast, .two = tl_add },
    { "add_constant", any_and_number, .constant = tl_add_constant },
    { "clamp", bounds, .apply = clamp, .smooth = at_bounds },
    { "cos", tl_fuzz_any, .one = tl_cos },
    { "div", divided, .two = tl_div },
    { "dropout", dropped, .apply = dropout, .dense = dropout_in_place },
    { "elu", any_and_number, .constant = tl_elu, .smooth = at_zero },
    { "erf", tl_fuzz_any, .one = tl_erf },
    { "exp", tl_fuzz_any, .one = tl_exp },
    { "expm1", tl_fuzz_any, .one = tl_expm1 },
    { "gelu", tl_fuzz_any, .one = tl_gelu },
    { "gelu_tanh", tl_fuzz_any, .one = tl_gelu_tanh },
    { "leaky_relu", any_and_number, .constant = tl_leaky_relu, .smooth = at_zero },
    { "log", positive, .one = tl_log },
    { "log1p", positive, .one = tl_log1p },
    { "maximum", broadcast, .two = tl_maximum, .smooth = tl_fuzz_nowhere },
    { "minimum", broadcast, .two = tl_minimum, .smooth = tl_fuzz_nowhere },
    { "mul", scaled, .two = tl_mul },
    { "neg", tl_fuzz_any, .one = tl_neg },
    { "pow", positive_and_number, .constant = tl_pow },
    { "reciprocal", positive, .one = tl_reciprocal },
    { "relu", tl_fuzz_any, .one = tl_relu, .smooth = at_zero },
    { "scale", any_and_number, .constant = tl_scale },
    { "sigmoid", tl_fuzz_any, .one = tl_sigmoid },
    { "silu", tl_fuzz_any, .one = tl_silu },
    { "sin", tl_fuzz_any, .one = tl_sin },
    { "softplus", tl_fuzz_any, .one = tl_softplus },
    { "sqrt", positive, .one = tl_sqrt },
    { "square", tl_fuzz_any, .one = tl_square },
    { "stop_gradient", tl_fuzz_any, .one = tl_stop_gradient, .opaque = true },
    { "sub", broadcast, .two = tl_sub },
    { "tanh", tl_fuzz_any, .one = tl_tanh },
    { 0 },
};
