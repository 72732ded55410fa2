/* Prunes and fine-tunes a network that was trained elsewhere.
 *
 * demos/bring_your_own.py trains a perceptron in PyTorch; its weights are read here, nine of ten are removed,
 * the others are trained on, and the same script reads what is saved. */
#include "demo.h"
#include "exchange.h"
#include "pass.h"

#include <math.h>

typedef struct options {
    demo_options common;
    const char *weights, *images, *save;
    double density, learning_rate;
    int64_t epochs, batch;
} options;

#define AT(field) offsetof(options, field)

static const flag flags[] = {
    { "--weights", "FILE", "weights by PyTorch, safetensors (default: those in demos/)", FLAG_TEXT,
      .at = AT(weights) },
    { "--images", "FILE", "write the images for bring_your_own.py, and do no more", FLAG_OUTPUT,
      .at = AT(images) },
    { "--save", "FILE", "write the weights after fine-tuning, safetensors", FLAG_OUTPUT, .at = AT(save) },
    { "--density", "X", "fraction of each hidden weight matrix that is kept", FLAG_NUMBER, .at = AT(density),
      0, 1, .fixed = true },
    { "--epochs", "N", "passes over the data after pruning", FLAG_INTEGER, .at = AT(epochs), 0,
      MOST_POINTS - 1, .fixed = true },
    { "--batch", "N", "images in a step", FLAG_INTEGER, .at = AT(batch), 1, 65536, .fixed = true },
    { "--learning-rate", "X", "of Adam", FLAG_NUMBER, .at = AT(learning_rate), .above = true, .open = true,
      .fixed = true },
};

enum { BEFORE, PRUNED, TUNED, STAGES };
static const char *const stage_names[STAGES] = { "trained elsewhere", "pruned", "fine-tuned" };

/* A network at a stage. */
typedef struct result {
    double accuracy;        /* on the test images, 0 to 1 */
    int64_t weights, bytes; /* weights and biases; of their tensors in a file */
    int64_t bits;
} result;

typedef struct run {
    const options *o;
    const digits *d;
    network net;
    tl_optimizer *adam;
    tl_random rng;
    int64_t epoch; /* epochs so far */
    series *loss, *accuracy, *elsewhere;
    result of[STAGES];
} run;

static void run_free(run *r)
{
    tl_optimizer_free(r->adam);
    network_free(&r->net);
}

static bool measure(run *r, result *to)
{
    tl_variable *list[2 * (MAX_HIDDEN + 1)];
    to->bits = hash_of(list, network_variables(&r->net, list));
    to->bytes = network_bytes_saved(&r->net);
    to->weights = network_bytes(&r->net) / (int64_t)sizeof(tl_real);
    return network_accuracy(&r->net, r->d, &to->accuracy);
}

/* Reads the network, measures it, prunes it and measures it again. */
static bool run_make(run *r, const options *o, const digits *d)
{
    const char *path = o->weights ? o->weights : DEMO_WEIGHTS;
    *r = (run){ .o = o, .d = d, .rng = { .seed = o->common.seed } };
    return (r->adam = tl_adam((tl_adam_options){ .learning_rate = o->learning_rate })) &&
           network_read(&r->net, path, d) && measure(r, &r->of[BEFORE]) &&
           network_make_sparse(&r->net, r->net.n_hidden) && network_prune(&r->net, o->density) &&
           measure(r, &r->of[PRUNED]);
}

/* ---- Fine-tuning ---- */

static bool train_epoch(run *r)
{
    pass p;
    bool ok = pass_begin(&p, r->d, r->o->batch, &r->rng);
    while (ok && pass_next(&p)) {
        tl_node *scores = network_scores(p.graph, &r->net, p.image, p.n);
        ok = pass_step(&p, r->adam, tl_softmax_cross_entropy(scores, p.label));
    }
    if (ok)
        series_add(r->loss, (double)++r->epoch, pass_loss(&p));
    pass_free(&p);
    return ok;
}

static bool tune(demo *d, run *r)
{
    if (r->epoch == 0) {
        series_add(r->elsewhere, 0, r->of[BEFORE].accuracy);
        series_add(r->elsewhere, (double)r->o->epochs, r->of[BEFORE].accuracy);
        series_add(r->accuracy, 0, r->of[PRUNED].accuracy);
    }
    while (r->epoch < r->o->epochs) {
        if (!train_epoch(r) || !measure(r, &r->of[TUNED]))
            return false;
        series_add(r->accuracy, (double)r->epoch, r->of[TUNED].accuracy);
        progress("epoch %" PRId64 " of %" PRId64 ", accuracy %.2f %%", r->epoch, r->o->epochs,
                 100 * r->of[TUNED].accuracy);
        if (!demo_save(d))
            return false;
    }
    progress_clear();
    return measure(r, &r->of[TUNED]);
}

/* ---- The program ---- */

/* Adds the run to the checkpoint. What came before fine-tuning follows from the weights, which could be
 * other ones when a run is resumed. */
static bool keep_run(demo *d, run *r)
{
    tl_checkpoint *c = d->checkpoint;
    tl_variable *list[2 * (MAX_HIDDEN + 1)];
    const int n = network_variables(&r->net, list);
    bool ok = (r->loss = series_new(&d->series, c, "training loss", "pruned")) &&
              (r->accuracy = series_new(&d->series, c, "test accuracy", "pruned")) &&
              (r->elsewhere = series_new(&d->series, c, "test accuracy", "trained elsewhere"));
    for (int k = 0; ok && k < n; k++)
        ok = tl_checkpoint_add_variable(c, list[k]) == TL_OK;
    return ok && tl_checkpoint_add_optimizer(c, "adam", r->adam) == TL_OK &&
           tl_checkpoint_add_random(c, "rng", &r->rng) == TL_OK &&
           tl_checkpoint_add_integer(c, "epoch", &r->epoch) == TL_OK &&
           tl_checkpoint_add_number(c, "before", &r->of[BEFORE].accuracy) == TL_OK &&
           tl_checkpoint_add_number(c, "pruned", &r->of[PRUNED].accuracy) == TL_OK;
}

static void report(demo *d, const run *r)
{
    printf("%-17s  %10s  %12s  %8s  %10s\n", "", "accuracy", "right", "weights", "in a file");
    for (int k = 0; k < STAGES; k++) {
        const result *s = &r->of[k];
        const int64_t right = llround(s->accuracy * (double)r->d->test.n);
        char of_all[64];
        snprintf(of_all, sizeof of_all, "%" PRId64 "/%" PRId64, right, r->d->test.n);
        printf("%-17s  %8.2f %%  %12s  %8" PRId64 "  %6.1f KiB\n", stage_names[k], 100 * s->accuracy, of_all,
               s->weights, (double)s->bytes / 1024);
        result_text(&d->results, "network", stage_names[k]);
        result_number(&d->results, "accuracy", s->accuracy);
        result_integer(&d->results, "right", right);
        result_integer(&d->results, "weights", s->weights);
        result_integer(&d->results, "bytes", s->bytes);
        result_integer(&d->results, "bits", s->bits);
        result_end(&d->results);
    }
}

static bool save(const run *r)
{
    tl_variable *list[2 * (MAX_HIDDEN + 1)];
    return !r->o->save || tl_weights_save(r->o->save, list, network_variables(&r->net, list)) == TL_OK;
}

static bool bring(demo *d, const options *o, const digits *images)
{
    if (o->images)
        return demo_trains_nothing(d, "--images", &(const char *){ NULL }) &&
               images_write(images, o->images) &&
               demo_reached(d, true, "%" PRId64 " images to train and %" PRId64 " to test are written",
                            images->train.n, images->test.n);
    run r;
    const bool ok = run_make(&r, o, images) && keep_run(d, &r) && demo_resume(d) && tune(d, &r) && save(&r);
    if (ok)
        report(d, &r);
    run_free(&r);
    const double accuracy = r.of[TUNED].accuracy;
    return ok && demo_reached(d, accuracy >= o->common.goal, "test accuracy %.2f %%, at least %.2f %%",
                              100 * accuracy, 100 * o->common.goal);
}

int main(int argc, char **argv)
{
    options o = {
        .common = DEMO_OPTIONS(0.95),
        .density = 0.1,
        .epochs = 20,
        .batch = 32,
        .learning_rate = 0.002,
    };
    demo d = {
        .name = "bring_your_own",
        .about = "Reads the weights of a perceptron that PyTorch trained, removes all but the largest of its "
                 "hidden layers, trains those on as sparse matrices, and saves them for PyTorch. The exit "
                 "status is 0 if the accuracy after that reaches the goal.",
        .data = digits_help,
        .goal = "lowest test accuracy after fine-tuning",
        .x_name = "epoch",
        .examples = "\n--save sparse.safetensors --density 0.05\n"
                    "--data digits --images digits.safetensors\n"
                    "--data digits --weights mine.safetensors --save s.safetensors\n",
        DEMO_FLAGS(flags, o),
    };
    digits images = { 0 };
    if (!demo_begin(&d, argc, argv))
        return d.status;
    const bool ok = digits_get(&images, o.common.data) && bring(&d, &o, &images);
    digits_free(&images);
    return demo_end(&d, ok);
}
