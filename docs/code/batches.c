/* Batches from one array: all samples are an input, and a batch is a lookup of their numbers. */
#include <stdio.h>
#include <stdlib.h>
#include <tulle/tulle.h>

enum { SAMPLES = 64, INPUTS = 2, BATCH = 16, EPOCHS = 50 };

static tl_real x[SAMPLES * INPUTS], target[SAMPLES];

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
    int32_t order[SAMPLES];
    for (int k = 0; k < SAMPLES; k++) {
        for (int i = 0; i < INPUTS; i++)
            x[k * INPUTS + i] = (tl_real)tl_random_normal(&rng);
        target[k] = 2 * x[k * INPUTS] - x[k * INPUTS + 1];
    }
    tl_variable *w = tl_variable_dense("w", TL_SHAPE(INPUTS, 1));
    tl_optimizer *sgd = tl_sgd((tl_sgd_options){ .learning_rate = 0.1 });
    tl_graph *g = tl_graph_new();
    check(w && sgd && g);

    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        tl_random_permutation(&rng, SAMPLES, order);
        for (const int32_t *batch = order; batch < order + SAMPLES; batch += BATCH) {
            tl_node *all = tl_input(g, TL_SHAPE(SAMPLES, INPUTS), x);
            tl_node *wanted = tl_input(g, TL_SHAPE(SAMPLES, 1), target);
            tl_node *y = tl_matmul(tl_embedding_lookup(all, batch, TL_SHAPE(BATCH)), tl_use(g, w));
            tl_node *loss = tl_mse(y, tl_embedding_lookup(wanted, batch, TL_SHAPE(BATCH)));
            check(tl_minimize(sgd, loss) == TL_OK);
            tl_graph_reset(g);
        }
    }
    const tl_real *value = tl_variable_values(w);
    printf("w = %.2f, %.2f\n", (double)value[0], (double)value[1]);
    tl_graph_free(g);
    tl_optimizer_free(sgd);
    tl_variable_free(w);
    return 0;
}
