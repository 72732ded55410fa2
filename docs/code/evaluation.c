/* Evaluation on many samples: in a graph for inference, or in the graph of training, which then gives back
 * what it took. */
#include <stdio.h>
#include <stdlib.h>
#include <tulle/tulle.h>

enum { INPUTS = 20, HIDDEN = 30, BATCH = 10, MANY = 10000 };

static tl_variable *w1, *w2;
static tl_real x[MANY * INPUTS];

static void check(bool good)
{
    if (!good) {
        fprintf(stderr, "%s\n", tl_error());
        exit(1);
    }
}

/* Without dropout if rng is NULL: there is no mode to switch. */
static tl_node *network(tl_graph *g, int64_t n, tl_random *rng)
{
    tl_node *h = tl_relu(tl_matmul(tl_input(g, TL_SHAPE(n, INPUTS), x), tl_use(g, w1)));
    return tl_matmul(rng ? tl_dropout(h, (tl_real)0.5, rng) : h, tl_use(g, w2));
}

static void train(tl_graph *g, tl_optimizer *o, tl_random *rng)
{
    tl_node *y = network(g, BATCH, rng);
    check(tl_minimize(o, tl_reduce_mean(tl_mul(y, y), TL_ALL_AXES)) == TL_OK);
    tl_graph_reset(g);
}

static tl_real evaluate(tl_graph *g)
{
    const tl_real *mean = tl_value(tl_reduce_mean(network(g, MANY, NULL), TL_ALL_AXES));
    check(mean != NULL);
    return *mean;
}

int main(void)
{
    tl_random rng = { .seed = 1 };
    for (int k = 0; k < MANY * INPUTS; k++)
        x[k] = (tl_real)tl_random_normal(&rng);
    w1 = tl_variable_dense("w1", TL_SHAPE(INPUTS, HIDDEN));
    w2 = tl_variable_dense("w2", TL_SHAPE(HIDDEN, 1));
    tl_optimizer *adam = tl_adam((tl_adam_options){ .learning_rate = 0.01 });
    tl_graph *g = tl_graph_new();
    check(adam && g && tl_init_he(w1, &rng) == TL_OK && tl_init_he(w2, &rng) == TL_OK);
    train(g, adam, &rng);

    tl_graph *own = tl_graph_new_inference();
    const tl_real alone = evaluate(own);
    tl_graph_free(own);

    const int64_t before = tl_graph_bytes(g);
    const tl_real shared = evaluate(g);
    const int64_t most = tl_graph_bytes(g);
    tl_graph_trim(g, before);

    train(g, adam, &rng);
    const bool same = alone == shared, back = most > before && tl_graph_bytes(g) == before;
    printf("the same mean: %s; memory as before: %s\n", same ? "yes" : "no", back ? "yes" : "no");
    tl_graph_free(g);
    tl_optimizer_free(adam);
    tl_variable_free(w1);
    tl_variable_free(w2);
    return !(same && back);
}
