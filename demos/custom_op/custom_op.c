/* Trains a prototypical network with an op of its own. Points on three rings are embedded, and belong to the
 * prototype that is nearest. Fails unless 97 % of new points are classified right. */
#include "distance.h"

#include <math.h>
#include <stdio.h>

enum { CLASSES = 3, HIDDEN = 32, FEATURES = 4, BATCH = 60, STEPS = 800, TEST = 3000 };

static tl_variable *w1, *b1, *w2, *prototypes;

/* Draws points around rings of radius 1, 2 and 3. */
static void draw(tl_random *rng, int n, tl_real (*x)[2], int32_t *label)
{
    for (int k = 0; k < n; k++) {
        const double angle = 6.2831853 * tl_random_uniform(rng);
        label[k] = k % CLASSES;
        const double radius = 1 + label[k] + 0.15 * tl_random_normal(rng);
        x[k][0] = (tl_real)(radius * cos(angle));
        x[k][1] = (tl_real)(radius * sin(angle));
    }
}

static tl_node *logits(tl_graph *g, int64_t n, const tl_real *x)
{
    tl_node *h = tl_matmul(tl_input(g, TL_SHAPE(n, 2), x), tl_use(g, w1));
    h = tl_tanh(tl_bias(h, tl_use(g, b1)));
    tl_node *embedded = tl_dense_sparse_matmul(h, tl_use(g, w2), TL_NO_TRANSPOSE);
    return squared_distance(embedded, tl_use(g, prototypes), -1);
}

/* Returns the percentage of new points that are classified right; 0 if the graph fails. */
static double accuracy(tl_graph *g, tl_random *rng)
{
    static tl_real x[TEST][2];
    static int32_t label[TEST];
    draw(rng, TEST, x, label);
    const tl_real *y = tl_value(logits(g, TEST, x[0]));
    int right = 0;
    for (int k = 0; y && k < TEST; k++, y += CLASSES) {
        int best = 0;
        for (int c = 1; c < CLASSES; c++)
            best = y[c] > y[best] ? c : best;
        right += best == label[k];
    }
    return 100.0 * right / TEST;
}

static tl_status train(tl_graph *g, tl_random *rng, tl_optimizer *adam)
{
    for (int step = 0; step < STEPS; step++, tl_graph_reset(g)) {
        tl_real x[BATCH][2];
        int32_t label[BATCH];
        draw(rng, BATCH, x, label);
        tl_node *loss = tl_softmax_cross_entropy(logits(g, BATCH, x[0]), label);
        if (tl_minimize(adam, loss) != TL_OK)
            return tl_graph_status(g);
        if (step % 200 == 0)
            printf("step %4d: loss %.3f\n", step, (double)tl_value(loss)[0]);
    }
    return TL_OK;
}

int main(void)
{
    tl_random rng = { .seed = 1 };
    tl_pattern *pattern = tl_pattern_random(HIDDEN, FEATURES, 0.5, 1);
    tl_variable *all[] = {
        w1 = tl_variable_dense("w1", TL_SHAPE(2, HIDDEN)),
        b1 = tl_variable_dense("b1", TL_SHAPE(HIDDEN)),
        w2 = tl_variable_sparse("w2", pattern),
        prototypes = tl_variable_dense("prototypes", TL_SHAPE(CLASSES, FEATURES)),
    };
    tl_init_normal(w1, 0, 1, &rng);
    tl_init_normal(b1, 0, 1, &rng);
    tl_init_he(w2, &rng);
    tl_init_normal(prototypes, 0, 1, &rng);
    tl_optimizer *adam = tl_adam((tl_adam_options){ .learning_rate = 0.01 });
    tl_graph *g = tl_graph_new();
    double right = 0;
    if (train(g, &rng, adam) != TL_OK)
        fprintf(stderr, "%s\n", tl_error());
    else
        right = accuracy(g, &rng);
    printf("%.1f %% of new points are right\n", right);
    tl_graph_free(g);
    tl_optimizer_free(adam);
    for (int i = 0; i < 4; i++)
        tl_variable_free(all[i]);
    tl_pattern_release(pattern);
    return right >= 97 ? 0 : 1;
}
