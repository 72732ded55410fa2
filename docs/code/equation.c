/* A network that solves u'' = -pi^2 sin(pi x) with u(0) = u(1) = 0: its second derivative is part of the
 * loss. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <tulle/tulle.h>

enum { POINTS = 16, UNITS = 12 };

static void check(bool good)
{
    if (!good) {
        fprintf(stderr, "%s\n", tl_error());
        exit(1);
    }
}

int main(void)
{
    const double pi = 3.14159265358979323846;
    const tl_shape column = TL_SHAPE(POINTS, 1);
    tl_random rng = { .seed = 1 };
    tl_real at[POINTS], right[POINTS], ones[POINTS];
    for (int k = 0; k < POINTS; k++) {
        at[k] = (tl_real)((k + 0.5) / POINTS);
        right[k] = (tl_real)(-pi * pi * sin(pi * (double)at[k]));
        ones[k] = 1;
    }
    tl_variable *w1 = tl_variable_dense("w1", TL_SHAPE(1, UNITS)),
                *b1 = tl_variable_dense("b1", TL_SHAPE(UNITS));
    tl_variable *w2 = tl_variable_dense("w2", TL_SHAPE(UNITS, 1));
    tl_optimizer *adam = tl_adam((tl_adam_options){ .learning_rate = 0.02 });
    tl_graph *g = tl_graph_new();
    check(w1 && b1 && w2 && adam && g);
    check(tl_init_normal(w1, 0, 1, &rng) == TL_OK && tl_init_normal(w2, 0, 1, &rng) == TL_OK);
    double error = 0;
    for (int step = 0; step < 2000; step++, tl_graph_reset(g)) {
        tl_node *x = tl_input(g, column, at), *one = tl_input(g, column, ones);
        tl_node *net = tl_matmul(tl_tanh(tl_bias(tl_matmul(x, tl_use(g, w1)), tl_use(g, b1))), tl_use(g, w2));
        tl_node *u = tl_mul(tl_mul(x, tl_sub(one, x)), net); /* 0 at 0 and at 1 */
        tl_node *u_x = tl_derivative(u, 1, &x, &one);
        tl_node *u_xx = tl_derivative(u_x, 1, &x, &one);
        check(tl_minimize(adam, tl_mse(u_xx, tl_input(g, column, right))) == TL_OK);
        error = 0;
        for (int k = 0; k < POINTS; k++)
            error = fmax(error, fabs((double)tl_value(u)[k] - sin(pi * (double)at[k])));
    }
    printf("u is %s 0.01 of sin(pi x)\n", error < 0.01 ? "within" : "not within");
    tl_graph_free(g);
    tl_optimizer_free(adam);
    tl_variable_free(w1);
    tl_variable_free(b1);
    tl_variable_free(w2);
    return error >= 0.01;
}
