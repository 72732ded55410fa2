/* Three ways to remove a connection, and what each leaves of it: a layer Y = X W is trained for 20 steps, the
 * smaller half of W is removed, and it is trained for 200 steps more. */
#include <stdio.h>
#include <stdlib.h>
#include <tulle/tulle.h>

enum { INPUTS = 8, UNITS = 4, SAMPLES = 16, SIZE = INPUTS * UNITS };

static tl_real x[SAMPLES * INPUTS], target[SAMPLES * UNITS];

static void check(bool good)
{
    if (!good) {
        fprintf(stderr, "%s\n", tl_error());
        exit(1);
    }
}

static void train(tl_optimizer *o, tl_variable *w, int steps)
{
    tl_graph *g = tl_graph_new();
    for (int step = 0; step < steps; step++) {
        tl_node *in = tl_input(g, TL_SHAPE(SAMPLES, INPUTS), x), *a = tl_use(g, w);
        tl_node *y = tl_variable_is_sparse(w) ? tl_dense_sparse_matmul(in, a, TL_NO_TRANSPOSE)
                                              : tl_matmul(in, a);
        check(tl_minimize(o, tl_mse(y, tl_input(g, TL_SHAPE(SAMPLES, UNITS), target))) == TL_OK);
        tl_graph_reset(g);
    }
    tl_graph_free(g);
}

/* A dense layer and its optimizer after 20 steps: the same at every call. */
static tl_variable *trained(tl_optimizer **o)
{
    tl_random rng = { .seed = 1 };
    tl_variable *w = tl_variable_dense("w", TL_SHAPE(INPUTS, UNITS));
    *o = tl_adam((tl_adam_options){ .learning_rate = 0.01 });
    check(w && *o && tl_init_he(w, &rng) == TL_OK);
    train(*o, w, 20);
    return w;
}

/* How many weights off the pattern are not 0. */
static int count_removed(tl_variable *w, const tl_pattern *keep)
{
    const tl_real *value = tl_variable_values(w);
    int n = 0;
    for (int k = 0; k < SIZE; k++)
        n += value[k] != 0 && tl_pattern_find(keep, k / UNITS, k % UNITS) < 0;
    return n;
}

/* 1: the gradient is masked. The optimizer still holds moments for removed weights, and moves them. */
static void mask_gradients(const tl_pattern *keep)
{
    tl_optimizer *o;
    tl_variable *w = trained(&o);
    tl_real *value = tl_variable_data(w);
    for (int k = 0; k < SIZE; k++)
        if (tl_pattern_find(keep, k / UNITS, k % UNITS) < 0)
            value[k] = 0;
    const tl_gradient_mask mask = { w, keep };
    tl_gradient_masks masks = { &mask, 1 };
    check(tl_optimizer_add_transform(o, tl_mask_gradients, &masks) == TL_OK);
    train(o, w, 200);
    printf("masked gradients: %2d removed weights are not 0\n", count_removed(w, keep));
    tl_optimizer_free(o);
    tl_variable_free(w);
}

/* 2: the variable is masked. Its weights and their moments stay 0 off the pattern. */
static int set_mask(tl_pattern *keep)
{
    tl_optimizer *o;
    tl_variable *w = trained(&o);
    check(tl_variable_set_mask(w, keep) == TL_OK);
    train(o, w, 200);
    const int moved = count_removed(w, keep);
    printf("masked variable:  %2d removed weights are not 0\n", moved);
    tl_optimizer_free(o);
    tl_variable_free(w);
    return moved;
}

/* 3: the variable is sparse. There are no removed weights. */
static void make_sparse(tl_pattern *keep)
{
    tl_optimizer *o;
    tl_variable *dense = trained(&o), *w = tl_variable_sparse("w", keep);
    check(w != NULL);
    const tl_real *from = tl_variable_values(dense);
    tl_real *to = tl_variable_data(w);
    for (int64_t i = 0, e = 0; i < INPUTS; i++)
        for (; e < tl_pattern_row_ptr(keep)[i + 1]; e++)
            to[e] = from[i * UNITS + tl_pattern_col(keep)[e]];
    train(o, w, 200);
    printf("sparse variable:  %2lld weights exist\n", (long long)tl_variable_size(w));
    tl_optimizer_free(o);
    tl_variable_free(dense);
    tl_variable_free(w);
}

int main(void)
{
    tl_random rng = { .seed = 2 };
    for (int k = 0; k < SAMPLES * INPUTS; k++)
        x[k] = (tl_real)tl_random_normal(&rng);
    for (int k = 0; k < SAMPLES * UNITS; k++)
        target[k] = (tl_real)tl_random_normal(&rng);

    tl_optimizer *o;
    tl_variable *w = trained(&o);
    check(tl_variable_prune_by_magnitude(w, SIZE / 2) == TL_OK);
    tl_pattern *keep = tl_pattern_retain(tl_variable_pattern(w));
    tl_optimizer_free(o);
    tl_variable_free(w);

    mask_gradients(keep);
    const int moved = set_mask(keep);
    make_sparse(keep);
    tl_pattern_release(keep);
    return moved != 0;
}
