/* A gradient penalty: a critic D learns to fit while half the mean of |dD/dx|^2 is kept small. */
#include <stdio.h>
#include <stdlib.h>
#include <tulle/tulle.h>

enum { SAMPLES = 32, INPUTS = 2, UNITS = 16 };

static tl_variable *w1, *b1, *w2;
static tl_real target[SAMPLES];

static void check(bool good)
{
    if (!good) {
        fprintf(stderr, "%s\n", tl_error());
        exit(1);
    }
}

static tl_node *critic(tl_graph *g, tl_node *x)
{
    return tl_matmul(tl_tanh(tl_bias(tl_matmul(x, tl_use(g, w1)), tl_use(g, b1))), tl_use(g, w2));
}

/* Returns a node whose gradient is that of half the mean of |dD/dx|^2: for any function phi of a gradient,
 * the gradient of phi is that of the derivative along phi', held constant. *size is the penalty. */
static tl_node *penalty(tl_graph *g, tl_node *d, tl_variable *samples, double *size)
{
    tl_gradients by_x;
    tl_node *x = tl_use(g, samples), *sum = tl_reduce_sum(d, TL_ALL_AXES);
    check(tl_backward_for(sum, &samples, 1, &by_x) == TL_OK);
    tl_real *slope = by_x.pair[0].values;
    *size = 0;
    for (int k = 0; k < SAMPLES * INPUTS; k++) {
        *size += (double)slope[k] * (double)slope[k] / (2 * SAMPLES);
        slope[k] /= SAMPLES;
    }
    return tl_derivative(sum, 1, &x, &(tl_node *){ tl_input(g, tl_shape_of(x), slope) });
}

static void train(tl_variable *samples, tl_real weight)
{
    tl_random rng = { .seed = 2 };
    tl_variable *all[] = { w1, b1, w2 };
    tl_optimizer *adam = tl_adam((tl_adam_options){ .learning_rate = 0.01 });
    tl_graph *g = tl_graph_new();
    double slope = 0;
    check(g && adam && tl_init_he(w1, &rng) == TL_OK && tl_init_he(w2, &rng) == TL_OK);
    for (int step = 0; step < 1000; step++, tl_graph_reset(g)) {
        tl_gradients gradients;
        tl_node *d = critic(g, tl_use(g, samples));
        tl_node *fit = tl_mse(d, tl_input(g, TL_SHAPE(SAMPLES, 1), target));
        tl_node *loss = tl_add(fit, tl_scale(penalty(g, d, samples, &slope), weight));
        check(tl_backward_for(loss, all, 3, &gradients) == TL_OK); /* not for the samples */
        check(tl_apply_gradients(adam, &gradients) == TL_OK);
    }
    printf("weight of the penalty %g: slopes %s 0.5\n", (double)weight, slope > 0.5 ? "above" : "below");
    tl_graph_free(g);
    tl_optimizer_free(adam);
}

int main(void)
{
    tl_random rng = { .seed = 1 };
    tl_variable *samples = tl_variable_dense("samples", TL_SHAPE(SAMPLES, INPUTS));
    w1 = tl_variable_dense("w1", TL_SHAPE(INPUTS, UNITS));
    b1 = tl_variable_dense("b1", TL_SHAPE(UNITS));
    w2 = tl_variable_dense("w2", TL_SHAPE(UNITS, 1));
    check(samples && w1 && b1 && w2 && tl_init_normal(samples, 0, 1, &rng) == TL_OK);
    for (int k = 0; k < SAMPLES; k++)
        target[k] = tl_variable_values(samples)[k * INPUTS] > 0 ? 1 : -1;
    train(samples, 0);
    train(samples, (tl_real)0.5);
    tl_variable_free(samples);
    tl_variable_free(w1);
    tl_variable_free(b1);
    tl_variable_free(w2);
    return 0;
}
