/* lstm_step: a training step of an LSTM whose cell is written by hand, as that of a custom model is: 32 steps
 * of time, width 256, batch of 32, one weight for input and state; SGD. */
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 32, BATCH = 32, WIDTH = 256 };

typedef struct recurrent {
    tl_graph *g;
    tl_optimizer *sgd;
    tl_variable *w, *b;
    tl_real *x, *zero;
} recurrent;

static tl_node *gate(tl_node *gates, int k)
{
    return tl_slice(gates, 1, k * WIDTH, (k + 1) * WIDTH);
}

static void train_recurrent(void *context)
{
    const recurrent *r = context;
    tl_node *w = tl_use(r->g, r->w), *b = tl_use(r->g, r->b);
    tl_node *h = tl_input(r->g, TL_SHAPE(BATCH, WIDTH), r->zero), *c = h;
    for (int t = 0; t < STEPS; t++) {
        tl_node *x = tl_input(r->g, TL_SHAPE(BATCH, WIDTH), r->x + t * BATCH * WIDTH);
        tl_node *gates = tl_bias(tl_matmul(tl_concat((tl_node *[]){ x, h }, 2, 1), w), b);
        tl_node *i = tl_sigmoid(gate(gates, 0)), *f = tl_sigmoid(gate(gates, 1));
        tl_node *g = tl_tanh(gate(gates, 2)), *o = tl_sigmoid(gate(gates, 3));
        c = tl_add(tl_mul(f, c), tl_mul(i, g));
        h = tl_mul(o, tl_tanh(c));
    }
    check(tl_minimize(r->sgd, tl_reduce_mean(tl_mul(h, h), TL_ALL_AXES)));
    tl_graph_reset(r->g);
}

void bench_lstm_step(void)
{
    char name[64];
    tl_random rng = { .seed = 1 };
    recurrent r = { .g = must(tl_graph_new()),
                    .sgd = must(tl_sgd((tl_sgd_options){ .learning_rate = 0.01 })),
                    .w = must(tl_variable_dense("w", TL_SHAPE(2 * WIDTH, 4 * WIDTH))),
                    .b = must(tl_variable_dense("b", TL_SHAPE(4 * WIDTH))),
                    .x = random_reals(STEPS * BATCH * WIDTH, 2),
                    .zero = allocate(BATCH * WIDTH, sizeof *r.zero) };
    for (int k = 0; k < BATCH * WIDTH; k++)
        r.zero[k] = 0;
    check(tl_init_normal(r.w, 0, (tl_real)0.05, &rng));
    snprintf(name, sizeof name, "t=%d b=%d w=%d", STEPS, BATCH, WIDTH);
    measure(name, (work){ 0 }, train_recurrent, &r);
    tl_graph_free(r.g);
    tl_optimizer_free(r.sgd);
    tl_variable_free(r.w);
    tl_variable_free(r.b);
    free(r.x);
    free(r.zero);
}
