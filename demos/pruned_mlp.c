/* Prunes a perceptron in training, and counts what comes back.
 *
 * A network is trained dense, all but the largest weights of its hidden layers are removed, at once or
 * gradually, and training continues. Every method begins with the same weights and gets the same images in
 * the same order, so that up to the first removal all have the same weights and optimizer state, to the last
 * bit. */
#include "demo.h"
#include "methods.h"

#include <math.h>

typedef struct options {
    demo_options common;
    trainee_options model;
    int64_t methods;
    const char *dot, *save, *apply;
} options;

#define AT(field) offsetof(options, field)

static const flag flags[] = {
    { "--density", "X", "fraction of each hidden weight matrix that is kept", FLAG_NUMBER,
      .at = AT(model.density), 0, 1, .fixed = true },
    { "--gradual", NULL,
      "remove by a cubic schedule in the middle half of the run, not at once in its middle", FLAG_SWITCH,
      .at = AT(model.gradual), .fixed = true },
    { "--hidden", "N,N,..", "units of each hidden layer", FLAG_INTEGERS, .at = AT(model.hidden), 1, 65536,
      .fixed = true },
    { "--epochs", "N", "passes over the data in the first half of the run, and as many in the second",
      FLAG_INTEGER, .at = AT(model.epochs), 1, MOST_POINTS / 2, .fixed = true },
    { "--batch", "N", "images in a step", FLAG_INTEGER, .at = AT(model.batch), 1, 65536, .fixed = true },
    { "--learning-rate", "X", "default: see the optimizers", FLAG_NUMBER, .at = AT(model.learning_rate),
      .above = true, .open = true, .fixed = true },
    { "--optimizer", "NAME", "see below", FLAG_CHOICE, .at = AT(model.optimizer), .fixed = true,
      .choices = optimizers, .stride = sizeof *optimizers },
    { "--schedule", "NAME", "of the learning rate over the whole run, see below", FLAG_CHOICE,
      .at = AT(model.schedule), .fixed = true, .choices = schedules, .stride = sizeof *schedules },
    { "--method", "NAME,..", "only these, may be repeated", FLAG_CHOICES, .at = AT(methods),
      .choices = methods, .stride = sizeof *methods },
    { "--save", "FILE", "write the weights of the last method (safetensors)", FLAG_OUTPUT, .at = AT(save) },
    { "--apply", "FILE", "train nothing: test the weights that --save wrote", FLAG_TEXT, .at = AT(apply) },
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

/* ---- Training ---- */

enum { LOSS, ERROR, REVIVED, CURVES };
static const char *const panels[CURVES] = { "training loss", "test error, %",
                                            "removed weights that came back" };

/* Trains on from where the trainee is, with a checkpoint after each epoch. */
static bool train(demo *d, trainee *t, series *const curve[CURVES])
{
    bool ok = trainee_broadcast(t, &d->ranks);
    while (ok && t->epoch < epochs_of(t->o)) {
        ok = trainee_train_epoch(t, &d->ranks);
        series_add(curve[LOSS], (double)t->epoch, t->loss);
        series_add(curve[ERROR], (double)t->epoch, 100 * (1 - t->accuracy));
        series_add(curve[REVIVED], (double)t->epoch, (double)count_removed(t).revived);
        progress("%s: epoch %" PRId64 " of %" PRId64 ", loss %.4f, test accuracy %.2f %%", t->method->name,
                 t->epoch, epochs_of(t->o), t->loss, 100 * t->accuracy);
        ok = ok && demo_save(d);
    }
    progress_clear();
    return ok;
}

/* Writes the graph of a step on the first training images. */
static bool draw_step(const trainee *t, const char *path)
{
    output dot;
    if (!output_open(&dot, path))
        return false;
    tl_graph *g = tl_graph_new();
    const int64_t n = t->o->batch < t->d->train.n ? t->o->batch : t->d->train.n;
    tl_node *scores = network_scores(g, &t->net, t->d->train.image, n);
    const bool ok = tl_softmax_cross_entropy(scores, t->d->train.label) ? tl_graph_dot(g, dot.file) == TL_OK
                                                                        : graph_failed(g);
    tl_graph_free(g);
    return output_close(&dot) && ok;
}

/* ---- The table ---- */

static void print_head(const options *o, const digits *d)
{
    const trainee_options *m = &o->model;
    network_print(&m->hidden, d);
    printf("%s, learning rate %g, %s; ", optimizers[m->optimizer].name, learning_rate_of(m),
           schedules[m->schedule].name);
    if (m->gradual)
        printf("%" PRId64 " epochs, in whose middle half\n%g %% of the hidden weights are removed.",
               epochs_of(m), 100 * (1 - m->density));
    else
        printf("epochs: %" PRId64 " dense, then %" PRId64 " with\n%g %% of the hidden weights.", m->epochs,
               m->epochs, 100 * m->density);
    printf(" revived: removed weights that are not zero\n\n%-15s %9s %17s %8s %14s %10s\n", "method",
           "accuracy", "revived", "ms/step", "weights+state", "patterns");
    fflush(stdout);
}

static void report(demo *d, const trainee *t, const removal *r)
{
    char revived[64] = "-";
    const int64_t bytes = network_bytes(&t->net) + tl_optimizer_bytes(t->optimizer);
    if (t->method->remove)
        snprintf(revived, sizeof revived, "%" PRId64 " of %" PRId64, r->revived, r->removed);
    printf("%-15s %7.2f %% %17s %8.3f %10.1f KiB %6.0f KiB\n", t->method->name, 100 * t->accuracy, revived,
           t->ms, (double)bytes / 1024, (double)t->pattern_bytes / 1024);
    fflush(stdout);
    result_text(&d->results, "method", t->method->name);
    result_number(&d->results, "accuracy", t->accuracy);
    result_integer(&d->results, "revived", r->revived);
    result_integer(&d->results, "removed", r->removed);
    result_integer(&d->results, "bytes", bytes);
    result_integer(&d->results, "pattern_bytes", t->pattern_bytes);
    result_number(&d->results, "ms_per_step", t->ms);
    result_end(&d->results);
}

/* ---- The program ---- */

/* Makes what the methods train, and adds it to the checkpoint. */
static bool make_all(demo *d, const options *o, const digits *images, trainee *t, series *curve[][CURVES])
{
    for (int k = 0; k < N_METHODS; k++)
        if (!trainee_make(&t[k], &methods[k], &o->model, images, o->common.seed) ||
            !trainee_keep(&t[k], d->checkpoint))
            return false;
    for (int p = 0; p < CURVES; p++)
        for (int k = 0; k < N_METHODS; k++)
            if (!(curve[k][p] = series_new(&d->series, d->checkpoint, panels[p], methods[k].name)))
                return false;
    return demo_resume(d);
}

static bool compare_methods(demo *d, const options *o, const digits *images, trainee *t)
{
    series *curve[N_METHODS][CURVES];
    double lowest = 1;
    int64_t back = 0;
    const trainee *last = NULL;
    if (!make_all(d, o, images, t, curve))
        return false;
    print_head(o, images);
    for (int k = 0; k < N_METHODS; k++) {
        if (!(o->methods >> k & 1))
            continue;
        if (!train(d, &t[k], curve[k]))
            return false;
        const removal r = count_removed(&t[k]);
        report(d, &t[k], &r);
        last = &t[k];
        lowest = fmin(lowest, last->accuracy);
        back += last->method->for_ever ? r.revived : 0;
    }
    return (!o->dot || draw_step(last, o->dot)) && (!o->save || network_save(&last->net, o->save)) &&
           demo_reached(d, lowest >= o->common.goal && back == 0,
                        "accuracy %.2f %% or more, at least %.2f %%; %" PRId64
                        " weights are back that set-mask or sparse removed",
                        100 * lowest, 100 * o->common.goal, back);
}

/* Tests the network in a file. Its variables are sparse here, and get the patterns or masks that the file
 * has; weights that are dense in the file are connections, all of them. */
static bool apply(demo *d, const options *o, const digits *images)
{
    network net;
    tl_random rng = { 0 };
    double accuracy;
    if (!demo_trains_nothing(d, "--apply", (const char *const[]){ "--hidden", "--goal", NULL }))
        return false;
    bool ok = network_make(&net, "", &o->model.hidden, images, NULL, &rng) &&
              network_make_sparse(&net, net.n_hidden) && network_load(&net, o->apply) &&
              network_accuracy(&net, images, &accuracy);
    if (ok) {
        network_print(&o->model.hidden, images);
        printf("%s: %" PRId64 " connections, accuracy %.2f %%\n", o->apply, count_connections(&net),
               100 * accuracy);
        result_number(&d->results, "accuracy", accuracy);
        result_integer(&d->results, "connections", count_connections(&net));
        result_end(&d->results);
        ok = demo_reached(d, accuracy >= o->common.goal, "accuracy %.2f %%, at least %.2f %%", 100 * accuracy,
                          100 * o->common.goal);
    }
    network_free(&net);
    return ok;
}

int main(int argc, char **argv)
{
    options o = { .common = DEMO_OPTIONS(0.9),
                  .model = { .density = 0.1, .hidden = { 2, { 256, 128 } }, .epochs = 10, .batch = 32 },
                  .methods = (1 << N_METHODS) - 1 };
    demo d = {
        .name = "pruned_mlp",
        .about =
            "Trains a multilayer perceptron on images of digits, removes all but the largest weights of its "
            "hidden layers, continues training, and counts the removed weights that came back. The exit "
            "status is 0 if none did that set-mask or sparse removed, and if every method reaches the goal.",
        .data = digits_help,
        .goal = "lowest accuracy of a method",
        .in_parts = true,
        .x_name = "epoch",
        .examples = "\n--data digits --density 0.02 --gradual --svg methods.svg\n"
                    "--method sparse --schedule cosine --save mlp.safetensors\n"
                    "--apply mlp.safetensors\n",
        .more = more_help,
        DEMO_FLAGS(flags, o),
    };
    digits images = { 0 };
    trainee all[N_METHODS] = { 0 };
    if (!demo_begin(&d, argc, argv))
        return d.status;
    const bool ok = digits_get(&images, o.common.data) &&
                    (o.apply ? apply(&d, &o, &images) : compare_methods(&d, &o, &images, all));
    const int status = demo_end(&d, ok);
    for (int k = 0; k < N_METHODS; k++)
        trainee_free(&all[k]);
    digits_free(&images);
    return status;
}
