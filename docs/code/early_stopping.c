/* Early stopping: training ends when the loss on other samples has not fallen for a while, with the weights
 * of its lowest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tulle/tulle.h>

enum { INPUTS = 20, SAMPLES = 24, OTHERS = 200, EPOCHS = 2000, PATIENCE = 50 };

static void check(bool good)
{
    if (!good) {
        fprintf(stderr, "%s\n", tl_error());
        exit(1);
    }
}

/* Of the inputs only the first counts; there is as much noise as signal, which training would learn by
 * heart. */
static void draw(tl_random *rng, int n, tl_real *x, tl_real *target)
{
    for (int k = 0; k < n; k++, x += INPUTS) {
        for (int i = 0; i < INPUTS; i++)
            x[i] = (tl_real)tl_random_normal(rng);
        target[k] = x[0] + (tl_real)tl_random_normal(rng);
    }
}

static tl_node *loss_of(tl_graph *g, tl_variable *w, int n, const tl_real *x, const tl_real *target)
{
    tl_node *y = tl_matmul(tl_input(g, TL_SHAPE(n, INPUTS), x), tl_use(g, w));
    return tl_mse(y, tl_input(g, TL_SHAPE(n, 1), target));
}

static tl_real evaluate(tl_variable *w, const tl_real *x, const tl_real *target)
{
    tl_graph *g = tl_graph_new();
    const tl_real *value = tl_value(loss_of(g, w, OTHERS, x, target));
    check(value != NULL);
    const tl_real loss = *value;
    tl_graph_free(g);
    return loss;
}

int main(void)
{
    static tl_real x[SAMPLES * INPUTS], target[SAMPLES], other_x[OTHERS * INPUTS], other_target[OTHERS];
    tl_random rng = { .seed = 1 };
    draw(&rng, SAMPLES, x, target);
    draw(&rng, OTHERS, other_x, other_target);
    tl_variable *w = tl_variable_dense("w", TL_SHAPE(INPUTS, 1));
    tl_optimizer *sgd = tl_sgd((tl_sgd_options){ .learning_rate = 0.02 });
    tl_graph *g = tl_graph_new();
    check(w && sgd && g);

    tl_real best[INPUTS] = { 0 }, lowest = evaluate(w, other_x, other_target);
    int epoch = 0, best_epoch = 0;
    while (epoch < EPOCHS && epoch - best_epoch < PATIENCE) {
        check(tl_minimize(sgd, loss_of(g, w, SAMPLES, x, target)) == TL_OK);
        tl_graph_reset(g);
        epoch++;
        const tl_real loss = evaluate(w, other_x, other_target);
        if (loss < lowest) {
            lowest = loss;
            best_epoch = epoch;
            memcpy(best, tl_variable_values(w), sizeof best);
        }
    }
    const tl_real last = evaluate(w, other_x, other_target);
    memcpy(tl_variable_data(w), best, sizeof best);

    const tl_real restored = evaluate(w, other_x, other_target);
    printf("loss %.2f at the end, %.2f of the weights that were kept\n", (double)last, (double)restored);
    tl_graph_free(g);
    tl_optimizer_free(sgd);
    tl_variable_free(w);
    return !(restored == lowest && restored < last && epoch < EPOCHS);
}
