/* Trains a layer of 100000 x 100000: a thousandth exists.
 *
 * Memory and time depend on its connections only: dense, the weights and Adam's state would need 12 bytes for
 * each of size x size cells. */
#include "demo.h"

#include <stdlib.h>

typedef struct options {
    demo_options common;
    int64_t size, connections, batch, steps;
} options;

static const flag flags[] = {
    { "--size", "N", "inputs and outputs of the layer", FLAG_INTEGER, .at = offsetof(options, size), 1,
      INT32_MAX, .fixed = true },
    { "--connections", "N", "how many exist", FLAG_INTEGER, .at = offsetof(options, connections), 1,
      INT32_MAX, .fixed = true },
    { "--batch", "N", "samples in a step", FLAG_INTEGER, .at = offsetof(options, batch), 1, 65536,
      .fixed = true },
    { "--steps", "N", "steps", FLAG_INTEGER, .at = offsetof(options, steps), 2, MOST_POINTS },
};

typedef struct layer {
    tl_variable *w;
    tl_optimizer *adam;
    tl_graph *graph;
    int64_t size;
    tl_real *x, *target; /* for each part of a batch size x samples */
    int64_t done;        /* steps */
    double first_loss, loss;
    series *curve;
} layer;

static void layer_free(layer *a)
{
    tl_graph_free(a->graph);
    tl_optimizer_free(a->adam);
    tl_variable_free(a->w);
    free(a->x);
    free(a->target);
}

/* Draws the batch. The target of each output is the input at the opposite end. */
static void draw(layer *a, const options *o, const ranks *r, tl_random *rng)
{
    const int64_t parts = r->parts > 0 ? r->parts : 1;
    for (int64_t i = 0; i < o->size; i++)
        for (int64_t p = 0; p < parts; p++) {
            const samples s = ranks_part(r, p, o->batch);
            tl_real *x = a->x + s.first * o->size + i * s.n;
            tl_real *target = a->target + s.first * o->size + (o->size - 1 - i) * s.n;
            for (int64_t j = 0; j < s.n; j++)
                x[j] = target[j] = (tl_real)(2 * tl_random_uniform(rng) - 1);
        }
}

static bool layer_make(layer *a, const options *o, const ranks *r)
{
    const double cells = (double)o->size * (double)o->size;
    tl_random rng = { .seed = o->common.seed };
    tl_pattern *p = tl_pattern_random(o->size, o->size, (double)o->connections / cells, o->common.seed);
    *a = (layer){ .w = p ? tl_variable_sparse("w", p) : NULL, .size = o->size };
    tl_pattern_release(p);
    if (!a->w || tl_init_glorot_rows(a->w, &rng) != TL_OK ||
        !(a->adam = tl_adam((tl_adam_options){ .learning_rate = 1e-3 })) || !(a->graph = tl_graph_new()) ||
        !(a->x = allocate(o->size * o->batch, sizeof *a->x)) ||
        !(a->target = allocate(o->size * o->batch, sizeof *a->x)))
        return false;
    draw(a, o, r, &rng);
    return true;
}

/* Samples are columns. */
static tl_node *loss_of(void *context, samples s)
{
    const layer *a = context;
    tl_node *in = tl_input(a->graph, TL_SHAPE(a->size, s.n), a->x + s.first * a->size);
    tl_node *y = tl_sparse_dense_matmul(tl_use(a->graph, a->w), in, TL_NO_TRANSPOSE);
    return tl_mse(y, tl_input(a->graph, TL_SHAPE(a->size, s.n), a->target + s.first * a->size));
}

static bool step(layer *a, const options *o, ranks *r)
{
    if (!ranks_minimize(r, a->adam, a->graph, o->batch, loss_of, a, &a->loss))
        return false;
    a->first_loss = a->done == 0 ? a->loss : a->first_loss;
    a->done++;
    series_add(a->curve, (double)a->done, a->loss);
    return true;
}

/* Prints the cost of the steps: the first one, which allocates the optimizer's state, separately. */
static void print_cost(const layer *a, const options *o, double first, double rest, int64_t steps)
{
    const double cells = (double)o->size * (double)o->size, each = steps > 1 ? rest / (double)(steps - 1) : 0;
    printf("loss: %.4f in the first step, %.4f in step %" PRId64 "\n", a->first_loss, a->loss, a->done);
    if (steps > 1)
        printf("time: %.2f s for the first step, then %.3f s per step:\n%.0f million connections per second, "
               "each for %" PRId64 " samples\n",
               first, each, (double)o->connections / each / 1e6, o->batch);
    printf("memory: weights and Adam's state %.0f MB (dense: %.0f MB), pattern %.0f MB,\nat most %.0f MB "
           "resident\n",
           (double)(tl_variable_size(a->w) * (int64_t)sizeof(tl_real) + tl_optimizer_bytes(a->adam)) / 1e6,
           3 * cells * sizeof(tl_real) / 1e6, (double)tl_pattern_bytes(tl_variable_pattern(a->w)) / 1e6,
           peak_megabytes());
}

static bool train(demo *d, layer *a, const options *o)
{
    double time[2] = { 0 }; /* of the first step, of the others */
    if (tl_checkpoint_add_variable(d->checkpoint, a->w) != TL_OK ||
        tl_checkpoint_add_optimizer(d->checkpoint, "adam", a->adam) != TL_OK ||
        tl_checkpoint_add_integer(d->checkpoint, "done", &a->done) != TL_OK ||
        tl_checkpoint_add_number(d->checkpoint, "first_loss", &a->first_loss) != TL_OK ||
        tl_checkpoint_add_number(d->checkpoint, "loss", &a->loss) != TL_OK ||
        !(a->curve = series_new(&d->series, d->checkpoint, "loss", "w")) || !demo_resume(d) ||
        !ranks_broadcast(&d->ranks, &a->w, 1, a->adam))
        return false;
    printf("%" PRId64 " x %" PRId64 ", %" PRId64 " connections (%.3g %%), batch %" PRId64
           ", Adam, %d thread%s\n",
           o->size, o->size, tl_variable_size(a->w),
           100 * (double)tl_variable_size(a->w) / ((double)o->size * (double)o->size), o->batch,
           tl_num_threads(), tl_num_threads() == 1 ? "" : "s");
    fflush(stdout);
    const int64_t from = a->done;
    while (a->done < o->steps) {
        const double start = seconds();
        if (!step(a, o, &d->ranks))
            return false;
        time[a->done > from + 1] += seconds() - start;
        progress("step %" PRId64 " of %" PRId64 ", loss %.4f", a->done, o->steps, a->loss);
        if (!demo_save(d))
            return false;
    }
    progress_clear();
    print_cost(a, o, time[0], time[1], a->done - from);
    result_integer(&d->results, "step", a->done);
    result_number(&d->results, "first_loss", a->first_loss);
    result_number(&d->results, "loss", a->loss);
    result_integer(&d->results, "weights", hash_of(&a->w, 1));
    result_end(&d->results);
    return demo_reached(d, a->loss < a->first_loss, "the loss falls from %.4f to %.4f", a->first_loss,
                        a->loss);
}

int main(int argc, char **argv)
{
    options o = {
        .common = DEMO_OPTIONS(0), .size = 100000, .connections = 10000000, .batch = 64, .steps = 10
    };
    demo d = {
        .name = "wide_layer",
        .about =
            "Trains one very wide sparse layer and prints what it costs. The exit status is 0 if the loss "
            "falls.",
        .in_parts = true,
        .x_name = "step",
        .examples = "\n--threads 0 --batch 256\n--size 10000 --connections 1000000 --steps 100 --svg "
                    "loss.svg\n--parts 4 --mpi\n",
        DEMO_FLAGS(flags, o),
    };
    layer a = { 0 };
    if (!demo_begin(&d, argc, argv))
        return d.status;
    const bool ok = layer_make(&a, &o, &d.ranks) && train(&d, &a, &o);
    const int status = demo_end(&d, ok);
    layer_free(&a);
    return status;
}
