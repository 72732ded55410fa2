/* Prunes the filters of a convolutional network in training.
 *
 * The filters are sparse variables in which every connection exists at first. While the network is trained,
 * those of smallest magnitude are removed, many at first and few at last, until a tenth is left. The
 * optimizer keeps its state of the others. The fewer weights are left, the less a step costs. */
#include "cnn.h"
#include "demo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SEEDS = 10, MAX_ROWS = LIST_LIMIT + 1 };

typedef struct options {
    demo_options common;
    cnn_options model;
    number_list density;
    int64_t seeds;
} options;

#define AT(field) offsetof(options, field)

static const flag flags[] = {
    { "--density", "X,..", "fractions of the weights that are kept", FLAG_NUMBERS, .at = AT(density), 0, 1,
      .above = true, .fixed = true },
    { "--filters", "N,N,..", "filters of 3x3 of each layer", FLAG_INTEGERS, .at = AT(model.filters), 1, 1024,
      .fixed = true },
    { "--epochs", "N", "passes over the data; weights are removed from a fifth to three fifths of them",
      FLAG_INTEGER, .at = AT(model.epochs), 1, MOST_POINTS, .fixed = true },
    { "--batch", "N", "images in a step", FLAG_INTEGER, .at = AT(model.batch), 1, 65536, .fixed = true },
    { "--shift", "N", "pixels by which training images are moved at most", FLAG_INTEGER,
      .at = AT(model.shift), 0, 16, .fixed = true },
    { "--learning-rate", "X", "of Adam; falls to 0 along half a cosine", FLAG_NUMBER,
      .at = AT(model.learning_rate), .above = true, .open = true, .fixed = true },
    { "--decay", "X", "weight decay, decoupled (AdamW)", FLAG_NUMBER, .at = AT(model.decay), .open = true,
      .fixed = true },
    { "--dropout", "X", "part of the last layer's inputs that a step leaves out", FLAG_NUMBER,
      .at = AT(model.dropout), 0, 0.99, .fixed = true },
    { "--seeds", "N", "number of seeds, from --seed on", FLAG_INTEGER, .at = AT(seeds), 1, MAX_SEEDS,
      .fixed = true },
};

/* The networks of one density, and the curves of the first seed. */
typedef struct row {
    char name[16];
    double density;
    cnn model[MAX_SEEDS];
    series *error, *weights;
} row;

typedef struct rows {
    int64_t n; /* that of the dense networks, then one per density */
    row item[MAX_ROWS];
} rows;

/* ---- Training ---- */

static bool make_row(demo *d, const options *o, const digits *images, row *r, bool sparse)
{
    if (!(r->error = series_new(&d->series, d->checkpoint, "test error, %", r->name)) ||
        !(r->weights = series_new(&d->series, d->checkpoint, "weights, %", r->name)))
        return false;
    for (int64_t k = 0; k < o->seeds; k++) {
        char name[32];
        const uint64_t seed = o->common.seed + (uint64_t)k;
        cnn *m = &r->model[k];
        snprintf(name, sizeof name, "%s/run%d", r->name, (int)k + 1);
        if (!(sparse ? cnn_make_sparse(m, &o->model, images, name, seed, r->density)
                     : cnn_make_dense(m, &o->model, images, name, seed)) ||
            !cnn_keep(m, name, d->checkpoint))
            return false;
    }
    return true;
}

/* Trains the network on from where it is, with a checkpoint after each epoch. */
static bool train(demo *d, const options *o, row *r, int64_t k)
{
    cnn *m = &r->model[k];
    bool ok = true;
    while (ok && m->epoch < o->model.epochs) {
        ok = cnn_train_epoch(m) && cnn_test(m);
        if (ok && k == 0) {
            series_add(r->error, (double)m->epoch, 100 * (1 - m->accuracy));
            series_add(r->weights, (double)m->epoch, 100 * (double)cnn_weights(m) / (double)m->all_weights);
        }
        progress("%s, seed %" PRIu64 ": epoch %" PRId64 " of %" PRId64 ", %" PRId64 " weights, "
                 "loss %.4f, test accuracy %.2f %%",
                 r->name, o->common.seed + (uint64_t)k, m->epoch, o->model.epochs, cnn_weights(m), m->loss,
                 100 * m->accuracy);
        ok = ok && demo_save(d);
    }
    progress_clear();
    return ok;
}

/* ---- The table ---- */

static void print_head(const options *o, const digits *d)
{
    printf("%" PRId64 " images of %" PRId64 "x%" PRId64 " to train, %" PRId64 " to test; filters of 3x3:",
           d->train.n, d->height, d->width, d->test.n);
    for (int64_t l = 0; l < o->model.filters.n; l++)
        printf("%s%" PRId64, l == 0 ? " " : "-", o->model.filters.item[l]);
    printf("\n%" PRId64 " epoch%s; accuracy: mean (lowest .. highest) of %" PRId64 " seed%s\n\n",
           o->model.epochs, o->model.epochs == 1 ? "" : "s", o->seeds, o->seeds == 1 ? "" : "s");
    printf("%-8s  %-26s  %8s  %13s  %8s\n", "kept", "accuracy", "weights", "weights+state", "ms/step");
    fflush(stdout);
}

/* Prints the row of a density, and returns the mean accuracy. */
static double report(demo *d, const options *o, const row *r)
{
    double lowest = 1, highest = 0, sum = 0, ms = INFINITY;
    for (int64_t k = 0; k < o->seeds; k++) {
        const cnn *m = &r->model[k];
        lowest = fmin(lowest, m->accuracy);
        highest = fmax(highest, m->accuracy);
        sum += m->accuracy;
        ms = fmin(ms, m->ms);
        result_text(&d->results, "kept", r->name);
        result_seed(&d->results, o->common.seed + (uint64_t)k);
        result_number(&d->results, "accuracy", m->accuracy);
        result_number(&d->results, "loss", m->loss);
        result_integer(&d->results, "weights", cnn_weights(m));
        result_integer(&d->results, "bytes", m->bytes);
        result_number(&d->results, "ms_per_step", m->ms);
        result_end(&d->results);
    }
    const double mean = sum / (double)o->seeds;
    printf("%-8s  %6.2f %% (%6.2f .. %6.2f)  %8" PRId64 "  %9.1f KiB  %8.3f\n", r->name, 100 * mean,
           100 * lowest, 100 * highest, cnn_weights(&r->model[0]), (double)r->model[0].bytes / 1024, ms);
    fflush(stdout);
    return mean;
}

/* ---- The program ---- */

/* Names the rows. The names of variables and curves begin with them, so all must differ. */
static bool name_rows(const number_list *density, rows *all)
{
    all->n = density->n + 1;
    all->item[0] = (row){ .name = "dense", .density = 1 };
    for (int64_t j = 1; j < all->n; j++) {
        row *r = &all->item[j];
        r->density = density->item[j - 1];
        snprintf(r->name, sizeof r->name, "%g %%", 100 * r->density);
        for (int64_t i = 1; i < j; i++)
            if (strcmp(all->item[i].name, r->name) == 0)
                return tl_fail(TL_ERR_ARGUMENT, "--density: %s is listed twice", r->name) == TL_OK;
    }
    return true;
}

static bool compare(demo *d, const options *o, const digits *images, rows *all)
{
    bool ok = name_rows(&o->density, all);
    for (int64_t j = 0; ok && j < all->n; j++)
        ok = make_row(d, o, images, &all->item[j], j > 0);
    if (!ok || !demo_resume(d))
        return false;
    print_head(o, images);
    double lowest = 1;
    for (int64_t j = 0; j < all->n; j++) {
        for (int64_t k = 0; k < o->seeds; k++)
            if (!train(d, o, &all->item[j], k))
                return false;
        lowest = fmin(lowest, report(d, o, &all->item[j]));
    }
    return demo_reached(d, lowest >= o->common.goal, "accuracy %.2f %% or more, at least %.2f %%",
                        100 * lowest, 100 * o->common.goal);
}

int main(int argc, char **argv)
{
    options o = { .common = DEMO_OPTIONS(0.985),
                  .model = { .filters = { 3, { 32, 64, 64 } },
                             .epochs = 8,
                             .batch = 64,
                             .learning_rate = 0.003,
                             .decay = 0.01,
                             .dropout = 0.3 },
                  .density = { 1, { 0.1 } },
                  .seeds = 1 };
    demo d = {
        .name = "sparse_cnn",
        .about = "Trains a convolutional network with batch normalisation on images of digits while its "
                 "weights are removed, and compares it with the one that keeps them. The exit status is 0 if "
                 "the mean accuracy of each density reaches the goal.",
        .data = digits_help,
        .goal = "lowest mean accuracy of a density",
        .x_name = "epoch",
        .examples = "\n--data digits --epochs 40 --seeds 3 --density 0.1,0.05\n"
                    "--density 0.5,0.2,0.1,0.05 --svg curves.svg --goal 0.9\n",
        DEMO_FLAGS(flags, o),
    };
    digits images = { 0 };
    if (!demo_begin(&d, argc, argv))
        return d.status;
    rows *all = allocate(1, sizeof *all);
    const bool ok = all && digits_get(&images, o.common.data) && compare(&d, &o, &images, all);
    const int status = demo_end(&d, ok);
    for (int64_t j = 0; all && j < MAX_ROWS; j++)
        for (int64_t k = 0; k < MAX_SEEDS; k++)
            cnn_free(&all->item[j].model[k]);
    free(all);
    digits_free(&images);
    return status;
}
