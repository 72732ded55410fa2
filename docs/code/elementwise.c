/* Examples of docs/ops/elementwise.md. */
#include <stdio.h>
#include <tulle/tulle.h>

int main(void)
{
    static const tl_real numbers[6] = { 1, -2, 3, -4, 5, -6 }, means[3] = { 1, 2, 3 };
    tl_variable *w = tl_variable_dense("w", TL_SHAPE(2, 3));
    tl_pattern *p = tl_pattern_random(2, 3, 0.5, 1);
    tl_variable *sparse = tl_variable_sparse("s", p);
    tl_graph *g = tl_graph_new();
    tl_node *a = tl_use(g, w), *s = tl_use(g, sparse), *x = tl_input(g, TL_SHAPE(2, 3), numbers);
    tl_node *mean = tl_input(g, TL_SHAPE(3), means), *deviation = tl_input(g, TL_SHAPE(3), means);

    /* add */
    tl_node *row = tl_add(a, mean);                                  /* 2x3 and [3]: to each row */
    tl_node *table = tl_add(mean, tl_reshape(mean, TL_SHAPE(3, 1))); /* [3] and 3x1: 3x3 */
    tl_node *residual = tl_add(x, tl_tanh(row));

    /* sub */
    tl_node *centred = tl_sub(x, mean);
    tl_node *others = tl_sub(x, tl_reshape(tl_reduce_sum(x, 1), TL_SHAPE(2, 1)));
    tl_node *step = tl_sub(residual, others);

    /* mul */
    tl_node *gated = tl_mul(tl_sigmoid(a), x);
    tl_node *scaled = tl_mul(s, tl_input(g, TL_SHAPE(2, 1), means)); /* sparse: a factor for each row */
    tl_node *square = tl_mul(s, s);                                  /* sparse on one pattern */

    /* div */
    tl_node *standard = tl_div(centred, deviation);
    tl_node *shares = tl_div(x, tl_reshape(tl_reduce_sum(x, 1), TL_SHAPE(2, 1))); /* of each row */
    tl_node *columns = tl_div(s, deviation); /* sparse: a divisor for each column */

    /* maximum, minimum */
    tl_node *larger = tl_maximum(a, x);
    tl_node *capped = tl_minimum(larger, mean);
    tl_node *between = tl_maximum(capped, tl_neg(mean));

    /* a likelihood */
    tl_node *spread = tl_mul(tl_sub(x, a), tl_exp(tl_neg(a))); /* by a standard deviation of e^a */
    tl_node *bits = tl_add(tl_scale(tl_square(spread), (tl_real)0.5), a);
    tl_node *likelihood = tl_neg(tl_reduce_mean(bits, TL_ALL_AXES));

    /* distances */
    tl_node *smooth = tl_sqrt(tl_add_constant(tl_square(a), (tl_real)1e-6)); /* |a|, with a gradient at 0 */
    tl_node *inverse = tl_reciprocal(tl_clamp(tl_abs(a), (tl_real)0.1, 10));
    tl_node *cube = tl_pow(tl_mul(smooth, inverse), 3);

    /* logarithms */
    tl_node *counts = tl_log1p(tl_abs(a)); /* accurate near 0, */
    tl_node *back = tl_expm1(counts);      /* as the way back */
    tl_node *entropy = tl_mul(back, tl_log(smooth));

    /* periods and tails */
    tl_node *angle = tl_scale(a, (tl_real)0.01);
    tl_node *position = tl_concat((tl_node *[]){ tl_sin(angle), tl_cos(angle) }, 2, 1);
    tl_node *tail = tl_add_constant(tl_neg(tl_erf(a)), 1);

    /* gates */
    tl_node *gate = tl_sigmoid(a), *rest = tl_add_constant(tl_neg(gate), 1);
    tl_node *state = tl_add(tl_mul(gate, tl_tanh(x)), tl_mul(rest, x));
    tl_node *kept = tl_relu(s); /* sparse: the values of s */

    /* activations */
    tl_node *leaky = tl_leaky_relu(a, (tl_real)0.01), *elu = tl_elu(a, 1);
    tl_node *soft = tl_softplus(leaky), *swish = tl_silu(elu);
    tl_node *gelu = tl_gelu(soft), *approximate = tl_gelu_tanh(swish);

    /* dropout */
    tl_random r = { .seed = 1 };
    tl_node *noisy = tl_dropout(a, (tl_real)0.1, &r);
    tl_node *thinner = tl_dropout(s, (tl_real)0.5, &r); /* sparse: of its values */

    tl_node *of[] = { table, step,    gated,    standard, shares, between, likelihood,
                      cube,  entropy, position, tail,     state,  gelu,    approximate,
                      noisy, scaled,  square,   columns,  kept,   thinner };
    tl_node *total = tl_reduce_sum(a, TL_ALL_AXES);
    for (size_t k = 0; k < sizeof of / sizeof *of; k++)
        total = tl_add(total, tl_reduce_sum(of[k], TL_ALL_AXES));
    tl_gradients pairs;
    const bool good = tl_backward(total, &pairs) == TL_OK;

    if (!good)
        fprintf(stderr, "%s\n", tl_error());
    tl_graph_free(g);
    tl_variable_free(w);
    tl_variable_free(sparse);
    tl_pattern_release(p);
    return !good;
}
