/* A first network: a tenth of its first layer exists. */
#include <stdio.h>
#include <tulle/tulle.h>

enum { PIXELS = 784, HIDDEN = 300, CLASSES = 10, SAMPLES = 2000, BATCH = 50, STEPS = 400 };

static tl_real images[SAMPLES][PIXELS];
static int32_t labels[SAMPLES];
static tl_variable *w1, *b1, *w2, *b2;

/* Noisy copies of one random prototype per class. */
static void make_data(tl_random *rng)
{
    static double prototype[CLASSES * PIXELS];
    for (int i = 0; i < CLASSES * PIXELS; i++)
        prototype[i] = tl_random_normal(rng);
    for (int k = 0; k < SAMPLES; k++) {
        labels[k] = k % CLASSES;
        for (int i = 0; i < PIXELS; i++)
            images[k][i] = (tl_real)(0.2 * prototype[labels[k] * PIXELS + i] + tl_random_normal(rng));
    }
}

static tl_node *network(tl_graph *g, const tl_real *data, int64_t n)
{
    tl_node *x = tl_input(g, TL_SHAPE(n, PIXELS), data);
    tl_node *h = tl_relu(tl_bias(tl_dense_sparse_matmul(x, tl_use(g, w1), TL_NO_TRANSPOSE), tl_use(g, b1)));
    return tl_bias(tl_matmul(h, tl_use(g, w2)), tl_use(g, b2));
}

static int count_right(const tl_real *score)
{
    int right = 0;
    for (int k = 0; k < SAMPLES; k++, score += CLASSES) {
        int best = 0;
        for (int c = 1; c < CLASSES; c++)
            best = score[c] > score[best] ? c : best;
        right += best == labels[k];
    }
    return right;
}

int main(void)
{
    tl_random rng = { .seed = 1 };
    make_data(&rng);
    tl_pattern *pattern = tl_pattern_random(PIXELS, HIDDEN, 0.10, 1);
    w1 = tl_variable_sparse("w1", pattern);
    b1 = tl_variable_dense("b1", TL_SHAPE(HIDDEN));
    w2 = tl_variable_dense("w2", TL_SHAPE(HIDDEN, CLASSES));
    b2 = tl_variable_dense("b2", TL_SHAPE(CLASSES));
    tl_init_he(w1, &rng);
    tl_init_he(w2, &rng);
    tl_optimizer *adam = tl_adam((tl_adam_options){ .learning_rate = 1e-3 });
    tl_graph *g = tl_graph_new();
    for (int step = 0; step < STEPS; step++) {
        const int first = step * BATCH % SAMPLES;
        tl_node *loss = tl_softmax_cross_entropy(network(g, images[first], BATCH), labels + first);
        if (tl_minimize(adam, loss) != TL_OK) {
            fprintf(stderr, "step %d: %s\n", step, tl_error());
            return 1;
        }
        if (step % 50 == 0)
            printf("step %3d: loss %.4f\n", step, (double)tl_value(loss)[0]);
        tl_graph_reset(g);
    }
    const tl_real *score = tl_value(network(g, images[0], SAMPLES));
    if (!score) {
        fprintf(stderr, "%s\n", tl_error());
        return 1;
    }
    printf("training accuracy: %.1f %%\n", 100.0 * count_right(score) / SAMPLES);
    printf("weights: %lld of %d\n", (long long)tl_variable_size(w1), PIXELS * HIDDEN);
    tl_graph_free(g);
    tl_optimizer_free(adam);
    tl_variable_free(w1);
    tl_variable_free(b1);
    tl_variable_free(w2);
    tl_variable_free(b2);
    tl_pattern_release(pattern);
    return 0;
}
