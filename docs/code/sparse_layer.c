/* Trains a classifier in which one of ten connections of the first layer exists. */
#include <stdio.h>
#include <tulle/tulle.h>

enum { INPUTS = 100, HIDDEN = 64, CLASSES = 2, BATCH = 50, STEPS = 500 };

static tl_real x[BATCH][INPUTS];
static int32_t label[BATCH];

/* Random points; the label tells whether their first ten coordinates sum to more than 0. */
static void draw_batch(tl_random *rng)
{
    for (int k = 0; k < BATCH; k++) {
        tl_real sum = 0;
        for (int i = 0; i < INPUTS; i++) {
            x[k][i] = (tl_real)tl_random_normal(rng);
            sum += i < 10 ? x[k][i] : 0;
        }
        label[k] = sum > 0;
    }
}

int main(void)
{
    tl_random rng = { .seed = 1 };
    tl_pattern *pattern = tl_pattern_random(INPUTS, HIDDEN, 0.1, 1);
    tl_variable *w1 = tl_variable_sparse("w1", pattern);
    tl_variable *b1 = tl_variable_dense("b1", TL_SHAPE(HIDDEN));
    tl_variable *w2 = tl_variable_dense("w2", TL_SHAPE(HIDDEN, CLASSES));
    tl_init_he(w1, &rng);
    tl_init_he(w2, &rng);
    tl_optimizer *adam = tl_adam((tl_adam_options){ .learning_rate = 0.01 });
    tl_graph *g = tl_graph_new();

    for (int step = 1; step <= STEPS; step++) {
        draw_batch(&rng);
        tl_node *in = tl_input(g, TL_SHAPE(BATCH, INPUTS), x[0]);
        tl_node *h = tl_dense_sparse_matmul(in, tl_use(g, w1), TL_NO_TRANSPOSE);
        h = tl_relu(tl_bias(h, tl_use(g, b1)));
        tl_node *loss = tl_softmax_cross_entropy(tl_matmul(h, tl_use(g, w2)), label);
        if (tl_minimize(adam, loss) != TL_OK) { /* tells of every failure since the reset */
            fprintf(stderr, "step %d: %s\n", step, tl_error());
            return 1;
        }
        if (step % 100 == 0)
            printf("step %d: loss %.3f\n", step, (double)tl_value(loss)[0]);
        tl_graph_reset(g);
    }
    printf("w1 has %lld of %d weights\n", (long long)tl_variable_size(w1), INPUTS * HIDDEN);

    tl_graph_free(g);
    tl_optimizer_free(adam);
    tl_variable_free(w1);
    tl_variable_free(b1);
    tl_variable_free(w2);
    tl_pattern_release(pattern);
    return 0;
}
