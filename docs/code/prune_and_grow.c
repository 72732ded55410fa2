/* Sparse training with a pattern that changes: every 100 steps the smaller half of the connections is
 * removed, and as many are drawn at random. (Mocanu et al. 2018 do so with a smaller part.) */
#include <stdio.h>
#include <stdlib.h>
#include <tulle/tulle.h>

enum { INPUTS = 60, UNITS = 1, USEFUL = 6, EXIST = 12, BATCH = 20, ROUNDS = 32, STEPS = 100 };

static void check(bool good)
{
    if (!good) {
        fprintf(stderr, "%s\n", tl_error());
        exit(1);
    }
}

/* The target is the sum of the first inputs: only USEFUL of the connections have a use. */
static void draw_batch(tl_random *rng, tl_real x[BATCH][INPUTS], tl_real *target)
{
    for (int k = 0; k < BATCH; k++) {
        target[k] = 0;
        for (int i = 0; i < INPUTS; i++) {
            x[k][i] = (tl_real)tl_random_normal(rng);
            target[k] += i < USEFUL ? x[k][i] : 0;
        }
    }
}

static tl_real train(tl_graph *g, tl_optimizer *o, tl_variable *w, tl_random *rng)
{
    tl_real x[BATCH][INPUTS], target[BATCH], last = 0;
    for (int step = 0; step < STEPS; step++) {
        draw_batch(rng, x, target);
        tl_node *in = tl_input(g, TL_SHAPE(BATCH, INPUTS), x[0]);
        tl_node *y = tl_dense_sparse_matmul(in, tl_use(g, w), TL_NO_TRANSPOSE);
        tl_node *loss = tl_mse(y, tl_input(g, TL_SHAPE(BATCH, UNITS), target));
        check(tl_minimize(o, loss) == TL_OK);
        last = tl_value(loss)[0];
        tl_graph_reset(g);
    }
    return last;
}

static void prune_and_grow(tl_variable *w, uint64_t seed)
{
    check(tl_variable_prune_by_magnitude(w, EXIST / 2) == TL_OK);
    tl_pattern *next = tl_pattern_add(tl_variable_pattern(w), EXIST - EXIST / 2, NULL, &seed);
    check(next && tl_variable_set_pattern(w, next) == TL_OK);
    tl_pattern_release(next);
}

int main(void)
{
    tl_random rng = { .seed = 1 };
    tl_pattern *pattern = tl_pattern_random(INPUTS, UNITS, (double)EXIST / (INPUTS * UNITS), 1);
    tl_variable *w = tl_variable_sparse("w", pattern);
    tl_optimizer *adam = tl_adam((tl_adam_options){ .learning_rate = 0.02, .per_weight_age = true });
    tl_graph *g = tl_graph_new();
    check(w && adam && g);
    for (int round = 0; round < ROUNDS; round++) {
        const tl_real loss = train(g, adam, w, &rng);
        if (round % 4 == 3)
            printf("after %4d steps: loss %.3f\n", (round + 1) * STEPS, (double)loss);
        prune_and_grow(w, (uint64_t)round);
    }
    const int64_t found = tl_pattern_row_ptr(tl_variable_pattern(w))[USEFUL];
    printf("%lld of the %d useful connections exist\n", (long long)found, USEFUL);
    tl_graph_free(g);
    tl_optimizer_free(adam);
    tl_variable_free(w);
    tl_pattern_release(pattern);
    return found < USEFUL;
}
