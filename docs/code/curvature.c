/* Products of a loss's Hessian with a vector, for a network with a sparse layer: the GraSP score of each
 * connection, and the trace of the Hessian. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <tulle/tulle.h>

enum { INPUTS = 8, UNITS = 32, CLASSES = 3, SAMPLES = 64, PROBES = 200 };

static tl_real x[SAMPLES * INPUTS];
static int32_t label[SAMPLES];

static void check(bool good)
{
    if (!good) {
        fprintf(stderr, "%s\n", tl_error());
        exit(1);
    }
}

static tl_node *loss_of(tl_graph *g, tl_variable *w1, tl_variable *w2)
{
    tl_node *h = tl_dense_sparse_matmul(tl_input(g, TL_SHAPE(SAMPLES, INPUTS), x), tl_use(g, w1),
                                        TL_NO_TRANSPOSE);
    return tl_softmax_cross_entropy(tl_matmul(tl_tanh(h), tl_use(g, w2)), label);
}

static double dot(const tl_gradients *a, const tl_gradients *b)
{
    double sum = 0;
    for (int32_t i = 0; i < a->n; i++)
        for (int64_t k = 0; k < tl_gradient_size(&a->pair[i]); k++)
            sum += (double)a->pair[i].values[k] * (double)b->pair[i].values[k];
    return sum;
}

/* The GraSP score of each connection of w1, -w (H g): to first order, what its removal adds to half the
 * squared norm of the gradient. */
static void grasp_scores(tl_graph *g, tl_variable *w1, tl_variable *w2, double *score)
{
    tl_node *loss = loss_of(g, w1, w2);
    tl_gradients gradient, hg;
    check(tl_backward(loss, &gradient) == TL_OK);
    check(tl_hessian_product(loss, &gradient, &hg) == TL_OK);
    for (int64_t e = 0; e < tl_variable_size(w1); e++)
        score[e] = -(double)tl_variable_values(w1)[e] * (double)hg.pair[0].values[e];
}

/* The trace of the Hessian: the mean of <z, H z> over random z of signs (Hutchinson 1990). */
static double trace(tl_graph *g, tl_variable *w1, tl_variable *w2, tl_random *rng)
{
    double sum = 0;
    for (int probe = 0; probe < PROBES; probe++, tl_graph_reset(g)) {
        tl_node *loss = loss_of(g, w1, w2);
        tl_gradients z, hz;
        check(tl_backward(loss, &z) == TL_OK); /* its pairs have the right arrays */
        for (int32_t i = 0; i < z.n; i++)
            for (int64_t k = 0; k < tl_gradient_size(&z.pair[i]); k++)
                z.pair[i].values[k] = tl_random_uniform(rng) < 0.5 ? -1 : 1;
        check(tl_hessian_product(loss, &z, &hz) == TL_OK);
        sum += dot(&z, &hz);
    }
    return sum / PROBES;
}

int main(void)
{
    tl_random rng = { .seed = 1 };
    for (int k = 0; k < SAMPLES * INPUTS; k++)
        x[k] = (tl_real)tl_random_normal(&rng);
    for (int k = 0; k < SAMPLES; k++)
        label[k] = x[k * INPUTS] > 0 ? 0 : x[k * INPUTS + 1] > 0 ? 1 : 2;
    tl_pattern *half = tl_pattern_random(INPUTS, UNITS, 0.5, 1);
    tl_variable *w1 = tl_variable_sparse("w1", half), *w2 = tl_variable_dense("w2", TL_SHAPE(UNITS, CLASSES));
    tl_graph *g = tl_graph_new();
    check(g && w1 && w2 && tl_init_he(w1, &rng) == TL_OK && tl_init_he(w2, &rng) == TL_OK);

    double score[INPUTS * UNITS];
    int64_t useful = 0;
    grasp_scores(g, w1, w2, score);
    for (int64_t e = 0; e < tl_variable_size(w1); e++)
        useful += score[e] < 0;
    printf("%d of %d connections carry gradient\n", (int)useful, (int)tl_variable_size(w1));
    tl_graph_reset(g);
    printf("trace of the Hessian: about %.0f\n", trace(g, w1, w2, &rng));
    tl_graph_free(g);
    tl_pattern_release(half);
    tl_variable_free(w1);
    tl_variable_free(w2);
    return 0;
}
