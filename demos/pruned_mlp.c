/* Prunes a perceptron in training, and counts what comes back.
 *
 * A network is trained dense, all but the largest weights of its hidden layers are removed, and training
 * continues. Every method repeats the dense phase with the same random numbers, so that all start from the
 * same weights and optimizer state, to the last bit. */
#include "demo.h"
#include "methods.h"

#include <math.h>
#include <stdlib.h>

enum { WARM_UP = 10 };

typedef struct options {
    demo_options common;
    double density;
    integer_list hidden;
    int64_t epochs, batch;
    double learning_rate; /* 0: the optimizer's own */
    int64_t optimizer, schedule, methods;
    const char *dot;
} options;

#define AT(field) offsetof(options, field)

static const flag flags[] = {
    { "--density", "X", "fraction of each hidden weight matrix that is kept", FLAG_NUMBER, .at = AT(density),
      0, 1, .fixed = true },
    { "--hidden", "N,N,..", "units of each hidden layer", FLAG_INTEGERS, .at = AT(hidden), 1, 65536,
      .fixed = true },
    { "--epochs", "N", "passes over the data before the removal, and as many after it", FLAG_INTEGER,
      .at = AT(epochs), 1, MOST_POINTS / 2, .fixed = true },
    { "--batch", "N", "images in a step", FLAG_INTEGER, .at = AT(batch), 1, 65536, .fixed = true },
    { "--learning-rate", "X", "default: see the optimizers", FLAG_NUMBER, .at = AT(learning_rate),
      .above = true, .open = true, .fixed = true },
    { "--optimizer", "NAME", "see below", FLAG_CHOICE, .at = AT(optimizer), .fixed = true,
      .choices = optimizers, .stride = sizeof *optimizers },
    { "--schedule", "NAME", "of the learning rate over the whole run, see below", FLAG_CHOICE,
      .at = AT(schedule), .fixed = true, .choices = schedules, .stride = sizeof *schedules },
    { "--method", "NAME,..", "only these, may be repeated", FLAG_CHOICES, .at = AT(methods),
      .choices = methods, .stride = sizeof *methods },
    { "--dot", "FILE", "write the graph of a training step of the last method, for Graphviz", FLAG_OUTPUT,
      .at = AT(dot) },
};

static void more_help(void)
{
    printf("\nMethods:\n");
    for (const method *m = methods; m->name; m++)
        printf("  %-15s %s\n", m->name, m->what);
    printf("\nOptimizers:\n");
    for (const optimizer_kind *k = optimizers; k->name; k++) {
        char text[128];
        snprintf(text, sizeof text, "learning rate %g%s%s", k->learning_rate, k->note ? "; " : "",
                 k->note ? k->note : "");
        printf("  %-15s ", k->name);
        print_wrapped(18, text);
    }
    printf("\nSchedules:\n");
    for (const schedule_kind *k = schedules; k->name; k++)
        printf("  %-15s %s\n", k->name, k->what);
}

/* What became of the network of a method. */
typedef struct result {
    int64_t done;             /* 1 if this is a result */
    double accuracy;          /* on the test images, 0 to 1 */
    int64_t revived, removed; /* weights off the pattern that are not zero, and all that are off it */
    double ms_per_step;       /* median over the steps after the removal */
    int64_t bytes;            /* of weights, biases and optimizer state */
    int64_t pattern_bytes;    /* of the patterns, their cached transposes included */
} result;

typedef struct run {
    const options *o;
    const digits *d;
    const method *m;
    series *loss;
    trainee t;
    tl_graph *graph;
    tl_random rng;
    tl_real *image; /* of a batch */
    int32_t *label;
    int32_t *order; /* of the training images in this epoch */
    double *ms;     /* of each step of this phase */
    int64_t steps;  /* in an epoch */
} run;

static void run_free(run *r)
{
    tl_graph_free(r->graph);
    trainee_free(&r->t);
    free(r->image);
    free(r->label);
    free(r->order);
    free(r->ms);
}

static bool run_make(run *r, const options *o, const digits *d, const method *m, series *loss)
{
    const int64_t n = d->train.n, batch = o->batch < n ? o->batch : n;
    *r = (run){ o, d, m, loss, .rng = { .seed = o->common.seed }, .steps = (n + batch - 1) / batch };
    r->t.kind = &optimizers[o->optimizer];
    r->t.learning_rate = o->learning_rate > 0 ? o->learning_rate : r->t.kind->learning_rate;
    r->t.course = (course){ .schedule = &schedules[o->schedule], .steps = 2 * o->epochs * r->steps };
    return network_make(&r->t.net, &o->hidden, d, NULL, &r->rng) &&
           (r->t.optimizer = make_optimizer(r->t.kind, r->t.learning_rate, &r->t.course)) &&
           (r->graph = tl_graph_new()) &&
           (r->image = allocate(batch * d->height * d->width, sizeof *r->image)) &&
           (r->label = allocate(batch, sizeof *r->label)) && (r->order = allocate(n, sizeof *r->order)) &&
           (r->ms = allocate(o->epochs * r->steps, sizeof *r->ms));
}

/* ---- Training ---- */

/* Gathers a batch of the images in the order of this epoch; returns their number. */
static int64_t gather_batch(run *r, int64_t step)
{
    int64_t first = step * r->o->batch, n = r->d->train.n - first;
    n = n < r->o->batch ? n : r->o->batch;
    digits_gather(r->d, r->order + first, n, r->image, r->label);
    return n;
}

static tl_node *batch_loss(run *r, int64_t n)
{
    return tl_softmax_cross_entropy(network_scores(r->graph, &r->t.net, r->image, n), r->label);
}

/* Trains for the epochs of a phase, of which `before` came before it. */
static bool train(run *r, int64_t before)
{
    double *ms = r->ms;
    for (int64_t epoch = before + 1; epoch <= before + r->o->epochs; epoch++) {
        double sum = 0;
        tl_random_permutation(&r->rng, (int32_t)r->d->train.n, r->order);
        for (int64_t step = 0; step < r->steps; step++) {
            const int64_t n = gather_batch(r, step);
            const double start = seconds();
            tl_node *loss = batch_loss(r, n);
            if (tl_minimize(r->t.optimizer, loss) != TL_OK)
                return graph_failed(r->graph);
            sum += (double)n * (double)tl_value(loss)[0];
            tl_graph_reset(r->graph);
            *ms++ = 1e3 * (seconds() - start);
        }
        const double mean = sum / (double)r->d->train.n;
        series_add(r->loss, (double)epoch, mean);
        progress("%s: epoch %" PRId64 " of %" PRId64 ", loss %.4f", r->m->name, epoch, 2 * r->o->epochs,
                 mean);
    }
    return true;
}

/* ---- Measuring ---- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Returns the median over the steps of the phase, without the first ones. */
static double median_ms(run *r)
{
    int64_t n = r->o->epochs * r->steps, skip = n > 2 * WARM_UP ? WARM_UP : n / 2;
    double *ms = r->ms + skip;
    n -= skip;
    qsort(ms, (size_t)n, sizeof *ms, ascending);
    return (ms[(n - 1) / 2] + ms[n / 2]) / 2;
}

static bool measure(run *r, result *out)
{
    out->ms_per_step = median_ms(r);
    out->bytes = network_bytes(&r->t.net) + tl_optimizer_bytes(r->t.optimizer);
    out->pattern_bytes = 0;
    for (int l = 0; l < r->t.net.n_hidden && r->t.keep[l]; l++)
        out->pattern_bytes += tl_pattern_bytes(r->t.keep[l]);
    out->done = network_accuracy(r->graph, &r->t.net, r->d, &out->accuracy) &&
                count_revived(&r->t, &out->revived, &out->removed);
    return out->done;
}

static bool draw_step(run *r, const char *path)
{
    output dot;
    if (!output_open(&dot, path))
        return false;
    bool ok = batch_loss(r, gather_batch(r, 0)) ? tl_graph_dot(r->graph, dot.file) == TL_OK
                                                : graph_failed(r->graph);
    tl_graph_reset(r->graph);
    return output_close(&dot) && ok;
}

/* Runs one method, from the initial weights to its results. `dot` is NULL except for the last method. */
static bool run_method(const options *o, const digits *d, const method *m, series *loss, const char *dot,
                       result *out)
{
    run r;
    bool ok = run_make(&r, o, d, m, loss) && train(&r, 0);
    if (ok && m->remove)
        ok = choose_connections(&r.t, o->density) && m->remove(&r.t);
    ok = ok && train(&r, o->epochs) && measure(&r, out) && (!dot || draw_step(&r, dot));
    run_free(&r);
    progress_clear();
    return ok;
}

/* ---- The table ---- */

static void print_head(const options *o, const digits *d)
{
    const optimizer_kind *kind = &optimizers[o->optimizer];
    network_print(&o->hidden, d);
    printf("%s, learning rate %g, %s; epochs: %" PRId64 " dense, then %" PRId64
           " with\n%g %% of the hidden weights. revived: removed weights that are not zero\n\n",
           kind->name, o->learning_rate > 0 ? o->learning_rate : kind->learning_rate,
           schedules[o->schedule].name, o->epochs, o->epochs, 100 * o->density);
    printf("%-15s %9s %17s %8s %14s %10s\n", "method", "accuracy", "revived", "ms/step", "weights+state",
           "patterns");
    fflush(stdout);
}

static void print_row(const method *m, const result *r)
{
    char revived[64] = "-";
    if (m->remove)
        snprintf(revived, sizeof revived, "%" PRId64 " of %" PRId64, r->revived, r->removed);
    printf("%-15s %7.2f %% %17s %8.3f %10.1f KiB %6.0f KiB\n", m->name, 100 * r->accuracy, revived,
           r->ms_per_step, (double)r->bytes / 1024, (double)r->pattern_bytes / 1024);
    fflush(stdout);
}

static void add_result(results *to, const method *m, const result *r)
{
    result_text(to, "method", m->name);
    result_number(to, "accuracy", r->accuracy);
    result_integer(to, "revived", r->revived);
    result_integer(to, "removed", r->removed);
    result_integer(to, "bytes", r->bytes);
    result_integer(to, "pattern_bytes", r->pattern_bytes);
    result_number(to, "ms_per_step", r->ms_per_step);
    result_end(to);
}

/* ---- The program ---- */

/* Adds the result of a method to the checkpoint: what a run that is resumed need not compute again. */
static bool keep_result(tl_checkpoint *c, const method *m, result *r)
{
    char name[64];
    int64_t *const integers[] = { &r->done, &r->revived, &r->removed, &r->bytes, &r->pattern_bytes };
    double *const numbers[] = { &r->accuracy, &r->ms_per_step };
    bool ok = true;
    for (int k = 0; ok && k < 5; k++) {
        snprintf(name, sizeof name, "%s/%d", m->name, k);
        ok = tl_checkpoint_add_integer(c, name, integers[k]) == TL_OK &&
             (k >= 2 || tl_checkpoint_add_number(c, name, numbers[k]) == TL_OK);
    }
    return ok;
}

static bool compare_methods(demo *d, const options *o, const digits *images)
{
    result result_of[N_METHODS] = { 0 };
    series *loss[N_METHODS];
    int last = 0;
    for (int k = 0; k < N_METHODS; k++)
        if (!keep_result(d->checkpoint, &methods[k], &result_of[k]) ||
            !(loss[k] = series_new(&d->series, d->checkpoint, "training loss", methods[k].name)))
            return false;
    if (!demo_resume(d))
        return false;
    print_head(o, images);
    double lowest = 1;
    int64_t back = 0;
    while (o->methods >> (last + 1) > 0)
        last++;
    for (int k = 0; k <= last; k++) {
        if (!(o->methods >> k & 1))
            continue;
        const char *dot = k == last ? o->dot : NULL;
        if ((!result_of[k].done || dot) &&
            !(run_method(o, images, &methods[k], result_of[k].done ? NULL : loss[k], dot, &result_of[k]) &&
              demo_save(d)))
            return false;
        print_row(&methods[k], &result_of[k]);
        add_result(&d->results, &methods[k], &result_of[k]);
        lowest = fmin(lowest, result_of[k].accuracy);
        back += methods[k].for_ever ? result_of[k].revived : 0;
    }
    return demo_reached(d, lowest >= o->common.goal && back == 0,
                        "accuracy %.2f %% or more, at least %.2f %%; %" PRId64
                        " weights are back that set-mask or sparse removed",
                        100 * lowest, 100 * o->common.goal, back);
}

int main(int argc, char **argv)
{
    options o = { .common = DEMO_OPTIONS(0.9),
                  .density = 0.1,
                  .hidden = { 2, { 256, 128 } },
                  .epochs = 10,
                  .batch = 32,
                  .methods = (1 << N_METHODS) - 1 };
    demo d = {
        .name = "pruned_mlp",
        .about =
            "Trains a multilayer perceptron on images of digits, removes all but the largest weights of its "
            "hidden layers, continues training, and counts the removed weights that came back. The exit "
            "status is 0 if none did that set-mask or sparse removed, and if every method reaches the goal.",
        .data = digits_help,
        .goal = "lowest accuracy of a method",
        .x_name = "epoch",
        .examples = "\n--data digits --density 0.05 --svg loss.svg\n"
                    "--method sparse --optimizer momentum --schedule cosine\n",
        .more = more_help,
        DEMO_FLAGS(flags, o),
    };
    digits images = { 0 };
    if (!demo_begin(&d, argc, argv))
        return d.status;
    const bool ok = digits_get(&images, o.common.data) && compare_methods(&d, &o, &images);
    digits_free(&images);
    return demo_end(&d, ok);
}
