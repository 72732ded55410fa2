/* A recurrent network whose state outlives the step: h' = r h + u x learns the average 0.9 h + 0.1 x, which
 * depends on more inputs than the four of a step. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tulle/tulle.h>

enum { CHUNK = 4, CHUNKS = 4000 };

static void check(bool good)
{
    if (!good) {
        fprintf(stderr, "%s\n", tl_error());
        exit(1);
    }
}

int main(void)
{
    tl_random rng = { .seed = 1 };
    tl_variable *r = tl_variable_dense("r", TL_SHAPE(1, 1)), *u = tl_variable_dense("u", TL_SHAPE(1, 1));
    tl_optimizer *adam = tl_adam((tl_adam_options){ .learning_rate = 0.003 });
    tl_graph *g = tl_graph_new();
    tl_real state[1] = { 0 }, target[CHUNK], x[CHUNK], average = 0;
    check(r && u && adam && g);

    for (int chunk = 0; chunk < CHUNKS; chunk++) {
        for (int t = 0; t < CHUNK; t++) {
            x[t] = (tl_real)tl_random_normal(&rng);
            target[t] = average = (tl_real)0.9 * average + (tl_real)0.1 * x[t];
        }
        tl_node *h = tl_input(g, TL_SHAPE(1, 1), state);
        for (int t = 0; t < CHUNK; t++) {
            tl_node *in = tl_input(g, TL_SHAPE(1, 1), x + t);
            h = tl_add(tl_matmul(h, tl_use(g, r)), tl_matmul(in, tl_use(g, u)));
        }
        check(tl_minimize(adam, tl_mse(h, tl_input(g, TL_SHAPE(1, 1), target + CHUNK - 1))) == TL_OK);
        memcpy(state, tl_value(h), sizeof state); /* no earlier: backward reads the old state */
        tl_graph_reset(g);
    }
    printf("h' = %.1f h + %.1f x\n", (double)tl_variable_values(r)[0], (double)tl_variable_values(u)[0]);
    tl_graph_free(g);
    tl_optimizer_free(adam);
    tl_variable_free(r);
    tl_variable_free(u);
    return 0;
}
