/* A run that stops half way and goes on, to the same bits as one that did not stop. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tulle/tulle.h>
#include <unistd.h>

enum { INPUTS = 30, UNITS = 20, BATCH = 10, STEPS = 50 };

static void check(bool good)
{
    if (!good) {
        fprintf(stderr, "%s\n", tl_error());
        exit(1);
    }
}

/* One epoch: to reproduce the batch's rows from half of their inputs. */
static void train_epoch(tl_optimizer *o, tl_variable *w1, tl_variable *w2, tl_random *data,
                        tl_random *dropout)
{
    tl_graph *g = tl_graph_new();
    for (int step = 0; step < STEPS; step++, tl_graph_reset(g)) {
        tl_real x[BATCH * INPUTS];
        for (int k = 0; k < BATCH * INPUTS; k++)
            x[k] = (tl_real)tl_random_normal(data);
        tl_node *in = tl_input(g, TL_SHAPE(BATCH, INPUTS), x);
        tl_node *h = tl_tanh(
            tl_dense_sparse_matmul(tl_dropout(in, 0.5F, dropout), tl_use(g, w1), TL_NO_TRANSPOSE));
        check(tl_minimize(o, tl_mse(tl_matmul(h, tl_use(g, w2)), in)) == TL_OK);
    }
    tl_graph_free(g);
}

/* Trains up to an epoch, from the file if there is one. */
static void run(const char *path, int64_t epochs, tl_real w[UNITS * INPUTS])
{
    tl_random init = { .seed = 1 }, data = { .seed = 2 }, dropout = { .seed = 3 };
    tl_pattern *p = tl_pattern_random(INPUTS, UNITS, 0.5, 4);
    tl_variable *w1 = tl_variable_sparse("w1", p), *w2 = tl_variable_dense("w2", TL_SHAPE(UNITS, INPUTS));
    check(tl_init_glorot(w1, &init) == TL_OK && tl_init_glorot(w2, &init) == TL_OK);
    tl_optimizer *adam = tl_adam((tl_adam_options){ .learning_rate = 0.01 });
    int64_t epoch = 0;

    tl_checkpoint *c = tl_checkpoint_new();
    check(tl_checkpoint_add_variable(c, w1) == TL_OK);
    check(tl_checkpoint_add_variable(c, w2) == TL_OK);
    check(tl_checkpoint_add_optimizer(c, "adam", adam) == TL_OK);
    check(tl_checkpoint_add_random(c, "data", &data) == TL_OK);
    check(tl_checkpoint_add_random(c, "dropout", &dropout) == TL_OK);
    check(tl_checkpoint_add_integer(c, "epoch", &epoch) == TL_OK);

    if (access(path, F_OK) == 0) /* otherwise this is the first run */
        check(tl_checkpoint_load(c, path) == TL_OK);
    while (epoch < epochs) {
        train_epoch(adam, w1, w2, &data, &dropout);
        if (epoch == 1) /* the pattern is in the file, too */
            check(tl_variable_prune_by_magnitude(w1, tl_variable_size(w1) / 2) == TL_OK);
        epoch++;
        check(tl_checkpoint_save(c, path) == TL_OK);
    }

    memcpy(w, tl_variable_data(w2), UNITS * INPUTS * sizeof *w);
    tl_checkpoint_free(c);
    tl_optimizer_free(adam);
    tl_variable_free(w1);
    tl_variable_free(w2);
    tl_pattern_release(p);
}

int main(void)
{
    static tl_real resumed[UNITS * INPUTS], straight[UNITS * INPUTS];
    run("resumed.ckpt", 3, resumed); /* stops after 3 epochs */
    run("resumed.ckpt", 6, resumed); /* goes on up to 6 */
    run("straight.ckpt", 6, straight);
    const bool same = memcmp(resumed, straight, sizeof resumed) == 0;
    printf("the same bits: %s\n", same ? "yes" : "no");
    unlink("resumed.ckpt");
    unlink("straight.ckpt");
    return !same;
}
